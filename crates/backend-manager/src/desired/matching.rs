//! Which policy content gets when nobody names one.

use std::collections::BTreeMap;

use globset::GlobBuilder;

use crate::config::{Match, PolicyFile};

/// What is known of content before it is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traits {
    pub(crate) name: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Traits {
    /// Whether some rule of `policy` fits.
    pub(crate) fn fit(&self, policy: &PolicyFile) -> bool {
        policy.matches.iter().any(|rule| self.fits(rule))
    }

    fn fits(&self, rule: &Match) -> bool {
        let name = self.name.as_deref();
        let media_type = || name.and_then(|name| mime_guess::from_path(name).first_raw());
        rule.name.as_ref().is_none_or(|pattern| name.is_some_and(|name| is_like(pattern, name)))
            && rule.media_type.as_ref().is_none_or(|pattern| media_type().is_some_and(|it| is_like(pattern, it)))
            && rule.min_size.is_none_or(|least| self.size.is_some_and(|size| least.bytes() <= size))
            && rule.max_size.is_none_or(|most| self.size.is_some_and(|size| size <= most.bytes()))
            && rule.labels.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

/// A pattern without a slash is about the last part of a name.
fn is_like(pattern: &str, text: &str) -> bool {
    let last = text.rsplit('/').next().unwrap_or(text);
    let text = if pattern.contains('/') { text } else { last };
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: Match, wanted: bool) {
        let labels = BTreeMap::from([("tier".to_owned(), "cold".to_owned())]);
        let traits = Traits { name: Some("films/night.mkv".to_owned()), size: Some(5 << 20), labels };
        let file = PolicyFile { matches: vec![rule.clone()], ..PolicyFile::default() };
        assert_eq!(traits.fit(&file), wanted, "{rule:?}");
        assert!(!Traits::default().fit(&file), "nothing is known: {rule:?}");
    }

    #[test]
    fn all_that_a_rule_says_must_be_true() {
        let name = |pattern: &str| Match { name: Some(pattern.to_owned()), ..Match::default() };
        check(name("*.mkv"), true);
        check(name("films/*"), true);
        check(name("f*v"), false);
        check(name("music/**"), false);
        check(Match { media_type: Some("video/*".to_owned()), ..Match::default() }, true);
        check(Match { media_type: Some("audio/*".to_owned()), ..Match::default() }, false);
        let size = |text: &str| Some(text.parse().unwrap());
        check(Match { min_size: size("5MiB"), max_size: size("5MiB"), ..Match::default() }, true);
        check(Match { min_size: size("6MiB"), ..name("*.mkv") }, false);
        check(Match { max_size: size("4MiB"), ..Match::default() }, false);
        let label = |value: &str| BTreeMap::from([("tier".to_owned(), value.to_owned())]);
        check(Match { labels: label("cold"), ..Match::default() }, true);
        check(Match { labels: label("hot"), ..Match::default() }, false);
    }
}
