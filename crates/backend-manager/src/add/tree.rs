//! Adding a folder: its files as they are named, its directories when all are there, its pin last.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use backend_core::{ByteStream, Content, Error, ErrorKind, Key, Open, Progress, Result};
use tokio::sync::mpsc;

use super::targets::Targets;
use super::want::want;
use super::{AddRequest, Existing, Item, Name, Namer, Place, StopOnDrop, content, kind_of, last_part};
use crate::catalog::events::Verb;
use crate::catalog::{ContentNumber, links};
use crate::fault;
use crate::fleet::Member;
use crate::manager::Manager;
use crate::naming::{self, Found, How, Leaves, Tree, Visitor};
use crate::trouble;
use crate::views::{ContentKind, Receipt, ReplicaReceipt};

/// Groups of files that are named ahead of those that are stored.
const AHEAD: usize = 2;
/// Rows of one transaction.
const ROWS: usize = 5000;

/// What became of the files of a folder.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) numbers: Vec<ContentNumber>,
    pub(crate) failures: Failures,
}

/// How often a target failed a file of the tree, and how it did so first.
#[derive(Debug, Default)]
pub(crate) struct Failures(BTreeMap<String, (u64, Option<Error>)>);

impl Failures {
    pub(crate) fn note(&mut self, receipts: Vec<Vec<ReplicaReceipt>>) {
        for receipt in receipts.into_iter().flatten() {
            if let Some(err) = receipt.error {
                let (count, first) = self.0.entry(receipt.backend).or_default();
                *count += 1;
                first.get_or_insert(err);
            }
        }
    }

    fn of(&mut self, backend: &str) -> Option<Error> {
        let (count, first) = self.0.remove(backend)?;
        let first = first?;
        let text = format!("{count} files are not there; the first: {}", first.message());
        Some(Error::new(first.kind(), text).with_source(first))
    }
}

impl Manager {
    pub(crate) async fn add_file(
        &self,
        content: Content,
        name: Option<String>,
        request: &AddRequest,
        targets: Targets,
    ) -> Result<Receipt> {
        let key = match &request.place {
            Place::Key(key) => Some(key.clone()),
            _ => None,
        };
        let item = Item {
            kind: kind_of(&content),
            content,
            profile: request.profile,
            key,
            whole: None,
            existing: request.existing,
            name: name.clone(),
            look: false,
        };
        let items = [item];
        let owner = self.own_pin();
        let mut batch = self.store(&items, &targets.members, &owner, &request.activity.stored).await?;
        let replicas = batch.receipts.pop().unwrap_or_default();
        let [Item { content, kind, .. }] = items;
        let receipt = Receipt {
            policy: targets.policy.name.clone(),
            unmet: targets.unmet.clone(),
            cid: *content.cid(),
            name,
            size: content.len(),
            kind,
            files: 1,
            replicas,
            embedded: targets.embedded.clone(),
        };
        self.conclude(receipt, &batch.numbers, batch.numbers.clone(), (targets, request)).await
    }

    pub(super) async fn add_tree(&self, path: &Path, namer: &Namer<'_>, targets: Targets) -> Result<Receipt> {
        let request = namer.request;
        let targets = targets.for_a_folder()?;
        let (wholes, singles) = (targets.wholes(), targets.singles());
        let (owner, mut failures, mut numbers) = (self.own_pin(), Failures::default(), Vec::new());
        let mut leaves = (!wholes.is_empty()).then(|| Leaves::new(&namer.spool));
        let mut walk = namer.walk(path)?;
        while let Some(found) = walk.found.recv().await {
            if let Some(leaves) = &mut leaves {
                leaves.note(&found).await?;
            }
            let items = found.into_iter().map(|it| item(it, &walk.root, request));
            let items = distinct(items.collect::<Result<_>>()?);
            let batch = self.store(&items, &singles, &owner, &request.activity.stored).await?;
            numbers.extend(batch.numbers);
            failures.note(batch.receipts);
        }
        let tree = walk.task.await.map_err(trouble::lost)??;
        let name = request.name.clone().or_else(|| last_part(path));
        let root = root(&tree, leaves, name, request).await?;
        let Tree { entry, files, .. } = tree;
        let sent = Sent { numbers, failures };
        self.add_root(root, (entry.size, files), sent, targets, request).await
    }

