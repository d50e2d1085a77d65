//! Features and dependencies that follow from the leaves: the workspace's, the manager's and the program's manifests.
//!
//! Only lines about leaves are touched. Comments and everything else stay as they are.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Key, Table, Value};

use super::Output;
use crate::failure::{Failure, Result};
use crate::tree::{Leaf, Tree};

const WORKSPACE: &str = "Cargo.toml";
const MANAGER: &str = "crates/backend-manager/Cargo.toml";
const PROGRAM: &str = "crates/ipfs-kit/Cargo.toml";

type Edit = fn(&mut DocumentMut, &[Leaf]) -> Result<()>;

pub(super) fn outputs(tree: &Tree, leaves: &[Leaf]) -> Result<Vec<Output>> {
    let edits: [(&str, Edit); 3] = [(WORKSPACE, workspace), (MANAGER, manager), (PROGRAM, program)];
    let edited = edits.into_iter().map(|(name, edit)| {
        let mut manifest = tree.toml(name)?;
        edit(&mut manifest, leaves).map_err(|err| Failure::new(format!("{name}: {err}")))?;
        Ok(Output { name: name.to_owned(), text: manifest.to_string() })
    });
    edited.collect()
}

fn workspace(manifest: &mut DocumentMut, leaves: &[Leaf]) -> Result<()> {
    let table = manifest.get_mut("workspace").and_then(Item::as_table_mut);
    let dependencies = section(table.ok_or_else(|| missing("workspace"))?, "dependencies")?;
    let gone = |name: &str, item: &Item| {
        let path = item.get("path").and_then(Item::as_str);
        path.is_some_and(|it| it == format!("crates/{name}")) && is_stray(name, leaves)
    };
    drop_lines(dependencies, gone);
    for leaf in leaves.iter().filter(|it| !dependencies.contains_key(&it.package)).collect::<Vec<_>>() {
        dependencies.insert(&leaf.package, inline([("path", Value::from(leaf.folder()))]));
    }
    let rank = |key: &Key, item: &Item| match item.get("path") {
        Some(_) => (0, key.get().to_owned()),
        None => (1, String::new()),
    };
    dependencies
        .sort_values_by(|left, left_item, right, right_item| rank(left, left_item).cmp(&rank(right, right_item)));
    Ok(())
}

fn manager(manifest: &mut DocumentMut, leaves: &[Leaf]) -> Result<()> {
    let features = section(manifest.as_table_mut(), "features")?;
    features_of(features, leaves, |leaf| format!("dep:{}", leaf.package));
    set(features, "full", list(leaves.iter().map(|it| it.feature.clone())));
    in_order(features, leaves);
    let dependencies = section(manifest.as_table_mut(), "dependencies")?;
    drop_lines(dependencies, |name, item| item.get("optional").is_some() && is_stray(name, leaves));
    let missing: Vec<&Leaf> = leaves.iter().filter(|it| !dependencies.contains_key(&it.package)).collect();
    for leaf in &missing {
        dependencies.insert(&leaf.package, inline([("workspace", Value::from(true)), ("optional", Value::from(true))]));
    }
    if !missing.is_empty() {
        dependencies.sort_values();
    }
    Ok(())
}

fn program(manifest: &mut DocumentMut, leaves: &[Leaf]) -> Result<()> {
    let features = section(manifest.as_table_mut(), "features")?;
    features_of(features, leaves, |leaf| format!("backend-manager/{}", leaf.feature));
    in_order(features, leaves);
    Ok(())
}

/// One feature a leaf, and none for a leaf that is gone.
fn features_of(features: &mut Table, leaves: &[Leaf], turns_on: impl Fn(&Leaf) -> String) {
    let ours = |item: &Item| {
        let only = item.as_array().filter(|it| it.len() == 1).and_then(|it| it.get(0)).and_then(Value::as_str);
        only.is_some_and(|it| it.starts_with("dep:backend-") || it.starts_with("backend-manager/"))
    };
    drop_lines(features, |name, item| {
        !["full", "default", "fault-points"].contains(&name) && ours(item) && leaves.iter().all(|it| it.feature != name)
    });
    for leaf in leaves {
        set(features, &leaf.feature, list([turns_on(leaf)]));
    }
}

/// Replaces a value where it differs, and leaves the comment above its key alone.
fn set(table: &mut Table, name: &str, wanted: Item) {
    match table.get_mut(name) {
        Some(item) if item.to_string().trim() == wanted.to_string().trim() => {}
        Some(item) => *item = wanted,
        None => {
            table.insert(name, wanted);
        }
    }
}

/// `default`, `full`, the leaves, then what is written by hand.
fn in_order(features: &mut Table, leaves: &[Leaf]) {
    let rank = |key: &Key| match key.get() {
        "default" => (0, String::new()),
        "full" => (1, String::new()),
        name if leaves.iter().any(|it| it.feature == name) => (2, name.to_owned()),
        _ => (3, String::new()),
    };
    features.sort_values_by(|left, _, right, _| rank(left).cmp(&rank(right)));
}

fn drop_lines(table: &mut Table, gone: impl Fn(&str, &Item) -> bool) {
    table.retain(|name, item| !gone(name, item));
}

fn is_stray(package: &str, leaves: &[Leaf]) -> bool {
    package.starts_with("backend-")
        && !crate::tree::ROOMS.contains(&package)
        && leaves.iter().all(|it| it.package != package)
}

fn section<'a>(table: &'a mut Table, name: &str) -> Result<&'a mut Table> {
    table.get_mut(name).and_then(Item::as_table_mut).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Failure {
    Failure::new(format!("has no [{name}]"))
}

fn list(names: impl IntoIterator<Item = String>) -> Item {
    Item::Value(Value::Array(names.into_iter().collect::<Array>()))
}

fn inline<const N: usize>(pairs: [(&str, Value); N]) -> Item {
    Item::Value(Value::InlineTable(pairs.into_iter().collect::<InlineTable>()))
}
