//! Which key of a file: how an error says it, without ever saying what stands there.

use std::fmt;

use serde_json::Value;

/// One step into a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The way from the top of a file to a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct KeyPath(pub(super) Vec<Step>);

impl KeyPath {
    /// A path of names only.
    pub(super) fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| Step::Key((*name).to_owned())).collect())
    }

    /// The path that figment gives: indices are numbers there.
    pub(super) fn from_names(names: &[String], root: &Value) -> Self {
        let mut steps = Vec::new();
        let mut at = Some(root);
        for name in names {
            let index = at.filter(|it| it.is_array()).and_then(|_| name.parse::<usize>().ok());
            at = match index {
                Some(index) => at.and_then(|it| it.get(index)),
                None => at.and_then(|it| it.get(name)),
            };
            steps.push(index.map_or_else(|| Step::Key(name.clone()), Step::Index));
        }
        Self(steps)
    }

    /// Whether this lies in the section called `name`.
    pub(super) fn is_within(&self, name: &str) -> bool {
        matches!(self.0.first(), Some(Step::Key(first)) if first == name)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if n == 0 => f.write_str(shown(key))?,
                Step::Key(key) => write!(f, ".{}", shown(key))?,
            }
        }
        Ok(())
    }
}

/// A key as it may be printed. What does not look like the name of a field may be a value that lost its colon.
pub(super) fn shown(key: &str) -> &str {
    let plain = |it: u8| it.is_ascii_alphanumeric() || it == b'_' || it == b'-';
    if !key.is_empty() && key.len() <= 40 && key.bytes().all(plain) { key } else { "(a key that is not a plain name)" }
}

/// Replaces every text in `value` by what `change` makes of it.
///
/// # Errors
/// The first that `change` answers.
pub(super) fn map_texts<E>(
    value: &mut Value,
    path: &mut KeyPath,
    change: &mut impl FnMut(&KeyPath, &str) -> Result<String, E>,
) -> Result<(), E> {
    match value {
        Value::String(text) => *text = change(path, text)?,
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                step(item, path, Step::Index(index), change)?;
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields.iter_mut() {
                step(item, path, Step::Key(key.clone()), change)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn step<E>(
    item: &mut Value,
    path: &mut KeyPath,
    next: Step,
    change: &mut impl FnMut(&KeyPath, &str) -> Result<String, E>,
) -> Result<(), E> {
    path.0.push(next);
    map_texts(item, path, change)?;
    path.0.pop();
    Ok(())
}
