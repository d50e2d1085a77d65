//! Any text format to a JSON tree, within bounds: so many values, so deep, every key once.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::key_path::shown;

/// How many values a file may hold, counted as often as aliases repeat them.
pub(super) const MAX_VALUES: usize = 20_000;
/// How deep they may be nested.
pub(super) const MAX_DEPTH: usize = 32;

/// What is left of the bounds, and why the tree was refused. The reason is kept here and not in the parser's error, whose text may quote the file.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    used: Cell<usize>,
    reason: RefCell<Option<String>>,
}

impl Bounds {
    /// Why the tree was refused, if it was refused here.
    pub(super) fn into_reason(self) -> Option<String> {
        self.reason.into_inner()
    }

    fn refuse<E: Error>(&self, reason: impl Into<String>) -> E {
        self.reason.borrow_mut().get_or_insert_with(|| reason.into());
        E::custom("refused")
    }
}

/// Reads one value at `depth`.
#[derive(Clone, Copy)]
pub(super) struct Tree<'b> {
    bounds: &'b Bounds,
    depth: usize,
}

impl<'b> Tree<'b> {
    pub(super) fn new(bounds: &'b Bounds) -> Self {
        Self { bounds, depth: 0 }
    }

    fn inner<E: Error>(self) -> Result<Self, E> {
        if MAX_DEPTH <= self.depth {
            return Err(self.bounds.refuse(format!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let used = self.bounds.used.get() + 1;
        self.bounds.used.set(used);
        if MAX_VALUES < used {
            return Err(self.bounds.refuse(format!("more than {MAX_VALUES} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain data")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Value, E> {
        Err(self.bounds.refuse("a number that is too large; text is written in quotes"))
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Value, E> {
        Err(self.bounds.refuse("a number that is too large; text is written in quotes"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).map(Value::Number);
        number.ok_or_else(|| self.bounds.refuse("a number that is not finite; text is written in quotes"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut found = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            found.push(item);
        }
        Ok(Value::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut found = Map::new();
        while let Some(key) = fields.next_key_seed(NewKey { bounds: self.bounds, taken: &found })? {
            found.insert(key, fields.next_value_seed(inner)?);
        }
        Ok(Value::Object(found))
    }
}

/// A key that is not there yet. It is refused here and not in the map, so that the error's line is that of the key.
struct NewKey<'k> {
    bounds: &'k Bounds,
    taken: &'k Map<String, Value>,
}

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NewKey<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<String, E> {
        // How the TOML crate hands over a date.
        if key.starts_with("$__toml_private") {
            return Err(self.bounds.refuse("a date; text is written in quotes"));
        }
        if self.taken.contains_key(key) {
            return Err(self.bounds.refuse(format!("{} stands twice in one place", shown(key))));
        }
        Ok(key.to_owned())
    }
}
