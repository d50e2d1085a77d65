//! Whether two files are the same, and what that was seen by. Equality that nobody has looked at is never claimed.

use super::entry::Entry;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compare {
    /// Sizes and times; where one side has no time, or they differ, the bytes' digests.
    #[default]
    Times,
    /// The bytes' digests: from the catalog, from the services, else by reading.
    Checksums,
    /// Sizes alone.
    Sizes,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComparedBy {
    /// A digest of all bytes.
    Checksum,
    /// Size, and the time of the last change.
    SizeAndTime,
    /// The size.
    Size,
    /// The target did not have it.
    Absent,
    /// Nothing that both sides have: it was sent.
    Nothing,
}

impl ComparedBy {
    /// Its stable name, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            ComparedBy::Checksum => "checksum",
            ComparedBy::SizeAndTime => "size_and_time",
            ComparedBy::Size => "size",
            ComparedBy::Absent => "absent",
            ComparedBy::Nothing => "nothing",
        }
    }
}

/// What the listings tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Equal(ComparedBy),
    Differs(ComparedBy),
    /// Only the bytes can tell.
    Unsure,
}

/// By what the listings tell, without reading anything.
pub(super) fn at_a_glance(source: &Entry, target: Option<&Entry>, how: Compare) -> Verdict {
    let Some(target) = target else { return Verdict::Differs(ComparedBy::Absent) };
    let sizes = source.size.zip(target.size);
    match (sizes, how) {
        (Some((one, two)), _) if one != two => return Verdict::Differs(ComparedBy::Size),
        (Some(_), Compare::Sizes) => return Verdict::Equal(ComparedBy::Size),
        (Some(_), Compare::Times) if source.modified.is_some() && source.modified == target.modified => {
            return Verdict::Equal(ComparedBy::SizeAndTime);
        }
        _ => {}
    }
    match source.known.as_ref().zip(target.known.as_ref()) {
        Some((one, two)) if one.cid == two.cid => Verdict::Equal(ComparedBy::Checksum),
        // Names of two profiles differ though the bytes are the same.
        Some((one, two)) if one.profile == two.profile && one.profile != 0 => Verdict::Differs(ComparedBy::Checksum),
        _ => Verdict::Unsure,
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Known;
    use super::*;

    fn entry(size: Option<u64>, modified: Option<i64>, known: Option<(&[u8], u16)>) -> Entry {
        let known = known.map(|(bytes, profile)| Known {
            cid: ipld::address::sha256(ipld::address::RAW, bytes),
            content: None,
            profile,
        });
        Entry { size, modified, known, ..Entry::file(b"a".to_vec()) }
    }

    #[test]
    fn nothing_is_equal_that_was_not_looked_at() {
        use ComparedBy::{Absent, Checksum, Size, SizeAndTime};
        use Verdict::{Differs, Equal, Unsure};
        let here = entry(Some(5), Some(7), None);
        let check = |target: Entry, wanted: [Verdict; 3]| {
            let all = [Compare::Times, Compare::Checksums, Compare::Sizes];
            assert_eq!(all.map(|how| at_a_glance(&here, Some(&target), how)), wanted, "{target:?}");
        };
        assert_eq!(at_a_glance(&here, None, Compare::Sizes), Differs(Absent));
        check(entry(Some(6), Some(7), None), [Differs(Size); 3]);
        check(entry(Some(5), Some(7), None), [Equal(SizeAndTime), Unsure, Equal(Size)]);
        check(entry(Some(5), Some(8), None), [Unsure, Unsure, Equal(Size)]);
        check(entry(Some(5), None, None), [Unsure, Unsure, Equal(Size)]);
        check(entry(None, Some(7), None), [Unsure; 3]);
        let known = |bytes: &'static [u8], profile| entry(None, None, Some((bytes, profile)));
        let named = |target: Entry| at_a_glance(&known(b"x", 1), Some(&target), Compare::Times);
        assert_eq!(named(known(b"x", 2)), Equal(Checksum));
        assert_eq!(named(known(b"y", 1)), Differs(Checksum));
        assert_eq!(named(known(b"y", 2)), Unsure);
    }
}
