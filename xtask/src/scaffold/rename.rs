//! The template's text under the new name.

use super::Name;

/// `text` of the template, renamed. Aliases belong to the template alone: two descriptors may not claim one name.
pub(super) fn renamed(text: &str, name: &Name, variant: &str) -> String {
    let pairs = [
        ("backend-memory", name.package()),
        ("backend_memory", name.module()),
        ("StorageType::Memory", format!("StorageType::{variant}")),
        ("Memory", name.camel()),
        ("\"memory\"", format!("\"{}\"", name.kind())),
        ("`memory`", format!("`{}`", name.kind())),
        ("type: memory", format!("type: {}", name.kind())),
    ];
    let mut text = text.to_owned();
    for (from, to) in &pairs {
        text = replace_word(&text, from, to);
    }
    let lines = text.lines().map(|line| own_line(line, name));
    let mut text = lines.collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

fn own_line(line: &str, name: &Name) -> String {
    let indent = &line[..line.len() - line.trim_start().len()];
    match line.trim_start() {
        it if it.starts_with("aliases: &[") => format!("{indent}aliases: &[],"),
        it if it.starts_with("summary: \"") => {
            format!("{indent}summary: \"Scaffolded as {}: keeps content in this process's memory\",", name.kind())
        }
        it if it.starts_with("description = \"") => {
            format!("{indent}description = \"Scaffolded as {}, a copy of the reference backend\"", name.kind())
        }
        _ => line.to_owned(),
    }
}

/// Replaces `from` where it is a word of its own: `in_memory` and `MemoryMap` stay.
fn replace_word(text: &str, from: &str, to: &str) -> String {
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        made.push_str(before);
        let inside = |edge: bool, next: bool| edge && next;
        let joined = inside(from.starts_with(is_part), made.ends_with(is_part))
            || inside(from.ends_with(is_part), after.starts_with(is_part));
        made.push_str(if joined { from } else { to });
        rest = after;
    }
    made.push_str(rest);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, wanted: &str) {
        let name = Name::parse("web-dav").unwrap();
        assert_eq!(renamed(line, &name, "WebDav"), format!("{wanted}\n"));
    }

    #[test]
    fn names_are_replaced_and_words_are_not() {
        check("name = \"backend-memory\"", "name = \"backend-web-dav\"");
        check("use backend_memory::Memory;", "use backend_web_dav::WebDav;");
        check("kind: StorageType::Memory,", "kind: StorageType::WebDav,");
        check("type: memory", "type: web_dav");
        check("in_memory MemoryMap, kept in memory", "in_memory MemoryMap, kept in memory");
        check("    aliases: &[\"mem\"],", "    aliases: &[],");
    }
}
