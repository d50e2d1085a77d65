//! What is known to be wrong with what lies under a name, and what of it may stay.

use std::ops::Range;

/// What lies under the name was read, and is wrong. It is a permission and no duty: the good bytes that lie there may be kept, or everything is sent. Either
/// way the result is whole, or the call fails and nothing that was good is worse.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mend {
    /// In order, none empty, none touching another; none at all: nothing of what is there may be kept.
    wrong: Vec<Range<u64>>,
}

/// Where the bytes of a run come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// What lies there is good.
    Kept,
    /// From the source.
    Sent,
}

impl Mend {
    /// Nothing of what lies there may be kept.
    pub fn all() -> Self {
        Self::default()
    }

    /// These plain bytes are wrong, and no others. A range may lie behind the end of the content: there is more than there should be. No range that holds a
    /// byte: as [`Mend::all`].
    pub fn wrong(ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let mut sorted: Vec<Range<u64>> = ranges.into_iter().filter(|it| it.start < it.end).collect();
        sorted.sort_unstable_by_key(|it| it.start);
        let mut wrong: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match wrong.last_mut().filter(|last| range.start <= last.end) {
                Some(last) => last.end = last.end.max(range.end),
                None => wrong.push(range),
            }
        }
        Self { wrong }
    }

    /// The ranges that are wrong; none: everything is.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.wrong
    }

    /// Content of `len` bytes as runs, in order and without a gap, when `there` bytes lie under the name: what is not there is sent.
    pub fn runs(&self, len: u64, there: u64) -> Vec<(Range<u64>, Run)> {
        let there = if self.wrong.is_empty() { 0 } else { there.min(len) };
        let mut runs: Vec<(Range<u64>, Run)> = Vec::new();
        let mut at = 0;
        let missing = there..len;
        for wrong in self.wrong.iter().chain([&missing]) {
            let (start, end) = (wrong.start.min(there).max(at), wrong.end.min(len));
            if at < start {
                runs.push((at..start, Run::Kept));
            }
            if start < end {
                match runs.last_mut().filter(|(_, run)| *run == Run::Sent) {
                    Some((last, _)) => last.end = end,
                    None => runs.push((start..end, Run::Sent)),
                }
            }
            at = at.max(start).max(end);
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `k` and `s` with the length of each run.
    fn shown(runs: &[(Range<u64>, Run)]) -> String {
        let mut at = 0;
        let mut text = String::new();
        for (range, run) in runs {
            assert!(range.start == at && range.start < range.end, "{runs:?}");
            at = range.end;
            text += &format!("{}{} ", if *run == Run::Kept { "k" } else { "s" }, range.end - range.start);
        }
        text.trim_end().to_owned()
    }

    #[test]
    fn what_is_good_is_kept_and_the_rest_is_sent() {
        let cases: [(&[Range<u64>], u64, u64, &str); 12] = [
            (&[], 10, 10, "s10"),
            (&[3..4], 10, 10, "k3 s1 k6"),
            (&[0..4, 8..10], 10, 10, "s4 k4 s2"),
            (&[8..9, 2..4, 3..5, 5..6], 10, 10, "k2 s4 k2 s1 k1"),
            (&[3..4], 10, 7, "k3 s1 k3 s3"),
            (&[6..10], 10, 7, "k6 s4"),
            (&[2..3], 10, 0, "s10"),
            (&[2..3], 10, 3, "k2 s8"),
            (&[10..14], 10, 14, "k10"),
            (&[8..14], 10, 14, "k8 s2"),
            (&[4..4], 10, 10, "s10"),
            (&[0..4], 0, 4, ""),
        ];
        for (wrong, len, there, wanted) in cases {
            let mend = Mend::wrong(wrong.iter().cloned());
            let runs = mend.runs(len, there);
            assert_eq!(shown(&runs), wanted, "{wrong:?} of {len}, {there} there");
            assert_eq!(runs.last().map_or(0, |(range, _)| range.end), len);
        }
    }
}