    /// The folder, once its files are there.
    pub(crate) async fn add_root(
        &self,
        root: Item,
        (size, files): (u64, u64),
        sent: Sent,
        targets: Targets,
        request: &AddRequest,
    ) -> Result<Receipt> {
        let Sent { mut numbers, mut failures } = sent;
        numbers.sort_unstable();
        numbers.dedup();
        fault::point("before-root");
        let (cid, name) = (*root.content.cid(), root.name.clone());
        let wholes = targets.wholes();
        let (number, replicas) = self.store_root(root, &numbers, (&targets.members, &wholes), request).await?;
        let replicas = replicas.into_iter().map(|mut replica| {
            replica.error = replica.error.take().or_else(|| failures.of(&replica.backend));
            replica
        });
        let (replicas, embedded) = (replicas.collect(), targets.embedded.clone());
        let (policy, unmet) = (targets.policy.name.clone(), targets.unmet.clone());
        let kind = ContentKind::Directory;
        let receipt = Receipt { cid, name, size, kind, files, replicas, embedded, policy, unmet };
        self.conclude(receipt, &number, numbers, (targets, request)).await
    }

    /// The folder itself: the rows of its files on stores that hold it whole are entered before, and share what becomes of it.
    async fn store_root(
        &self,
        root: Item,
        files: &[ContentNumber],
        (members, wholes): (&[Member], &[Member]),
        request: &AddRequest,
    ) -> Result<(Vec<ContentNumber>, Vec<ReplicaReceipt>)> {
        let (mut within, mut refused) = (Vec::new(), BTreeMap::new());
        for member in wholes {
            match self.intend_within(*root.content.cid(), files, member).await {
                Ok(rows) => within.push(rows),
                Err(err) => drop(refused.insert(member.name.clone(), err)),
            }
        }
        let able: Vec<Member> = members.iter().filter(|it| !refused.contains_key(&it.name)).cloned().collect();
        let mut batch = self.store(&[root], &able, &self.own_pin(), &request.activity.stored).await?;
        let mut receipts = batch.receipts.pop().unwrap_or_default();
        for rows in &mut within {
            if let Some(receipt) = receipts.iter().find(|it| it.backend == rows.backend) {
                rows.conclude(receipt).await?;
            }
        }
        receipts.extend(refused.into_iter().map(|(name, err)| ReplicaReceipt::refused(name, Some(err))));
        Ok((batch.numbers, receipts))
    }

    /// Makes a copy of a folder that the catalog knows, on a store that holds it whole.
    ///
    /// # Errors
    /// What the catalog answers. What the backend answers is in the receipt.
    pub(crate) async fn send_folder(
        &self,
        folder: &Item,
        (number, files): (ContentNumber, &[ContentNumber]),
        member: &Member,
        told: (Verb, &Progress),
    ) -> Result<ReplicaReceipt> {
        let mut within = self.intend_within(*folder.content.cid(), files, member).await?;
        let receipt = self.send(folder, number, member, told).await?;
        within.conclude(&receipt).await?;
        Ok(receipt)
    }

    /// Links, the lasting pin, the name; then the pins that held the parts while they were added.
    async fn conclude(
        &self,
        mut receipt: Receipt,
        root: &[ContentNumber],
        parts: Vec<ContentNumber>,
        (targets, request): (Targets, &AddRequest),
    ) -> Result<Receipt> {
        let Some(root) = root.first().copied() else {
            return Err(Error::new(ErrorKind::Internal, "nothing was entered"));
        };
        let stored = receipt.replicas.iter().any(|replica| replica.state.is_some_and(|state| state.is_readable()));
        if stored {
            for page in parts.chunks(ROWS).filter(|_| receipt.kind == ContentKind::Directory) {
                let page = page.to_vec();
                self.catalog()
                    .write(move |conn| page.iter().try_for_each(|part| links::put(conn, root, *part)))
                    .await?;
            }
            let (name, request, policy) = (receipt.name.clone(), request.clone(), targets.policy.clone());
            self.catalog().write(move |conn| want(conn, root, &policy, (name.as_deref(), &request))).await?;
            fault::point("after-pin");
        }
        self.release(root, parts).await?;
        if !stored && let Some(err) = receipt.replicas.iter_mut().find_map(|replica| replica.error.take()) {
            return Err(err);
        }
        receipt.replicas.extend(targets.refusals());
        Ok(receipt)
    }
}

