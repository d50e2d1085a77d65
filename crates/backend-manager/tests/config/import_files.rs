//! Files of ipfs_kit_py made by hand: each shape, each alias, each hazard.

use std::path::Path;

use backend_manager::config::import::{Outcome, plan};
use backend_manager::config::{BackendConfig, Policies};

use crate::common::{clock, home, seen};
use crate::import::report;

/// Files and what the plan says of them; the canary is nowhere in it.
fn check(files: &[(&str, &str)], expected: &str) -> Vec<BackendConfig> {
    let from = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = from.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let fixture = home(&[], &[]);
    let found = plan(from.path(), &fixture.store, &clock()).unwrap();
    assert_eq!(report(&found, from.path()), expected.trim());
    assert!(!format!("{found:?} {expected}").contains("canary"), "{found:?}");
    let configs = found.into_iter().filter_map(|it| match it.outcome {
        Outcome::Config(config) => Some(*config),
        _ => None,
    });
    configs.collect()
}

/// The words with which an unlinked type says what its file would hold.
fn says(kind: &str, canonical: &str, fields: &str, keys: &str) {
    let file = format!("{{name: x, type: {kind}, {fields}}}");
    let expected = format!(
        "backends/x.yaml: x: unsupported {kind}: this build has no backend of type {canonical}; its file would say {keys}"
    );
    check(&[("backends/x.yaml", &file)], &expected);
}

/// A linked type opens with what was found, under our keys.
fn opens(kind: &str, canonical: &str, fields: &str, keys: &str) {
    let file = format!("{{name: x, type: {kind}, {fields}}}");
    let configs = check(&[("backends/x.yaml", &file)], &format!("backends/x.yaml: x: config of {canonical}, on"));
    let within = |section: &str, keys: &mut dyn Iterator<Item = &String>| -> Vec<String> {
        keys.map(|key| format!("{section}.{key}")).collect()
    };
    let mut found = within("connection", &mut configs[0].connection.keys());
    found.extend(within("credentials", &mut configs[0].credentials.keys()));
    found.sort();
    assert_eq!(found.join(", "), keys, "{file}");
}

#[test]
fn files_of_linked_types_open() {
    let s3 =
        "connection.bucket_name, connection.endpoint_url, credentials.access_key_id, credentials.secret_access_key";
    let table = [
        ("minio", "s3", "default_bucket: bbb, endpoint: 'https://e', accessKey: canary, secretKey: canary", s3),
        (
            "digital-ocean",
            "s3",
            "s3cfg: {accessKey: canary, secretKey: canary, endpoint: 'https://e'}, bucket: bbb",
            s3,
        ),
        ("s3", "s3", "bucket: bbb, endpoint: 'https://e', aws_access_key: canary, aws_secret_access_key: canary", s3),
        ("ipfs", "ipfs", "ipfs_host: h, ipfs_port: 5001, ipfs_timeout: 30", "connection.api_url"),
        ("ipfs", "ipfs", "api_endpoint: /ip4/127.0.0.1/tcp/5001", "connection.api_url"),
        (
            "sshfs",
            "sshfs",
            "ssh_host: h, ssh_user: u, key_path: k, remote_base_path: p, port: 22",
            "connection.host, connection.path, connection.port, credentials.private_key_path, credentials.username",
        ),
        (
            "ftp",
            "ftp",
            "host: h, username: u, password: canary, passive_mode: true, remote_path: p, verify_ssl: true",
            "connection.host, connection.passive, connection.path, connection.verify_tls, credentials.password, credentials.username",
        ),
    ];
    for (kind, canonical, fields, keys) in table {
        opens(kind, canonical, &format!("config: {{{fields}}}"), keys);
        opens(kind, canonical, fields, keys);
    }
}

#[test]
fn the_names_of_fields_are_known_for_every_type() {
    let table = [
        ("cluster", "ipfs_cluster", "cluster_url: u, auth_token: canary", "connection.api_url, credentials.auth_token"),
        ("storacha", "storacha", "api_key: canary, endpoint: e", "connection.api_url, credentials.token"),
        ("filecoin", "filecoin", "endpoint: e, token: canary", "connection.lotus_rpc_url, credentials.lotus_token"),
        ("filecoin-pin", "filecoin_pin", "api_key: canary, api_endpoint: e", "connection.api_url, credentials.token"),
        ("lassie", "lassie", "api_url: u, providers: [p]", "connection.api_url, connection.providers"),
        ("saturn", "saturn", "orchestrator_url: u", "connection.orchestrator_url"),
        ("hugging-face", "huggingface", "api_token: canary, repo_id: r", "connection.repo, credentials.token"),
        ("github", "github", "api_key: canary, owner: o, repo: r", "connection.repo, credentials.token"),
        (
            "google-drive",
            "gdrive",
            "default_folder_id: f, credentials_path: p",
            "connection.folder_id, credentials.credentials_path",
        ),
        ("aria2", "aria2", "rpc_url: u, rpc_secret: canary", "connection.rpc_url, credentials.rpc_secret"),
    ];
    for (kind, canonical, fields, keys) in table {
        // Within `config`, and beside `name` and `type`.
        says(kind, canonical, &format!("config: {{{fields}}}"), keys);
        says(kind, canonical, fields, keys);
    }
}

