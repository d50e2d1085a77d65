//! Remotes of rclone as backends: what is taken over, what is not, and that no value is ever in a message.

use std::collections::BTreeMap;

use backend_core::ErrorKind;
use backend_manager::config::import::{Done, Imported, Outcome, apply, is_rclone, plan_rclone};

use crate::common::{clock, home};

/// `potato`, as rclone's own tests obscure it.
const POTATO: &str = "YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ";

fn planned(text: &str, roots: &[(&str, &str)]) -> backend_core::Result<Vec<Imported>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rclone.conf");
    std::fs::write(&path, text).unwrap();
    assert!(is_rclone(&path));
    let roots: BTreeMap<String, String> =
        roots.iter().map(|(name, root)| ((*name).to_owned(), (*root).to_owned())).collect();
    plan_rclone(&path, &roots, &clock())
}

fn check(
    text: &str,
    root: Option<&str>,
    kind: &str,
    connection: serde_json::Value,
    credentials: serde_json::Value,
) -> Vec<String> {
    let roots: Vec<(&str, &str)> = root.map(|root| ("it", root)).into_iter().collect();
    let found = planned(&format!("[it]\n{text}"), &roots).unwrap().remove(0);
    let Outcome::Config(config) = &found.outcome else { panic!("{text}: {found:?}") };
    assert_eq!(config.kind, kind, "{text}");
    assert_eq!(serde_json::Value::from(config.connection.clone()), connection, "{text}");
    assert_eq!(serde_json::Value::from(config.credentials.clone()), credentials, "{text}");
    found.warnings
}

#[test]
fn every_type_that_we_have_is_one_of_ours() {
    use serde_json::json;
    let warnings = check(
        "type = s3\nprovider = Cloudflare\nenv_auth = false\naccess_key_id = AK\nsecret_access_key = s$${X}\nendpoint = x.example.net\nregion = auto\nacl = private\nchunk_size = 5Mi",
        Some("bucket/some/prefix"),
        "s3",
        json!({"provider": "r2", "endpoint_url": "https://x.example.net", "region": "auto", "bucket": "bucket", "prefix": "some/prefix"}),
        json!({"access_key_id": "AK", "secret_access_key": "s$$$${X}"}),
    );
    assert_eq!(warnings, ["not taken over: acl, chunk_size"]);
    check(
        "type = s3\nprovider = Wasabi\nforce_path_style = true\nendpoint = http://127.0.0.1:9000\naccess_key_id = a\nsecret_access_key = b",
        Some("bucket"),
        "s3",
        json!({"provider": "other", "endpoint_url": "http://127.0.0.1:9000", "allow_http": true, "path_style": true, "bucket": "bucket"}),
        json!({"access_key_id": "a", "secret_access_key": "b"}),
    );
    let warnings = check(
        &format!("type = sftp\nhost = h.example.net\nuser = me\nport = 2222\npass = {POTATO}\nshell_type = unix"),
        None,
        "sshfs",
        json!({"host": "h.example.net", "port": 2222}),
        json!({"username": "me", "password": "potato"}),
    );
    assert!(warnings.len() == 1 && warnings[0].contains("known_hosts_file"), "{warnings:?}");
    check(
        &format!(
            "type = ftp\nhost = h.example.net\nuser = me\npass = {POTATO}\nexplicit_tls = true\nno_check_certificate = true\nconcurrency = 0"
        ),
        Some("backup"),
        "ftp",
        json!({"host": "h.example.net", "tls": "explicit", "verify_tls": false, "path": "backup"}),
        json!({"username": "me", "password": "potato"}),
    );
    check(
        &format!(
            "type = webdav\nurl = https://dav.example.net/remote.php/\nvendor = nextcloud\nuser = me\npass = {POTATO}"
        ),
        Some("photos"),
        "webdav",
        json!({"url": "https://dav.example.net/remote.php/photos"}),
        json!({"username": "me", "password": "potato"}),
    );
    check("type = local\nnounc = true", Some("/srv/store"), "local", json!({"path": "/srv/store"}), json!({}));
    check(
        "type = azureblob\naccount = me\nkey = Zm9v",
        Some("container"),
        "azure",
        json!({"account": "me", "container": "container"}),
        json!({"access_key": "Zm9v"}),
    );
    check(
        "type = google cloud storage\nanonymous = true\nlocation = eu",
        Some("bucket"),
        "gcs",
        json!({"bucket": "bucket"}),
        json!({"anonymous": true}),
    );
}

#[test]
fn what_is_not_brought_over_says_why_and_shows_nothing() {
    let text = format!(
        "[enc]\ntype = crypt\nremote = a:canary\npassword = {POTATO}\n[all]\ntype = union\nupstreams = canary\n[old]\ntype = dropbox\ntoken = canary\n\
         [nameless]\nregion = canary\n[rootless]\ntype = s3\naccess_key_id = canary\n[bad]\ntype = ftp\nhost = h\npass = canary\n\
         [Odd Name]\ntype = memory\n[odd_name]\ntype = memory\n[port]\ntype = sftp\nhost = h\nport = canary\n[token]\ntype = google cloud storage\ntoken = canary"
    );
    let found = planned(&text, &[("token", "bucket")]).unwrap();
    let words: Vec<(&str, String)> = found
        .iter()
        .map(|it| match &it.outcome {
            Outcome::Config(_) => ("config", String::new()),
            Outcome::Unsupported { why, .. } => ("unsupported", why.clone()),
            Outcome::Skipped { why } => ("skipped", why.clone()),
            Outcome::Failed(err) => ("failed", err.message().to_owned()),
            _ => ("other", String::new()),
        })
        .collect();
    let kinds: Vec<&str> = words.iter().map(|it| it.0).collect();
    let wanted = [
        "unsupported",
        "unsupported",
        "unsupported",
        "skipped",
        "skipped",
        "failed",
        "config",
        "skipped",
        "failed",
        "unsupported",
    ];
    assert_eq!(kinds, wanted, "{words:?}");
    assert!(words[4].1.contains("--root rootless=BUCKET"), "{words:?}");
    assert!(!format!("{words:?} {:?}", found.iter().map(|it| &it.warnings).collect::<Vec<_>>()).contains("canary"));
    assert_eq!(found[6].name.as_deref(), Some("odd_name"));
}

#[test]
fn an_encrypted_file_and_a_root_of_nothing_are_refused() {
    let refused = |text: &str, roots: &[(&str, &str)]| planned(text, roots).unwrap_err();
    let err = refused("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nxyz", &[]);
    assert!(err.kind() == ErrorKind::InvalidInput && err.message().contains("encrypted"), "{err}");
    assert_eq!(refused("[a]\ntype = memory", &[("b", "x")]).kind(), ErrorKind::InvalidInput);
}

#[test]
fn what_is_there_is_never_overwritten() {
    let fixture = home(&[("there.yaml", "type: local\nconnection: {path: /mine}\n")], &[]);
    let plan = planned("[there]\ntype = local\n[new]\ntype = memory", &[("there", "/theirs")]).unwrap();
    let applied = apply(&plan, &fixture.store).unwrap();
    assert_eq!(applied[0].done.as_ref().unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(applied[1].done.as_ref().unwrap(), &Done::Written);
    assert!(fixture.text("there.yaml").contains("/mine"));
    assert_eq!(apply(&plan, &fixture.store).unwrap()[1].done.as_ref().unwrap(), &Done::Unchanged);
}
