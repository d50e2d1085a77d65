//! The enum of services, with one more line in each of its three places.

use super::Name;
use crate::failure::{Failure, Result};
use crate::tidy::leaves;

const ALL: &str = "pub const ALL: [StorageType; ";

/// The source with a variant for `name`, and the variant: the one that is there, or a new one.
pub(super) fn with(text: &str, name: &Name) -> Result<(String, String)> {
    if let Some(variant) = leaves::variants(text).get(name.kind()) {
        return Ok((text.to_owned(), variant.clone()));
    }
    let variant = name.camel();
    if text.lines().any(|it| it.trim() == format!("{variant},")) {
        return Err(Failure::new(format!("StorageType::{variant} is the variant of another name")));
    }
    let count = text.split_once(ALL).and_then(|(_, rest)| rest.split_once("] = ["));
    let count: usize = count.and_then(|(digits, _)| digits.parse().ok()).ok_or_else(|| shape("the count of ALL"))?;
    let text = text.replacen(&format!("{ALL}{count}]"), &format!("{ALL}{}]", count + 1), 1);
    let text = before(&text, "    /// A plugin from outside", &format!("    /// {}.\n    {variant},\n", name.camel()))?;
    let text = before(&text, "    ];\n\n    /// The canonical name", &format!("        StorageType::{variant},\n"))?;
    let arm = format!("            StorageType::{variant} => \"{}\",\n", name.kind());
    Ok((before(&text, "            StorageType::Other(name) => name,", &arm)?, variant))
}

fn before(text: &str, landmark: &str, line: &str) -> Result<String> {
    match text.split_once(landmark) {
        Some((head, tail)) => Ok(format!("{head}{line}{landmark}{tail}")),
        None => Err(shape(landmark.trim())),
    }
}

fn shape(what: &str) -> Failure {
    Failure::new(format!("storage_type.rs is not as expected: cannot find `{what}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    #[test]
    fn a_variant_is_found_or_added_in_three_places() {
        let text = Tree::own().unwrap().read(super::super::ENUM).unwrap();
        let known = Name::parse("ipfs-cluster").unwrap();
        assert_eq!(with(&text, &known).unwrap(), (text.clone(), "IpfsCluster".to_owned()));

        let (made, variant) = with(&text, &Name::parse("web-dav").unwrap()).unwrap();
        assert_eq!(variant, "WebDav");
        assert_eq!(made.matches("WebDav").count(), text.matches("WebDav").count() + 4, "doc, variant, ALL, arm");
        assert_eq!(leaves::variants(&made).len(), leaves::variants(&text).len() + 1);
    }

    #[test]
    fn a_variant_of_another_name_is_not_taken_over() {
        let text = Tree::own().unwrap().read(super::super::ENUM).unwrap();
        assert!(with(&text, &Name::parse("hugging-face").unwrap()).is_err());
    }
}
