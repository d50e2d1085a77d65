//! Reading copies back: each from its own store alone, chunk by chunk, with the verdict in the catalog.

mod finding;

use backend_core::{Addressing, Error, ErrorKind, Evidence, GetOptions, Locator, Reads, Result, StatOptions};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use ipld::Cid;
use ipld::address;

use crate::catalog::contents::{self, ContentKind, ContentRow};
use crate::catalog::links;
use crate::catalog::replicas::{self, BadChunk, ReplicaRow, ReplicaState};
use crate::find::Stored;
use crate::manager::Manager;
use crate::naming;
use crate::query::believable;
use crate::read::{self, How, ReadReport, Replica};
use crate::views::Verified;
use finding::tell;
pub(crate) use finding::{Finding, enact};

/// Contents of one page.
const PAGE: usize = 200;
/// Contents that are read back at a time: of small ones a distant store costs a round trip each.
const AT_A_TIME: usize = 8;
/// Nodes of a directory that are asked for at a time.
const NODES: usize = 16;

impl Manager {
    /// Verifies every copy of `cid`, and of the files of a directory; of everything when `cid` is `None`.
    pub fn verify(&self, cid: Option<&Cid>) -> BoxStream<'static, Result<Verified>> {
        use futures::{TryFutureExt, TryStreamExt};
        let rows = match cid {
            None => self.all_contents(),
            Some(cid) => self.with_children(address::to_v1(cid)),
        };
        let manager = self.clone();
        let each = rows.map_ok(move |row| {
            let manager = manager.clone();
            let verdicts = async move { manager.verify_content(row).await };
            verdicts.map_ok(|it| stream::iter(it.into_iter().map(Ok))).boxed()
        });
        each.try_buffered(AT_A_TIME).try_flatten().boxed()
    }

    fn all_contents(&self) -> BoxStream<'static, Result<ContentRow>> {
        use futures::TryStreamExt;
        let pages = stream::try_unfold((self.catalog().clone(), None), |(catalog, after)| async move {
            let page = catalog.read(move |conn| contents::page(conn, after, PAGE)).await?;
            let next = page.last().map(|row| row.number);
            Ok::<_, Error>(next.map(|next| (page, (catalog, Some(next)))))
        });
        pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().boxed()
    }

    fn with_children(&self, cid: Cid) -> BoxStream<'static, Result<ContentRow>> {
        use futures::TryStreamExt;
        let catalog = self.catalog().clone();
        let begin = async move {
            let row = catalog.read(move |conn| contents::find(conn, &cid)).await?;
            let row = row.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("{} is no content of this catalog", address::text(&cid)))
            })?;
            let parent = row.number;
            let children = stream::try_unfold((catalog, None), move |(catalog, after)| async move {
                let page = catalog.read(move |conn| {
                    let page = links::children(conn, parent, after, PAGE)?;
                    let last = page.last().copied();
                    let rows = page.into_iter().map(|it| contents::get(conn, it)).collect::<Result<Vec<_>>>()?;
                    Ok((last, rows))
                });
                let (last, rows) = page.await?;
                Ok::<_, Error>(last.map(|last| (rows, (catalog, Some(last)))))
            });
            let children = children.map_ok(|page| stream::iter(page.into_iter().flatten().map(Ok))).try_flatten();
            Ok::<_, Error>(stream::once(async move { Ok(row) }).chain(children))
        };
        stream::once(begin).try_flatten().boxed()
    }

    async fn verify_content(&self, content: ContentRow) -> Result<Vec<Verified>> {
        let number = content.number;
        let rows = self.catalog().read(move |conn| replicas::of(conn, number)).await?;
        let stored = self.holding(&content.content.cid).await?;
        let mut verdicts = Vec::new();
        for row in rows.into_iter().filter(|row| row.state.is_readable() || row.state == ReplicaState::Missing) {
            let replica =
                stored.replicas.iter().find(|it| it.row.as_ref().is_some_and(|it| it.replica == row.replica)).cloned();
            let verdict = match replica {
                Some(replica) => self.verify_replica(&stored, replica, &row).await,
                None => self.verify_absent(&content, row.clone()).await,
            };
            verdicts.push(verdict.unwrap_or_else(|err| Verified {
                cid: content.content.cid,
                backend: row.backend_name,
                state: row.state,
                evidence: row.evidence,
                bytes: 0,
                bad_chunks: row.bad_chunks,
                error: Some(err),
            }));
        }
        Ok(verdicts)
    }

    /// Verifies one copy.
    ///
    /// # Errors
    /// What the catalog answers, and why the copy could not be looked at.
    pub(crate) async fn verify_row(&self, content: &ContentRow, row: &ReplicaRow) -> Result<Verified> {
        let stored = self.holding(&content.content.cid).await?;
        let is_row = |it: &&Replica| it.row.as_ref().is_some_and(|it| it.replica == row.replica);
        match stored.replicas.iter().find(is_row).cloned() {
            Some(replica) => self.verify_replica(&stored, replica, row).await,
            None => self.verify_absent(content, row.clone()).await,
        }
    }

    /// A copy whose backend cannot be opened, or that is missing: nothing was looked at.
    async fn verify_absent(&self, content: &ContentRow, row: ReplicaRow) -> Result<Verified> {
        let error = match row.state {
            ReplicaState::Missing => None,
            _ => Some(
                self.fleet()
                    .member(&row.backend_name)
                    .await
                    .err()
                    .unwrap_or_else(|| Error::new(ErrorKind::Unavailable, "the backend could not be asked")),
            ),
        };
        Ok(Verified {
            cid: content.content.cid,
            backend: row.backend_name,
            state: row.state,
            evidence: believable(row.state, row.evidence),
            bytes: 0,
            bad_chunks: row.bad_chunks,
            error,
        })
    }

    async fn verify_replica(&self, stored: &Stored, replica: Replica, row: &ReplicaRow) -> Result<Verified> {
        let member = self.fleet().member(&replica.name).await?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        let found = self.read_back(stored, &replica).await;
        let finding = match found {
            Err(err) if err.kind() == ErrorKind::NotFound => {
                // Believed only of a store that is recognised at this very moment, and seen twice.
                member.recognise_now(self.catalog()).await?;
                match self.read_back(stored, &replica).await {
                    Err(err) if err.kind() == ErrorKind::NotFound => Finding::Missing,
                    other => other?,
                }
            }
            other => other?,
        };
        let proof = member.backend.info().reads == Reads::Own;
        let cid = stored.content.cid;
        let (state, evidence) = self.judge(row, &finding, (proof, cid)).await?;
        let (bytes, bad_chunks) = match finding {
            Finding::Good(bytes) => (bytes, Vec::new()),
            Finding::Bad(bytes, bad) => (bytes, bad),
            Finding::Missing => (0, Vec::new()),
        };
        Ok(Verified { cid: stored.content.cid, backend: replica.name, state, evidence, bytes, bad_chunks, error: None })
    }

    /// Looks at all of one copy: its length, every byte, and the sidecar without which it could not be verified elsewhere.
    pub(crate) async fn read_back(&self, stored: &Stored, replica: &Replica) -> Result<Finding> {
        let content = &stored.content;
        if content.kind == ContentKind::Directory {
            let (bytes, bad) = self.read_back_nodes(stored, replica).await?;
            return Ok(Finding::of(bytes, bad));
        }
        let size = content.size.ok_or_else(|| Error::new(ErrorKind::NotFound, "its size is not known yet"))?;
        if size == 0 && replica.how == How::Block && !is_there(replica, &content.cid).await? {
            return Ok(Finding::Bad(0, vec![BadChunk { offset: 0, len: 0 }]));
        }
        let there = length(replica).await?;
        let (bytes, mut bad) = self.read_back_bytes(stored, replica, 0..size, there).await?;
        if let Some(more) = there.and_then(|there| there.checked_sub(size)).filter(|more| 0 < *more) {
            bad.push(BadChunk { offset: size, len: more });
        }
        match bad.is_empty() && !self.has_sidecar(stored, replica).await? {
            true => Ok(Finding::Bad(bytes, bad)),
            false => Ok(Finding::of(bytes, bad)),
        }
    }

    /// These bytes of the copy alone: how many were good, and which chunks were not.
    pub(crate) async fn read_back_bytes(
        &self,
        stored: &Stored,
        replica: &Replica,
        range: std::ops::Range<u64>,
        there: Option<u64>,
    ) -> Result<(u64, Vec<BadChunk>)> {
        let clean = Replica { bad: Vec::new(), fresh: true, ..replica.clone() };
        let (mut at, mut good, mut bad) = (range.start, 0, Vec::new());
        loop {
            let (read, failure) = self.read_on(stored, &clean, at..range.end, there).await;
            good += read;
            match failure {
                None => return Ok((good, bad)),
                Some((_, Some(chunk))) => {
                    bad.push(chunk);
                    at = chunk.offset + chunk.len;
                    if range.end <= at {
                        return Ok((good, bad));
                    }
                }
                Some((err, None)) => return Err(err),
            }
        }
    }

    /// Whether the inner nodes are there and right: beside the content, or on a store of blocks among its own.
    pub(crate) async fn has_sidecar(&self, stored: &Stored, replica: &Replica) -> Result<bool> {
        let is_unlisted = stored.dag.is_empty() && replica.backend.info().addressing == Addressing::Cid;
        if is_unlisted || stored.content.kind != ContentKind::File {
            return Ok(true);
        }
        match self.read_back_nodes(stored, replica).await {
            Ok((_, bad)) => Ok(bad.is_empty()),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(false),
            Err(err) => Err(err),
        }
    }

    /// Reads until the end or the first failure: the bytes that were good, and the chunk that was not.
    async fn read_on(
        &self,
        stored: &Stored,
        replica: &Replica,
        range: std::ops::Range<u64>,
        there: Option<u64>,
    ) -> (u64, Option<(Error, Option<BadChunk>)>) {
        let size = stored.content.size;
        let chunks = naming::chunks(stored.dag.clone(), stored.content.cid, size, range.clone());
        let report = ReadReport::default();
        let ask = self.asking(chunks, range, vec![replica.clone()], report.clone());
        let (mut body, mut good) = (read::verified(ask), 0);
        while let Some(bytes) = body.next().await {
            match bytes {
                Ok(bytes) => good += bytes.len() as u64,
                Err(err) => {
                    // Where the store itself says that there are no bytes, no answer of it is a good one.
                    let is_cut = |it: &read::Trouble| there.is_some_and(|there| there < it.offset + it.len);
                    let bad = report.troubles().pop().filter(|it| shows_a_bad_chunk(it.kind) || is_cut(it));
                    return (good, Some((err, bad.map(|it| BadChunk { offset: it.offset, len: it.len }))));
                }
            }
        }
        (good, None)
    }

    /// A directory's copy is its nodes: all of them, each hashed, as its outboard lists them.
    async fn read_back_nodes(&self, stored: &Stored, replica: &Replica) -> Result<(u64, Vec<BadChunk>)> {
        let root = &stored.content.cid;
        if stored.dag.is_empty() {
            return Err(Error::new(ErrorKind::Internal, "the catalog has no outboard to compare with"));
        }
        if replica.backend.info().addressing == Addressing::Cid {
            return self.read_back_blocks(stored, replica).await;
        }
        let nodes = match read::fetch_sidecar(replica, root).await {
            Ok(nodes) => nodes,
            Err(err) if err.kind() == ErrorKind::Integrity => return Ok((0, vec![BadChunk { offset: 0, len: 0 }])),
            Err(err) => return Err(err),
        };
        let mut walk = stored.dag.walk();
        let mut bytes = 0;
        while let Some(node) = walk.next().await {
            let (cid, data) = node?;
            match nodes.contains_key(&cid) {
                true => bytes += data.len() as u64,
                false => return Ok((bytes, vec![BadChunk { offset: bytes, len: data.len() as u64 }])),
            }
        }
        Ok((bytes, Vec::new()))
    }

    /// The same on a store of blocks, which is asked for each.
    async fn read_back_blocks(&self, stored: &Stored, replica: &Replica) -> Result<(u64, Vec<BadChunk>)> {
        use futures::TryStreamExt;
        let each = stored
            .dag
            .walk()
            .map_ok(|(cid, data)| async move { Ok::<_, Error>((is_there(replica, &cid).await?, data.len() as u64)) });
        let (mut each, mut bytes) = (std::pin::pin!(each.try_buffered(NODES)), 0);
        while let Some((good, len)) = each.try_next().await? {
            match good {
                true => bytes += len,
                false => return Ok((bytes, vec![BadChunk { offset: bytes, len }])),
            }
        }
        Ok((bytes, Vec::new()))
    }

    async fn judge(
        &self,
        row: &ReplicaRow,
        finding: &Finding,
        (proof, cid): (bool, Cid),
    ) -> Result<(ReplicaState, Evidence)> {
        let (id, finding, evidence) = (row.replica.clone(), finding.clone(), row.evidence);
        self.catalog()
            .write(move |conn| {
                let Some(row) = replicas::find(conn, &id)? else { return Ok((ReplicaState::Missing, evidence)) };
                enact(conn, &row, &finding, proof)?;
                tell(conn, &row, &finding, cid)?;
                let after = replicas::find(conn, &id)?;
                Ok(after.map_or((ReplicaState::Missing, evidence), |row| (row.state, row.evidence)))
            })
            .await
    }
}

