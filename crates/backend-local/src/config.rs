//! What a user writes under `connection:`. There are no credentials: the process's own rights are all it has.

use std::path::PathBuf;

use backend_core::{Result, Settings};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// `connection:` of a local store.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The folder. Absolute; `~` is expanded before it comes here.
    pub path: PathBuf,
    /// Make the folder if it is missing when it is first used. Without it a missing folder is an error, so that an empty mount point is not filled
    /// silently.
    #[serde(default)]
    pub create: bool,
    /// Where labels and the media type are kept.
    #[serde(default)]
    pub labels: Labels,
    /// Whether an add waits until the disk has it.
    #[serde(default)]
    pub sync: Sync,
    /// Permissions of files, in octal. The umask does not apply.
    #[serde(default = "owner_file")]
    pub file_mode: Mode,
    /// Permissions of folders, in octal. The umask does not apply.
    #[serde(default = "owner_folder")]
    pub folder_mode: Mode,
}

/// Where labels and the media type of content are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    /// With the file if the file system can, else beside it.
    #[default]
    Auto,
    /// With the file, as an extended attribute.
    Xattr,
    /// In a file of its own, under `.ipfs-kit/labels`.
    Sidecar,
    /// Nowhere: labels are refused.
    Off,
}

/// Whether an add waits until the disk has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// Nothing is answered before it would survive a power loss.
    #[default]
    Full,
    /// The operating system writes when it likes: not durable at power loss.
    Off,
}

/// Permissions, as octal text: `"0640"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(u32);

impl Mode {
    /// The bits.
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl TryFrom<String> for Mode {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        let digits = text.strip_prefix('0').filter(|rest| rest.len() == 3).unwrap_or(&text);
        match u32::from_str_radix(digits, 8) {
            Ok(bits) if digits.len() == 3 && digits.bytes().all(|it| it.is_ascii_digit()) => Ok(Self(bits)),
            _ => Err("expected three octal digits in quotes, such as \"0640\""),
        }
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        format!("{:04o}", mode.bits())
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0?[0-7]{3}$" })
    }
}

fn owner_file() -> Mode {
    Mode(0o600)
}

fn owner_folder() -> Mode {
    Mode(0o700)
}

/// `credentials:` of a local store: nothing.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {}

/// The shape of the two sections, for the schema.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Sections {
    connection: Connection,
    credentials: Credentials,
}

impl Connection {
    /// Reads and checks both sections, without looking at the disk.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key.
    pub fn from_settings(settings: &Settings) -> Result<Self> {
        let connection: Self = settings.connection()?;
        let Credentials {} = settings.credentials()?;
        let wrong = |key, why| Err(settings.wrong(key, why));
        if !connection.path.is_absolute() {
            return wrong("connection.path", "expected an absolute path");
        }
        if connection.file_mode.bits() & 0o600 != 0o600 {
            return wrong("connection.file_mode", "the owner must be able to read and write");
        }
        if connection.folder_mode.bits() & 0o700 != 0o700 {
            return wrong("connection.folder_mode", "the owner must be able to read, write and enter");
        }
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use backend_core::ErrorKind;

    use super::*;

    fn check(text: &str) -> Option<u32> {
        Mode::try_from(text.to_owned()).ok().map(Mode::bits)
    }

    #[test]
    fn modes_are_three_octal_digits() {
        assert_eq!((check("0640"), check("640"), check("0777")), (Some(0o640), Some(0o640), Some(0o777)));
        for text in ["", "0", "64", "00640", "1640", "688", "+40", "-40", "0o40", "rwx", "u=rw"] {
            assert_eq!(check(text), None, "{text}");
        }
        assert_eq!(String::from(Mode(0o600)), "0600");
    }

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let cases = [
            (serde_json::json!({}), "path"),
            (serde_json::json!({ "path": "relative/canary" }), "connection.path"),
            (serde_json::json!({ "path": "~/canary" }), "connection.path"),
            (serde_json::json!({ "path": "/x", "file_mode": "0400" }), "connection.file_mode"),
            (serde_json::json!({ "path": "/x", "file_mode": 600 }), "connection.file_mode"),
            (serde_json::json!({ "path": "/x", "folder_mode": "0600" }), "connection.folder_mode"),
            (serde_json::json!({ "path": "/x", "labels": "canary" }), "connection.labels"),
            (serde_json::json!({ "path": "/x", "sync": false }), "connection.sync"),
        ];
        for (connection, key) in cases {
            let settings = Settings::new("usb", connection, backend_testkit::TestClock::new());
            let err = Connection::from_settings(&settings).unwrap_err();
            assert_eq!(err.kind(), ErrorKind::InvalidConfig, "{err}");
            assert!(err.message().contains(key) && !err.message().contains("canary"), "{err}");
        }
    }
}
