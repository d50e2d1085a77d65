//! The numbered sentences of `docs/CONTRACT.md` and the cases of the conformance suite: each has the other.

use std::collections::BTreeSet;

use super::Finding;
use crate::failure::Result;
use crate::tree::Tree;

const CONTRACT: &str = "docs/CONTRACT.md";
const SUITE: &str = "crates/backend-testkit/src/";

pub(super) fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let files = tree.files()?;
    if !files.iter().any(|it| it == CONTRACT) {
        return Ok(vec![Finding::new(CONTRACT, "is missing")]);
    }
    let sentences = numbers(&tree.read(CONTRACT)?, 'C');
    let mut cases = BTreeSet::new();
    for name in files.iter().filter(|it| it.starts_with(SUITE) && it.ends_with(".rs")) {
        cases.extend(numbers(&tree.read(name)?, 'c'));
    }
    let untested = sentences.difference(&cases).map(|n| Finding::new(CONTRACT, format!("C{n} has no case `c{n}_…`")));
    let unwritten =
        cases.difference(&sentences).map(|n| Finding::new(SUITE, format!("case c{n} has no sentence C{n}")));
    Ok(untested.chain(unwritten).collect())
}

/// Every number that follows `letter` where a word begins: `C07` in prose, `c07_add_is_whole` in source.
fn numbers(text: &str, letter: char) -> BTreeSet<String> {
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    let words = text.split(|it| !is_part(it));
    let tails = words.filter_map(|word| word.strip_prefix(letter));
    let numbers = tails.map(|tail| match letter {
        'c' => tail.split_once('_').map_or("", |(number, _)| number),
        _ => tail,
    });
    numbers.filter(|it| it.len() == 2 && it.bytes().all(|it| it.is_ascii_digit())).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_prose_and_from_names() {
        let set = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(numbers("**C01** whole or absent. `C02`: C2 is none, nor is ABC03", 'C'), set(&["01", "02"]));
        assert_eq!(numbers("async fn c07_add_is_whole() {} c08 abc09_x", 'c'), set(&["07"]));
    }
}
