//! The text of an `rclone.conf`: sections of `key = value` lines (goconfig's dialect of INI). Bounded, and no value is ever in a message.

/// Remotes of one file, and keys of one remote.
const MAX_REMOTES: usize = 1000;
const MAX_KEYS: usize = 200;
/// What the first line of an encrypted file says (rclone: `fs/config/crypt.go`).
const ENCRYPTED: &str = "RCLONE_ENCRYPT_V";

/// A section: a remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) name: String,
    keys: Vec<(String, String)>,
}

impl Remote {
    /// The value of a key; an empty one is none.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.keys.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every key that says something.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter(|(_, value)| !value.is_empty()).map(|(key, _)| key.as_str())
    }
}

/// # Errors
/// What is wrong, with the line, and never with what stands in it.
pub(super) fn read(text: &str) -> Result<Vec<Remote>, String> {
    let mut remotes: Vec<Remote> = Vec::new();
    for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        let wrong = |what: &str| Err(format!("line {}: {what}", n + 1));
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with(ENCRYPTED) {
            return wrong(
                "the file is encrypted; `rclone config encryption remove` writes it as text, or `rclone config show > plain.conf`",
            );
        }
        if let Some(name) = line.strip_prefix('[') {
            let Some(name) = name.strip_suffix(']').map(str::trim).filter(|it| !it.is_empty()) else {
                return wrong("a section without a name");
            };
            if remotes.iter().any(|it| it.name == name) {
                return wrong("a remote that was there before");
            }
            if MAX_REMOTES <= remotes.len() {
                return wrong("more than 1000 remotes");
            }
            remotes.push(Remote { name: name.to_owned(), keys: Vec::new() });
            continue;
        }
        let Some(remote) = remotes.last_mut() else {
            return wrong("a key outside of every remote: this is no file of rclone's");
        };
        let Some((key, value)) = line.split_once('=') else { return wrong("neither a remote nor a key with a value") };
        if MAX_KEYS <= remote.keys.len() {
            return wrong("a remote of more than 200 keys");
        }
        remote.keys.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(remotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_remotes() {
        let text =
            "\u{feff}# a comment\n\n[one]\ntype = s3\nregion =\nSecret = a = b \n; more\n[ two words ]\ntype=local\n";
        let remotes = read(text).unwrap();
        assert_eq!(remotes.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["one", "two words"]);
        assert_eq!((remotes[0].get("secret"), remotes[0].get("region")), (Some("a = b"), None));
        assert_eq!(remotes[0].keys().collect::<Vec<_>>(), ["type", "secret"]);
    }

    #[test]
    fn what_is_no_such_file_is_refused_without_its_words() {
        let long = format!("[a]\n{}", "canary = 1\n".repeat(MAX_KEYS + 1));
        let many: String = (0..=MAX_REMOTES).map(|n| format!("[canary{n}]\n")).collect();
        let texts = [
            "canary = 1",
            "[canary",
            "[]",
            "[a]\ncanary",
            "[canary]\n[canary]",
            "RCLONE_ENCRYPT_V0:\ncanary",
            &long,
            &many,
        ];
        for text in texts {
            let what = read(text).unwrap_err();
            assert!(what.starts_with("line ") && !what.contains("canary"), "{what}");
        }
        assert!(read("RCLONE_ENCRYPT_V0:\nx").unwrap_err().contains("encrypted"));
    }
}
