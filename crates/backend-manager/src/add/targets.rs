//! Where content is to go.

use std::collections::BTreeSet;
use std::path::PathBuf;

use backend_core::{Addressing, DigestKind, Error, ErrorKind, Result};
use backend_layers::Side;

use super::{AddRequest, Existing, Place};
use crate::desired::{Policies, PolicyView, Traits};
use crate::fleet::Member;
use crate::manager::Manager;
use crate::naming;
use crate::views::ReplicaReceipt;

/// The chosen backends: those that can be written to now, and those that cannot, with the reason.
#[derive(Debug)]
pub(crate) struct Targets {
    pub(crate) members: Vec<Member>,
    pub(crate) refused: Vec<(String, Error)>,
    /// The folder of the embedded store, if it was made for this call.
    pub(crate) embedded: Option<PathBuf>,
    /// Under which policy it is kept.
    pub(crate) policy: PolicyView,
    /// Why there are fewer than the policy asks for.
    pub(crate) unmet: Option<String>,
}

impl Targets {
    /// Which digests of whole files must be given to some of them.
    pub(crate) fn needs(&self) -> Vec<DigestKind> {
        let all: BTreeSet<DigestKind> =
            self.members.iter().flat_map(|member| member.backend.info().needs.iter().copied()).collect();
        all.into_iter().collect()
    }

    /// Without those that cannot keep folders: a store of CIDs keeps one if it serves every block of it.
    ///
    /// # Errors
    /// `Unsupported` when none is left.
    pub(crate) fn for_a_folder(mut self) -> Result<Self> {
        let fits = |member: &Member| member.addressing() != Addressing::Cid || member.backend.info().offers.block;
        let (members, others): (Vec<_>, Vec<_>) = self.members.into_iter().partition(fits);
        let refused = others.into_iter().map(|it| (it.name.clone(), Error::unsupported("directories", &it.name)));
        self.refused.extend(refused);
        self.members = members;
        match self.members.is_empty() {
            true => Err(self.refused.pop().map_or_else(|| Error::new(ErrorKind::Internal, "no target"), |it| it.1)),
            false => Ok(self),
        }
    }

    /// Those that are sent a folder as one.
    pub(crate) fn wholes(&self) -> Vec<Member> {
        self.members.iter().filter(|it| it.addressing() == Addressing::Cid).cloned().collect()
    }

    /// Those that are sent its files one by one.
    pub(crate) fn singles(&self) -> Vec<Member> {
        self.members.iter().filter(|it| it.addressing() != Addressing::Cid).cloned().collect()
    }

    pub(crate) fn refusals(self) -> Vec<ReplicaReceipt> {
        let refused = self.refused.into_iter();
        refused.map(|(backend, err)| ReplicaReceipt::refused(backend, Some(err))).collect()
    }
}

impl Manager {
    /// # Errors
    /// `InvalidConfig` for a name that is not configured; `NotFound` for a policy that there is not; the first refusal when not one target can be written to.
    pub(crate) async fn targets(&self, request: &AddRequest, traits: Traits) -> Result<Targets> {
        let policies = self.in_force().await?;
        let policy = match &request.policy {
            Some(name) => policies.named(name)?,
            None => policies.fitting(&traits)?,
        };
        let chosen = match &*request.to {
            [] => self.by_policy(&policies, policy, traits.size.unwrap_or(0)).await?,
            to => Chosen { names: to.to_vec(), ..Chosen::default() },
        };
        let Chosen { names, embedded, unmet } = chosen;
        let mut targets = Targets { members: Vec::new(), refused: Vec::new(), embedded, policy: policy.clone(), unmet };
        for name in names {
            if targets.members.iter().any(|member| member.name == name) {
                continue;
            }
            let member = self.fleet().writable(&name).await?;
            match self.fit(&member, request).await {
                Ok(()) => targets.members.push(member),
                Err(err) => targets.refused.push((name, err)),
            }
        }
        match (targets.members.is_empty(), targets.refused.pop()) {
            (true, Some((_, err))) => Err(err),
            (_, refused) => {
                targets.refused.extend(refused);
                Ok(targets)
            }
        }
    }

    async fn fit(&self, member: &Member, request: &AddRequest) -> Result<()> {
        let info = member.backend.info();
        if !info.offers.add {
            return Err(Error::unsupported("add", &member.name));
        }
        member.keeps_copies()?;
        if request.place != Place::Own && info.addressing != Addressing::Key {
            return Err(Error::unsupported("a key of the user's choice", &member.name));
        }
        if request.existing == Existing::Keep && !info.offers.if_absent {
            return Err(Error::unsupported("if_absent", &member.name));
        }
        if let Some(kind) = info.needs.iter().find(|kind| !naming::is_computed(**kind)) {
            let text = format!("{} must be given a digest that is not computed here: {kind:?}", member.name);
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        self.fleet().admit(member, Side::Writes)?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await
    }

    /// As the policy says. With no backend at all, an embedded local store is made.
    async fn by_policy(&self, policies: &Policies, policy: &PolicyView, size: u64) -> Result<Chosen> {
        let mut fleet = self.places().await?;
        let mut embedded = None;
        if !fleet.places.iter().any(|place| place.keeps && place.offers.add) {
            if let Some(err) = self.first_broken().await? {
                return Err(err);
            }
            embedded = Some(self.embed()?.1);
            fleet = self.places().await?;
        }
        let compiled = policies.compiled()?;
        let planner = planner::Planner::new(&fleet.places, &compiled, self.terms().await?);
        let (places, why) = planner.targets(policies.position(policy.number).unwrap_or(0), size);
        let names: Vec<String> = places.iter().map(|place| fleet.name(*place).to_owned()).collect();
        let unmet = why.map(|why| match why.place() {
            Some(place) => format!("{}: {why}", fleet.name(place)),
            None => why.to_string(),
        });
        match (names.is_empty(), &unmet) {
            (true, Some(why)) => {
                let text = format!("the policy {} finds no place for it: {why}", policy.name);
                Err(Error::new(ErrorKind::Unavailable, text))
            }
            _ => Ok(Chosen { names, embedded, unmet }),
        }
    }

    /// Why a backend that is configured cannot be opened: then none is made in its place.
    async fn first_broken(&self) -> Result<Option<Error>> {
        for name in self.fleet().names()? {
            if let Err(err) = self.fleet().member(&name).await {
                return Ok(Some(err));
            }
        }
        Ok(None)
    }
}

#[derive(Debug, Default)]
struct Chosen {
    names: Vec<String>,
    embedded: Option<PathBuf>,
    unmet: Option<String>,
}
