//! Segments back from stores: which there are of which catalog, whole and unaltered or not at all, put together in the order in which they were written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};

use backend_core::{Error, ErrorKind, GetOptions, Locator, Result};
use futures::{StreamExt, TryStreamExt};
use sha2::{Digest as _, Sha256};

use super::line::{Head, LINE_MAX, Line, Tail};
use super::{Lying, segments};
use crate::catalog::state::{Merged, Segment};
use crate::fleet::Member;
use crate::manager::Manager;
use crate::naming;
use crate::trouble;

/// The longest segment, bytes: some ten million names.
const SEGMENT_MAX: u64 = 4 << 30;
/// Of a segment that is only asked whose it is.
const HEAD_MAX: u64 = 1 << 20;

/// Who has a segment.
type Holders = Vec<(Member, Lying)>;

/// All segments that lie on some stores, by catalog.
#[derive(Debug, Default)]
pub(crate) struct Segments(BTreeMap<String, BTreeMap<(i64, i64), Holders>>);

/// What is to be read of one catalog.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// Which catalog.
    pub(crate) catalog: String,
    /// Up to which change.
    pub(crate) to: i64,
    /// In order, each with the stores that have it.
    links: Vec<Holders>,
    /// What is missing between them.
    pub(crate) gaps: Vec<String>,
}

impl Segments {
    /// Looks what lies on a store.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn look(&mut self, member: &Member) -> Result<()> {
        for lying in segments(member, None).await? {
            let of = self.0.entry(lying.catalog.clone()).or_default();
            of.entry((lying.segment.to, lying.segment.from)).or_default().push((member.clone(), lying));
        }
        Ok(())
    }

    /// The state that is meant: of the catalog `wanted`, else of `own` where there is one, else of the only one whose place no other has taken.
    ///
    /// # Errors
    /// `InvalidInput` that names them, when there are several; `NotFound` for one that there is not.
    pub(crate) async fn choose(&self, wanted: Option<&str>, own: &str) -> Result<Option<Chain>> {
        if let Some(wanted) = wanted {
            let missing = || Error::new(ErrorKind::NotFound, format!("no store has the state of a catalog {wanted}"));
            return self.chain(wanted).ok_or_else(missing).map(Some);
        }
        if let Some(chain) = self.chain(own) {
            return Ok(Some(chain));
        }
        let mut chains: Vec<Chain> = self.0.keys().filter_map(|id| self.chain(id)).collect();
        let mut over: BTreeMap<String, i64> = BTreeMap::new();
        for chain in &chains {
            if let Some(head) = chain.newest_head().await {
                over.extend(head.supersedes);
            }
        }
        chains.retain(|chain| over.get(&chain.catalog).is_none_or(|to| *to < chain.to));
        match chains.len() {
            0 | 1 => Ok(chains.pop()),
            _ => {
                let names: Vec<&str> = chains.iter().map(|it| it.catalog.as_str()).collect();
                let text = format!("the stores have states of several catalogs; choose one: {}", names.join(", "));
                Err(Error::new(ErrorKind::InvalidInput, text))
            }
        }
    }

    /// The newest whole segment and everything behind it.
    fn chain(&self, catalog: &str) -> Option<Chain> {
        let all = self.0.get(catalog)?;
        let whole = all.keys().filter(|(_, from)| *from == 0).map(|(to, _)| *to).max();
        let mut chain = Chain { catalog: catalog.to_owned(), ..Chain::default() };
        let mut covered = match whole {
            Some(to) => to,
            None => {
                chain.gaps.push("what was first in it".to_owned());
                0
            }
        };
        for ((to, from), holders) in all {
            let is_needed = if *from == 0 { Some(*to) == whole } else { whole.is_none_or(|whole| whole < *to) };
            if !is_needed {
                continue;
            }
            if covered < *from {
                chain.gaps.push(format!("changes {} to {from}", covered + 1));
            }
            covered = covered.max(*to);
            chain.links.push(holders.clone());
        }
        chain.to = covered;
        Some(chain)
    }
}

impl Chain {
    async fn newest_head(&self) -> Option<Head> {
        for (member, lying) in self.links.last()? {
            let Ok(fetched) = member.backend.get(&Locator::new(lying.key.clone()), &GetOptions::default()).await else {
                continue;
            };
            let (mut body, mut bytes) = (fetched.body, Vec::new());
            while let Some(Ok(frame)) = body.next().await {
                bytes.extend_from_slice(&frame);
                if bytes.contains(&b'\n') || HEAD_MAX < bytes.len() as u64 {
                    break;
                }
            }
            let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            if let Ok(head) = serde_json::from_slice(first) {
                return Some(head);
            }
        }
        None
    }

