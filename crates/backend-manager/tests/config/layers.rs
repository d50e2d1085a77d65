//! Defaults < file < environment, and whose fault an error is.

use crate::common::home;

const FILE: &str = "type: local\nconnection: {path: /from/file, sync: full}\n";

fn check(environment: &[(&str, &str)]) -> Result<serde_json::Value, String> {
    let fixture = home(&[("my-disk.yaml", FILE)], environment);
    let config = fixture.store.load("my-disk").map_err(|err| fixture.plain(err.message()))?;
    Ok(serde_json::to_value(config).unwrap())
}

#[test]
fn a_variable_replaces_one_value_and_no_other() {
    let plain = check(&[]).unwrap();
    assert_eq!(plain["name"], "my-disk");
    assert_eq!(plain["enabled"], true);
    assert_eq!(plain["connection"], serde_json::json!({"path": "/from/file", "sync": "full"}));
    let layered = check(&[
        ("IPFS_KIT_BACKENDS__MY_DISK__CONNECTION__PATH", "/from/env"),
        ("IPFS_KIT_BACKENDS__MY_DISK__ENABLED", "false"),
        ("IPFS_KIT_BACKENDS__MY_DISK__POLICIES__RETENTION_DAYS", "30"),
        ("IPFS_KIT_BACKENDS__OTHER__CONNECTION__PATH", "/other"),
    ]);
    let layered = layered.unwrap();
    assert_eq!(layered["enabled"], false);
    assert_eq!(layered["policies"]["retention_days"], 30);
    assert_eq!(layered["connection"], serde_json::json!({"path": "/from/env", "sync": "full"}));
}

#[test]
fn an_error_names_the_variable_that_caused_it() {
    let cases = [
        ("MY_DISK__ENABLED", "canary", "enabled: expected a boolean"),
        (
            "MY_DISK__POLICIES__RETENTION_DAYS",
            "0",
            "policies.retention_days: must be 1 to 36500; leave it out for no limit",
        ),
        ("MY_DISK__POLICIES__RETENTION", "1", "policies.retention: unknown field, did you mean retention_days?"),
        ("MY_DISK__TIER", "canary", "tier: expected one of hot, standard, warm, cold, archive"),
        ("MY_DISK__NAME", "other", "name and type are not overridden"),
        ("MY_DISK__CONNECTION____PATH", "x", "names no key; keys are joined by __"),
        ("MY_DISK__CREDENTIALS__KEY", "env:NOT_THERE", "environment variable NOT_THERE is not set"),
    ];
    for (variable, value, said) in cases {
        let variable = format!("IPFS_KIT_BACKENDS__{variable}");
        let answer = check(&[(&variable, value)]).unwrap_err();
        assert_eq!(answer, format!("environment variable {variable}: {said}"));
    }
}

#[test]
fn an_override_of_nothing_is_found() {
    let environment =
        [("IPFS_KIT_BACKENDS__MY_DISK__ENABLED", "false"), ("IPFS_KIT_BACKENDS__MY_DISC__ENABLED", "false")];
    let fixture = home(&[("my-disk.yaml", FILE)], &environment);
    assert_eq!(fixture.store.stray_overrides().unwrap(), ["IPFS_KIT_BACKENDS__MY_DISC__ENABLED"]);
}

#[test]
fn credentials_are_text_whatever_they_look_like() {
    let name = "IPFS_KIT_BACKENDS__MY_DISK__CREDENTIALS__PIN";
    let fixture = home(&[("my-disk.yaml", FILE)], &[(name, "0123")]);
    assert_eq!(fixture.store.load("my-disk").unwrap().credentials["pin"], "0123");
}
