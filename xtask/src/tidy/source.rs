//! Rust source without its comments and without its tests, line by line: what rules about code look at.

/// The code of `text`: comment lines are blank, and so is everything from the test module on, which stands last by the house's order.
pub(super) fn code(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    let code = lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    code.map(|(at, line)| (at, before_comment(line))).filter(|(_, line)| !line.trim().is_empty()).collect()
}

fn before_comment(line: &str) -> &str {
    let begin = line
        .match_indices("//")
        .find(|(at, _)| !line[..*at].ends_with(':') && line[..*at].matches('"').count().is_multiple_of(2));
    begin.map_or(line, |(at, _)| &line[..at])
}

/// Whether a file holds only tests: they may do what the code may not.
pub(super) fn is_test(name: &str) -> bool {
    let folders = ["/tests/", "/benches/", "/examples/"];
    folders.iter().any(|it| name.contains(it)) || name.starts_with("tests/") || name.ends_with("tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_are_no_code() {
        let text = "//! a\nuse b; // c\nlet url = \"http://d\";\n\n#[cfg(test)]\nmod tests { e }\n";
        assert_eq!(code(text), [(2, "use b; "), (3, "let url = \"http://d\";")]);
    }

    #[test]
    fn tests_are_known_by_their_place() {
        for name in ["crates/a/tests/b.rs", "crates/a/benches/b.rs", "tests/tests/b.rs", "crates/a/src/b/tests.rs"] {
            assert!(is_test(name), "{name}");
        }
        assert!(!is_test("crates/backend-testkit/src/suite.rs"));
    }
}
