//! A secret is never seen: not in what is shown, and not in an error, wherever the canary was put.

use backend_core::Report;
use backend_manager::config::{Change, Format, parse, validate};

use crate::common::{clock, home, seen};

const CANARY: &str = "hunter2canary";

/// Texts with the canary in every place where a hand may have put it, each of them wrong.
const WRONG: [&str; 21] = [
    "CANARY",
    "- CANARY",
    "type: CANARY: x",
    "type: [CANARY]",
    "type: s3\nenabled: CANARY",
    "type: s3\nenabled: [CANARY]",
    "type: s3\ntier: CANARY",
    "type: s3\ntraits: {cost: CANARY}",
    "type: s3\ntraits: CANARY",
    "type: s3\nname: CANARY CANARY",
    "type: s3\npolicies: {retention_days: CANARY}",
    "type: s3\npolicies: CANARY",
    "type: s3\nconnection: CANARY",
    "type: s3\ncredentials: CANARY",
    "type: s3\ncredentials: {key: !CANARY x}",
    "type: s3\ncredentials: {key: *CANARY}",
    "type: s3\ncredentials: {key: 'CANARY}",
    "type: s3\ncredentials: {key: \"\\CANARY\"}",
    "type: s3\ncredentials:\n\tkey: CANARY",
    "type: s3\npassword=CANARY: x",
    "type: s3\nkey CANARY: x",
];

const WRONG_TOML: [&str; 6] = [
    "CANARY",
    "type = CANARY",
    "type = 's3'\nenabled = 'CANARY'",
    "type = 's3'\n[credentials]\nkey = CANARY",
    "type = 's3'\n[credentials]\nkey = 'CANARY",
    "type = 's3'\n'password CANARY' = 1",
];

/// Texts that are right as they stand and wrong once they are resolved or opened.
const WRONG_LATER: [&str; 9] = [
    "type: local\ncredentials: {key: 'x${CANARYlower}'}",
    "type: local\ncredentials: {key: 'x${CANARY'}",
    "type: local\ncredentials: {key: 'x${CANARY:?y}'}",
    "type: local\ncredentials: {key: 'env:CANARY-'}",
    "type: local\ncredentials: {key: 'file:CANARY'}",
    "type: local\nconnection: {path: [CANARY]}",
    "type: local\nconnection: {path: /x, create: CANARY}",
    "type: local\noperational: {timeout: CANARY}",
    "type: local\noperational: {timeout: [CANARY]}",
];

fn unseen(what: &str, text: &str) {
    assert!(!text.contains("canary"), "{what} shows it: {text}");
}

fn check(error: &backend_core::Error, text: &str) {
    let report = Report::new(error, std::time::SystemTime::UNIX_EPOCH);
    unseen(text, &format!("{error} {error:?} {}", serde_json::to_string(&report).unwrap()));
}

#[test]
fn no_error_about_a_file_shows_what_stands_in_it() {
    let formats = [(Format::Yaml, WRONG.as_slice()), (Format::Toml, WRONG_TOML.as_slice())];
    for (format, texts) in formats {
        for text in texts {
            let error = parse("a", &text.replace("CANARY", CANARY), format).expect_err(text);
            check(&error, text);
        }
    }
}

#[test]
fn no_error_about_resolving_or_opening_shows_it() {
    for text in WRONG_LATER {
        let fixture = home(&[("a.yaml", &text.replace("CANARY", CANARY))], &[]);
        let opened = fixture.store.load("a").and_then(|config| validate(&config, clock()));
        check(&opened.expect_err(text), text);
    }
}

#[test]
fn no_error_about_a_change_shows_it() {
    let fixture = home(&[("a.yaml", "type: local\nconnection: {path: /x}\n")], &[]);
    for path in ["enabled", "connection.path.deeper", "policies.retention_days", "nothing", "", "name", "connection"] {
        let change = Change::Set { path: path.to_owned(), text: CANARY.to_owned() };
        unseen(path, &format!("{change:?}"));
        check(&fixture.store.update("a", &[change]).expect_err(path), path);
    }
    assert_eq!(fixture.text("a.yaml"), "type: local\nconnection: {path: /x}\n");
}

#[test]
fn what_is_shown_hides_secrets_and_keeps_references() {
    let text = "
        type: s3
        connection:
          endpoint_url: https://user:hunter2canary@example.com/path?sig=hunter2canary
          bare: https://hunter2canary@example.com
          api_key: hunter2canary
          nested: [{Private-Key: hunter2canary, plain: seen}]
        credentials:
          literal: hunter2canary
          number: 12345
          nested: {list: [hunter2canary, 'env:SEEN']}
          variable: '${SEEN}'
          default: '${SEEN:-hunter2canary}'
          mixed: 'hunter2canary${SEEN}'
          env: 'env:SEEN'
          file: 'file:/run/secrets/seen'
          looks: 'env:hunter2canary with more'
          escaped: 'text:hunter2canary'
        operational: {timeout: 3}
    ";
    let config = parse("a", text, Format::Yaml).unwrap();
    unseen("a configuration", &seen(&config));
    let shown = serde_json::to_value(&config).unwrap();
    let connection = serde_json::json!({
        "endpoint_url": "https://user:***@example.com/path?***", "bare": "https://***@example.com",
        "api_key": "***", "nested": [{"Private-Key": "***", "plain": "seen"}],
    });
    assert_eq!(shown["connection"], connection);
    let credentials = serde_json::json!({
        "literal": "***", "number": "***", "nested": {"list": ["***", "env:SEEN"]}, "variable": "${SEEN}",
        "default": "${SEEN:-***}", "mixed": "***", "env": "env:SEEN", "file": "file:/run/secrets/seen", "looks": "***",
        "escaped": "***",
    });
    assert_eq!(shown["credentials"], credentials);
    assert_eq!(shown["operational"], serde_json::json!({"timeout": 3}));
}
