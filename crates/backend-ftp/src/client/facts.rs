//! The facts of `MLST` and `MLSD` (RFC 3659, section 7), times and digests as servers write them.

use std::time::{Duration, SystemTime};

use backend_core::Result;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::error::strange;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// The folder itself, the one above, a link, a device.
    Other,
}

/// What is said of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<SystemTime>,
    pub(crate) name: String,
}

/// The one entry in a reply to `MLST`: the line that begins with a space.
///
/// # Errors
/// `Internal` when there is none.
pub(crate) fn of_reply(text: &str) -> Result<Facts> {
    let line = text.lines().skip(1).find_map(|line| line.strip_prefix(' ').or_else(|| line.strip_prefix("250- ")));
    line.and_then(of_line).ok_or_else(|| strange("the server answers MLST without facts"))
}

/// `type=file;size=5;modify=20261127100000; name`. The name is everything behind the first space.
pub(crate) fn of_line(line: &str) -> Option<Facts> {
    let (facts, name) = line.split_once(' ')?;
    let mut found = Facts { kind: Kind::Other, size: None, modified: None, name: name.to_owned() };
    let mut has_type = false;
    for fact in facts.split(';').filter(|fact| !fact.is_empty()) {
        let (key, value) = fact.split_once('=')?;
        match key.to_ascii_lowercase().as_str() {
            "type" => {
                has_type = true;
                found.kind = match value.to_ascii_lowercase().as_str() {
                    "file" => Kind::File,
                    "dir" => Kind::Folder,
                    _ => Kind::Other,
                };
            }
            "size" => found.size = Some(value.parse().ok()?),
            "modify" => found.modified = time(value),
            _ => {}
        }
    }
    has_type.then_some(found)
}

/// `YYYYMMDDHHMMSS`, perhaps with a fraction, in UTC.
pub(crate) fn time(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let digits = text.split('.').next()?;
    if digits.len() != 14 || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to)?.parse::<i16>().ok();
    let small = |from: usize| part(from, from + 2).and_then(|it| i8::try_from(it).ok());
    let at = DateTime::new(part(0, 4)?, small(4)?, small(6)?, small(8)?, small(10)?, small(12)?, 0).ok()?;
    let seconds = TimeZone::UTC.to_timestamp(at).ok()?.as_second();
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// The first word of 64 hexadecimal digits: `213 SHA-256 0-49 <digest> name`, or `250 <digest>`.
pub(crate) fn sha256(text: &str) -> Option<[u8; 32]> {
    let is_digest = |word: &&str| word.len() == 64 && word.bytes().all(|it| it.is_ascii_hexdigit());
    let word = text.split_whitespace().find(is_digest)?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(word.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_real_servers_are_read() {
        let lines = [
            "modify=20261127100000;perm=adfrw;size=5;type=file;unique=801g5; a b",
            "Type=file;Size=5;Modify=20261127100000.123;UNIX.mode=0644; a b",
        ];
        for line in lines {
            let found = of_line(line).unwrap();
            assert_eq!((found.kind, found.size, found.name.as_str()), (Kind::File, Some(5), "a b"), "{line}");
            assert_eq!(found.modified, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_773_600)), "{line}");
        }
        for (word, kind) in [("dir", Kind::Folder), ("cdir", Kind::Other), ("OS.unix=slink:/etc", Kind::Other)] {
            assert_eq!(of_line(&format!("type={word}; x")).unwrap().kind, kind);
        }
        let reply = "250-Listing\r\n type=file;size=7; /a/b\r\n250 End";
        assert_eq!(of_reply(reply).unwrap().size, Some(7));
    }

    #[test]
    fn what_are_no_facts_is_refused() {
        for line in ["", "x", "size=5; a", "type=file;size=x; a", "type=file;size=-1; a", "type; a", "-rw-r--r-- 1 a"] {
            assert_eq!(of_line(line), None, "{line}");
        }
        assert!(of_reply("250 type=file; a").is_err());
        for text in ["", "2026", "20261327100000", "2026112710000x", "19601127100000"] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn digests_are_found_in_both_answers() {
        let hex = "ab".repeat(32);
        assert_eq!(sha256(&format!("213 SHA-256 0-49 {hex} name")), Some([0xab; 32]));
        assert_eq!(sha256(&format!("250 {}", hex.to_uppercase())), Some([0xab; 32]));
        assert_eq!(sha256("213 SHA-1 0-49 abab name"), None);
    }
}
