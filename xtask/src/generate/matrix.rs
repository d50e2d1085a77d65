//! The comparison of all types, and which of them suits which purpose.

use super::table::table;
use super::{Backend, Described, Purpose};

/// What is said of a type in one field.
type Fact = (&'static str, fn(&Backend) -> String);

/// What each type offers, side by side.
pub(super) fn comparison(described: &Described) -> String {
    let offered = |backend: &Backend, name: &str| match backend.offers.get(name) {
        Some(true) => "yes".to_owned(),
        _ => "-".to_owned(),
    };
    let names: Vec<String> =
        described.backends.first().map(|it| it.offers.keys().cloned().collect()).unwrap_or_default();
    let facts: [Fact; 5] = [
        ("role", |it| it.role.clone()),
        ("content is named by", |it| it.addressing.clone()),
        ("latency", |it| grade(it, "latency")),
        ("durability", |it| grade(it, "durability")),
        ("cost", |it| grade(it, "cost")),
    ];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, of) in facts {
        rows.push(row(name, described.backends.iter().map(of)));
    }
    for name in &names {
        rows.push(row(&format!("`{name}`"), described.backends.iter().map(|it| offered(it, name))));
    }
    let header = row("", described.backends.iter().map(|it| format!("`{}`", it.kind)));
    format!(
        "The most that an instance of each type may offer; `backend list --can` says it of yours. Latency, durability and cost are expectations that `traits:` and \
         measurements override.\n\n{}",
        wide(&header, &rows)
    )
}

/// Which type suits which purpose.
pub(super) fn decisions(described: &Described) -> String {
    let mut text = String::from(
        "What `ipfs-kit backend types --for PURPOSE` says of every type, from descriptors alone: what is needed is there or the type does not do; what speaks for it \
         counts up to 100.\n\n",
    );
    let header = row("", described.purposes.iter().map(|it| it.name.clone()));
    let rows = described.backends.iter().map(|backend| {
        row(&format!("`{}`", backend.kind), described.purposes.iter().map(|purpose| verdict(purpose, &backend.kind)))
    });
    text.push_str(&wide(&header, &rows.collect::<Vec<_>>()));
    for purpose in &described.purposes {
        let rows = purpose.types.iter().map(|it| {
            [format!("`{}`", it.kind), it.verdict.clone(), it.score.to_string(), words(&it.reasons), words(&it.lacks)]
        });
        let table = table(["type", "suits", "of 100", "what speaks for it", "what it lacks"], rows);
        text.push_str(&format!("\n\n## {}\n\n{}.\n\n{table}", purpose.name, purpose.summary));
    }
    text
}

fn grade(backend: &Backend, name: &str) -> String {
    backend.traits.get(name).cloned().unwrap_or_else(|| "-".to_owned())
}

fn verdict(purpose: &Purpose, kind: &str) -> String {
    let found = purpose.types.iter().find(|it| it.kind == kind);
    found.map_or_else(|| "-".to_owned(), |it| it.verdict.clone())
}

fn words(words: &[String]) -> String {
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn row(first: &str, more: impl Iterator<Item = String>) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(more).collect()
}

/// A table as wide as its header.
fn wide(header: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let rule: Vec<String> = header.iter().map(|_| "---".to_owned()).collect();
    let lines = [line(header), line(&rule)].into_iter().chain(rows.iter().map(|row| line(row)));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pages_show_every_type() {
        let said = r#"{"errors":[],"backends":[{"kind":"a","aliases":[],"summary":"","addressing":"key","role":"store","offers":{"get":true,"pin":false},
            "traits":{"latency":"low"},"schema":{},"example":"","crate":"x"}],
            "purposes":[{"name":"cache","summary":"near","types":[{"type":"a","verdict":"good","score":90,"reasons":["get"],"lacks":[]}]}]}"#;
        let described = super::super::described(said).unwrap();
        let page = comparison(&described);
        assert!(
            page.contains("|  | `a` |") && page.contains("| `get` | yes |") && page.contains("| `pin` | - |"),
            "{page}"
        );
        let page = decisions(&described);
        assert!(page.contains("| `a` | good |") && page.contains("| `a` | good | 90 | get | - |"), "{page}");
    }
}
