//! The references in `docs/generated/`: every backend, every setting, every error.

use super::table::table;
use super::{Described, Output, matrix, readme};

const NOTE: &str = "<!-- Written by `cargo xtask gen` from the descriptors; edits are lost. -->";

pub(super) fn outputs(described: &Described) -> Vec<Output> {
    let pages = [
        ("backends", "Backends", backends(described)),
        ("comparison", "What each backend offers", matrix::comparison(described)),
        ("configuration", "Configuration of each backend", configuration(described)),
        ("decision-matrix", "Which backend for what", matrix::decisions(described)),
        ("errors", "Errors", errors(described)),
    ];
    let page = |(name, title, body): (&str, &str, String)| Output {
        name: format!("docs/generated/{name}.md"),
        text: format!("{NOTE}\n# {title}\n\n{}\n", body.trim()),
    };
    pages.into_iter().map(page).collect()
}

fn backends(described: &Described) -> String {
    let mut text = format!("{}\n", readme::backends(described, ""));
    for backend in &described.backends {
        text.push_str(&format!("\n## {}\n\n{}\n\n{}\n", backend.kind, backend.summary, readme::offers(backend)));
        text.push_str(&format!("\nRead more: [{0}](../../crates/{0}/README.md).\n", backend.package));
    }
    text
}

fn configuration(described: &Described) -> String {
    let mut text = String::from(
        "`name`, `type`, `enabled`, `domain`, `tier`, `traits`, `operational`, `policies`, `routing`, `role` and `cache` are the same for every backend. What follows is each one's own.\n",
    );
    for backend in &described.backends {
        text.push_str(&format!("\n## {}\n\n{}\n", backend.kind, readme::configuration(backend)));
        text.push_str(&format!("\n```yaml\n{}\n```\n", backend.example.trim()));
        text.push_str(&format!("\nJSON schema: [`schema/{0}.json`](schema/{0}.json).\n", backend.kind));
    }
    text
}

fn errors(described: &Described) -> String {
    let rows = described.errors.iter().map(|it| {
        [
            format!("`{}`", it.kind),
            format!("`{}`", it.class),
            it.family.clone(),
            it.advice.clone(),
            it.exit_code.to_string(),
        ]
    });
    let table = table(["kind", "`error.type`", "family", "try again", "exit code"], rows);
    format!("Every failure has one JSON form; `error.type` is the class, the exit code is the program's.\n\n{table}")
}
