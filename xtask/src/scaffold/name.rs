//! The name of a new leaf, in the four forms in which it is written.

use crate::failure::{Failure, Result};
use crate::tree::ROOMS;

/// The most letters of a name: it becomes a column of tables and a key of every locator's row.
const MOST_LETTERS: usize = 32;

/// A name for a leaf: lower-case words and digits, joined by `-` or `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// If it is no name, or the name of another room.
    pub fn parse(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split(['-', '_']).collect();
        let is_word = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
        let begins = text.bytes().next().is_some_and(|it| it.is_ascii_lowercase());
        if !begins || text.len() > MOST_LETTERS || !words.iter().all(|it| is_word(it)) {
            let wanted = "lower-case words and digits joined by `-` or `_`, at most 32 letters, a letter first";
            return Err(Failure::new(format!("{text:?} is no name for a backend: {wanted}")));
        }
        let name = Self(words.join("_"));
        match ROOMS.contains(&name.package().as_str()) || ["other", "full", "default"].contains(&text) {
            true => Err(Failure::new(format!("{text:?} is taken by another room"))),
            false => Ok(name),
        }
    }

    /// What `type:` says, and the feature's name: `ipfs_cluster`.
    pub fn kind(&self) -> &str {
        &self.0
    }

    /// The package: `backend-ipfs-cluster`.
    pub fn package(&self) -> String {
        format!("backend-{}", self.0.replace('_', "-"))
    }

    /// The crate in source: `backend_ipfs_cluster`.
    pub fn module(&self) -> String {
        format!("backend_{}", self.0)
    }

    /// The type, and a new variant: `IpfsCluster`.
    pub fn camel(&self) -> String {
        let words = self.0.split('_').map(|word| {
            let mut letters = word.chars();
            letters.next().map(|it| it.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
        });
        words.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_four_forms() {
        let name = Name::parse("ipfs-cluster").unwrap();
        let forms = [name.kind().to_owned(), name.package(), name.module(), name.camel()];
        assert_eq!(forms, ["ipfs_cluster", "backend-ipfs-cluster", "backend_ipfs_cluster", "IpfsCluster"]);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in
            ["", "S3", "3s", "a--b", "a-", "_a", "a/b", "..", "a b", "core", "manager", "other", &"a".repeat(33)]
        {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }
}
