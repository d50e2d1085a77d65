//! Labels and the media type, as headers: what they cannot carry to the letter is refused.

use std::collections::BTreeMap;

use backend_core::{AddOptions, Error, ErrorKind, Result};
use object_store::{Attribute, Attributes};

/// The most bytes of all labels together (both services: 8 KiB of metadata).
const MAX_LABELS: usize = 8000;

/// Refuses labels that a header would change.
pub(super) fn check(labels: &BTreeMap<String, String>, is_azure: bool) -> Result<()> {
    let refuse = |why: &str| Err(Error::new(ErrorKind::InvalidInput, format!("a label cannot be kept: {why}")));
    let size: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
    if MAX_LABELS < size {
        return refuse("all together have more than 8000 bytes");
    }
    match labels.iter().all(|(name, _)| is_name(name, is_azure)) {
        false if is_azure => refuse("its name may have a-z, 0-9 and underscores, and begins with a letter"),
        false => refuse("its name may have a-z, 0-9, dashes and underscores, and begins with a letter"),
        true if labels.values().all(|value| is_kept(value)) => Ok(()),
        true => refuse("its value may have printable ASCII alone, without spaces around it"),
    }
}

/// Names are case-insensitive on the way; Azure wants identifiers of C#.
fn is_name(name: &str, is_azure: bool) -> bool {
    let inner = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_' || (it == b'-' && !is_azure);
    name.bytes().next().is_some_and(|it| it.is_ascii_lowercase()) && name.bytes().all(inner)
}

/// Whether a header carries it as it is.
fn is_kept(value: &str) -> bool {
    !value.is_empty() && value.trim() == value && value.bytes().all(|it| it == b' ' || it.is_ascii_graphic())
}

/// What goes along with the bytes. A media type that cannot be a header is left out: it is a hint.
pub(super) fn attributes(opts: &AddOptions) -> Attributes {
    let mut attributes = Attributes::new();
    if let Some(media) = opts.content_type.clone().filter(|it| is_kept(it)) {
        attributes.insert(Attribute::ContentType, media.into());
    }
    for (name, value) in &opts.write.labels {
        attributes.insert(Attribute::Metadata(name.clone().into()), value.clone().into());
    }
    attributes
}

/// Both back, from what a service answered.
pub(super) fn from_attributes(attributes: &Attributes) -> (Option<String>, BTreeMap<String, String>) {
    let media = attributes.get(&Attribute::ContentType).map(|it| it.to_string());
    let labels = attributes.iter().filter_map(|(name, value)| match name {
        Attribute::Metadata(name) => Some((name.to_string(), value.to_string())),
        _ => None,
    });
    (media, labels.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(name: &str, value: &str, is_azure: bool) -> bool {
        check(&BTreeMap::from([(name.to_owned(), value.to_owned())]), is_azure).is_ok()
    }

    #[test]
    fn what_a_header_would_change_is_refused() {
        assert!(fits("owner", "a=b; \"c\"", false) && fits("a-b", "x", false) && fits("a_b1", "x", true));
        assert!(!fits("a-b", "x", true));
        for (name, value) in [("Owner", "x"), ("", "x"), ("1a", "x"), ("a b", "x"), ("a", ""), ("a", " x"), ("a", "ö")]
        {
            assert!(!fits(name, value, false) && !fits(name, value, true), "{name:?} {value:?}");
        }
        assert!(!fits("a", "two\nlines", false) && !fits("a", &"x".repeat(8000), false));
    }
}
