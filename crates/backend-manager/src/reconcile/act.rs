//! Carrying out the plan of one content, step by step. Its plan is made anew from one snapshot of its rows; a wish that arrives later stops a removal.

use backend_core::{Addressing, Error, ErrorKind, Evidence, Key, Pin, Progress, Result, StatOptions, Write};
use ipld::profile::{self, Profile, UNIXFS_V1_2025};
use planner::{Outcome, Step};
use rusqlite::Connection;

use super::Round;
use super::done::{Deed, Done};
use super::places::moment;
use super::state::Case;
use crate::add::{Existing, Item, kind_of};
use crate::catalog::contents::{self, ContentRow};
use crate::catalog::events::Verb;
use crate::catalog::pins;
use crate::catalog::replicas::{self, Checked, License, ReplicaId, ReplicaRow, ReplicaState, Spare};
use crate::catalog::survey::{self, Surveyed, SurveyedWish};
use crate::catalog::{ContentNumber, PAGE_MAX, links};
use crate::erase::Permit;
use crate::fleet::Member;
use crate::layout;
use crate::manager::{Manager, now};
use crate::views::{ContentKind, Safety, Verified, removal_word};

/// Nobody knows how content of another program was cut.
const UNKNOWN: Profile = Profile { id: 0, name: "", ..UNIXFS_V1_2025 };

/// One content, while its plan is carried out.
struct Work<'a> {
    round: &'a Round,
    content: ContentRow,
    /// As the catalog had them when the plan was made.
    wishes: Vec<SurveyedWish>,
    case: Case,
    outcome: Outcome,
}

impl Manager {
    /// Plans one content anew and does what is to be done. What one step could not do, those that depend on it do not do either.
    ///
    /// # Errors
    /// What the catalog answers.
    pub(super) async fn act(&self, round: &Round, number: ContentNumber) -> Result<Vec<Done>> {
        let Some((content, surveyed)) = self.catalog().write(move |conn| consider(conn, number)).await? else {
            return Ok(Vec::new());
        };
        let wishes = surveyed.wishes.clone();
        let Some(case) = round.cases(self).case(surveyed) else { return Ok(Vec::new()) };
        let outcome = round.planner().plan(&case.content());
        let work = Work { round, content, wishes, case, outcome };
        let mut all = Vec::new();
        for step in work.outcome.steps.clone() {
            let Some(done) = Box::pin(self.step(&work, &step)).await? else { continue };
            self.tell(&done).await?;
            log(&done);
            let is_stopped = done.error.is_some() && matches!(step, Step::Remove { .. } | Step::Verify { .. });
            all.push(done);
            if is_stopped {
                break;
            }
        }
        Ok(all)
    }

    /// `None`: nothing is to be done.
    async fn step(&self, work: &Work<'_>, step: &Step) -> Result<Option<Done>> {
        let of = |copy: usize| work.case.copies.get(copy).map_or(usize::MAX, |it| it.place);
        let (deed, place) = match *step {
            Step::Copy { to, .. } => (Deed::Copy, to),
            Step::Repair { copy, .. } => (Deed::Repair, of(copy)),
            Step::Verify { copy } => (Deed::Verify, of(copy)),
            Step::Renew { copy } => (Deed::Renew, of(copy)),
            Step::Remove { copy } => (Deed::Remove, of(copy)),
            Step::Forget { copy } => (Deed::Forget, of(copy)),
            Step::Wait(_) | Step::Unsatisfiable(_) => return Ok(None),
        };
        let done = Done::new(work.content.content.cid, work.round.places.name(place), deed);
        let tried = match *step {
            Step::Copy { to, read_back } => self.copy(work, to, read_back, done.clone()).await,
            Step::Repair { copy, read_back } => self.mend(work, copy, read_back, done.clone()).await,
            Step::Verify { copy } => self.look(work, copy, done.clone()).await,
            Step::Renew { copy } => self.renew(work, copy, done.clone()).await,
            Step::Remove { copy } => self.clear(work, copy, done.clone()).await,
            Step::Forget { copy } => self.forget(work, copy, done.clone()).await,
            Step::Wait(_) | Step::Unsatisfiable(_) => return Ok(None),
        };
        Ok(Some(tried.unwrap_or_else(|err| done.failed(&err))))
    }

    async fn copy(&self, work: &Work<'_>, to: usize, read_back: bool, done: Done) -> Result<Done> {
        let member = self.fleet().writable(work.round.places.name(to)).await?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        self.bring(&work.content, &member, None, (read_back, done)).await
    }

