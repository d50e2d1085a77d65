//! Which texts are configurations, and what is said of the others.

use backend_manager::config::{Format, check_name};
use proptest::prelude::*;

use crate::common::parsed;

const YAML: [(&str, &str); 24] = [
    ("type: s3", "ok"),
    ("name: a\ntype: s3\nconnection:\ncredentials:\npolicies:\noperational:\n", "ok"),
    ("{\"type\": \"s3\", \"enabled\": false}", "ok"),
    ("", "a: expected keys and values, such as name, type and connection"),
    ("- type: s3", "a: expected keys and values, such as name, type and connection"),
    ("name: a", "a: missing field type"),
    ("type: s3\ntype: s3", "a:2: type stands twice in one place"),
    ("type: s3\nconnection:\n  a: 1\n  b: {c: 1, c: 2}\n", "a:4: c stands twice in one place"),
    ("type: s3\n\nenabeld: no\n", "a:3: enabeld: unknown field, did you mean enabled?"),
    ("type: s3\nenabled: no\n", "a:2: enabled: expected a boolean"),
    ("type: [s3]\n", "a:1: type: expected a string"),
    ("type: s3\ntier: tepid\n", "a:2: tier: expected one of hot, standard, warm, cold, archive"),
    ("type: s3\ntraits: {latency: canary}\n", "a:2: traits.latency: expected one of low, medium, high"),
    ("type: s3\nconnection: canary\n", "a:2: connection: expected a map"),
    ("type: s3\nname: A\n", "a:2: name: a name is 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or a digit"),
    ("type: s3\ndomain: ''\n", "a:2: domain: is empty"),
    ("type: s3\ndescription: \"a\\nb\"\n", "a:2: description: holds control characters"),
    ("type: s3\nconnection: {a: .inf}\n", "a:2: a number that is not finite; text is written in quotes"),
    ("type: s3\nconnection: {a: !canary x}\n", "a:2: not valid YAML"),
    ("type: s3\n---\ntype: s3\n", "a: more than one document"),
    ("type: s3\nconnection: [canary\n", "a:3: not valid YAML: did not find expected ',' or ']'"),
    ("type: s3\n  canary: x\n", "a:2: not valid YAML: mapping values are not allowed in this context"),
    ("type: s3\nconnection: *canary\n", "a:2: not valid YAML"),
    (
        "type: s3\nbucket_name: b\n",
        "a:2: bucket_name: unknown field (known: name, type, enabled, description, domain, tier, traits, connection, \
         credentials, operational, policies, routing, role, cache); a file of ipfs_kit_py is brought in by `ipfs-kit import`",
    ),
];

const POLICIES: [(&str, &str); 6] = [
    ("{storage_quota_gb: 0.5, traffic_quota_gb_monthly: 5000, retention_days: 90, auto_cleanup: true}", "ok"),
    (
        "{storage_quota_gb: 0}",
        "a:2: policies.storage_quota_gb: must be above 0 and at most 8000000000; leave it out for no limit",
    ),
    (
        "{traffic_quota_gb_monthly: -1}",
        "a:2: policies.traffic_quota_gb_monthly: must be above 0 and at most 8000000000; leave it out for no limit",
    ),
    ("{retention_days: 0}", "a:2: policies.retention_days: must be 1 to 36500; leave it out for no limit"),
    ("{retention_days: 1.5}", "a:2: policies.retention_days: expected u32"),
    ("{storage_quota: 1}", "a:2: policies.storage_quota: unknown field, did you mean storage_quota_gb?"),
];

const TOML: [(&str, &str); 7] = [
    ("type = \"s3\"\n[connection]\npath = \"/x\"", "ok"),
    ("type = \"s3\"\ntype = \"s3\"", "a:2: not valid TOML: duplicate key"),
    ("type = \"s3\"\n[connection]\nat = 2026-11-24T00:00:00Z\n", "a:3: a date; text is written in quotes"),
    ("type = \"s3\"\n\n[polices]\n", "a:3: polices: unknown field, did you mean policies?"),
    (
        "type = \"s3\"\n[policies]\n\nretention_days = 0\n",
        "a:4: policies.retention_days: must be 1 to 36500; leave it out for no limit",
    ),
    ("type = \"s3\"\nenabled = \"canary\"\n", "a:2: enabled: expected a boolean"),
    ("type = s3\n", "a:1: not valid TOML: string values must be quoted, expected literal string"),
];

