//! Markdown tables.

/// A table with a header; cells are written as they are.
pub(super) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut lines = vec![line(header), line(["---"; N])];
    lines.extend(rows.into_iter().map(line));
    lines.join("\n")
}

fn line<const N: usize>(cells: [impl AsRef<str>; N]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |", cells.join(" | "))
}

/// Words in backticks, with commas; a dash for none.
pub(super) fn quoted<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    let words: Vec<String> = words.into_iter().map(|it| format!("`{it}`")).collect();
    match words.is_empty() {
        true => "-".to_owned(),
        false => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_a_header_a_rule_and_its_rows() {
        let made = table(["a", "b"], [["1".to_owned(), quoted(&["x".to_owned(), "y".to_owned()])]]);
        assert_eq!(made, "| a | b |\n| --- | --- |\n| 1 | `x`, `y` |");
        assert_eq!(quoted(&[]), "-");
    }
}
