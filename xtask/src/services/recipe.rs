//! How a service is built from its package: one recipe for each registry.
//!
//! `xtask/services/<name>` holds the pinned versions and the sums of everything that a service is made of; with them no checksum service is asked.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::Service;
use crate::failure::{Failure, Result};
use crate::run;
use crate::tree::Tree;

/// What builds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recipe {
    /// `go build` in a module of our own that requires it: `go install` refuses manifests that replace modules.
    Go,
    /// `cargo install`, with the lock file of the package.
    Cargo,
    /// An environment of its own by `python3 -m venv`; scripts in it name its folder, so it is asked by `python -m`.
    Python,
    /// `npm ci` without the packages' scripts.
    Node,
    /// `apt-get install`, without starting it, or unpacked only. The program lies where the package puts it, and the version is the distribution's.
    Debian,
}

impl Recipe {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "go" => Some(Recipe::Go),
            "cargo" => Some(Recipe::Cargo),
            "python" => Some(Recipe::Python),
            "node" => Some(Recipe::Node),
            "debian" => Some(Recipe::Debian),
            _ => None,
        }
    }

    /// The files of the recipe that lie in this workspace.
    fn files(self) -> &'static [&'static str] {
        match self {
            Recipe::Go => &["go.mod", "go.sum"],
            Recipe::Cargo | Recipe::Debian => &[],
            Recipe::Python => &["requirements.txt"],
            Recipe::Node => &["package.json", "package-lock.json"],
        }
    }
}

/// Builds it in `folder`, and asks it whether it is what was meant.
pub(super) fn build(service: &Service, tree: &Tree, folder: &Path) -> Result<()> {
    for file in service.recipe.files() {
        let to = folder.join(file);
        let from = tree.path("xtask/services").join(service.name).join(file);
        fs::copy(&from, &to).map_err(|err| Failure::at(&to, "copy to", err))?;
    }
    match service.recipe {
        Recipe::Go => go(service, folder)?,
        Recipe::Cargo => cargo(service, folder)?,
        Recipe::Python => python(folder)?,
        Recipe::Node => node(folder)?,
        Recipe::Debian => debian(service, folder)?,
    }
    check(service, folder)
}

fn go(service: &Service, folder: &Path) -> Result<()> {
    let mut go = Command::new("go");
    // The recipe was resolved by this kind of toolchain; another may not be fetched.
    go.env("GOTOOLCHAIN", "local").env("GOFLAGS", "-buildvcs=false").env("GOWORK", "off").current_dir(folder);
    go.args(["build", "-mod=readonly", "-trimpath", "-o", service.program, service.package]);
    run::quietly(&mut go)
}

fn cargo(service: &Service, folder: &Path) -> Result<()> {
    let (package, features) = service.package.split_once('/').unwrap_or((service.package, ""));
    let target = folder.join("target");
    let mut install = run::cargo();
    // It is not of this workspace: neither its configuration nor its lock applies.
    install.current_dir(folder).env("CARGO_TARGET_DIR", &target);
    install.args(["install", "--quiet", "--locked", "--no-track", "--version", service.version]);
    install.args(["--features", features, "--root"]).arg(folder).arg(package);
    run::quietly(&mut install)?;
    fs::remove_dir_all(&target).map_err(|err| Failure::at(&target, "clear", err))
}

fn python(folder: &Path) -> Result<()> {
    run::quietly(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "-r",
        "requirements.txt",
    ]);
    run::quietly(pip.current_dir(folder))
}

fn node(folder: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    run::quietly(npm.current_dir(folder))
}

/// Several packages are parted by commas. `RUNLEVEL=1` keeps their scripts from starting a daemon (invoke-rc.d(8)).
///
/// A program that is not absolute lies in the shelf: the first package is unpacked there and not installed, because it conflicts with another one of the
/// table. The others are what it needs.
fn debian(service: &Service, folder: &Path) -> Result<()> {
    let quiet = ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"];
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("RUNLEVEL", "1").env("DEBIAN_FRONTEND", "noninteractive").args(quiet);
        apt
    };
    run::quietly(apt().arg("update"))?;
    let (unpacked, installed) = match service.program.starts_with('/') {
        true => (None, service.package),
        false => service.package.split_once(',').map_or((Some(service.package), ""), |(it, rest)| (Some(it), rest)),
    };
    let installed: Vec<&str> = installed.split(',').filter(|it| !it.is_empty()).collect();
    if !installed.is_empty() {
        run::quietly(apt().args(["install", "-y", "--no-install-recommends"]).args(installed))?;
    }
    let Some(package) = unpacked else { return Ok(()) };
    run::quietly(apt().args(["download", package]).current_dir(folder))?;
    // The shell finds the file that was downloaded: its name holds a version.
    run::quietly(Command::new("sh").args(["-c", "dpkg-deb -x ./*.deb . && rm ./*.deb"]).current_dir(folder))
}

/// It says that it is the version under which it will be cached.
fn check(service: &Service, folder: &Path) -> Result<()> {
    let program = folder.join(service.program);
    if service.asked == "-" {
        return match program.exists() {
            true => Ok(()),
            false => Err(Failure::new(format!("the build of {} left no {}", service.name, service.program))),
        };
    }
    let mut ask = Command::new(&program);
    ask.args(service.asked.split(',')).current_dir(folder).env("HOME", env::temp_dir());
    let says = run::answer(&mut ask)?;
    match says.contains(service.version) {
        true => Ok(()),
        false => Err(Failure::new(format!("{} says {:?}, not {}", service.name, says.trim(), service.version))),
    }
}
