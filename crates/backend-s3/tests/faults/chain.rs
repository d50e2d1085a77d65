//! Whose keys are used when none are configured: the vendor's chain, which reads the environment. So each link of it is tried by a process of its own.

use std::collections::BTreeMap;
use std::process::Command;

use backend_core::{ErrorKind, Settings, StatOptions};
use backend_layers::SystemClock;
use backend_testkit::s3::{FakeS3, Options};
use backend_testkit::small;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::*;

/// The connection of the child, as JSON.
const ROLE: &str = "IPFS_KIT_TEST_CHAIN";

/// Not a case by itself: what the other processes do.
#[tokio::test]
async fn a_child_of_the_chain() {
    let Ok(connection) = std::env::var(ROLE) else { return };
    let settings = Settings::new("chain", serde_json::from_str(&connection).unwrap(), std::sync::Arc::new(SystemClock));
    let store = backend_s3::open(settings).unwrap();
    match add(&store, "mine", &small("mine")).await {
        Ok(_) => store.stat(&at("mine"), &StatOptions::default()).await.map(drop).unwrap(),
        Err(err) => {
            assert_eq!(err.kind(), ErrorKind::Unauthenticated, "{err:?}");
            std::process::exit(77);
        }
    }
}

/// Answers each path with its text, whoever asks.
async fn canned(answers: BTreeMap<&'static str, String>) -> String {
    canned_for("", answers).await
}

/// Answers each path with its text, if this stands among the headers of who asks.
async fn canned_for(wanted: &'static str, answers: BTreeMap<&'static str, String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut heard = Vec::new();
            let mut some = [0; 4096];
            while let Ok(n @ 1..) = stream.read(&mut some).await {
                heard.extend_from_slice(&some[..n]);
                let text = String::from_utf8_lossy(&heard);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let len = head.lines().filter_map(|line| line.split_once(": ")).find_map(|(name, value)| {
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
                });
                if body.len() < len.unwrap_or(0) {
                    continue;
                }
                let path = head.split(' ').nth(1).unwrap();
                let answer = answers.get(path).filter(|_| head.contains(wanted));
                let status = if answer.is_some() { "200 OK" } else { "404 Not Found" };
                let text = answer.cloned().unwrap_or_default();
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nx-aws-ec2-metadata-token-ttl-seconds: 600\r\nConnection: close\r\n\r\n{text}",
                    text.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                break;
            }
        }
    });
    address
}

/// Runs the child with nothing in its environment but `vars`; whether it found keys that the server takes.
async fn finds(server: &FakeS3, more: serde_json::Value, vars: &[(&str, String)]) -> bool {
    let mut connection = json!({ "endpoint_url": server.endpoint(), "bucket": server.options().bucket });
    connection.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "chain::a_child_of_the_chain"]).env_clear().env(ROLE, connection.to_string());
    child.env("HOME", "/nonexistent").envs(vars.iter().map(|(name, value)| (*name, value)));
    let ended = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let code = ended.status.code();
    assert!(matches!(code, Some(0 | 77)), "{}", String::from_utf8_lossy(&ended.stdout));
    code == Some(0)
}

