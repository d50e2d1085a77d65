//! The part of a hand-written Markdown file that a program writes.
//!
//! It lies between `<!-- generated: NAME -->` and `<!-- end of generated -->`. What is around it belongs to people.

use crate::failure::{Failure, Result};

const END: &str = "<!-- end of generated -->";

/// `text` with the part called `name` replaced. A part that is not there yet is put below `heading`, at the end of that section.
pub(super) fn replace(text: &str, name: &str, heading: &str, content: &str) -> Result<String> {
    let begin = format!("<!-- generated: {name} -->");
    let part = format!("{begin}\n\n{}\n\n{END}", content.trim());
    let Some((before, rest)) = text.split_once(&begin) else { return insert(text, heading, &part) };
    match rest.split_once(END) {
        Some((_, after)) => Ok(format!("{before}{part}{after}")),
        None => Err(Failure::new(format!("the part `{name}` begins and does not end"))),
    }
}

fn insert(text: &str, heading: &str, part: &str) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_heading = |it: &str| it.trim_start_matches('#').trim() == heading && it.starts_with('#');
    let Some(top) = lines.iter().position(|it| is_heading(it)) else {
        return Err(Failure::new(format!("has no heading `{heading}`")));
    };
    let below = lines.iter().skip(top + 1).position(|it| it.starts_with('#')).map_or(lines.len(), |n| top + 1 + n);
    let (mut head, tail) = (lines[..below].join("\n").trim_end().to_owned(), lines[below..].join("\n"));
    head.push_str(&format!("\n\n{part}\n"));
    match tail.is_empty() {
        true => Ok(head),
        false => Ok(format!("{head}\n{}\n", tail.trim_end())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Result<&str>) {
        let made = replace(text, "offers", "What it offers", "| a |\n");
        assert_eq!(made.as_deref().map_err(ToString::to_string), wanted.map_err(|err| err.to_string()));
        if let Ok(made) = made {
            assert_eq!(replace(&made, "offers", "What it offers", "| a |").unwrap(), made, "not stable");
        }
    }

    #[test]
    fn a_part_is_replaced_or_put_below_its_heading() {
        let part = "<!-- generated: offers -->\n\n| a |\n\n<!-- end of generated -->";
        check(
            "# X\n\n## What it offers\n\nWords.\n\n## Next\n",
            Ok(&format!("# X\n\n## What it offers\n\nWords.\n\n{part}\n\n## Next\n")),
        );
        check("## What it offers\n", Ok(&format!("## What it offers\n\n{part}\n")));
        check("a\n<!-- generated: offers -->\nold\n<!-- end of generated -->\nz\n", Ok(&format!("a\n{part}\nz\n")));
        check("# Other\n", Err(Failure::new("has no heading `What it offers`")));
        check("<!-- generated: offers -->\n", Err(Failure::new("the part `offers` begins and does not end")));
    }
}