#[test]
fn what_has_no_counterpart_says_why() {
    let files = [
        ("backends/a.yaml", "type: synapse\nnetwork: calibration\nprivate_key: canary\nauto_approve: true\n"),
        ("backends/b.yaml", "type: iroh\nschema_version: 1\nnamespace: {id: x}\nservice: {managed: true}\n"),
        ("backends/c.yaml", "type: estuary\n"),
        ("backends/d.yaml", "type: unheard-of\n"),
        ("backends/e.yaml", "path: /x\n"),
        ("config/synapse_config.yaml", "network: mainnet\n"),
        ("backends/f.yaml", "type: github\ntoken: 'secretref:enhanced-secrets:canary'\n"),
        ("config/daemon.yaml", "port: 1\n"),
        ("config/lassie.yaml", "api_url: u\n"),
    ];
    check(
        &files,
        "
backends/a.yaml: a: unsupported synapse: in ipfs_kit_py `synapse` means Filecoin's Synapse SDK, which is part of type filecoin here (our synapse is a Matrix server); its file would say connection.network, credentials.private_key
  not taken over: auto_approve
backends/b.yaml: b: unsupported iroh: there is no backend for it
backends/c.yaml: c: unsupported estuary: the service is gone
backends/d.yaml: d: unsupported unheard-of: neither we nor ipfs_kit_py have such a backend
backends/e.yaml: e: skipped: it names no type
backends/f.yaml: f: unsupported github: this build has no backend of type github
  switched off until credentials.token is set: token is kept in a keyring of ipfs_kit_py
config/daemon.yaml: skipped: it names no backend
config/lassie.yaml: lassie: unsupported lassie: this build has no backend of type lassie; its file would say connection.api_url
config/synapse_config.yaml: synapse: unsupported synapse: in ipfs_kit_py `synapse` means Filecoin's Synapse SDK, which is part of type filecoin here (our synapse is a Matrix server); its file would say connection.network",
    );
}

#[test]
fn a_folder_of_the_fourth_and_fifth_generation_is_read() {
    let fourth = "name: four\ntype: filesystem\nenabled: false\nconnection: {storage_path: /four}\n\
                  operational: {timeout: 30.0, retry_count: 99, max_connections: 5}\n\
                  policies: {storage_quota_gb: 10, traffic_quota_gb_monthly: -1, retention_days: 90, auto_cleanup: true, x: 1}\n";
    let fifth = "auto_create: true\nbase_path: /five\nmax_retries: 4\nname: five\nquota_gb: 2\ntype: local-fs\n";
    let configs = check(
        &[("backends/four.yaml", fourth), ("backends/five.yaml", fifth)],
        "
backends/five.yaml: five: config of local, on
backends/four.yaml: four: config of local, off
  not taken over: operational.retry_count
  not taken over: policies.traffic_quota_gb_monthly, policies.x",
    );
    assert_eq!(configs[0].connection["path"], "/five");
    assert_eq!(configs[0].operational["retry_count"], 4);
    assert_eq!(configs[0].policies.storage_quota_gb, Some(2.0));
    assert_eq!(configs[1].connection["path"], "/four");
    assert_eq!(
        serde_json::to_value(&configs[1].operational).unwrap(),
        serde_json::json!({"max_connections": 5, "timeout": 30})
    );
    let policies = Policies {
        storage_quota_gb: Some(10.0),
        traffic_quota_gb_monthly: None,
        retention_days: Some(90),
        auto_cleanup: Some(true),
        min_replicas: None,
    };
    assert_eq!(configs[1].policies, policies);
}

