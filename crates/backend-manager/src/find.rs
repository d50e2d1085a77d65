//! From a name or a path to content, its outboard and its readable copies.

use backend_core::{Addressing, Dag, Error, ErrorKind, Result};
use bytes::Bytes;
use ipld::resolve::{Kind, Resolver, Step, Target};
use ipld::{Cid, address};

use crate::catalog::contents::{self, ContentKind, ContentRow, NewContent};
use crate::catalog::replicas::{self, ReplicaRow};
use crate::catalog::{ContentNumber, blocks, cached, names};
use crate::layout;
use crate::manager::Manager;
use crate::read::{How, Outboard, Replica};
use crate::trouble;

/// Content, and how it can be read.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) content: NewContent,
    pub(crate) dag: Dag,
    pub(crate) replicas: Vec<Replica>,
    /// Its number, if the catalog knows it.
    pub(crate) number: Option<ContentNumber>,
    /// Whether the catalog does not know it: its nodes are fetched as they are wanted.
    pub(crate) is_foreign: bool,
}

impl Manager {
    /// What a user means by `text`: a CID, a CID with a path, or a name that `ls` shows.
    ///
    /// # Errors
    /// `NotFound` when it leads nowhere; `InvalidInput` when it is nothing of these.
    pub async fn resolve(&self, text: &str) -> Result<Target> {
        let (cid, path) = match address::split_path(text) {
            Ok(it) => it,
            Err(err) => match self.by_name(text).await? {
                Some(cid) => (cid, Vec::new()),
                None => return Err(trouble::ipld(err)),
            },
        };
        self.follow(address::to_v1(&cid), path).await
    }

    async fn by_name(&self, name: &str) -> Result<Option<Cid>> {
        let name = name.to_owned();
        self.catalog()
            .read(move |conn| {
                let Some(row) = names::resolve(conn, &name)? else { return Ok(None) };
                Ok(contents::get(conn, row.content)?.map(|row| row.content.cid))
            })
            .await
    }

    async fn follow(&self, root: Cid, path: Vec<String>) -> Result<Target> {
        let mut resolver = Resolver::new(root, path);
        let mut dag: Option<Dag> = None;
        loop {
            match resolver.next().map_err(trouble::ipld)? {
                Step::Found(target) => return Ok(target),
                Step::Need(cid) => match self.node(&cid, &mut dag).await? {
                    Some(node) => resolver.feed(&cid, &node).map_err(trouble::ipld)?,
                    None => resolver.leaf(&cid).map_err(trouble::ipld)?,
                },
            }
        }
    }

    /// One block that the catalog or a store knows: a node of the content at hand, or of whatever content holds it. `None`: a leaf that is content.
    pub(crate) async fn node(&self, cid: &Cid, dag: &mut Option<Dag>) -> Result<Option<Bytes>> {
        if let Some(known) = dag
            && let Some(node) = known.find(cid).await?
        {
            return Ok(Some(node));
        }
        let stored = self.holding(cid).await?;
        let found = stored.dag.find(cid).await?;
        if found.is_some() {
            *dag = Some(stored.dag);
        }
        Ok(found)
    }

    /// The content that `cid` names, or whose outboard holds it.
    pub(crate) async fn holding(&self, cid: &Cid) -> Result<Stored> {
        let wanted = *cid;
        let found = self
            .catalog()
            .read(move |conn| {
                if let Some(row) = contents::find(conn, &wanted)? {
                    return Ok(Some(row));
                }
                match blocks::holder(conn, &wanted)? {
                    Some(number) => contents::get(conn, number),
                    None => Ok(None),
                }
            })
            .await?;
        match found {
            Some(row) => self.stored(row).await,
            None => self.foreign(cid).await,
        }
    }

    pub(crate) async fn stored(&self, row: ContentRow) -> Result<Stored> {
        let number = row.number;
        let read = move |conn: &rusqlite::Connection| Ok((replicas::of(conn, number)?, cached::of(conn, number)?));
        let (rows, near) = self.catalog().read(read).await?;
        let mut replicas = Vec::new();
        for it in rows.into_iter().filter(ReplicaRow::is_readable) {
            let name = it.backend_name.clone();
            match self.replica(it, &row).await {
                Ok(replica) => replicas.push(replica),
                Err(err) => tracing::warn!(backend = %name, error = %err, "a replica cannot be asked"),
            }
        }
        self.by_route(&mut replicas, row.content.size).await;
        let is_all_there_is = replicas.is_empty();
        if is_all_there_is {
            replicas = self.by_cid(&row.content.cid).await?;
        }
        let known = blocks::dag(self.catalog(), row.number).await?;
        // Of one block there are no nodes. To ask another copy for one would prove that copy, and not the one that is read.
        let dag = match row.content.kind == ContentKind::Raw {
            true => Dag::empty(),
            false => Outboard::new(known, row.content.cid, replicas.clone()).dag(),
        };
        // What a cache has is asked first; it has no nodes, so the outboard does not know it.
        if let Some(near) = self.cached_copy(near, &row, is_all_there_is).await? {
            replicas.insert(0, near);
        }
        Ok(Stored { content: row.content, dag, replicas, number: Some(number), is_foreign: false })
    }

    pub(crate) async fn replica(&self, row: ReplicaRow, content: &ContentRow) -> Result<Replica> {
        let member = self.fleet().member(&row.backend_name).await?;
        let info = member.backend.info();
        let cid = content.content.cid;
        let id = layout::locator(member.addressing(), &cid, content.content.kind, &row.replica.key)?;
        // A store of blocks is asked for blocks: many at a time, and each is its own proof.
        let how = match (member.addressing(), info.offers.range, info.offers.block) {
            (Addressing::Cid, _, true) | (_, false, true) => How::Block,
            (_, true, _) => How::Range,
            (_, false, false) => How::Whole,
        };
        let at = id.with_handle(row.handle.clone());
        let bad = row.bad_chunks.clone();
        let gauge = Some(self.fleet().gauge(&member));
        Ok(Replica {
            name: member.name.clone(),
            backend: member.backend,
            hasty: member.hasty,
            at,
            how,
            bad,
            fresh: false,
            gauge,
            cached: None,
            row: Some(row),
        })
    }

    /// What a file is, from its root: size and outboard.
    pub(crate) async fn file(&self, target: &Target) -> Result<(Stored, u64)> {
        match target.kind {
            Kind::Raw | Kind::File => {}
            other => {
                let text = format!("{} is a {}, not a file", address::text(&target.cid), other.name());
                return Err(Error::new(ErrorKind::InvalidInput, text));
            }
        }
        let stored = self.holding(&target.cid).await?;
        if !address::same(&stored.content.cid, &target.cid) {
            let text = format!(
                "{} is a part of {}, and no content of its own",
                address::text(&target.cid),
                stored.content.cid
            );
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        match stored.content.size.or(target.size) {
            Some(size) => Ok((stored, size)),
            None if stored.is_foreign => {
                let size = stored.dag.node(&target.cid).await?.len() as u64;
                Ok((stored, size))
            }
            None => Err(Error::new(ErrorKind::NotFound, "its size is not known yet")),
        }
    }
}
