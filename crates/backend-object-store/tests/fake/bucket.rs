//! What a bucket holds: objects with generations, uploads in parts, blocks that wait for their list.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;

/// A bucket called `suite`.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<String, Object>,
    pub(crate) uploads: HashMap<String, Upload>,
    /// By blob, then by block.
    pub(crate) blocks: HashMap<String, HashMap<String, Bytes>>,
    /// Conditions are read by nobody.
    pub(crate) ignores_conditions: bool,
    last: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) bytes: Bytes,
    /// New with every write.
    pub(crate) generation: u64,
    /// What goes along, as headers.
    pub(crate) about: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) about: Vec<(String, String)>,
    pub(crate) parts: BTreeMap<usize, Bytes>,
}

/// One page of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(String, Object)>,
    pub(crate) folders: Vec<String>,
    pub(crate) next: Option<String>,
}

impl Bucket {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    pub(crate) fn next(&mut self) -> u64 {
        self.last += 1;
        1_700_000_000_000_000 + self.last
    }

    pub(crate) fn put(&mut self, name: &str, bytes: Bytes, about: Vec<(String, String)>) -> u64 {
        let generation = self.next();
        self.objects.insert(name.to_owned(), Object { bytes, generation, about });
        generation
    }

    /// Names with this prefix, behind `after`, at most so many; with a delimiter, one level.
    pub(crate) fn page(&self, prefix: &str, delimiter: bool, after: Option<&str>, most: usize) -> Page {
        let mut page = Page::default();
        let mut last = String::new();
        for (name, object) in self.objects.range(prefix.to_owned()..) {
            if !name.starts_with(prefix) {
                break;
            }
            let rest = &name[prefix.len()..];
            let folder = rest.split_once('/').filter(|_| delimiter).map(|(first, _)| format!("{prefix}{first}/"));
            let line = folder.clone().unwrap_or_else(|| name.clone());
            if after.is_some_and(|after| name.as_str() <= after || line.as_str() <= after) || line == last {
                continue;
            }
            if most <= page.objects.len() + page.folders.len() {
                page.next = Some(last);
                return page;
            }
            match folder {
                Some(folder) => page.folders.push(folder),
                None => page.objects.push((name.clone(), object.clone())),
            }
            last = line;
        }
        page
    }
}

/// `bytes=a-b`, `bytes=a-`, `bytes=-n` of so many bytes; `None`: not satisfiable.
pub(crate) fn range(text: &str, len: u64) -> Option<(u64, u64)> {
    let (start, end) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (start.parse::<u64>(), end.parse::<u64>()) {
        (Ok(start), Ok(end)) => (start, (end + 1).min(len)),
        (Ok(start), Err(_)) => (start, len),
        (Err(_), Ok(n)) => (len.saturating_sub(n), len),
        _ => return None,
    };
    (start < end).then_some((start, end))
}

/// For XML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What stands between the tags.
pub(crate) fn between<'a>(text: &'a str, tag: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    text.split(open.as_str()).skip(1).filter_map(|rest| rest.split(close.as_str()).next()).collect()
}