#[test]
fn one_file_may_hold_many() {
    let examples = "backend_manager: {logging: {}}\nbackends:\n  a: {type: local, config: {path: /a}, sync_policy: {x: 1}}\n  b: {type: s3, config: {bucket: bbb}}\n  c: 1\n";
    let whole = r#"{"ipfs": {"api_url": "http://h:5001"}, "storage": {"backends": {"local": {"enabled": true, "path": "/whole"}}}, "mcp": {}}"#;
    let storage = r#"{"backends": {"s3": {"enabled": true, "simulation_mode": true, "bucket": "bbb", "cache_dir": "/c"}, "local_fs": {"enabled": true, "path": "/st", "simulation_mode": true}}}"#;
    let secrets = r#"{"s3": {"access_key": "canary", "secret_key": "canary"}, "github": {"token": "canary"}}"#;
    let configs = check(
        &[
            ("backends.yaml", examples),
            ("config.json", whole),
            ("storage_backends.json", storage),
            ("credentials.json", secrets),
        ],
        "
backends.yaml: a: config of local, on
  not taken over: sync_policy
backends.yaml: b: config of s3, on
backends.yaml: skipped: these parts are no backends
  not taken over: c
config.json: ipfs: config of ipfs, on
config.json: local: config of local, on
config.json: skipped: these parts are no backends
  not taken over: mcp
storage_backends.json: local_fs: config of local, off
  switched off: simulation_mode was on, so nothing was ever stored there
storage_backends.json: s3: config of s3, off
  not taken over: cache_dir
  switched off: simulation_mode was on, so nothing was ever stored there
credentials.json: skipped: these parts are no backends
  not taken over: github",
    );
    assert_eq!(configs.len(), 6);
}

#[test]
fn bad_files_are_outcomes_and_no_errors() {
    let files = [
        ("backends/a.yaml", "type: [canary"),
        ("backends/b.yaml", "- canary"),
        ("backends/c.json", "{\"type\": canary}"),
        ("backends/d.yaml", "type: local\nconfig: {path: relative/canary}\n"),
        ("backends/e.yaml", "name: '***'\ntype: local\nconfig: {path: /x}\n"),
        ("backends/f.yaml", "!!python/object:canary {}\n"),
        ("backends/g/pins.json", "{}"),
        ("policies/h_policy.json", "{\"storage_quota\": {\"max_size\": 1}}"),
        ("policies/i_policy.json", "[\"canary\"]"),
    ];
    check(
        &files,
        "
policies/i_policy.json: failed: policies/i_policy.json: expected keys and values
backends/a.yaml: failed: backends/a.yaml:2: not valid YAML: did not find expected ',' or ']'
backends/b.yaml: failed: backends/b.yaml: expected keys and values
backends/c.json: failed: backends/c.json:1: not valid JSON
backends/d.yaml: d: failed: d: connection.path: expected an absolute path
backends/e.yaml: failed: backends/e.yaml: its name cannot be one of ours
backends/f.yaml: f: skipped: it names no type
backends/g: skipped: records of what ipfs_kit_py believed to be stored: no evidence, nothing to bring in
policies/h_policy.json: h: skipped: the policy of a backend that was not found",
    );
}

#[test]
fn names_are_made_ours_and_the_first_file_wins() {
    let files = [
        ("backends/My Disk.yaml", "name: My Disk\ntype: local\npath: /one\n"),
        ("backend_configs/my_disk.yaml", "name: my_disk\ntype: local\nconfig: {path: /two}\n"),
        ("backends/own.yaml", "type: local\nconnection: {path: /own, labels: off}\n"),
    ];
    let configs = check(
        &files,
        "
backends/My Disk.yaml: my_disk: config of local, on
  called my_disk here
backends/own.yaml: own: config of local, on
backend_configs/my_disk.yaml: my_disk: skipped: backends/My Disk.yaml names it already",
    );
    assert_eq!(configs[1].connection["labels"], "off", "what is in our shape is taken whole");
}

#[test]
fn a_single_file_and_a_bare_folder_are_read_too() {
    let from = tempfile::tempdir().unwrap();
    std::fs::write(from.path().join("x.yaml"), "type: local\npath: /x\n").unwrap();
    let fixture = home(&[], &[]);
    for place in [from.path(), &from.path().join("x.yaml")] {
        let found = plan(place, &fixture.store, &clock()).unwrap();
        assert_eq!(report(&found, from.path()), "x.yaml: x: config of local, on");
    }
    assert!(plan(Path::new("/does/not/exist"), &fixture.store, &clock()).is_err());
}

#[test]
fn literal_texts_stay_literal_and_variables_become_alive() {
    let text = "type: local\npath: '/a$$b/${HERE}/c$d ${not'\n";
    let configs = check(&[("backends/a.yaml", text)], "backends/a.yaml: a: config of local, on");
    let environment = [("HERE", "here")];
    let fixture = home(&[], &environment);
    fixture.store.create(&configs[0]).unwrap();
    assert_eq!(fixture.store.load("a").unwrap().connection["path"], "/a$$b/here/c$d ${not");
    assert!(!seen(&configs[0]).is_empty());
}
