//! What code of a room may not say: its borders, where they can be seen in the text.
//!
//! Text is a blunt judge. It is asked only where a wrong answer is unlikely, and never about tests.

use super::{Finding, source};
use crate::failure::Result;
use crate::tree::{Leaf, ROOMS, Tree};

/// Files whose path satisfies `holds` may not say one of `words`.
struct Border {
    holds: fn(&str) -> bool,
    words: &'static [&'static str],
    why: &'static str,
}

const BORDERS: [Border; 6] = [
    Border {
        holds: |name| !["crates/ipfs-kit/", "xtask/", "peers/"].iter().any(|it| name.starts_with(it)),
        words: &["println!(", "print!(", "eprintln!(", "eprint!(", "dbg!("],
        why: "only the program and the tasks print",
    },
    Border {
        holds: |name| {
            ["backend-core", "backend-folders", "ipld"].iter().any(|it| name.starts_with(&format!("crates/{it}/")))
        },
        words: &["std::env", "std::net", "std::fs", "std::process", "tokio::", "tracing::"],
        why: "the contract, the codecs and the names do no I/O",
    },
    Border {
        holds: is_leaf,
        words: &["std::env", "env::var", "tokio::spawn", "time::sleep", "thread::sleep"],
        why: "a leaf reads no environment, spawns nothing and never sleeps",
    },
    Border {
        holds: |name| name.starts_with("crates/backend-layers/"),
        words: &["StorageType::"],
        why: "a layer knows no service by name",
    },
    Border {
        holds: |name| name.starts_with("crates/backend-manager/") && !reads_environment(name),
        words: &["env::var"],
        why: "the environment is read in config/ alone",
    },
    Border {
        holds: |name| name.starts_with("crates/backend-manager/") && !name.contains("/config/"),
        words: &["serde_yaml::", "toml::"],
        why: "configuration is parsed in config/ alone",
    },
];

fn is_leaf(name: &str) -> bool {
    let package = name.strip_prefix("crates/").and_then(|it| it.split('/').next()).unwrap_or_default();
    package.starts_with("backend-") && !ROOMS.contains(&package)
}

/// Configuration, and the points at which a test may kill the process.
fn reads_environment(name: &str) -> bool {
    name.starts_with("crates/backend-manager/src/config/") || name == "crates/backend-manager/src/fault.rs"
}

pub(super) fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let leaves = tree.leaves()?;
    let mut found = Vec::new();
    for name in tree.files()?.iter().filter(|it| it.ends_with(".rs") && !source::is_test(it)) {
        let text = tree.read(name)?;
        for (at, what) in in_file(name, &text, &leaves) {
            found.push(Finding::new(format!("{name}:{at}"), what));
        }
    }
    Ok(found)
}

fn in_file(name: &str, text: &str, leaves: &[Leaf]) -> Vec<(usize, String)> {
    let code = source::code(text);
    let mut found = Vec::new();
    for border in BORDERS.iter().filter(|it| (it.holds)(name)) {
        for (at, line) in &code {
            let said = border.words.iter().filter(|it| says(line, it));
            found.extend(said.map(|word| (*at, format!("says `{word}`: {}", border.why))));
        }
    }
    found.extend(named_leaves(name, &code, leaves));
    found
}

/// Leaves are named by themselves and by `linked.rs`; and by what measures them beside their peers.
fn named_leaves(name: &str, code: &[(usize, &str)], leaves: &[Leaf]) -> Vec<(usize, String)> {
    if name == "crates/backend-manager/src/linked.rs" || name.starts_with("xtask/") || name.starts_with("peers/") {
        return Vec::new();
    }
    let others = leaves.iter().filter(|it| !name.starts_with(&format!("{}/", it.folder()))).map(Leaf::module);
    let found = others.flat_map(|module| {
        let lines = code.iter().filter(|(_, line)| says(line, &module)).map(|(at, _)| *at);
        lines.map(|at| (at, format!("names the leaf {module}: only linked.rs does"))).collect::<Vec<_>>()
    });
    found.collect()
}

/// `word` where a word begins: `eprintln!(` does not say `println!(`.
fn says(line: &str, word: &str) -> bool {
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    let ends = |after: &str| !word.ends_with(is_part) || !after.starts_with(is_part);
    let begins = |before: &str| !word.starts_with(is_part) || !before.ends_with(is_part);
    line.match_indices(word).any(|(at, _)| begins(&line[..at]) && ends(&line[at + word.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, wanted: usize) {
        let leaf = Leaf { package: "backend-ftp".into(), feature: "ftp".into(), kinds: vec!["ftp".into()] };
        let found = in_file(name, text, &[leaf]);
        assert_eq!(found.len(), wanted, "{name}: {text}: {found:?}");
    }

    #[test]
    fn borders_hold_where_they_are_drawn() {
        check("crates/ipld/src/a.rs", "use std::fs;\nprintln!(\"\");\n", 2);
        check("crates/ipld/src/a.rs", "// use std::fs;\n#[cfg(test)]\nmod t { use std::fs; }\n", 0);
        check("crates/ipfs-kit/src/a.rs", "println!(\"\");", 0);
        check("crates/backend-ftp/src/a.rs", "let a = std::env::var(\"A\"); backend_ftp::b();", 2);
        check("crates/backend-manager/src/a.rs", "use backend_ftp as _;", 1);
        check("crates/backend-manager/src/linked.rs", "use backend_ftp as _;", 0);
        check("crates/backend-manager/src/a.rs", "eprintln!(\"\");", 1);
        check("crates/backend-manager/src/config/yaml.rs", "serde_yaml::from_str(a)", 0);
        check("crates/backend-layers/src/a.rs", "StorageType::S3", 1);
    }
}
