//! Every package that the workspace uses has a line in the record that says why.

use toml_edit::Item;

use super::Finding;
use crate::failure::Result;
use crate::tree::Tree;

const RECORD: &str = "docs/decisions/0002-dependencies.md";

pub(super) fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let manifest = tree.toml("Cargo.toml")?;
    let table = manifest.get("workspace").and_then(|it| it.get("dependencies")).and_then(Item::as_table);
    let outside = table.into_iter().flat_map(|it| it.iter()).filter(|(_, item)| item.get("path").is_none());
    let used: Vec<&str> = outside.map(|(name, _)| name).collect();
    let record = tree.read(RECORD).unwrap_or_default();
    let recorded: Vec<&str> = record.lines().filter_map(recorded).collect();
    let unrecorded = used.iter().filter(|it| !recorded.contains(it));
    let unrecorded =
        unrecorded.map(|it| Finding::new(RECORD, format!("has no line for `{it}`: why this one, and is it alive?")));
    let unused = recorded.iter().filter(|it| !used.contains(it));
    let unused = unused.map(|it| Finding::new(RECORD, format!("has a line for `{it}`, which nothing uses")));
    Ok(unrecorded.chain(unused).collect())
}

/// The package of a line ``| `name` | … |``.
fn recorded(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_package_first() {
        assert_eq!(recorded("| `bytes` | buffers | tokio's |"), Some("bytes"));
        assert_eq!(recorded("| package | for |"), None);
    }
}
