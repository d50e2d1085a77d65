//! Types of rclone and their keys, and what we call them: the table.
//!
//! Source: the options of rclone's backends (`rclone help backend NAME`). Keys that are not here are listed as not taken over.

use backend_core::StorageType;
use serde_json::{Map, Value};

use super::obscured::reveal;
use super::sections::Remote;
use crate::config::envelope::BackendConfig;
use crate::config::reference;

/// How a value becomes one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Text in `connection`.
    Text,
    /// An address; without a scheme it is https.
    Address,
    /// `true` or `false` in `connection`.
    Flag,
    /// `true` means `false`.
    Not,
    /// A number in `connection`.
    Number,
    /// One word of ours for one of theirs.
    Word(&'static [(&'static str, &'static str)]),
    /// A secret as it stands.
    Secret,
    /// A secret that rclone has obscured.
    Obscured,
    /// PEM on one line.
    Pem,
    /// A text or a flag in `credentials` that is no secret.
    Plain,
    FlagOfCredentials,
}

type Row = (&'static str, &'static str, How);

/// A type that we have.
#[derive(Debug)]
pub(super) struct Rule {
    names: &'static [&'static str],
    pub(super) canonical: StorageType,
    root: Root,
    rows: &'static [Row],
    /// Keys that mean nothing here, or are what we do anyway.
    quiet: &'static [&'static str],
}

/// What stands behind the colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// A bucket under this key, and perhaps a prefix.
    Bucket(&'static str),
    /// A folder that must be named.
    Folder,
    /// A folder; without one, where the service begins.
    Perhaps,
    /// The end of the address.
    Address,
    /// Nothing.
    None,
}