async fn server() -> std::sync::Arc<FakeS3> {
    FakeS3::start(Options { session_token: Some("of-a-session".to_owned()), ..Options::default() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_the_environment_or_from_nowhere() {
    let server = server().await;
    let opts = server.options();
    let deaf = ("AWS_EC2_METADATA_DISABLED", "true".to_owned());
    let vars = [
        ("AWS_ACCESS_KEY_ID", opts.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", opts.secret_key.clone()),
        ("AWS_SESSION_TOKEN", "of-a-session".to_owned()),
        deaf.clone(),
    ];
    assert!(finds(&server, json!({}), &vars).await);
    assert!(server.object("mine").is_some());
    server.forget();
    assert!(!finds(&server, json!({}), &[deaf]).await);
    assert!(server.requests().is_empty(), "asked without keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_the_profile_that_is_named() {
    let server = server().await;
    let opts = server.options();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let text = format!(
        "[default]\naws_access_key_id = OTHER\naws_secret_access_key = other\n\n[mine]\naws_access_key_id = {}\n\
         aws_secret_access_key = {}\naws_session_token = of-a-session\n",
        opts.access_key, opts.secret_key
    );
    std::fs::write(&file, text).unwrap();
    let vars = [
        ("AWS_SHARED_CREDENTIALS_FILE", file.display().to_string()),
        ("AWS_CONFIG_FILE", folder.path().join("config").display().to_string()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    assert!(finds(&server, json!({ "profile": "mine" }), &vars).await);
    assert!(!finds(&server, json!({}), &vars).await, "the default profile's keys are of nobody");
    assert!(!finds(&server, json!({ "profile": "absent" }), &vars).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_a_web_identity() {
    let server = server().await;
    let opts = server.options();
    let answer = format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>of-a-session</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
        opts.access_key, opts.secret_key
    );
    let issuer = canned([("/", answer)].into()).await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "a.web.token").unwrap();
    let vars = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.display().to_string()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/suite".to_owned()),
        ("AWS_ENDPOINT_URL_STS", issuer),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ];
    assert!(finds(&server, json!({}), &vars).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_the_instance() {
    let server = server().await;
    let opts = server.options();
    let keys = json!({
        "Code": "Success",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Type": "AWS-HMAC",
        "AccessKeyId": opts.access_key,
        "SecretAccessKey": opts.secret_key,
        "Token": "of-a-session",
        "Expiration": "2099-01-01T00:00:00Z",
    });
    let instance = canned(
        [
            ("/latest/api/token", "a-token".to_owned()),
            ("/latest/meta-data/iam/security-credentials/", "suite".to_owned()),
            ("/latest/meta-data/iam/security-credentials/suite", keys.to_string()),
        ]
        .into(),
    )
    .await;
    assert!(finds(&server, json!({}), &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance)]).await);
}

/// A profile of single sign-on, its session, and what is kept of the login: `~/.aws/sso/cache/<SHA-1 of the session's name>.json`.
fn signed_on(home: &std::path::Path, login: &serde_json::Value) {
    const SUITE: &str = "5cd55651e2c67e68ca5c7be384e0561b3e8e9c40.json";
    let cache = home.join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::write(cache.join(SUITE), login.to_string()).unwrap();
    let text = "[profile mine]\nsso_session = suite\nsso_account_id = 123456789012\nsso_role_name = reader\n\n\
                [sso-session suite]\nsso_region = us-east-1\nsso_start_url = https://portal.invalid/start\n";
    std::fs::write(home.join(".aws/config"), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_the_portal_of_single_sign_on() {
    let server = server().await;
    let opts = server.options();
    let keys = json!({ "roleCredentials": {
        "accessKeyId": opts.access_key,
        "secretAccessKey": opts.secret_key,
        "sessionToken": "of-a-session",
        "expiration": 4_070_908_800_000_u64,
    } });
    let asked = "/federation/credentials?role_name=reader&account_id=123456789012";
    let portal = canned_for("x-amz-sso_bearer_token: fresh", [(asked, keys.to_string())].into()).await;
    let renewed = json!({ "accessToken": "fresh", "tokenType": "Bearer", "expiresIn": 3600 });
    let issuer = canned([("/token", renewed.to_string())].into()).await;
    let login = |token: &str, until: &str| {
        json!({
            "accessToken": token, "expiresAt": until, "region": "us-east-1", "startUrl": "https://portal.invalid/start",
            "clientId": "an-id", "clientSecret": "a-secret", "registrationExpiresAt": "2099-01-01T00:00:00Z",
            "refreshToken": "again",
        })
    };
    let (later, before) = ("2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z");
    let cases = [
        ("a login that lasts", login("fresh", later), true),
        ("one that is over, and is renewed", login("stale", before), true),
        ("one that the portal does not know", login("stale", later), false),
    ];
    for (what, login, wanted) in cases {
        let home = tempfile::tempdir().unwrap();
        signed_on(home.path(), &login);
        let vars = [
            ("HOME", home.path().display().to_string()),
            ("AWS_ENDPOINT_URL_SSO", portal.clone()),
            ("AWS_ENDPOINT_URL_SSO_OIDC", issuer.clone()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        assert_eq!(finds(&server, json!({ "profile": "mine" }), &vars).await, wanted, "{what}");
    }
}
