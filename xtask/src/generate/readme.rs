//! The tables in READMEs: of all backends in the workspace's, of its own offers and settings in each leaf's.

use super::table::{quoted, table};
use super::{Backend, Described, Output, marker, schema};
use crate::failure::{Failure, Result};
use crate::tree::Tree;

pub(super) fn outputs(tree: &Tree, described: &Described) -> Result<Vec<Output>> {
    let mut outputs =
        vec![edited(tree, "README.md", &[("backends", "Backends", backends(described, "docs/generated/"))])?];
    for leaf in tree.leaves()? {
        let of_leaf: Vec<&Backend> = described.backends.iter().filter(|it| it.package == leaf.package).collect();
        if of_leaf.is_empty() {
            return Err(Failure::new(format!("{} registers no descriptor", leaf.package)));
        }
        let parts = [
            ("offers", "What it offers", joined(&of_leaf, offers)),
            ("configuration", "Configuration", joined(&of_leaf, configuration)),
        ];
        outputs.push(edited(tree, &format!("{}/README.md", leaf.folder()), &parts)?);
    }
    Ok(outputs)
}

fn edited(tree: &Tree, name: &str, parts: &[(&str, &str, String)]) -> Result<Output> {
    let mut text = tree.read(name)?;
    for (part, heading, content) in parts {
        let replaced = marker::replace(&text, part, heading, content);
        text = replaced.map_err(|err| Failure::new(format!("{name}: {err}")))?;
    }
    Ok(Output { name: name.to_owned(), text })
}

/// A family has one table a type, each under its name.
fn joined(backends: &[&Backend], render: fn(&Backend) -> String) -> String {
    match backends {
        [only] => render(only),
        family => family.iter().map(|it| format!("`{}`:\n\n{}", it.kind, render(it))).collect::<Vec<_>>().join("\n\n"),
    }
}

/// The table of all backends; `to` leads to the folder of the references.
pub(super) fn backends(described: &Described, to: &str) -> String {
    let rows = described.backends.iter().map(|it| {
        let grade = |name: &str| it.traits.get(name).cloned().unwrap_or_else(|| "-".to_owned());
        let link = format!("[`{}`]({to}backends.md#{})", it.kind, it.kind);
        [
            link,
            it.summary.clone(),
            it.role.clone(),
            it.addressing.clone(),
            grade("latency"),
            grade("durability"),
            grade("cost"),
        ]
    });
    table(["type", "what", "role", "content is named by", "latency", "durability", "cost"], rows)
}

pub(super) fn offers(backend: &Backend) -> String {
    let (yes, no): (Vec<_>, Vec<_>) = backend.offers.iter().partition(|(_, offered)| **offered);
    let names = |list: Vec<(&String, &bool)>| quoted(list.into_iter().map(|(name, _)| name));
    let rows = [
        ["offered".to_owned(), names(yes)],
        ["answered with `unsupported`".to_owned(), names(no)],
        ["content is named by".to_owned(), backend.addressing.clone()],
        ["role".to_owned(), backend.role.clone()],
        ["also known as".to_owned(), quoted(&backend.aliases)],
    ];
    table(["", ""], rows)
}

pub(super) fn configuration(backend: &Backend) -> String {
    let rows = schema::rows(backend);
    match rows.is_empty() {
        true => "It has no settings of its own.".to_owned(),
        false => table(
            ["setting", "type", "default", "what it does"],
            rows.into_iter().map(|it| [format!("`{}`", it.key), it.kind, it.default, it.about]),
        ),
    }
}
