//! What is known of a backend before anything is asked of it: C01 to C03.

use std::sync::Arc;

use backend_core::{Descriptor, ErrorKind, MAX_KEY, Settings, descriptors};
use serde_json::{Value, json};

use crate::check::{Failure, Outcome, ensure, must_fail};
use crate::clock::TestClock;
use crate::fixture::CANARY;
use crate::subject::Subject;

fn descriptor(subject: &Subject) -> Outcome<&'static Descriptor> {
    let kind = subject.backend().info().kind;
    let found = descriptors()?.into_iter().find(|it| it.kind == kind);
    found.ok_or_else(|| Failure::new(format!("no descriptor of {kind} is linked")))
}

pub(super) async fn c01_info_is_constant_and_within_the_descriptor(subject: &Subject) -> Outcome {
    let descriptor = descriptor(subject)?;
    let info = subject.backend().info().clone();
    let health = subject.backend().health().await;
    let later = subject.backend().info();
    ensure!(format!("{info:?}") == format!("{later:?}"), "info changed: {info:?}, then {later:?} ({health:?})");
    let (offers, most) = (info.offers, descriptor.offers);
    ensure!(offers.within(&most), "it offers {offers:?}, the descriptor at most {most:?}");
    ensure!(info.role == descriptor.role, "its role is {:?}, the descriptor's {:?}", info.role, descriptor.role);
    ensure!(!info.name.is_empty(), "it has no name");
    let needs = [
        (offers.range, offers.get, "range without get"),
        (offers.block, offers.get, "block without get"),
        (offers.if_absent, offers.add, "if_absent without add"),
        (offers.resume, offers.add || offers.pin, "resume without add"),
        (offers.link, offers.stat, "link without stat"),
    ];
    for (has, needed, what) in needs {
        ensure!(!has || needed, "it offers {what}");
    }
    let limits = &info.limits;
    ensure!(limits.max_key <= MAX_KEY, "it takes keys of {} bytes: there are none", limits.max_key);
    ensure!(1 <= limits.reads && 1 <= limits.writes, "nothing can ever be read or written: {limits:?}");
    ensure!(limits.max_size.is_none_or(|max| limits.min_size <= max), "no size fits {limits:?}");
    Ok(())
}

pub(super) async fn c02_the_example_opens(subject: &Subject) -> Outcome {
    let descriptor = descriptor(subject)?;
    let parsed: Result<Value, _> = serde_yaml::from_str(descriptor.example);
    let example = parsed.map_err(|err| Failure::new(format!("the example is no YAML: {err}")))?;
    let kind = example.get("type").and_then(Value::as_str).unwrap_or_default();
    ensure!(descriptor.answers_to(kind), "the example is of type {kind:?}, not {}", descriptor.kind);
    let Some(name) = example.get("name").and_then(Value::as_str) else {
        return Err(Failure::new("the example has no name"));
    };
    let section = |name: &str| example.get(name).cloned().unwrap_or(Value::Null);
    let mut settings = Settings::new(name, section("connection"), TestClock::new());
    settings.credentials = section("credentials");
    let opened = (descriptor.open)(settings)?;
    ensure!(opened.info().kind == descriptor.kind && opened.info().name == name, "it opened as {:?}", opened.info());
    Ok(())
}

pub(super) async fn c03_an_unknown_setting_is_refused(subject: &Subject) -> Outcome {
    let descriptor = descriptor(subject)?;
    let wrong = json!({ "no_such_setting": CANARY });
    let clock = TestClock::new();
    let with = |connection: Value, credentials: Value| {
        let mut settings = Settings::new("suite", connection, Arc::<TestClock>::clone(&clock));
        settings.credentials = credentials;
        (descriptor.open)(settings).map(|_| ())
    };
    for answer in [with(wrong.clone(), Value::Null), with(json!("words"), Value::Null)] {
        let err = must_fail("opening with a wrong connection", answer, &[ErrorKind::InvalidConfig])?;
        ensure!(!format!("{err:?}").contains(CANARY), "the error shows the value: {err:?}");
    }
    let example: Value = serde_yaml::from_str(descriptor.example).unwrap_or_default();
    let answer = with(example.get("connection").cloned().unwrap_or_default(), wrong);
    let err = must_fail("opening with wrong credentials", answer, &[ErrorKind::InvalidConfig])?;
    ensure!(!format!("{err:?}").contains(CANARY), "the error shows the value: {err:?}");
    ensure!(err.message().contains("no_such_setting"), "the error does not name the setting: {err:?}");
    Ok(())
}