/// Why a remote is not brought over.
pub(super) enum Refused {
    /// What stood behind the colon must be told.
    Root(&'static str),
    /// It cannot be.
    Never(&'static str),
    /// It is written wrongly; no value is in it.
    Wrong(String),
}

const PROVIDERS: How = How::Word(&[
    ("aws", "aws"),
    ("minio", "minio"),
    ("ceph", "ceph"),
    ("cloudflare", "r2"),
    ("digitalocean", "spaces"),
    ("seaweedfs", "seaweedfs"),
    ("", "other"),
]);
const SSE: How = How::Word(&[("aes256", "AES256"), ("aws:kms", "aws:kms")]);

const RULES: &[Rule] = &[
    Rule {
        names: &["s3"],
        canonical: StorageType::S3,
        root: Root::Bucket("bucket"),
        rows: &[
            ("provider", "provider", PROVIDERS),
            ("endpoint", "endpoint_url", How::Address),
            ("region", "region", How::Text),
            ("storage_class", "storage_class", How::Text),
            ("server_side_encryption", "server_side_encryption", SSE),
            ("sse_kms_key_id", "kms_key_id", How::Text),
            ("force_path_style", "path_style", How::Flag),
            ("profile", "profile", How::Text),
            ("access_key_id", "access_key_id", How::Secret),
            ("secret_access_key", "secret_access_key", How::Secret),
            ("session_token", "session_token", How::Secret),
        ],
        quiet: &["env_auth"],
    },
    Rule {
        names: &["sftp"],
        canonical: StorageType::Sshfs,
        root: Root::Perhaps,
        rows: &[
            ("host", "host", How::Text),
            ("port", "port", How::Number),
            ("known_hosts_file", "known_hosts_file", How::Text),
            ("user", "username", How::Secret),
            ("pass", "password", How::Obscured),
            ("key_pem", "private_key", How::Pem),
            ("key_file", "private_key_path", How::Plain),
            ("key_file_pass", "passphrase", How::Obscured),
            ("pubkey_file", "certificate_path", How::Plain),
        ],
        quiet: &["shell_type", "md5sum_command", "sha1sum_command"],
    },
    Rule {
        names: &["ftp"],
        canonical: StorageType::Ftp,
        root: Root::Perhaps,
        rows: &[
            ("host", "host", How::Text),
            ("port", "port", How::Number),
            ("no_check_certificate", "verify_tls", How::Not),
            ("concurrency", "max_connections", How::Number),
            ("disable_utf8", "utf8", How::Not),
            ("user", "username", How::Plain),
            ("pass", "password", How::Obscured),
        ],
        quiet: &["tls", "explicit_tls"],
    },
    Rule {
        names: &["webdav"],
        canonical: StorageType::Webdav,
        root: Root::Address,
        rows: &[
            ("url", "url", How::Address),
            ("user", "username", How::Plain),
            ("pass", "password", How::Obscured),
            ("bearer_token", "bearer", How::Secret),
        ],
        quiet: &["vendor"],
    },
    Rule {
        names: &["google cloud storage", "gcs"],
        canonical: StorageType::Gcs,
        root: Root::Bucket("bucket"),
        rows: &[
            ("service_account_file", "service_account_path", How::Plain),
            ("service_account_credentials", "service_account_key", How::Secret),
            ("anonymous", "anonymous", How::FlagOfCredentials),
        ],
        quiet: &[],
    },
    Rule {
        names: &["azureblob"],
        canonical: StorageType::Azure,
        root: Root::Bucket("container"),
        rows: &[
            ("account", "account", How::Text),
            ("endpoint", "endpoint", How::Address),
            ("use_emulator", "use_emulator", How::Flag),
            ("key", "access_key", How::Secret),
            ("tenant", "tenant_id", How::Plain),
            ("client_id", "client_id", How::Plain),
            ("client_secret", "client_secret", How::Secret),
        ],
        quiet: &[],
    },
    Rule { names: &["local"], canonical: StorageType::Local, root: Root::Folder, rows: &[], quiet: &["nounc"] },
    Rule { names: &["memory"], canonical: StorageType::Memory, root: Root::None, rows: &[], quiet: &[] },
];

const WRAPPERS: &[&str] = &["alias", "cache", "chunker", "combine", "compress", "crypt", "hasher", "union"];

/// # Errors
/// Why there is none.
pub(super) fn of(kind: &str) -> Result<&'static Rule, &'static str> {
    let plain = kind.trim().to_ascii_lowercase();
    match RULES.iter().find(|rule| rule.names.contains(&plain.as_str())) {
        Some(rule) => Ok(rule),
        None if plain == "crypt" => Err(
            "it encrypts what another remote keeps, and we do not read that; bring the other remote over for content of its own",
        ),
        None if WRAPPERS.contains(&plain.as_str()) => {
            Err("it is made of other remotes: bring those over, policies do the rest")
        }
        None => Err("there is no backend for it"),
    }
}

/// Fills the configuration; answers which keys were not taken over.
pub(super) fn translate(
    rule: &Rule,
    remote: &Remote,
    root: Option<&str>,
    config: &mut BackendConfig,
    warnings: &mut Vec<String>,
) -> Result<Vec<String>, Refused> {
    for (theirs, ours, how) in rule.rows {
        if let Some(value) = remote.get(theirs) {
            put(config, (theirs, ours, *how), value)?;
        }
    }
    aside(rule, remote, config, warnings)?;
    rooted(rule, root, config)?;
    let known = |key: &&str| {
        matches!(*key, "type" | "description")
            || rule.quiet.contains(key)
            || rule.rows.iter().any(|(theirs, _, _)| theirs == key)
    };
    Ok(remote.keys().filter(|key| !known(key)).map(str::to_owned).collect())
}

fn put(config: &mut BackendConfig, (theirs, ours, how): Row, value: &str) -> Result<(), Refused> {
    let wrong = |what: &str| Refused::Wrong(format!("{theirs} {what}"));
    let secret = |text: &str| Value::from(reference::escape(&literal(text)));
    let text = |text: &str| Value::from(literal(text));
    let flag = || match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(wrong("is neither true nor false")),
    };
    let (section, value): (&mut Map<String, Value>, Value) = match how {
        How::Text => (&mut config.connection, text(value)),
        How::Address => {
            let address = if value.contains("://") { value.to_owned() } else { format!("https://{value}") };
            // Whoever wrote http meant it.
            if address.starts_with("http://") {
                config.connection.insert("allow_http".to_owned(), true.into());
            }
            (&mut config.connection, text(&address))
        }
        How::Flag => (&mut config.connection, flag()?.into()),
        How::Not => (&mut config.connection, (!flag()?).into()),
        How::Number => match value.parse::<u32>() {
            // Of connections, 0 is as many as one likes.
            Ok(0) => return Ok(()),
            Ok(number) => (&mut config.connection, number.into()),
            Err(_) => return Err(wrong("is no number")),
        },
        How::Word(words) => {
            let plain = value.to_ascii_lowercase();
            let found = words.iter().find(|(theirs, _)| *theirs == plain || theirs.is_empty());
            let (_, word) = found.ok_or_else(|| wrong("is a word that we do not know"))?;
            (&mut config.connection, (*word).into())
        }
        How::Secret => (&mut config.credentials, secret(value)),
        How::Obscured => (&mut config.credentials, secret(&reveal(value).map_err(wrong)?)),
        How::Pem => (&mut config.credentials, secret(&value.replace("\\n", "\n"))),
        How::Plain => (&mut config.credentials, text(value)),
        How::FlagOfCredentials => (&mut config.credentials, flag()?.into()),
    };
    section.insert(ours.to_owned(), value);
    Ok(())
}

/// rclone knows no variables: every dollar sign is meant.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// What is not one key of theirs for one of ours.
fn aside(rule: &Rule, remote: &Remote, config: &mut BackendConfig, warnings: &mut Vec<String>) -> Result<(), Refused> {
    let is_true =
        |key: &str| remote.get(key).is_some_and(|it| matches!(it.to_ascii_lowercase().as_str(), "true" | "1"));
    match rule.canonical {
        StorageType::Ftp => {
            let tls = if is_true("explicit_tls") {
                "explicit"
            } else if is_true("tls") {
                "implicit"
            } else {
                "none"
            };
            config.connection.insert("tls".to_owned(), tls.into());
            if tls == "none" {
                warnings.push("its password can be read on the way: connection.tls is none, as in rclone".to_owned());
            }
        }
        StorageType::Sshfs if remote.get("known_hosts_file").is_none() => {
            warnings.push(
                "rclone did not ask whose host it is; here its key must be in connection.known_hosts_file or host_keys"
                    .to_owned(),
            );
        }
        StorageType::Gcs if remote.get("token").is_some() && config.credentials.is_empty() => {
            return Err(Refused::Never("it signs in with rclone's own token; a service account is needed here"));
        }
        StorageType::Memory => warnings.push("what is in memory is gone with the process".to_owned()),
        StorageType::Azure if remote.get("sas_url").is_some() && config.credentials.is_empty() => {
            return Err(Refused::Never(
                "it signs in with an address (sas_url); set credentials.sas_token to what is behind its question mark",
            ));
        }
        _ => {}
    }
    Ok(())
}

fn rooted(rule: &Rule, root: Option<&str>, config: &mut BackendConfig) -> Result<(), Refused> {
    let connection = &mut config.connection;
    let mut set = |key: &str, value: &str| connection.insert(key.to_owned(), literal(value).into());
    match (rule.root, root) {
        (Root::None, None) | (Root::Perhaps | Root::Address, None) => {}
        (Root::None, Some(_)) => return Err(Refused::Wrong("nothing stands behind its colon".to_owned())),
        (Root::Bucket(_), None) => return Err(Refused::Root("BUCKET")),
        (Root::Folder, None) => return Err(Refused::Root("FOLDER")),
        (Root::Bucket(key), Some(root)) => {
            let (bucket, prefix) = root.trim_matches('/').split_once('/').unwrap_or((root.trim_matches('/'), ""));
            set(key, bucket);
            if !prefix.is_empty() {
                set("prefix", prefix);
            }
        }
        (Root::Folder | Root::Perhaps, Some(root)) => drop(set("path", root)),
        (Root::Address, Some(root)) => {
            let url =
                connection.get("url").and_then(Value::as_str).unwrap_or_default().trim_end_matches('/').to_owned();
            connection.insert("url".to_owned(), format!("{url}/{}", literal(root.trim_matches('/'))).into());
        }
    }
    Ok(())
}
