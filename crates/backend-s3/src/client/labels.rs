//! What is kept beside the bytes, and what of it S3 can keep to the letter.

use std::collections::{BTreeMap, HashMap};

use backend_core::{AddOptions, Result};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::Labels;
use crate::error::refused;

/// S3 API, "Working with object metadata": all of it has at most 2 KB, names and values.
const MAX_METADATA: usize = 2048;
/// S3 API, "Categorizing your storage using tags".
const MAX_TAGS: usize = 10;
const MAX_TAG_NAME: usize = 128;
const MAX_TAG_VALUE: usize = 256;
const MAX_TYPE: usize = 255;

/// What an object is stored with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(super) metadata: HashMap<String, String>,
    /// As `x-amz-tagging` wants it.
    pub(super) tagging: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
}

impl Kept {
    /// # Errors
    /// `InvalidInput` for labels that would not come back as they are.
    pub(crate) fn of(opts: &AddOptions, place: Labels) -> Result<Self> {
        let labels = opts.write.labels.clone();
        let content_type = opts.content_type.clone().filter(|text| text.len() <= MAX_TYPE && is_plain(text));
        let kept = Self { content_type, labels, ..Self::default() };
        match place {
            Labels::Metadata => {
                let all: usize = kept.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
                if MAX_METADATA < all {
                    return Err(refused(format!(
                        "labels of {all} bytes are more than the {MAX_METADATA} that S3 keeps"
                    )));
                }
                kept.labels.iter().try_for_each(header)?;
                Ok(Self { metadata: kept.labels.clone().into_iter().collect(), ..kept })
            }
            Labels::Tags => {
                if MAX_TAGS < kept.labels.len() {
                    return Err(refused(format!(
                        "{} labels are more than the {MAX_TAGS} tags that S3 keeps",
                        kept.labels.len()
                    )));
                }
                kept.labels.iter().try_for_each(tag)?;
                let pairs: Vec<String> = kept.labels.iter().map(|(name, value)| pair(name, value)).collect();
                Ok(Self { tagging: Some(pairs.join("&")).filter(|text| !text.is_empty()), ..kept })
            }
        }
    }
}

/// Visible ASCII with single spaces inside: what signatures and proxies leave alone.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| (0x20..0x7f).contains(&it)) && text.trim() == text && !text.contains("  ")
}

/// A name that is the same in every case: headers have none.
fn header((name, value): (&String, &String)) -> Result<()> {
    let is_name = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'-' | b'_' | b'.');
    match !name.is_empty() && name.bytes().all(is_name) && is_plain(value) {
        true => Ok(()),
        false => Err(refused(
            "a label's name must be of lower-case letters, digits, hyphens, underscores and dots, its value of visible \
             ASCII with single spaces inside, to be kept as metadata",
        )),
    }
}

fn tag((name, value): (&String, &String)) -> Result<()> {
    let fits = |text: &str, most: usize| {
        text.chars().count() <= most
            && text.chars().all(|it| it.is_alphanumeric() || " +-=._:/@".contains(it))
            && text.trim() == text
    };
    match !name.is_empty() && fits(name, MAX_TAG_NAME) && fits(value, MAX_TAG_VALUE) && !name.starts_with("aws:") {
        true => Ok(()),
        false => Err(refused(
            "a label must be of letters, digits, spaces and + - = . _ : / @, its name of 128 and its value of 256 at most, \
             to be kept as a tag",
        )),
    }
}

fn pair(name: &str, value: &str) -> String {
    let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    format!("{}={}", encode(name), encode(value))
}

/// The labels among what a service says is kept.
pub(super) fn found(metadata: Option<&HashMap<String, String>>) -> BTreeMap<String, String> {
    metadata.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use backend_core::Write;

    use super::*;

    fn check(place: Labels, labels: &[(&str, &str)]) -> Option<Option<String>> {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let opts = AddOptions { write: Write { labels, ..Write::default() }, ..AddOptions::default() };
        Kept::of(&opts, place).ok().map(|kept| kept.tagging)
    }

    #[test]
    fn what_would_not_come_back_is_refused() {
        let long = "x".repeat(2047);
        let good: [&[(&str, &str)]; 3] = [&[("owner", "suite")], &[("a-b_c.d", "x, \"y\"; z=1")], &[("a", &long)]];
        assert!(good.iter().all(|labels| check(Labels::Metadata, labels).is_some()));
        let bad: [&[(&str, &str)]; 8] = [
            &[("Owner", "x")],
            &[("", "x")],
            &[("a b", "x")],
            &[("a", "")],
            &[("a", " x")],
            &[("a", "x  y")],
            &[("a", "größe")],
            &[("ab", &long)],
        ];
        assert!(bad.iter().all(|labels| check(Labels::Metadata, labels).is_none()));
    }

    #[test]
    fn tags_are_encoded_and_bounded() {
        let found = check(Labels::Tags, &[("a b", "x=y/z"), ("größe", "")]).unwrap();
        assert_eq!(found.as_deref(), Some("a%20b=x%3Dy%2Fz&gr%C3%B6%C3%9Fe="));
        let (long, many) = ("x".repeat(257), (0..11).map(|n| n.to_string()).collect::<Vec<_>>());
        let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert!(check(Labels::Tags, &many).is_none());
        for label in [("a", long.as_str()), ("aws:x", "y"), ("a", "x&y"), ("a;", "x")] {
            assert!(check(Labels::Tags, &[label]).is_none(), "{label:?}");
        }
    }
}
