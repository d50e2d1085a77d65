//! Links between the project's papers lead somewhere.

use std::path::Path;

use super::Finding;
use crate::failure::Result;
use crate::tree::Tree;

pub(super) fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for name in tree.files()?.iter().filter(|it| it.ends_with(".md")) {
        let path = tree.path(name);
        let folder = path.parent().unwrap_or(Path::new(""));
        let text = tree.read(name)?;
        let dead = targets(&text).filter(|it| !folder.join(it).exists());
        found.extend(dead.map(|it| Finding::new(name, format!("links to {it}, which is not there"))));
    }
    Ok(found)
}

/// The targets of `[text](target)` that are files: no addresses, no places within the page.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1).filter_map(|it| it.split_once(')')).map(|(target, _)| target);
    let files = links.filter(|it| !it.contains("://") && !it.starts_with("mailto:") && !it.contains(' '));
    files.map(|it| it.split_once('#').map_or(it, |(file, _)| file)).filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_other_targets() {
        let text = "[a](b/c.md) [d](https://e/f) [g](#h) [i](j.md#k) [l] (m)";
        assert_eq!(targets(text).collect::<Vec<_>>(), ["b/c.md", "j.md"]);
    }
}
