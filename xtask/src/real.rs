//! `test --real`: what can only be shown against real servers.
//!
//! A crate that has such tests says so in its manifest: a feature `real-servers`, without which `tests/real.rs` is not built, the services that it
//! needs, and the example that they run, if there is one. So they are no part of the hermetic suite, and none is skipped: a service that is missing is a
//! failure.
//!
//! Foreign servers stumble, about once in a thousand tests. A test that fails is run once more by itself, on a server of its own; if it passes then, the run
//! passes, and says its name aloud.

mod heard;

use std::fmt;
use std::process::Command;

use toml_edit::{DocumentMut, Item};

use self::heard::Heard;
use crate::failure::{Failure, Result};
use crate::oracle;
use crate::run;
use crate::services;
use crate::tree::Tree;

/// The feature behind which tests against real servers stand.
const FEATURE: &str = "real-servers";
const TEST: &str = "tests/real.rs";
/// The package of the journeys, and its folder: the one that does not lie in `crates`.
const JOURNEYS: (&str, &str) = ("journeys", "tests");
/// Where more fail, nobody has stumbled.
const MOST_AGAIN: usize = 20;

/// Tests of one crate, with what they need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    package: String,
    services: Vec<String>,
    example: Option<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} against {}", self.package, self.services.join(", "))
    }
}

/// Runs the tests of all of them, and lets them talk. One build of the whole workspace, so that nothing is built again that `cargo test` has built.
/// Answers the names of those that failed, and passed when they were run by themselves.
///
/// # Errors
/// If one fails twice.
pub fn run(tree: &Tree, targets: &[Target]) -> Result<Vec<String>> {
    let features: Vec<String> = targets.iter().map(|it| format!("{}/{FEATURE}", it.package)).collect();
    let features = features.join(",");
    let what = ["--locked", "--workspace", "--features", &features];
    // Tests that are named are built without the examples.
    for example in targets.iter().filter_map(|it| it.example.as_deref()) {
        let mut build = run::cargo();
        build.args(["build", "--quiet"]).args(what).args(["--example", example]);
        run::quietly(build.current_dir(tree.root()))?;
    }
    let test = |last: &[&str]| {
        let mut test = run::cargo();
        test.arg("test").args(what).args(["--no-fail-fast", "--test", "real"]).args(last).current_dir(tree.root());
        test
    };
    let mut heard = Heard::default();
    let Err(failure) = run::heard(test(&[]), |line| heard.line(line)) else { return Ok(Vec::new()) };
    let failed = heard.failed().filter(|names| names.len() <= MOST_AGAIN).ok_or(failure)?;
    for name in &failed {
        let mut heard = Heard::default();
        run::heard(test(&["--", "--exact", name]), |line| heard.line(line))
            .map_err(|_| Failure::new(format!("{name} failed, and failed again by itself: see above")))?;
        if heard.passed() == 0 {
            return Err(Failure::new(format!("{name} failed, and is not there to be run again")));
        }
    }
    Ok(failed)
}

/// Every crate that has such tests; all that they need is there.
///
/// # Errors
/// If a service was not provisioned, or a manifest promises what is not there.
pub fn targets(tree: &Tree) -> Result<Vec<Target>> {
    let mut found = Vec::new();
    let crates = tree.crates()?.into_iter().map(|package| (format!("crates/{package}"), package));
    for (folder, package) in crates.chain([(JOURNEYS.1.to_owned(), JOURNEYS.0.to_owned())]) {
        let manifest = tree.toml(&format!("{folder}/Cargo.toml"))?;
        let has_tests = tree.path(&folder).join(TEST).is_file();
        let Some(target) = promised(&package, &manifest, has_tests)? else { continue };
        for service in &target.services {
            services::find(tree, service).map_err(|err| Failure::new(format!("{package}: {err}")))?;
        }
        found.push(target);
    }
    match found.is_empty() {
        true => Err(Failure::new(format!("no crate has the feature {FEATURE}"))),
        false => Ok(found),
    }
}

