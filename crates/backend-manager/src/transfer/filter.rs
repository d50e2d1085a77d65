//! Which paths take part: rules in order, as rclone's, and bounds of size and age. What takes no part is neither copied nor deleted.

use std::time::{Duration, SystemTime};

use backend_core::{Error, ErrorKind, Result};
use globset::{GlobBuilder, GlobMatcher};

use super::entry::Entry;

/// The most rules of one filter.
const RULES: usize = 10_000;

/// What takes part. Without a rule and a bound: everything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    rules: Vec<(Takes, GlobMatcher)>,
    otherwise: Takes,
    min_size: Option<u64>,
    max_size: Option<u64>,
    /// Only what was last written after this.
    since: Option<i64>,
}

/// Whether a rule lets in or keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Takes {
    #[default]
    In,
    Out,
}

impl Filter {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what matches this, and the other patterns that are let in.
    ///
    /// # Errors
    /// `InvalidInput` for what is no pattern.
    pub fn include(mut self, pattern: &str) -> Result<Self> {
        self.otherwise = Takes::Out;
        self.rule(Takes::In, pattern)
    }

    /// Nothing that matches this, unless an earlier rule lets it in.
    ///
    /// # Errors
    /// As [`Filter::include`].
    pub fn exclude(self, pattern: &str) -> Result<Self> {
        self.rule(Takes::Out, pattern)
    }

    /// A rule as rclone writes it: `+ PATTERN` or `- PATTERN`. The first that matches decides.
    ///
    /// # Errors
    /// As [`Filter::include`].
    pub fn filter(self, rule: &str) -> Result<Self> {
        match (rule.strip_prefix("+ "), rule.strip_prefix("- ")) {
            (Some(pattern), _) => self.rule(Takes::In, pattern.trim()),
            (_, Some(pattern)) => self.rule(Takes::Out, pattern.trim()),
            _ => Err(Error::new(ErrorKind::InvalidInput, "a rule is \"+ PATTERN\" or \"- PATTERN\"")),
        }
    }

    /// Only files of so many bytes.
    #[must_use]
    pub fn sized(self, min_size: Option<u64>, max_size: Option<u64>) -> Self {
        Self { min_size, max_size, ..self }
    }

    /// Only files that were written at most so long before `now`.
    #[must_use]
    pub fn younger(self, age: Duration, now: SystemTime) -> Self {
        let since = now.checked_sub(age).and_then(|it| it.duration_since(std::time::UNIX_EPOCH).ok());
        let since = since.map(|it| i64::try_from(it.as_nanos()).unwrap_or(i64::MAX));
        Self { since: since.or(Some(i64::MIN)), ..self }
    }

    fn rule(mut self, takes: Takes, pattern: &str) -> Result<Self> {
        if RULES <= self.rules.len() {
            return Err(Error::new(ErrorKind::InvalidInput, format!("more than {RULES} rules")));
        }
        // A leading slash means the root; else a pattern may begin at any folder. A trailing one means everything in that folder.
        let anchored = pattern.strip_prefix('/').map_or_else(|| format!("**/{pattern}"), str::to_owned);
        let whole = if anchored.ends_with('/') { format!("{anchored}**") } else { anchored };
        let glob = GlobBuilder::new(&whole).literal_separator(true).build().map_err(|err| {
            Error::new(ErrorKind::InvalidInput, format!("\"{}\" is no pattern", pattern.escape_debug()))
                .with_source(err)
        })?;
        self.rules.push((takes, glob.compile_matcher()));
        Ok(self)
    }

    pub(super) fn takes(&self, entry: &Entry) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(&entry.path));
        let fitting = self.rules.iter().find(|(_, glob)| glob.is_match(path));
        let takes = fitting.map_or(self.otherwise, |rule| rule.0);
        let size = |fits: &dyn Fn(u64) -> bool| entry.size.is_none_or(fits);
        takes == Takes::In
            && self.min_size.is_none_or(|min| size(&|it| min <= it))
            && self.max_size.is_none_or(|max| size(&|it| it <= max))
            && self.since.is_none_or(|since| entry.modified.is_none_or(|at| since <= at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &Filter, wanted: &str) {
        let paths = ["a.jpg", "a.txt", "dir/b.jpg", "dir/sub/c.txt", "tmp/x"];
        let taken: Vec<_> =
            paths.into_iter().filter(|path| filter.takes(&Entry::file(path.as_bytes().to_vec()))).collect();
        assert_eq!(taken.join(" "), wanted, "{filter:?}");
    }

    #[test]
    fn rules_are_those_of_rclone() {
        check(&Filter::new(), "a.jpg a.txt dir/b.jpg dir/sub/c.txt tmp/x");
        check(&Filter::new().include("*.jpg").unwrap(), "a.jpg dir/b.jpg");
        check(&Filter::new().include("/*.jpg").unwrap(), "a.jpg");
        check(&Filter::new().exclude("*.jpg").unwrap(), "a.txt dir/sub/c.txt tmp/x");
        check(&Filter::new().exclude("tmp/").unwrap().exclude("/dir/**").unwrap(), "a.jpg a.txt");
        check(&Filter::new().filter("+ a.*").unwrap().filter("- *.txt").unwrap(), "a.jpg a.txt dir/b.jpg tmp/x");
        check(
            &Filter::new().include("*.{jpg,txt}").unwrap().exclude("a.*").unwrap(),
            "a.jpg a.txt dir/b.jpg dir/sub/c.txt",
        );
        assert!(Filter::new().include("[").is_err() && Filter::new().filter("x").is_err());
    }

    #[test]
    fn sizes_and_ages_bound() {
        let entry = |size, at| Entry { size: Some(size), modified: Some(at), ..Entry::file(b"a".to_vec()) };
        let filter = Filter::new().sized(Some(10), Some(20));
        assert_eq!([9, 10, 20, 21].map(|size| filter.takes(&entry(size, 0))), [false, true, true, false]);
        let now = std::time::UNIX_EPOCH + Duration::from_secs(100);
        let filter = Filter::new().younger(Duration::from_secs(10), now);
        assert_eq!([89, 90, 100].map(|at| filter.takes(&entry(0, at * 1_000_000_000))), [false, true, true]);
    }
}
