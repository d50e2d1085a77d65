//! The house is in order: what `cargo xtask gen --check --files` and `cargo xtask tidy` say, told by a plain `cargo test`.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use xtask::generate;
use xtask::scaffold::{Name, new_backend};
use xtask::tidy;
use xtask::tree::Tree;

#[test]
fn what_files_decide_is_up_to_date() {
    let tree = Tree::own().unwrap();
    generate::check(&tree, &generate::from_files(&tree).unwrap()).unwrap();
}

#[test]
fn the_tree_is_tidy() {
    let findings: Vec<String> =
        tidy::findings(&Tree::own().unwrap()).unwrap().iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// What a scaffold reads: the manifests, the enum and the template.
fn copy(to: &Path) -> Result<Tree, Box<dyn Error>> {
    let own = Tree::own()?;
    let manifests = own.crates()?.into_iter().map(|it| format!("crates/{it}/Cargo.toml"));
    let others = ["Cargo.toml", "xtask/Cargo.toml", "tests/Cargo.toml", "crates/backend-core/src/storage_type.rs"]
        .map(str::to_owned);
    let template = own.files()?.into_iter().filter(|it| it.starts_with("crates/backend-memory/"));
    for name in manifests.chain(others).chain(template) {
        fs::create_dir_all(to.join(&name).parent().unwrap_or(to))?;
        fs::copy(own.path(&name), to.join(&name))?;
    }
    let tree = Tree::at(to)?;
    generate::write(&tree, &generate::from_files(&tree)?)?;
    Ok(tree)
}

#[test]
fn a_new_backend_is_registered_everywhere_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let tree = copy(folder.path()).unwrap();
    let name = Name::parse("web-dav").unwrap();
    new_backend(&tree, &name).unwrap();

    let holds = |file: &str, text: &str| {
        assert!(tree.read(file).unwrap().contains(text), "{file} does not hold {text}");
    };
    holds("Cargo.toml", "backend-web-dav = { path = \"crates/backend-web-dav\" }");
    holds("crates/backend-manager/Cargo.toml", "backend-web-dav = { workspace = true, optional = true }");
    holds("crates/backend-manager/Cargo.toml", "web_dav = [\"dep:backend-web-dav\"]");
    let features: Vec<String> = tree.leaves().unwrap().iter().map(|it| format!("\"{}\"", it.feature)).collect();
    holds("crates/backend-manager/Cargo.toml", &format!("full = [{}]", features.join(", ")));
    holds("crates/backend-manager/src/linked.rs", "#[cfg(feature = \"web_dav\")]\nuse backend_web_dav as _;");
    holds("crates/ipfs-kit/Cargo.toml", "web_dav = [\"backend-manager/web_dav\"]");
    holds("crates/backend-core/src/storage_type.rs", "StorageType::WebDav => \"web_dav\"");
    holds("crates/backend-web-dav/src/lib.rs", "kind: StorageType::WebDav");
    holds("crates/backend-web-dav/example.yaml", "type: web_dav");

    let again = new_backend(&tree, &name).unwrap_err().to_string();
    assert!(again.contains("is there already"), "{again}");
    generate::check(&tree, &generate::from_files(&tree).unwrap()).unwrap();

    fs::remove_dir_all(tree.path("crates/backend-web-dav")).unwrap();
    generate::write(&tree, &generate::from_files(&tree).unwrap()).unwrap();
    for file in ["Cargo.toml", "crates/backend-manager/Cargo.toml", "crates/ipfs-kit/Cargo.toml"] {
        let text = tree.read(file).unwrap();
        assert!(!text.contains("web-dav") && !text.contains("web_dav"), "{file} still names a leaf that is gone");
    }
}

/// Each rule finds what it is for: a tree in which everything is wrong.
#[test]
fn every_rule_bites() {
    let folder = tempfile::tempdir().unwrap();
    let tree = copy(folder.path()).unwrap();
    assert!(Command::new("git").arg("init").arg("-q").current_dir(folder.path()).status().unwrap().success());
    let core = tree.read("crates/backend-core/Cargo.toml").unwrap();
    let root = tree.read("Cargo.toml").unwrap();
    let storage = tree.read("crates/backend-core/src/storage_type.rs").unwrap();
    let planted = [
        ("crates/ipld/src/long.rs", "//! Long.\n".repeat(351)),
        ("crates/ipld/src/mute.rs", "use std::fs;\n".to_owned()),
        ("crates/backend-manager/src/loud.rs", ["//! Loud.\nfn a() {\n    // TO", "DO\n    println!();\n}\n"].concat()),
        ("crates/backend-memory/README.md", "## Limits\n".to_owned()),
        ("crates/backend-memory/example.yaml", "type: disk\n".to_owned()),
        ("crates/backend-core/Cargo.toml", core.replace("bytes.workspace", "tokio.workspace")),
        ("crates/backend-core/src/storage_type.rs", storage.replace("=> \"memory\"", "=> \"mem\"")),
        ("Cargo.toml", root.replace("[workspace.dependencies]", "[workspace.dependencies]\nleft-pad = \"1\"")),
        ("docs/CONTRACT.md", "C99 is tested by nobody.\n".to_owned()),
        ("docs/decisions/0009-long.md", "line\n".repeat(61)),
        ("README.md", ["see crates.", "io and [that](docs/NONE.md)\n"].concat()),
    ];
    planted.iter().for_each(|(name, text)| tree.write(name, text).unwrap());
    fs::remove_file(tree.path("crates/backend-memory/src/error.rs")).unwrap();
    let said = tidy::findings(&tree).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let wanted = [
        "long.rs: has 351 lines",
        "mute.rs: must begin with",
        "mute.rs:1: says `std::fs`",
        "loud.rs:4: says `println!(`",
        "loud.rs:3: says `TO",
        "backend-memory/README.md: must have the headings",
        "backend-memory/example.yaml: has no line `type: memory`",
        "backend-memory: has no src/error.rs",
        "backend-core may not use tokio",
        "has no variant for `memory`",
        "has no line for `left-pad`",
        "C99 has no case",
        "0009-long.md: has 61 lines",
        "README.md:1: names a registry's host",
        "README.md: links to docs/NONE.md",
    ];
    let unfound: Vec<&str> = wanted.into_iter().filter(|it| !said.contains(it)).collect();
    assert!(unfound.is_empty(), "not found: {unfound:?} in\n{said}");
}
