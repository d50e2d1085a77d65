//! One line of a sorted listing, and its form on disk while a listing is being sorted.

use cid::Cid;

use crate::catalog::ContentNumber;

/// What lies under one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Relative to the end of the transfer. Bytes: names of files need not be text.
    pub(crate) path: Vec<u8>,
    pub(crate) what: What,
    /// Plain bytes.
    pub(crate) size: Option<u64>,
    /// When what it was made of was last written, nanoseconds since 1970 UTC. `None`: not known, or only when this copy was written.
    pub(crate) modified: Option<i64>,
    /// Changes when the bytes do, if the store says so.
    pub(crate) etag: Option<String>,
    /// The store's own word for it.
    pub(crate) handle: Option<String>,
    /// What the catalog knows it to be.
    pub(crate) known: Option<Known>,
}

/// Content as the catalog names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) cid: Cid,
    pub(crate) content: Option<ContentNumber>,
    /// 0 where none is known.
    pub(crate) profile: u16,
}

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    File,
    /// It is not followed and not copied.
    Link,
    /// A pipe, a socket, a device; a folder under the name of a file.
    Other,
    /// A folder that could not be listed.
    Unreadable,
}

const WHATS: [What; 4] = [What::File, What::Link, What::Other, What::Unreadable];

impl Entry {
    pub(crate) fn file(path: Vec<u8>) -> Self {
        Self { path, what: What::File, size: None, modified: None, etag: None, handle: None, known: None }
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        shown(&self.path)
    }

    /// The path first, so that encoded entries can be compared without being decoded.
    pub(super) fn encode(&self, into: &mut Vec<u8>) {
        put(into, &self.path);
        into.push(WHATS.iter().position(|it| *it == self.what).unwrap_or(0) as u8);
        put_number(into, self.size);
        put_number(into, self.modified.map(i64::cast_unsigned));
        put_text(into, self.etag.as_deref());
        put_text(into, self.handle.as_deref());
        put(into, &self.known.as_ref().map(|it| it.cid.to_bytes()).unwrap_or_default());
        put_number(into, self.known.as_ref().and_then(|it| it.content).map(|it| it.get().cast_unsigned()));
        put_number(into, self.known.as_ref().map(|it| u64::from(it.profile)));
    }

    /// `None`: these are not the bytes that were written.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let from = &mut bytes;
        let path = take(from)?.to_vec();
        let (what, rest) = from.split_first()?;
        *from = rest;
        let what = *WHATS.get(usize::from(*what))?;
        let size = take_number(from)?;
        let modified = take_number(from)?.map(u64::cast_signed);
        let etag = take_text(from)?;
        let handle = take_text(from)?;
        let cid = take(from)?;
        let content = take_number(from)?.map(|it| ContentNumber::new(it.cast_signed()));
        let profile = take_number(from)?.and_then(|it| u16::try_from(it).ok());
        let known = match cid {
            [] => None,
            cid => Some(Known { cid: Cid::try_from(cid).ok()?, content, profile: profile.unwrap_or(0) }),
        };
        Some(Self { path, what, size, modified, etag, handle, known })
    }
}

/// The path of an encoded entry.
pub(super) fn path_of(encoded: &[u8]) -> &[u8] {
    let mut from = encoded;
    take(&mut from).unwrap_or_default()
}

/// A path for people: no control character of a hostile name reaches a terminal.
pub(crate) fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    text.chars().flat_map(|it| if it.is_control() { it.escape_debug().collect() } else { vec![it] }).collect()
}

fn put(into: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    into.extend_from_slice(&len.to_le_bytes());
    into.extend_from_slice(&bytes[..len as usize]);
}

fn put_text(into: &mut Vec<u8>, text: Option<&str>) {
    into.push(u8::from(text.is_some()));
    put(into, text.unwrap_or_default().as_bytes());
}

fn put_number(into: &mut Vec<u8>, number: Option<u64>) {
    into.push(u8::from(number.is_some()));
    into.extend_from_slice(&number.unwrap_or_default().to_le_bytes());
}

fn take<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, rest) = from.split_first_chunk::<4>()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    *from = rest;
    Some(bytes)
}

fn take_text(from: &mut &[u8]) -> Option<Option<String>> {
    let (is_some, rest) = from.split_first()?;
    *from = rest;
    let text = std::str::from_utf8(take(from)?).ok()?;
    Some((*is_some == 1).then(|| text.to_owned()))
}

fn take_number(from: &mut &[u8]) -> Option<Option<u64>> {
    let (is_some, rest) = from.split_first()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    *from = rest;
    Some((*is_some == 1).then(|| u64::from_le_bytes(*number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entry: Entry) {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        assert_eq!(path_of(&bytes), entry.path);
        assert_eq!(Entry::decode(&bytes), Some(entry));
        (0..bytes.len()).for_each(|len| drop(Entry::decode(&bytes[..len])));
    }

    #[test]
    fn what_is_put_aside_comes_back() {
        check(Entry::file(b"a/\xff".to_vec()));
        let cid = ipld::address::sha256(ipld::address::RAW, b"x");
        check(Entry {
            what: What::Link,
            size: Some(0),
            modified: Some(-7),
            etag: Some(String::new()),
            handle: Some("h \u{e9}".into()),
            known: Some(Known { cid, content: Some(ContentNumber::new(5)), profile: 3 }),
            ..Entry::file(Vec::new())
        });
    }
}
