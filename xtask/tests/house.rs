//! The house is in order: what `cargo xtask gen --check --files` and `cargo xtask tidy` say, told by a plain `cargo test`.

use std::error::Error;
use std::fs;
use std::path::Path;

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
    let others = ["Cargo.toml", "crates/backend-core/src/storage_type.rs"].map(str::to_owned);
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
    holds("crates/backend-manager/Cargo.toml", "full = [\"local\", \"memory\", ");
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
        assert!(!tree.read(file).unwrap().contains("web"), "{file} still names a leaf that is gone");
    }
}