    /// Makes a copy of content on a store that is recognised: where its CID says, or under a user's key.
    ///
    /// # Errors
    /// Why there is none, or why it was not read back.
    pub(crate) async fn bring(
        &self,
        content: &ContentRow,
        member: &Member,
        key: Option<Key>,
        (read_back, done): (bool, Done),
    ) -> Result<Done> {
        let number = content.number;
        let place = key.as_ref().map_or("", Key::as_str).to_owned();
        let item = self.item(content, member, key).await?;
        let progress = Progress::default();
        let told = (Verb::Stored, &progress);
        let receipt = match &item.whole {
            None => self.send(&item, number, member, told).await?,
            Some(_) => {
                let files = self.members_of(number).await?;
                self.send_folder(&item, (number, &files), member, told).await?
            }
        };
        if let Some(err) = receipt.error {
            return Err(err);
        }
        if receipt.state.is_none() {
            return Err(Error::new(ErrorKind::Unavailable, "another process has taken it over"));
        }
        let done = Done { state: receipt.state, evidence: receipt.evidence, bytes: progress.bytes(), ..done };
        if !read_back {
            return Ok(done);
        }
        let row = self.row(ReplicaId { content: number, backend: member.number, key: place }).await?;
        let verified = self.verify_row(content, &row).await?;
        proved(done, verified)
    }

    /// The content as it is sent to `member`.
    async fn item(&self, row: &ContentRow, member: &Member, key: Option<Key>) -> Result<Item> {
        if row.content.kind == ContentKind::Dag {
            let text = "only its root is known, as of a pin that was taken on: to copy it, get it and add it";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let stored = self.holding(&row.content.cid).await?;
        let profile = profile::by_id(row.content.profile).unwrap_or(UNKNOWN);
        let content = self.content_of(&stored, &member.backend.info().needs).await?;
        let is_folder = row.content.kind == ContentKind::Directory;
        let whole = match is_folder && member.addressing() == Addressing::Cid {
            true => Some(self.whole_of(&stored, row.number).await?),
            false => None,
        };
        let kind = if is_folder { ContentKind::Directory } else { kind_of(&content) };
        let existing = if key.is_some() { Existing::Keep } else { Existing::Replace };
        Ok(Item { content, kind, profile, key, whole, existing, name: None, look: false })
    }

    /// The files of a folder.
    ///
    /// # Errors
    /// What the catalog answers.
    pub(crate) async fn members_of(&self, folder: ContentNumber) -> Result<Vec<ContentNumber>> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.catalog().read(move |conn| links::children(conn, folder, after, PAGE_MAX)).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(*last);
            all.extend(page);
        }
    }

    async fn mend(&self, work: &Work<'_>, copy: usize, read_back: bool, done: Done) -> Result<Done> {
        let row = self.row_of(work, copy).await?;
        let repaired = self.repair(&work.content, &row).await?;
        let note = match repaired.chunks.len() {
            0 => None,
            n => Some(format!("{n} chunks were wrong, {} bytes were sent", repaired.bytes_sent)),
        };
        let (state, evidence, bytes) = (Some(repaired.state), Some(repaired.evidence), repaired.bytes_sent);
        let done = Done { state, evidence, bytes, note, ..done };
        if repaired.state != ReplicaState::Present {
            return Err(Error::new(ErrorKind::Integrity, "it was sent, and reads back wrong"));
        }
        // All of it was read back already, if the evidence says so.
        if !read_back || repaired.evidence == Evidence::Verified {
            return Ok(done);
        }
        let row = self.row(row.replica).await?;
        let verified = self.verify_row(&work.content, &row).await?;
        proved(done, verified)
    }

    async fn look(&self, work: &Work<'_>, copy: usize, done: Done) -> Result<Done> {
        let row = self.row_of(work, copy).await?;
        let verified = self.verify_row(&work.content, &row).await?;
        proved(done, verified)
    }

    async fn renew(&self, work: &Work<'_>, copy: usize, done: Done) -> Result<Done> {
        let row = self.row_of(work, copy).await?;
        let member = self.fleet().writable(&row.backend_name).await?;
        let (cid, size) = (work.content.content.cid, work.content.content.size);
        let pin = Pin { sources: Vec::new(), size, write: Write::default() };
        let meta = member.backend.pin(&cid.into(), &pin).await?;
        let (until, evidence) = (meta.until.map(Into::into), meta.evidence.min(Evidence::Attested));
        let checked = Checked { evidence, until, proved_at: meta.proved_at.map(Into::into) };
        let at = row.at();
        self.catalog().write(move |conn| replicas::checked(conn, &at, &checked, now()).map(drop)).await?;
        Ok(Done { state: Some(ReplicaState::Present), evidence: Some(evidence), ..done })
    }

    async fn clear(&self, work: &Work<'_>, copy: usize, done: Done) -> Result<Done> {
        let row = self.row_of(work, copy).await?;
        let permit = Permit { license: work.license(), wishes: Some(work.wishes.clone()) };
        match self.remove_under(&work.content, row, permit).await? {
            Some(removal) => Ok(Done { note: Some(removal_word(removal).to_owned()), ..done }),
            None => Err(Error::new(ErrorKind::Precondition, "it is wanted after all, or the others are not proved")),
        }
    }

    async fn forget(&self, work: &Work<'_>, copy: usize, done: Done) -> Result<Done> {
        let row = self.row_of(work, copy).await?;
        let at = row.at();
        match row.state {
            ReplicaState::Missing => {
                self.catalog().write(move |conn| replicas::forget(conn, &at).map(drop)).await?;
            }
            _ => drop(self.remove_copy(&work.content, row).await?),
        }
        Ok(done)
    }

    async fn row_of(&self, work: &Work<'_>, copy: usize) -> Result<ReplicaRow> {
        let lost = || Error::new(ErrorKind::Internal, "a plan names a copy that there is not");
        let place = work.case.copies.get(copy).ok_or_else(lost)?.place;
        let key = work.case.keys.get(copy).ok_or_else(lost)?.clone();
        let backend = work.round.places.number(place).ok_or_else(lost)?;
        self.row(ReplicaId { content: work.content.number, backend, key }).await
    }

    async fn row(&self, id: ReplicaId) -> Result<ReplicaRow> {
        let found = self.catalog().read(move |conn| replicas::find(conn, &id)).await?;
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "the copy was removed meanwhile"))
    }
}

