//! A certificate for a server, made by `openssl` and signed by itself.

use std::process::Command;

use super::{Server, Unready};

/// A wildcard stands for one label, and needs two behind it.
const NAMES: &str = "subjectAltName=DNS:localhost,DNS:*.s3.localhost,IP:127.0.0.1";

pub(super) fn openssl(server: &Server, words: &[&str]) -> Result<String, Unready> {
    let said = Command::new("openssl").args(words).current_dir(&server.folder).output();
    match said {
        Ok(said) if said.status.success() => Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned()),
        Ok(said) => Err(Unready::new(format!("openssl: {}", String::from_utf8_lossy(&said.stderr)))),
        Err(err) => Err(Unready::new(format!("openssl: {err}"))),
    }
}

pub(super) fn certified(server: &Server) -> Result<(), Unready> {
    if server.folder.join("cert.pem").exists() {
        return Ok(());
    }
    let subject = ["-subj", "/CN=localhost", "-addext", NAMES];
    let plain = ["-addext", "basicConstraints=critical,CA:FALSE"];
    let files = ["-keyout", "key.pem", "-out", "cert.pem"];
    let kind = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    openssl(server, &[&kind[..], &subject[..], &plain[..], &files[..]].concat()).map(drop)
}
