//! Sizes of files, and the sentence with which each begins.

use super::Finding;
use crate::failure::Result;
use crate::tree::Tree;

/// No Rust file is longer: what grows is split by what a reader would look for.
const MOST_LINES: usize = 350;
/// The workspace's README is one sitting.
const MOST_README_LINES: usize = 120;
/// A decision record that is longer is a design document.
const MOST_RECORD_LINES: usize = 60;

pub(super) fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for name in tree.files()? {
        let Some(most) = most_lines(&name) else { continue };
        let text = tree.read(&name)?;
        let lines = text.lines().count();
        if lines > most {
            found.push(Finding::new(&name, format!("has {lines} lines; the most is {most}")));
        }
        if name.ends_with(".rs") && !text.starts_with("//! ") && !is_fuzz_target(&text) {
            found.push(Finding::new(&name, "must begin with `//! ` and a sentence: what this room is for"));
        }
    }
    Ok(found)
}

fn most_lines(name: &str) -> Option<usize> {
    match name {
        "README.md" => Some(MOST_README_LINES),
        _ if name.starts_with("docs/decisions/0") && !name.contains("dependencies") => Some(MOST_RECORD_LINES),
        _ if name.ends_with(".rs") => Some(MOST_LINES),
        _ => None,
    }
}

/// `#![no_main]` must come first there; the sentence follows it.
fn is_fuzz_target(text: &str) -> bool {
    text.starts_with("#![no_main]\n//! ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_depends_on_the_file() {
        assert_eq!(most_lines("crates/ipld/src/lib.rs"), Some(350));
        assert_eq!(most_lines("README.md"), Some(120));
        assert_eq!(most_lines("crates/backend-local/README.md"), None);
        assert_eq!(most_lines("docs/decisions/0001-record-decisions.md"), Some(60));
        assert_eq!(most_lines("docs/decisions/0002-dependencies.md"), None);
    }
}
