//! Who may depend on whom: the table of rooms in `docs/ARCHITECTURE.md`, held against the manifests.

use toml_edit::{Item, Table};

use super::Finding;
use crate::failure::Result;
use crate::tree::{ROOMS, Tree};

/// What a room may use. `others`: packages from outside; absent: any that the workspace lists.
struct Room {
    ours: &'static [&'static str],
    ours_in_tests: &'static [&'static str],
    others: Option<&'static [&'static str]>,
}

const CONTRACT: Room = Room {
    ours: &[],
    ours_in_tests: &[],
    others: Some(&[
        "async-trait",
        "bytes",
        "cid",
        "futures",
        "inventory",
        "jiff",
        "schemars",
        "serde",
        "serde_json",
        "serde_path_to_error",
        "strsim",
        "thiserror",
    ]),
};
const IPLD: Room = Room {
    ours: &[],
    ours_in_tests: &[],
    others: Some(&["blake2", "blake3", "bytes", "cid", "multihash", "sha2", "thiserror", "unsigned-varint"]),
};
// Rows in, steps out: it asks nobody.
const PLANNER: Room = Room { ours: &["backend-core"], ours_in_tests: &[], others: Some(&["serde", "thiserror"]) };
const LAYERS: Room = Room {
    ours: &["backend-core"],
    ours_in_tests: &["backend-testkit", "backend-memory", "ipld"],
    others: Some(&["async-trait", "bytes", "futures", "schemars", "serde", "serde_json", "tokio", "tracing"]),
};
// Names and orders: it reaches nothing.
const FOLDERS: Room = Room { ours: &["backend-core"], ours_in_tests: &[], others: Some(&[]) };
const HTTP: Room = Room { ours: &["backend-core", "ipld"], ours_in_tests: &["backend-testkit"], others: None };
const TESTKIT: Room =
    Room { ours: &["backend-core", "ipld"], ours_in_tests: &["backend-memory", "backend-layers"], others: None };
const LEAF: Room = Room {
    ours: &["backend-core", "ipld", "backend-folders", "backend-http"],
    ours_in_tests: &["backend-layers", "backend-testkit"],
    others: None,
};
const MANAGER: Room = Room {
    ours: &["backend-core", "ipld", "backend-layers", "planner", "leaf"],
    ours_in_tests: &["backend-testkit", "leaf"],
    others: None,
};
// Backends and names for users of another trait: neither a leaf nor the program.
const ADAPTER: Room = Room {
    ours: &["backend-core", "backend-manager", "ipld"],
    ours_in_tests: &["backend-layers", "backend-testkit", "leaf"],
    others: None,
};
const PROGRAM: Room =
    Room { ours: &["backend-core", "backend-manager"], ours_in_tests: &["backend-testkit"], others: None };
const TASKS: Room = Room { ours: &[], ours_in_tests: &[], others: None };
const JOURNEYS: Room = Room { ours: &[], ours_in_tests: &["*"], others: None };

fn room(package: &str) -> &'static Room {
    match package {
        "backend-core" => &CONTRACT,
        "ipld" => &IPLD,
        "backend-layers" => &LAYERS,
        "planner" => &PLANNER,
        "backend-folders" => &FOLDERS,
        "backend-http" => &HTTP,
        "backend-testkit" => &TESTKIT,
        "backend-manager" => &MANAGER,
        "object-store-adapter" => &ADAPTER,
        "xtask" => &TASKS,
        "journeys" => &JOURNEYS,
        _ if package.starts_with("backend-") => &LEAF,
        _ => &PROGRAM,
    }
}

pub(super) fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let crates = tree.crates()?.into_iter().map(|it| format!("crates/{it}"));
    let folders: Vec<String> = crates.chain(["xtask".to_owned(), "tests".to_owned()]).collect();
    let mut ours: Vec<String> = tree.crates()?;
    ours.extend(["xtask".to_owned(), "journeys".to_owned()]);
    let mut found = Vec::new();
    for folder in &folders {
        let name = format!("{folder}/Cargo.toml");
        let manifest = tree.toml(&name)?;
        found.extend(in_manifest(manifest.as_table(), &ours).into_iter().map(|what| Finding::new(&name, what)));
    }
    Ok(found)
}

fn in_manifest(manifest: &Table, ours: &[String]) -> Vec<String> {
    let package = manifest.get("package").and_then(|it| it.get("name")).and_then(Item::as_str).unwrap_or_default();
    let room = room(package);
    let mut found = Vec::new();
    for (name, item) in section(manifest, "dependencies") {
        found.extend(judge(package, name, ours, room.ours, room.others));
        found.extend(from_workspace(name, item));
    }
    for section_name in ["dev-dependencies", "build-dependencies"] {
        for (name, item) in section(manifest, section_name) {
            let both = [room.ours, room.ours_in_tests].concat();
            found.extend(judge(package, name, ours, &both, None));
            found.extend(from_workspace(name, item));
        }
    }
    found
}

fn section<'a>(manifest: &'a Table, name: &str) -> impl Iterator<Item = (&'a str, &'a Item)> {
    manifest.get(name).and_then(Item::as_table).into_iter().flat_map(|it| it.iter())
}

fn judge(package: &str, name: &str, ours: &[String], may: &[&str], others: Option<&[&str]>) -> Option<String> {
    if !ours.iter().any(|it| it == name) {
        let refused = others.is_some_and(|it| !it.contains(&name));
        return refused.then(|| format!("{package} may not use {name}: the room is kept free of it"));
    }
    let is_leaf = name.starts_with("backend-") && !ROOMS.contains(&name);
    let allowed = may.contains(&name) || may.contains(&"*") || (is_leaf && may.contains(&"leaf"));
    (!allowed).then(|| format!("{package} may not use {name}: that arrow is not in the architecture"))
}

fn from_workspace(name: &str, item: &Item) -> Option<String> {
    let inherits = item.get("workspace").and_then(Item::as_bool) == Some(true);
    (!inherits).then(|| format!("{name} must inherit its version: `{name}.workspace = true`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(manifest: &str, wanted: &[&str]) {
        let manifest: toml_edit::DocumentMut = manifest.parse().unwrap();
        let ours = ["backend-core", "backend-ftp", "backend-s3", "backend-manager", "backend-testkit", "ipld"];
        let found = in_manifest(manifest.as_table(), &ours.map(str::to_owned));
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        assert!(found.iter().zip(wanted).all(|(it, wanted)| it.contains(wanted)), "{found:?}");
    }

    #[test]
    fn arrows_that_are_not_drawn_are_found() {
        let named = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
        let leaf = "[dependencies]\nbackend-core.workspace = true\nipld.workspace = true\n";
        check(&named("backend-ftp", leaf), &[]);
        check(&named("backend-ftp", "[dependencies]\nbackend-s3.workspace = true\n"), &["may not use backend-s3"]);
        check(&named("backend-ftp", "[dependencies]\nbackend-testkit.workspace = true\n"), &["backend-testkit"]);
        check(&named("backend-ftp", "[dev-dependencies]\nbackend-testkit.workspace = true\n"), &[]);
        check(&named("backend-core", "[dependencies]\ntokio.workspace = true\n"), &["kept free"]);
        check(&named("backend-manager", "[dependencies]\nbackend-s3 = { workspace = true, optional = true }\n"), &[]);
        check(&named("ipfs-kit", "[dependencies]\nbackend-s3.workspace = true\n"), &["backend-s3"]);
        check(&named("xtask", "[dependencies]\nipld.workspace = true\nclap = \"4\"\n"), &["ipld", "inherit"]);
    }
}