async fn root(tree: &Tree, leaves: Option<Leaves>, name: Option<String>, request: &AddRequest) -> Result<Item> {
    let cid = ipld::address::to_v1(&tree.entry.cid);
    let whole = match leaves {
        Some(leaves) => Some(leaves.finish(tree).await?),
        None => None,
    };
    let content = Content::tree(cid, tree.entry.size, tree.dag.clone(), Arc::new(Nothing));
    Ok(folder_item(content, whole, name, request))
}

/// `content`: the nodes of the folders, for stores of keys. `whole`: everything, for stores of CIDs.
pub(crate) fn folder_item(
    content: Content,
    whole: Option<Content>,
    name: Option<String>,
    request: &AddRequest,
) -> Item {
    let (profile, existing) = (request.profile, Existing::Replace);
    Item { content, kind: ContentKind::Directory, profile, key: None, whole, existing, name, look: false }
}

/// A directory's own content is its nodes; its files are contents of their own, and sent as such.
#[derive(Debug)]
pub(crate) struct Nothing;

#[async_trait]
impl Open for Nothing {
    async fn open(&self, _: Range<u64>) -> Result<ByteStream> {
        Err(Error::new(ErrorKind::Unsupported, "a directory's files are contents of their own"))
    }
}

impl Namer<'_> {
    pub(super) async fn folder(&self, path: &Path) -> Result<Name> {
        let mut walk = self.walk(path)?;
        while walk.found.recv().await.is_some() {}
        let tree = walk.task.await.map_err(trouble::lost)??;
        let cid = ipld::address::to_v1(&tree.entry.cid);
        Ok(Name { cid, size: tree.entry.size, files: tree.files, kind: ContentKind::Directory })
    }

    fn walk(&self, path: &Path) -> Result<Walk> {
        let (tx, found) = mpsc::channel(AHEAD);
        let cancelled = Arc::new(AtomicBool::new(false));
        let path = std::path::absolute(path).map_err(|err| trouble::file("find", path, err))?;
        let activity = self.request.activity.clone();
        let how = How {
            profile: self.request.profile,
            hidden: self.request.hidden,
            digests: self.digests.clone(),
            progress: activity.named.clone(),
            cancelled: cancelled.clone(),
            spool: self.spool.clone(),
        };
        let found_files = move |files: Vec<Found>| {
            activity.announce(files.iter().map(|file| file.named.entry.size).sum());
            tx.blocking_send(files).map_err(|_| Error::new(ErrorKind::Internal, "given up"))
        };
        let visitor = Visitor { how, found: found_files };
        let root = path.clone();
        let task = tokio::task::spawn_blocking(move || naming::walk(&path, visitor));
        Ok(Walk { root, found, task, _stop: StopOnDrop(cancelled) })
    }
}

struct Walk {
    root: PathBuf,
    found: mpsc::Receiver<Vec<Found>>,
    task: tokio::task::JoinHandle<Result<Tree>>,
    _stop: StopOnDrop,
}

fn item(found: Found, root: &Path, request: &AddRequest) -> Result<Item> {
    let Found { path, fingerprint, named } = found;
    let key = match &request.place {
        Place::Under(prefix) => Some(key_under(prefix, path.strip_prefix(root).unwrap_or(&path))?),
        _ => None,
    };
    let content = content(None, path, Some(fingerprint), named);
    let (kind, existing) = (kind_of(&content), request.existing);
    Ok(Item { content, kind, profile: request.profile, key, whole: None, existing, name: None, look: false })
}

/// Files of equal bytes that go to the same place are one.
pub(crate) fn distinct(mut items: Vec<Item>) -> Vec<Item> {
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert((*item.content.cid(), item.place().to_owned())));
    items
}

/// Keys are text: a file whose name is not has none.
fn key_under(prefix: &str, path: &Path) -> Result<Key> {
    let text = path.to_str().ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("the name of {} is not text, so it can be no key", trouble::shown(path)),
        )
    })?;
    Key::new(format!("{prefix}{text}"))
}