impl Work<'_> {
    /// What a removal depends on: that nobody wants it, or that the others are proved.
    fn license(&self) -> License {
        if Safety::from(self.outcome.standing) == Safety::Unwanted {
            return License::Unwanted;
        }
        let policies = self.case.wishes.iter().filter_map(|wish| self.round.compiled.get(wish.policy));
        let terms = self.round.terms;
        let age = terms.now.saturating_sub(self.case.content().since);
        let others = policies.map(|it| it.replicas_at(age)).max().unwrap_or(1);
        License::Spare(Spare {
            others,
            verified_since: moment(terms.now.saturating_sub(terms.fresh_s)),
            outlive: moment(terms.now.saturating_add(terms.ahead_s)),
        })
    }
}

/// One snapshot: the content as it stands, with every wish considered that there is by now.
pub(crate) fn consider(conn: &Connection, number: ContentNumber) -> Result<Option<(ContentRow, Surveyed)>> {
    let Some(content) = contents::get(conn, number)? else { return Ok(None) };
    pins::consider(conn, number)?;
    Ok(survey::one(conn, number)?.map(|surveyed| (content, surveyed)))
}

fn proved(done: Done, verified: Verified) -> Result<Done> {
    if let Some(err) = verified.error {
        return Err(err);
    }
    let bad: Vec<String> =
        verified.bad_chunks.iter().map(|it| format!("{}..{}", it.offset, it.offset.saturating_add(it.len))).collect();
    let note = (!bad.is_empty()).then(|| format!("bad bytes {}", bad.join(", "))).or(done.note.clone());
    Ok(Done { state: Some(verified.state), evidence: Some(verified.evidence), note, ..done })
}

/// One line for each change.
fn log(done: &Done) {
    let (cid, backend, deed) = (done.cid.to_string(), &done.backend, done.deed.as_str());
    match &done.error {
        Some(err) => tracing::warn!(%cid, %backend, deed, error = %err.message, "came to nothing"),
        None => {
            let state = done.state.map_or("", ReplicaState::as_str);
            tracing::info!(%cid, %backend, deed, state, bytes = done.bytes, note = done.note.as_deref(), "done");
        }
    }
}

/// Asks a service what became of a copy: whether it is there.
pub(super) async fn is_there(
    member: &Member,
    content: &ContentRow,
    row: &ReplicaRow,
) -> Result<backend_core::Metadata> {
    let at = layout::locator(member.addressing(), &content.content.cid, content.content.kind, &row.replica.key)?;
    member.backend.stat(&at.with_handle(row.handle.clone()), &StatOptions::default()).await
}