#[test]
fn yaml_is_read_or_refused_with_line_and_key() {
    for (text, said) in YAML {
        assert_eq!(parsed(Format::Yaml, text), said, "{text}");
    }
}

#[test]
fn toml_is_read_or_refused_with_line_and_key() {
    for (text, said) in TOML {
        assert_eq!(parsed(Format::Toml, text), said, "{text}");
    }
}

#[test]
fn numbers_of_policies_are_checked() {
    for (policies, said) in POLICIES {
        assert_eq!(parsed(Format::Yaml, &format!("type: s3\npolicies: {policies}\n")), said, "{policies}");
    }
}

#[test]
fn names_are_those_of_ipfs_kit_py() {
    let long = "a".repeat(64);
    let good = ["a", "0", "a-b_c", "0-0", long.as_str()];
    let longer = "a".repeat(65);
    let bad = ["", "-a", "_a", "A", "a b", "a.b", "../a", "a/b", "ä", "a\n", longer.as_str()];
    assert!(good.iter().all(|name| check_name(name).is_ok()));
    assert!(bad.iter().all(|name| check_name(name).is_err()));
}

/// Nine levels of nine aliases each: 3.4 * 10^8 values in 300 bytes.
fn alias_bomb() -> String {
    let mut text = "type: s3\na0: &a0 [x]\n".to_owned();
    for n in 1..10 {
        let again = vec![format!("*a{}", n - 1); 9].join(", ");
        text += &format!("a{n}: &a{n} [{again}]\n");
    }
    text
}

#[test]
fn bombs_are_refused_soon() {
    let deep = format!("type: s3\nconnection: {{a: {}x{}}}\n", "[".repeat(60), "]".repeat(60));
    let wide = format!("type: s3\nconnection:\n{}", "  - x\n".repeat(30_000));
    let brackets = "[".repeat(1_000_000);
    let long = format!("type: s3\ndescription: {}", "x".repeat(1 << 20));
    let cases = [
        (alias_bomb(), "more than 20000 values"),
        (deep, "nested deeper than 32"),
        (wide, "more than 20000 values"),
        (brackets, "more than 256 open brackets"),
        ("- ".repeat(500_000), "nested deeper than 32"),
        ("? ".repeat(500_000), "not valid YAML"),
        ("a: ".repeat(340_000), "mapping values are not allowed in this context"),
        ((0..50_000).map(|n| format!("%TAG !{n}! x\n")).collect(), "more than 16 directives"),
        (long, "larger than 1 MiB"),
    ];
    for (text, said) in cases {
        let answer = parsed(Format::Yaml, &text);
        assert!(answer.ends_with(said) || answer.ends_with("repetition limit exceeded"), "{answer}");
    }
    let deep = format!("type = \"s3\"\nx = {}1{}\n", "[".repeat(60), "]".repeat(60));
    assert!(parsed(Format::Toml, &deep).ends_with("nested deeper than 32"));
    assert!(parsed(Format::Toml, &format!("x = {}", "[".repeat(1_000_000))).contains("recurs"));
}

proptest! {
    #[test]
    fn nothing_panics_on_any_text(text in any::<String>()) {
        parsed(Format::Yaml, &text);
        parsed(Format::Toml, &text);
    }

    #[test]
    fn nothing_panics_on_texts_that_look_right(
        lines in prop::collection::vec("(type|name|connection|credentials|policies|tier)?[:=\\[\\]{}&*!|>'\"$ -]{0,4}[a-z0-9.]{0,6}\n? {0,3}", 0..12)
    ) {
        let text = lines.concat();
        parsed(Format::Yaml, &text);
        parsed(Format::Toml, &text);
    }
}