/// Our S3 server for tests, held to what the vendor's client expects of one: a fake that nobody else has judged proves nothing.
///
/// # Errors
/// If a step fails that passed before, moto's environment, which has the client, was not provisioned, or the server does not build.
pub fn certify(tree: &Tree) -> Result<()> {
    let python = services::find(tree, "moto")?;
    let mut build = run::cargo();
    // Of the whole workspace: with the features that `cargo test` has built it with.
    build.args(["build", "--quiet", "--locked", "--workspace", "--features", "backend-testkit/fake-s3"]);
    run::quietly(build.args(["--example", "fake_s3"]).current_dir(tree.root()))?;
    let mut certify = Command::new(python);
    certify.args(["certify.py", "--expected", "expected.json", "--program"]);
    certify.arg(oracle::target(tree).join("debug/examples/fake_s3"));
    run::aloud(certify.current_dir(tree.path("crates/backend-testkit/certify/s3")))
}

/// What a manifest promises. Tests without the feature would be part of the hermetic suite, and the feature without tests would show nothing.
fn promised(package: &str, manifest: &DocumentMut, has_tests: bool) -> Result<Option<Target>> {
    let is_offered = manifest.get("features").and_then(|it| it.get(FEATURE)).is_some();
    let refused = |why: &str| Err(Failure::new(format!("{package}: {why}")));
    match (is_offered, has_tests) {
        (false, false) => return Ok(None),
        (true, false) => return refused("has the feature `real-servers`, but no tests/real.rs"),
        (false, true) => return refused("has tests/real.rs, but no feature `real-servers`"),
        (true, true) => (),
    }
    if !is_behind(manifest) {
        return refused("its test `real` must have required-features = [\"real-servers\"]");
    }
    let real = manifest.get("package").and_then(|it| it.get("metadata")).and_then(|it| it.get("real"));
    let services = real.and_then(|it| it.get("services")).and_then(Item::as_array);
    let services = services.into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned));
    let services: Vec<String> = services.collect();
    let example = real.and_then(|it| it.get("example")).and_then(Item::as_str).map(str::to_owned);
    match services.is_empty() {
        true => refused("must name its services in [package.metadata.real]"),
        false => Ok(Some(Target { package: package.to_owned(), services, example })),
    }
}

fn is_behind(manifest: &DocumentMut) -> bool {
    let tests = manifest.get("test").and_then(Item::as_array_of_tables);
    tests.into_iter().flatten().any(|test| {
        let features = test.get("required-features").and_then(Item::as_array);
        test.get("name").and_then(Item::as_str) == Some("real")
            && features.into_iter().flatten().any(|it| it.as_str() == Some(FEATURE))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "[package.metadata.real]\nservices = [\"kubo\"]\n[features]\nreal-servers = []\n[[test]]\nname = \"real\"\nrequired-features = [\"real-servers\"]\n";

    fn check(manifest: &str, has_tests: bool, wanted: Result<Option<usize>, &str>) {
        let found = promised("backend-x", &manifest.parse().unwrap(), has_tests);
        match (found, wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found.map(|it| it.services.len()), wanted, "{manifest}"),
            (Err(found), Err(wanted)) => assert!(found.to_string().contains(wanted), "{found}"),
            (found, wanted) => panic!("{found:?}, not {wanted:?}"),
        }
    }

    #[test]
    fn the_journeys_are_among_them_with_the_program() {
        let tree = Tree::own().unwrap();
        let manifest = tree.toml(&format!("{}/Cargo.toml", JOURNEYS.1)).unwrap();
        let target = promised(JOURNEYS.0, &manifest, tree.path(JOURNEYS.1).join(TEST).is_file()).unwrap().unwrap();
        assert_eq!(
            (target.example.as_deref(), target.services),
            (Some("program"), ["azurite", "kubo", "rclone", "s3s-fs", "sshd", "vsftpd"].map(str::to_owned).to_vec())
        );
        assert_eq!(manifest["package"]["name"].as_str(), Some(JOURNEYS.0));
    }

    #[test]
    fn a_manifest_promises_tests_and_what_they_need() {
        check(WHOLE, true, Ok(Some(1)));
        check("[package]\nname = \"a\"\n", false, Ok(None));
        check(WHOLE, false, Err("no tests/real.rs"));
        check("[features]\nother = []\n", true, Err("no feature"));
        check(&WHOLE.replace("required-features = [\"real-servers\"]\n", ""), true, Err("required-features"));
        check(&WHOLE.replace("\"kubo\"", ""), true, Err("must name its services"));
    }
}
