//! Words that no file of this project holds: marks of unfinished work, and the hosts of package registries.
//!
//! The lists are kept in pieces, so that this file does not hold them either.

use super::Finding;
use crate::failure::Result;
use crate::tree::Tree;

const UNFINISHED: [[&str; 2]; 9] = [
    ["TO", "DO"],
    ["FIX", "ME"],
    ["HA", "CK"],
    ["to", "do!("],
    ["unimpl", "emented!("],
    ["#[ig", "nore"],
    ["place", "holder"],
    ["for ", "now"],
    ["not implemented", " yet"],
];

const HOSTS: [[&str; 2]; 10] = [
    ["crates.", "io"],
    ["proxy.golang.", "org"],
    ["sum.golang.", "org"],
    ["pypi.", "org"],
    ["pythonhosted.", "org"],
    ["npmjs.", "org"],
    ["npmjs.", "com"],
    ["repo1.maven.", "org"],
    ["repo.maven.", "apache.org"],
    ["deb.debian.", "org"],
];

/// Written by package managers, not by people.
const FOREIGN: [&str; 2] = ["Cargo.lock", "go.sum"];

pub(super) fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for name in tree.files()? {
        if FOREIGN.iter().any(|it| name.ends_with(it)) {
            continue;
        }
        // What is not text has no words.
        let Ok(text) = tree.read(&name) else { continue };
        let is_code = name.ends_with(".rs") || name.ends_with(".toml");
        found.extend(in_text(&text, is_code).into_iter().map(|(at, what)| Finding::new(format!("{name}:{at}"), what)));
    }
    Ok(found)
}

fn in_text(text: &str, is_code: bool) -> Vec<(usize, String)> {
    let lines = text.lines().enumerate();
    let found = lines.flat_map(|(at, line)| {
        let unfinished = UNFINISHED.iter().map(|it| it.concat()).filter(|it| is_code && holds_word(line, it));
        let hosts = HOSTS.iter().map(|it| it.concat()).filter(|it| line.contains(it.as_str()));
        let unfinished = unfinished.map(|it| format!("says `{it}`: finish it, or file an issue"));
        unfinished
            .chain(hosts.map(|it| format!("names a registry's host, {it}")))
            .map(move |what| (at + 1, what))
            .collect::<Vec<_>>()
    });
    found.collect()
}

/// `word` between things that are no letters: "shacks" holds no mark.
fn holds_word(line: &str, word: &str) -> bool {
    let is_letter = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (line[..at].chars().next_back(), line[at + word.len()..].chars().next());
        let opens = word.ends_with('(') || word.starts_with('#');
        !is_letter(before) && (opens || !is_letter(after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: [&str; 3], is_code: bool, wanted: usize) {
        let line = pieces.concat();
        assert_eq!(in_text(&line, is_code).len(), wanted, "{line}");
    }

    #[test]
    fn words_are_found_whole_and_where_they_matter() {
        check(["// TO", "DO", ": later"], true, 1);
        check(["// TO", "DO", ": later"], false, 0);
        check(["let sHA", "CK", "s = 1;"], true, 0);
        check(["#[ig", "nore", " = \"slow\"]"], true, 1);
        check(["see crates.", "io", "/x"], false, 1);
        check(["good for ", "now", "here"], true, 0);
    }
}