/// How long the store says the copy is. Where it cannot say, and for nothing at all, the copy is read: an empty file is looked at like any other.
pub(crate) async fn length(replica: &Replica) -> Result<Option<u64>> {
    if replica.how == How::Block {
        return Ok(None);
    }
    if replica.backend.info().offers.stat {
        return Ok(replica.backend.stat(&replica.at, &StatOptions::default()).await?.size);
    }
    let fetched = replica.backend.get(&replica.at, &GetOptions::default()).await?;
    Ok(fetched.meta.size)
}

/// A store of blocks has no length to tell: every block is read, and proves itself. Of an empty file that is the one that has no bytes.
async fn is_there(replica: &Replica, cid: &Cid) -> Result<bool> {
    let fetch = async {
        let fetched = replica.backend.get(&Locator::new(*cid), &GetOptions::unproved_block()).await?;
        read::collect(fetched.body, naming::BLOCK_MAX).await
    };
    match fetch.await {
        Ok(block) => Ok(address::verify(cid, &block).is_ok()),
        Err(err) if err.kind() == ErrorKind::Integrity => Ok(false),
        Err(err) => Err(err),
    }
}

/// A copy that is shorter than it should be answers `InvalidRange`, or ends early.
fn shows_a_bad_chunk(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Integrity | ErrorKind::InvalidRange)
}
