//! The section of the user's file.

use std::sync::Arc;

use backend_core::{Addressing, ErrorKind, Limits};
use backend_layers::Operational;
use serde_json::{Value, json};

use crate::scripted::Scripted;
use crate::words::{info, stacked};

/// `ok`, or the refusal.
fn check(section: Value) -> String {
    match serde_json::from_value::<Operational>(section) {
        Ok(how) => match how.validate() {
            Ok(()) => "ok".to_owned(),
            Err(err) => {
                assert_eq!(err.kind(), ErrorKind::InvalidConfig);
                err.message().to_owned()
            }
        },
        Err(err) => err.to_string(),
    }
}

#[test]
fn what_is_out_of_bounds_is_named() {
    let seconds = "is not within 1 to 86400";
    let permits = "is not within 1 to 10000";
    let cases = [
        (json!({}), "ok".to_owned()),
        (json!({"timeout": 30, "retry_count": 3, "max_connections": 50}), "ok".to_owned()),
        (
            json!({"timeout": 1, "finish_timeout": 86400, "retry_count": 0, "max_reads": 1, "max_writes": 10000}),
            "ok".to_owned(),
        ),
        (json!({"timeout": 0}), format!("operational.timeout: 0 {seconds}")),
        (json!({"timeout": 86401}), format!("operational.timeout: 86401 {seconds}")),
        (json!({"connect_timeout": 600}), "ok".to_owned()),
        (json!({"connect_timeout": 0}), "operational.connect_timeout: 0 is not within 1 to 600".to_owned()),
        (json!({"connect_timeout": 601}), "operational.connect_timeout: 601 is not within 1 to 600".to_owned()),
        (json!({"finish_timeout": 0}), format!("operational.finish_timeout: 0 {seconds}")),
        (json!({"retry_count": 21}), "operational.retry_count: 21 is not within 0 to 20".to_owned()),
        (json!({"max_connections": 0}), format!("operational.max_connections: 0 {permits}")),
        (json!({"max_reads": 10001}), format!("operational.max_reads: 10001 {permits}")),
        (json!({"max_writes": 0}), format!("operational.max_writes: 0 {permits}")),
    ];
    for (section, wanted) in cases {
        assert_eq!(check(section.clone()), wanted, "{section}");
    }
    assert!(check(json!({"time_out": 3})).contains("unknown field `time_out`"));
    assert!(check(json!({"timeout": -3})).contains("invalid value"));
}

#[test]
fn connecting_takes_no_longer_than_anything_may() {
    for (timeout, connect_timeout, wanted) in [(30, 10, 10), (5, 10, 5), (30, 0, 1), (9999, 9999, 600)] {
        let how = Operational { timeout, connect_timeout, ..Operational::default() };
        assert_eq!(how.connect().as_secs(), wanted, "{timeout} {connect_timeout}");
    }
}

#[test]
fn the_defaults_are_what_an_absent_section_means() {
    let how: Operational = serde_json::from_value(json!({})).unwrap();
    assert_eq!(how, Operational::default());
    let written = serde_json::to_value(&how).unwrap();
    assert_eq!(written, json!({"timeout": 30, "connect_timeout": 10, "finish_timeout": 600, "retry_count": 3}));
}

#[test]
fn the_schema_says_keys_and_bounds() {
    let schema = serde_json::to_value(schemars::schema_for!(Operational)).unwrap();
    let keys: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let wanted =
        ["connect_timeout", "finish_timeout", "max_connections", "max_reads", "max_writes", "retry_count", "timeout"];
    assert_eq!(keys, wanted);
    assert_eq!(schema["additionalProperties"], false);
    let timeout = &schema["properties"]["timeout"];
    assert_eq!(
        (&timeout["minimum"], &timeout["maximum"], &timeout["default"]),
        (&json!(1), &json!(86_400), &json!(30))
    );
}

#[test]
fn permits_are_shared_out_and_told() {
    let how = |all: Option<u32>, reads: Option<u32>, writes: Option<u32>| Operational {
        max_connections: all,
        max_reads: reads,
        max_writes: writes,
        ..Operational::default()
    };
    let cases = [
        (how(None, None, None), (32, 16)),
        (how(Some(1), None, None), (1, 1)),
        (how(Some(5), None, None), (3, 2)),
        (how(Some(50), None, None), (25, 16)),
        (how(Some(2), Some(7), None), (7, 1)),
        (how(None, Some(99), Some(99)), (32, 16)),
        (how(Some(0), None, Some(0)), (1, 1)),
    ];
    for (how, wanted) in cases {
        let limits = stacked(&Arc::new(Scripted::new()), &how).info().limits.clone();
        assert_eq!((limits.reads, limits.writes), wanted, "{how:?}");
    }
}

#[test]
fn a_backend_that_allows_none_still_has_one() {
    let limits = Limits { reads: 0, writes: 0, ..Limits::default() };
    let leaf = Arc::new(Scripted::with(backend_core::Info { limits, ..info(Addressing::Key) }));
    let limits = stacked(&leaf, &Operational::default()).info().limits.clone();
    assert_eq!((limits.reads, limits.writes), (1, 1));
}
