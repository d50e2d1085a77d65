//! `${NAME}`, `${NAME:-default}` and `$$`: what stands in a text of a configuration for something of the environment.

use super::variables::Variables;

/// How long a text may become.
const MAX_TEXT: usize = 64 << 10;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    Plain(&'t str),
    Variable { name: &'t str, default: Option<&'t str> },
}

/// Replaces every variable in `text`. An empty variable with a default counts as not set, as in a shell. A `$` that begins neither `$$` nor `${` is itself.
///
/// # Errors
/// What is wrong: which variable is not set, or that a `${` is none. Nothing else of the text is in the message.
pub(super) fn substitute(text: &str, variables: &Variables) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    for part in parts(text)? {
        match part {
            Part::Plain(plain) => result.push_str(plain),
            Part::Variable { name, default } => result.push_str(value(text, name, default, variables)?),
        }
        if MAX_TEXT < result.len() {
            return Err(format!("is longer than {MAX_TEXT} bytes once its variables are replaced"));
        }
    }
    Ok(result)
}

fn value<'v>(text: &str, name: &str, default: Option<&'v str>, variables: &'v Variables) -> Result<&'v str, String> {
    match (variables.get(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default),
        (None, None) => Err(not_set(text, name)),
    }
}

/// A name in the middle of a text may be a piece of a password that happens to hold `${…}`; it is shown if it looks like a variable and nothing else.
fn not_set(text: &str, name: &str) -> String {
    let is_whole = text.len() == name.len() + 3;
    let is_upper = name.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_');
    if is_whole || is_upper {
        return format!("environment variable {name} is not set");
    }
    "names an environment variable that is not set; a dollar sign that is meant is written $$".to_owned()
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (plain, from) = rest.split_at(at);
        found.push(Part::Plain(plain));
        rest = if let Some(after) = from.strip_prefix("$$") {
            found.push(Part::Plain("$"));
            after
        } else if let Some(inner) = from.strip_prefix("${") {
            let (part, after) = variable(inner)?;
            found.push(part);
            after
        } else {
            found.push(Part::Plain("$"));
            from.get(1..).unwrap_or_default()
        };
    }
    found.push(Part::Plain(rest));
    Ok(found)
}

/// What follows `${`.
fn variable(inner: &str) -> Result<(Part<'_>, &str), String> {
    const WRONG: &str =
        "holds a ${ that is neither ${NAME} nor ${NAME:-default}; a dollar sign that is meant is written $$";
    let (body, after) = inner.split_once('}').ok_or(WRONG)?;
    let (name, default) = match body.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (body, None),
    };
    if !is_variable_name(name) || default.is_some_and(|it| it.contains("${")) {
        return Err(WRONG.to_owned());
    }
    Ok((Part::Variable { name, default }, after))
}

/// Whether `name` can be an environment variable: `[A-Za-z_][A-Za-z0-9_]*`, at most 128 bytes.
pub(super) fn is_variable_name(name: &str) -> bool {
    name.len() <= 128
        && name.bytes().next().is_some_and(|it| it.is_ascii_alphabetic() || it == b'_')
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

/// `text` if it is made of variables alone, with `hidden` for their defaults.
pub(super) fn without_defaults(text: &str, hidden: &str) -> Option<String> {
    let mut shown = String::new();
    for part in parts(text).ok()? {
        match part {
            Part::Plain("") => {}
            Part::Plain(_) => return None,
            Part::Variable { name, default: None } => shown.push_str(&format!("${{{name}}}")),
            Part::Variable { name, default: Some(_) } => shown.push_str(&format!("${{{name}:-{hidden}}}")),
        }
    }
    Some(shown)
}

/// A text that [`substitute`] turns into `text` again, whatever `$` it holds; `${NAME}` stays a variable.
pub(super) fn escape(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (plain, from) = rest.split_at(at);
        result.push_str(plain);
        let name = from.strip_prefix("${").and_then(|inner| inner.split_once('}')).filter(|it| is_variable_name(it.0));
        rest = match name {
            Some((name, after)) => {
                result.push_str(&format!("${{{name}}}"));
                after
            }
            None => {
                result.push_str("$$");
                from.get(1..).unwrap_or_default()
            }
        };
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(text in "[a$ {}:-]{0,12}(\\$\\{NAME\\})?[$x]{0,3}") {
            let variables: Variables = [("NAME".to_owned(), "${NAME}".to_owned())].into_iter().collect();
            // The one variable stands for its own spelling, so everything must come back as it was, unless a variable that is not set was meant.
            match substitute(&escape(&text), &variables) {
                Ok(back) => prop_assert_eq!(back, text),
                Err(what) => prop_assert!(what.contains("environment variable"), "{}: {}", text, what),
            }
        }
    }
}
