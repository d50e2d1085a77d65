//! A change of one key, as a person types it.

use std::fmt;

use backend_core::{Error, ErrorKind, Result};
use serde_json::{Map, Number, Value};

use super::bounded::MAX_DEPTH;
use super::key_path::shown;

/// What to do to the key at a dotted path, such as `connection.path`. `Debug` does not show the new value.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// Gives the key this value. Whole numbers, decimals, `true` and `false` are what they look like, a list is one of JSON, such as `["a", "b"]`;
    /// everything else is text, also `"12"` in double quotes. Under `credentials` everything is text.
    Set {
        /// The keys, joined by dots.
        path: String,
        /// The value as typed.
        text: String,
    },
    /// Takes the key away.
    Unset {
        /// The keys, joined by dots.
        path: String,
    },
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Set { path, .. } => write!(f, "Set {path} to ***"),
            Change::Unset { path } => write!(f, "Unset {path}"),
        }
    }
}

impl Change {
    /// Applies this to the tree of a file.
    ///
    /// # Errors
    /// `InvalidInput` if the path is none, or leads through what has no keys.
    pub(super) fn apply(&self, root: &mut Value) -> Result<()> {
        match self {
            Change::Set { path, text } => {
                let keys = keys(path)?;
                let value = typed(&keys, text);
                let (last, parent) = descend(root, &keys, path)?;
                parent.insert(last.to_owned(), value);
            }
            Change::Unset { path } => {
                let keys = keys(path)?;
                let (last, parent) = descend(root, &keys, path)?;
                parent.remove(last);
            }
        }
        Ok(())
    }
}

/// The value that a person or an environment variable means by `text`, at the place that `keys` name.
pub(super) fn typed(keys: &[&str], text: &str) -> Value {
    if keys.first() == Some(&"credentials") {
        return text.into();
    }
    scalar(text)
}

fn scalar(text: &str) -> Value {
    if text == "true" || text == "false" {
        return Value::Bool(text == "true");
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit() || it == b'.') {
        // serde_json's grammar refuses leading zeros and lone dots: such texts stay text.
        if let Ok(number) = serde_json::from_str::<Number>(text) {
            return Value::Number(number);
        }
    }
    if text.starts_with('"')
        && let Ok(quoted) = serde_json::from_str::<String>(text)
    {
        return quoted.into();
    }
    if text.starts_with('[')
        && let Ok(list) = serde_json::from_str::<Vec<Value>>(text)
    {
        return list.into();
    }
    text.into()
}

fn keys(path: &str) -> Result<Vec<&str>> {
    let keys: Vec<&str> = path.split('.').collect();
    if MAX_DEPTH < keys.len() || keys.iter().any(|key| key.is_empty()) {
        return Err(Error::new(ErrorKind::InvalidInput, "a path is keys joined by dots, such as connection.path"));
    }
    Ok(keys)
}

fn descend<'v, 'k>(root: &'v mut Value, keys: &[&'k str], path: &str) -> Result<(&'k str, &'v mut Map<String, Value>)> {
    let through = || {
        let shown: Vec<&str> = path.split('.').map(shown).collect();
        Error::new(ErrorKind::InvalidInput, format!("{} leads through a value that has no keys", shown.join(".")))
    };
    let Some((last, above)) = keys.split_last() else {
        return Err(through());
    };
    let mut at = root;
    for key in above {
        let fields = at.as_object_mut().ok_or_else(through)?;
        at = fields.entry((*key).to_owned()).or_insert_with(|| Value::Object(Map::new()));
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
    }
    Ok((last, at.as_object_mut().ok_or_else(through)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_it_looks_like() {
        let check = |keys: &[&str], text: &str, wanted: Value| assert_eq!(typed(keys, text), wanted, "{text}");
        let at = ["connection", "some"];
        check(&at, "12", 12.into());
        check(&at, "\"12\"", "12".into());
        check(&at, "007", "007".into());
        check(&at, "true", true.into());
        check(&at, r#"["a", "b"]"#, serde_json::json!(["a", "b"]));
        check(&at, "[a, b]", "[a, b]".into());
        check(&at, "[::1]", "[::1]".into());
        check(&["credentials", "password"], r#"["a"]"#, r#"["a"]"#.into());
    }
}
