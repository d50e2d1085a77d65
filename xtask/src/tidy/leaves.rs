//! Every leaf has the same shape, and agrees with the list of services.

use std::collections::BTreeMap;

use super::Finding;
use crate::failure::Result;
use crate::tree::{Leaf, Tree};

/// What every leaf has. `src/client.rs` may become a folder when it grows.
const FILES: [&str; 8] = [
    "src/lib.rs",
    "src/config.rs",
    "src/backend.rs",
    "src/client.rs",
    "src/error.rs",
    "tests/conformance.rs",
    "README.md",
    "example.yaml",
];

/// The headings of a leaf's README, in this order; others may stand between them.
pub(crate) const HEADINGS: [&str; 6] =
    ["What it is", "What it offers", "Configuration", "Example", "Limits", "Troubleshooting"];

const ENUM: &str = "crates/backend-core/src/storage_type.rs";

pub(super) fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let variants = variants(&tree.read(ENUM)?);
    let mut found = Vec::new();
    for leaf in tree.leaves()? {
        found.extend(shape(tree, &leaf));
        found.extend(headings(tree, &leaf));
        found.extend(example(tree, &leaf));
        for kind in &leaf.kinds {
            found.extend(known(tree, &leaf, kind, variants.get(kind))?);
        }
    }
    Ok(found)
}

fn shape(tree: &Tree, leaf: &Leaf) -> Vec<Finding> {
    let exists = |file: &str| {
        let folder = file.strip_suffix(".rs").map(|it| format!("{}/{it}/mod.rs", leaf.folder()));
        tree.path(&leaf.folder()).join(file).is_file() || folder.is_some_and(|it| tree.path(&it).is_file())
    };
    let missing = FILES.into_iter().filter(|it| !exists(it));
    missing.map(|it| Finding::new(leaf.folder(), format!("has no {it}: every leaf has the same files"))).collect()
}

fn headings(tree: &Tree, leaf: &Leaf) -> Vec<Finding> {
    let name = format!("{}/README.md", leaf.folder());
    // Its absence is found already.
    let Ok(text) = tree.read(&name) else { return Vec::new() };
    let there: Vec<&str> = text.lines().filter_map(|it| it.strip_prefix("## ")).map(str::trim).collect();
    let in_order: Vec<&str> = there.into_iter().filter(|it| HEADINGS.contains(it)).collect();
    match in_order == HEADINGS {
        true => Vec::new(),
        false => vec![Finding::new(name, format!("must have the headings: {}", HEADINGS.join(", ")))],
    }
}

/// The type is a service of the enum, and a descriptor is submitted for it.
fn known(tree: &Tree, leaf: &Leaf, kind: &str, variant: Option<&String>) -> Result<Option<Finding>> {
    let Some(variant) = variant else {
        return Ok(Some(Finding::new(ENUM, format!("has no variant for `{kind}` of {}", leaf.package))));
    };
    let prefix = format!("{}/src/", leaf.folder());
    let mut sources = String::new();
    for name in tree.files()?.into_iter().filter(|it| it.starts_with(&prefix)) {
        sources.push_str(&tree.read(&name)?);
    }
    let submitted = sources.contains("submit!") && sources.contains(&format!("StorageType::{variant}"));
    Ok((!submitted).then(|| Finding::new(prefix, format!("submits no descriptor of StorageType::{variant}"))))
}

/// The example configures one of the leaf's types.
fn example(tree: &Tree, leaf: &Leaf) -> Option<Finding> {
    let name = format!("{}/example.yaml", leaf.folder());
    // Its absence is found already.
    let text = tree.read(&name).ok()?;
    let is_ours = |it: &str| leaf.kinds.iter().any(|kind| kind == it.trim());
    let found = text.lines().filter_map(|it| it.strip_prefix("type:")).any(is_ours);
    (!found).then(|| Finding::new(name, format!("has no line `type: {}`", leaf.kinds.join("` or `"))))
}

/// Canonical name to variant, from the enum's only `match`.
pub(crate) fn variants(text: &str) -> BTreeMap<String, String> {
    let arms = text.lines().filter_map(|it| it.trim().strip_prefix("StorageType::"));
    let pairs = arms.filter_map(|it| it.split_once(" => \""));
    pairs.filter_map(|(variant, rest)| Some((rest.strip_suffix("\",")?.to_owned(), variant.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_the_arms_of_the_match() {
        let text = "StorageType::S3,\n  StorageType::S3 => \"s3\",\n  StorageType::Other(name) => name,\n";
        assert_eq!(variants(text), BTreeMap::from([("s3".to_owned(), "S3".to_owned())]));
    }
}
