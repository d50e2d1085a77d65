//! The names in one folder, sorted, in little memory.

use backend_core::{Error, ErrorKind, Result};
use bytes::Bytes;

use super::session::Session;
use super::wire::{Attrs, Field, Reply, What, kind};
use crate::error::{Code, failed};

/// Requests for names that are on their way at once: OpenSSH answers each with 100 names.
const AT_ONCE: usize = 8;
/// The most bytes of names that are kept of one folder.
const MAX_TEXT: usize = 256 << 20;
/// A server that answers so often without a name that is kept never comes to an end.
const MAX_REPLIES: usize = 10_000_000;

/// Names of files and folders in the order of keys, each with one allocation shared by all: about 40 bytes more than the name itself.
#[derive(Debug, Default)]
pub(crate) struct Names {
    text: String,
    spans: Vec<Span>,
}

/// Where a name begins and how long it is, and what is known of the file. A folder's ends with a slash, so that the order is that of the keys in it.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    len: u16,
    size: Option<u64>,
    modified: Option<u32>,
}

impl Names {
    /// Reads an open folder to its end, and closes it. `wants` is asked for each name before it is kept; names that can be no part of a key are left
    /// out, as is whatever is neither a file nor a folder. `folder` is its path, to ask about a name of which the server does not say what it is.
    pub(crate) async fn read(
        session: &mut Session,
        handle: &[u8],
        folder: &[u8],
        wants: impl Fn(&str) -> bool + Send,
    ) -> Result<Self> {
        let mut names = Self::default();
        let mut is_over = false;
        let mut unsaid = Vec::new();
        for _ in 0..MAX_REPLIES {
            while !is_over && session.in_flight() < AT_ONCE {
                session.ask(kind::READDIR, &[Field::Text(handle)]);
            }
            if session.in_flight() == 0 {
                break;
            }
            match session.answer().await?.1 {
                Reply::Names(found) => names.take(found, &mut unsaid, &wants)?,
                Reply::Status(Code::EOF) => is_over = true,
                Reply::Status(code) if code != Code::OK => return Err(failed("read a folder", code)),
                _ => return Err(session.unexpected()),
            }
        }
        if 0 < session.in_flight() {
            return Err(session.unexpected());
        }
        session.close(handle).await?;
        names.ask(session, folder, unsaid, wants).await?;
        names.sort();
        Ok(names)
    }

    fn take(
        &mut self,
        found: Vec<(Bytes, Attrs)>,
        unsaid: &mut Vec<String>,
        wants: impl Fn(&str) -> bool,
    ) -> Result<()> {
        for (name, attrs) in found {
            let Some(name) = segment(&name) else { continue };
            match attrs.what() {
                What::File if wants(name) => self.push(name, "", &attrs)?,
                What::Folder if wants(&format!("{name}/")) => self.push(name, "/", &attrs)?,
                // They are few, or this server says it of none.
                What::Unsaid => unsaid.push(name.to_owned()),
                _ => {}
            }
        }
        match unsaid.len() * 64 < MAX_TEXT {
            true => Ok(()),
            false => Err(too_many()),
        }
    }

    async fn ask(
        &mut self,
        session: &mut Session,
        folder: &[u8],
        unsaid: Vec<String>,
        wants: impl Fn(&str) -> bool + Send,
    ) -> Result<()> {
        for name in unsaid {
            let path = [folder, b"/", name.as_bytes()].concat();
            match session.attrs(kind::LSTAT, &path).await? {
                Ok(attrs) if matches!(attrs.what(), What::File | What::Unsaid) && wants(&name) => {
                    self.push(&name, "", &attrs)?;
                }
                Ok(attrs) if attrs.what() == What::Folder && wants(&format!("{name}/")) => {
                    self.push(&name, "/", &attrs)?;
                }
                // It is neither, or gone meanwhile.
                Ok(_) | Err(Code::NO_SUCH_FILE) => {}
                Err(code) => return Err(failed("look at a name", code)),
            }
        }
        Ok(())
    }

    /// A name, and what is known of it.
    pub(crate) fn get(&self, at: usize) -> Option<(&str, Attrs)> {
        let span = self.spans.get(at)?;
        Some((slice(&self.text, *span), Attrs { size: span.size, mode: None, modified: span.modified }))
    }

    fn push(&mut self, name: &str, end: &str, attrs: &Attrs) -> Result<()> {
        let len = u16::try_from(name.len() + end.len()).map_err(|_| too_many())?;
        if MAX_TEXT < self.text.len() {
            return Err(too_many());
        }
        self.spans.push(Span { start: self.text.len(), len, size: attrs.size, modified: attrs.modified });
        self.text.push_str(name);
        self.text.push_str(end);
        Ok(())
    }

    /// A name that the server gives twice, because the folder changed while it was read, is one name.
    fn sort(&mut self) {
        let text = &self.text;
        self.spans.sort_by(|one, other| slice(text, *one).cmp(slice(text, *other)));
        self.spans.dedup_by(|one, other| slice(text, *one) == slice(text, *other));
    }
}

/// A name as a part of a key. A server is not trusted: what it calls `..` or `a/b` would lead out of the folder, or to another file than the one that is
/// meant.
fn segment(name: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(name).ok()?;
    let is_possible = !matches!(text, "" | "." | "..") && !text.contains('/') && !text.chars().any(char::is_control);
    (is_possible && text.len() <= backend_core::MAX_KEY).then_some(text)
}

fn slice(text: &str, span: Span) -> &str {
    text.get(span.start..span.start + usize::from(span.len)).unwrap_or_default()
}

fn too_many() -> Error {
    Error::new(ErrorKind::TooLarge, "a folder has more names than can be listed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_the_keys_and_hostile_names_are_left_out() {
        let mode = |bits: u32| Attrs { mode: Some(bits), size: Some(1), modified: None };
        let (file, folder) = (mode(0o100_644), mode(0o040_755));
        let found = [
            ("a", folder),
            ("a0", file),
            ("a.txt", file),
            ("..", folder),
            (".", folder),
            ("../up", file),
            ("x/y", file),
            ("/etc/passwd", file),
            ("", file),
            ("new\nline", file),
            ("esc\x1b[2J", file),
            ("nul\0", file),
            ("link", mode(0o120_777)),
            ("a-b", file),
            ("a0", file),
        ];
        let mut names = Names::default();
        let found = found
            .map(|(name, attrs)| (Bytes::from(name), attrs))
            .into_iter()
            .chain([(Bytes::from(&b"\xff"[..]), file)]);
        names.take(found.collect(), &mut Vec::new(), |_| true).unwrap();
        names.sort();
        let kept: Vec<&str> = (0..).map_while(|n| names.get(n).map(|(name, _)| name)).collect();
        // "a/b" comes after "a.txt" and "a-b", because a slash comes after a dot and a minus, and before "a0".
        assert_eq!(kept, ["a-b", "a.txt", "a/", "a0"]);
    }
}