    /// Puts the segments together. What cannot be had whole from any store is told, and the others are taken all the same.
    ///
    /// # Errors
    /// What the disk answers.
    pub(crate) async fn merged(&self, manager: &Manager) -> Result<(Merged, Vec<String>)> {
        let folder = manager.spool_folder();
        let fresh = tokio::task::spawn_blocking(move || Merged::new(&folder));
        let (mut merged, mut troubles) = (fresh.await.map_err(trouble::lost)??, self.gaps.clone());
        troubles.iter_mut().for_each(|gap| *gap = format!("the state is not complete: {gap} is missing"));
        for holders in &self.links {
            let mut why = Vec::new();
            for (member, lying) in holders {
                match fetch(manager, member, lying).await {
                    Ok(file) => {
                        let work = move || fill(merged, file);
                        merged = tokio::task::spawn_blocking(work).await.map_err(trouble::lost)??;
                        why.clear();
                        break;
                    }
                    Err(err) => why.push(format!("{} on {}: {}", lying.key, member.name, err.message())),
                }
            }
            troubles.extend(why);
        }
        Ok((merged, troubles))
    }
}

/// A segment in a file of this machine, held against its own last line.
async fn fetch(manager: &Manager, member: &Member, lying: &Lying) -> Result<File> {
    let fetched = member.backend.get(&Locator::new(lying.key.clone()), &GetOptions::default()).await?;
    let mut len = 0;
    let bounded = fetched.body.and_then(move |frame| {
        len += frame.len() as u64;
        let too_large = || Error::new(ErrorKind::TooLarge, "a segment of more than 4 GiB");
        std::future::ready(if SEGMENT_MAX < len { Err(too_large()) } else { Ok(frame) })
    });
    let (file, _) = naming::spool(bounded.boxed(), &manager.spool_folder()).await?;
    let (catalog, segment) = (lying.catalog.clone(), lying.segment);
    tokio::task::spawn_blocking(move || checked(file, &catalog, segment)).await.map_err(trouble::lost)?
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Integrity, format!("a segment of the state is broken: {what}"))
}

/// The next line without its end; `None` behind the last.
fn next(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Option<()>> {
    line.clear();
    let read = reader.take(LINE_MAX as u64 + 1).read_until(b'\n', line);
    match read.map_err(|err| Error::new(ErrorKind::Internal, "cannot read what was put aside").with_source(err))? {
        0 => Ok(None),
        _ if line.last() != Some(&b'\n') => Err(broken("a line does not end")),
        _ => Ok(Some(())),
    }
}

fn checked(file: File, catalog: &str, segment: Segment) -> Result<File> {
    whole(file, |head| {
        let is_named = head.catalog == catalog && (head.from, head.to) == (segment.from, segment.to);
        head.ipfs_kit == "state" && is_named
    })
}

/// A manifest in a file of this machine, if it is the one of the backup `id`.
///
/// # Errors
/// `Integrity` for what is not whole, or is another one.
pub(crate) fn parsed_head(file: File, word: &str, id: &str) -> Result<File> {
    whole(file, |head| head.ipfs_kit == word && head.id == id)
}

fn whole(mut file: File, is_it: impl FnOnce(&Head) -> bool) -> Result<File> {
    let rewound = |err| Error::new(ErrorKind::Internal, "cannot read what was put aside").with_source(err);
    file.rewind().map_err(rewound)?;
    let (mut reader, mut line, mut hash) = (BufReader::new(&mut file), Vec::new(), Sha256::new());
    next(&mut reader, &mut line)?.ok_or_else(|| broken("it is empty"))?;
    let head: Head = serde_json::from_slice(&line).map_err(|err| broken("its first line").with_source(err))?;
    if head.version != 1 || !is_it(&head) {
        return Err(broken("it is not the one that its name says, or of a newer version"));
    }
    hash.update(&line);
    let mut lines = 0;
    loop {
        next(&mut reader, &mut line)?.ok_or_else(|| broken("its end is missing"))?;
        if let Ok(tail) = serde_json::from_slice::<Tail>(&line) {
            let sha256: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return match tail.end == lines && tail.sha256 == sha256 && next(&mut reader, &mut line)?.is_none() {
                true => Ok(file),
                false => Err(broken("it is not what was written")),
            };
        }
        hash.update(&line);
        lines += 1;
    }
}

/// Puts every line between the first and the last in its place.
pub(crate) fn fill(mut merged: Merged, mut file: File) -> Result<Merged> {
    let rewound = |err| Error::new(ErrorKind::Internal, "cannot read what was put aside").with_source(err);
    file.rewind().map_err(rewound)?;
    merged.together(|merged| {
        let (mut reader, mut line) = (BufReader::new(&mut file), Vec::new());
        next(&mut reader, &mut line)?;
        while next(&mut reader, &mut line)?.is_some() {
            if serde_json::from_slice::<Tail>(&line).is_ok() {
                break;
            }
            let text = std::str::from_utf8(&line).map_err(|err| broken("it is no text").with_source(err))?;
            if let Some(line) = Line::read(text)? {
                line.merge(merged)?;
            }
        }
        Ok(())
    })?;
    Ok(merged)
}
