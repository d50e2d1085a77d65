//! The files of a home: listed, made, changed, removed.

use std::os::unix::fs::PermissionsExt as _;

use backend_core::ErrorKind;
use backend_manager::config::{BackendConfig, Change, ConfigStore, Format, Home, Policies, parse, validate};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::common::{clock, home, variables};

fn set(path: &str, text: &str) -> Change {
    Change::Set { path: path.to_owned(), text: text.to_owned() }
}

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folders_and_files_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let place = Home::at(folder.path().join("deep/home"));
    let store = ConfigStore::with_variables(&place, variables(&[]));
    assert!(store.list().unwrap().is_empty(), "a home that is not there holds nothing");
    place.prepare().unwrap();
    place.prepare().unwrap();
    for made in [place.root(), &place.backends(), &place.run(), &place.spool(), &place.policies(), &place.store()] {
        assert_eq!(mode(made), 0o700, "{}", made.display());
    }
    let file = store.create(&BackendConfig::embedded("disk", &place.store())).unwrap();
    assert_eq!(mode(&file), 0o600);
    let blocked = Home::at(&file);
    assert_eq!(blocked.prepare().unwrap_err().kind(), ErrorKind::InvalidConfig);
}

#[test]
fn one_bad_file_does_not_hide_the_others() {
    let files = [
        ("b.yaml", "type: local"),
        ("a.toml", "type = 'local'"),
        ("c.yaml", "type: [local"),
        ("D.yml", "type: local"),
        ("e.yaml", "name: other\ntype: local"),
        ("f.yaml", "type: local"),
        ("f.toml", "type = 'local'"),
        (".hidden.yaml", "type: local"),
        ("g.yaml.ipfs_kit_py", "type: local"),
    ];
    let fixture = home(&files, &[]);
    std::fs::create_dir(fixture.path("b")).unwrap();
    std::fs::create_dir(fixture.path("h.yaml")).unwrap();
    let listed = fixture.store.list().unwrap();
    let found: Vec<(String, String)> = listed
        .into_iter()
        .map(|it| (it.name, it.loaded.map_or_else(|err| fixture.plain(err.message()), |_| "ok".into())))
        .collect();
    let expected = [
        (
            "D",
            "file D.yml is not named as a backend: a name is 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or a digit",
        ),
        ("a", "ok"),
        ("b", "ok"),
        ("c", "c.yaml:2: not valid YAML: did not find expected ',' or ']'"),
        ("e", "e.yaml:1: name: must be e, as the file is called"),
        ("f", "f.toml and f.yaml name the same backend"),
        ("f", "f.yaml and f.toml name the same backend"),
    ];
    let found: Vec<(&str, &str)> = found.iter().map(|(name, said)| (name.as_str(), said.as_str())).collect();
    assert_eq!(found, expected);
    assert_eq!(fixture.store.load("f").unwrap_err().kind(), ErrorKind::InvalidConfig);
    let missing = fixture.store.load("bb").unwrap_err();
    assert_eq!((missing.kind(), missing.message()), (ErrorKind::NotFound, "no backend is called bb, did you mean b?"));
    assert_eq!(fixture.store.load("../a").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    let fixture = home(&[], &[]);
    rustix::fs::mknodat(rustix::fs::CWD, fixture.path("p.yaml"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let err = fixture.store.load("p").unwrap_err();
    assert_eq!(fixture.plain(err.message()), "file p.yaml is not a regular file");
}

#[test]
fn a_taken_name_is_refused_and_the_file_stays() {
    let fixture = home(&[("my-disk.toml", "type = 'local'\n")], &[]);
    for name in ["my-disk", "my_disk"] {
        let err = fixture.store.create(&BackendConfig::registered(name, "local")).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::AlreadyExists);
    }
    assert_eq!(fixture.text("my-disk.toml"), "type = 'local'\n");
    let mut wrong = BackendConfig::registered("ok", "local");
    wrong.policies = Policies { retention_days: Some(0), ..Policies::default() };
    assert_eq!(fixture.store.create(&wrong).unwrap_err().kind(), ErrorKind::InvalidConfig);
    let named = fixture.store.create(&BackendConfig::registered("../x", "local")).unwrap_err();
    assert_eq!(named.kind(), ErrorKind::InvalidConfig);
}

#[test]
fn keys_are_changed_as_they_are_typed() {
    for (file, text) in [
        ("a.yaml", "type: local\n# lost\nconnection: {path: /x, labels: auto}\n"),
        ("a.toml", "type = 'local'\n[connection]\npath = '/x'\nlabels = 'auto'\n"),
    ] {
        let fixture = home(&[(file, text)], &[]);
        let changes = [
            set("connection.path", "/y"),
            set("connection.create", "true"),
            set("connection.port", "21"),
            set("connection.half", "0.5"),
            set("connection.code", "007"),
            set("connection.text", "\"12\""),
            set("connection.new.deep", "x"),
            set("credentials.pin", "1234"),
            set("policies.retention_days", "9"),
            set("enabled", "false"),
            Change::Unset { path: "connection.labels".to_owned() },
        ];
        let changed = fixture.store.update("a", &changes).unwrap();
        assert_eq!(changed, fixture.store.raw("a").unwrap());
        let connection = json!({"path": "/y", "create": true, "port": 21, "half": 0.5, "code": "007", "text": "12", "new": {"deep": "x"}});
        assert_eq!(Value::Object(changed.connection), connection);
        assert_eq!(changed.credentials["pin"], "1234");
        assert_eq!((changed.policies.retention_days, changed.enabled), (Some(9), false));
        assert_eq!(mode(&fixture.path(file)), 0o600);
        let renamed = fixture.store.update("a", &[set("name", "b")]).unwrap_err();
        assert_eq!(renamed.kind(), ErrorKind::InvalidInput);
        fixture.store.remove("a").unwrap();
        assert_eq!(fixture.store.remove("a").unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn what_is_written_as_a_variable_stays_one() {
    let fixture = home(
        &[("a.yaml", "type: local\nconnection: {path: '${HERE}'}\ncredentials: {key: 'env:KEY'}\n")],
        &[("HERE", "/here"), ("KEY", "canary")],
    );
    fixture.store.update("a", &[set("enabled", "false")]).unwrap();
    let text = fixture.text("a.yaml");
    assert!(text.contains("${HERE}") && text.contains("env:KEY") && !text.contains("canary"), "{text}");
    assert_eq!(fixture.store.load("a").unwrap().connection["path"], "/here");
}

#[test]
fn a_file_that_others_can_read_is_said() {
    let fixture = home(&[("a.yaml", "type: local\ncredentials: {key: x}\n"), ("b.yaml", "type: local\n")], &[]);
    for (name, mode, warnings) in [("a", 0o644, 1), ("a", 0o600, 0), ("b", 0o644, 0)] {
        let file = fixture.path(&format!("{name}.yaml"));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(fixture.store.inspect(name).unwrap().warnings.len(), warnings, "{name} {mode:o}");
    }
}

#[test]
fn a_configuration_opens_or_says_why_not() {
    let cases = [
        ("type: local\nconnection: {path: /x}\n", "ok"),
        ("type: filesystem\nconnection: {path: /x}\n", "ok"),
        ("type: local\nconnection: {paht: /x}\n", "a: connection.paht: unknown field paht, did you mean path?"),
        (
            "type: local\nconnection: {path: /x}\noperational: {timeut: 1}\n",
            "a: operational.timeut: unknown field timeut, did you mean timeout?",
        ),
        ("type: local\nconnection: {path: /x}\noperational: {timeout: 0}\n", "operational.timeout: 0 is not within"),
        ("type: ipfs_cluster\n", "no backend of type \"ipfs_cluster\""),
    ];
    for (text, said) in cases {
        let config = parse("a", text, Format::Yaml).unwrap();
        let answer = validate(&config, clock()).map_or_else(|err| err.message().to_owned(), |_| "ok".to_owned());
        assert!(answer.starts_with(said), "{text}: {answer}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "(null|~|no|on|0x1f|1e3|\\.inf|2026-01-01|- x|a: b|'|\"|#x|\n x|\\$\\{A\\})".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_created_is_read_back_and_shown_without_secrets(connection in prop::collection::btree_map("[a-z]{1,8}", value(), 0..4), secret in "[a-z]{3}canary") {
        let fixture = home(&[], &[]);
        let mut config = BackendConfig::registered("a", "local");
        config.connection = Map::from_iter(connection);
        config.credentials.insert("key".to_owned(), secret.clone().into());
        fixture.store.create(&config).unwrap();
        let raw = fixture.store.raw("a").unwrap();
        prop_assert_eq!(&raw.connection, &config.connection);
        prop_assert_eq!(&raw.credentials, &config.credentials);
        let shown = serde_json::to_string(&raw).unwrap();
        prop_assert!(!shown.contains(&secret), "{}", shown);
    }
}
