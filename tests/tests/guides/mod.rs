//! The tutorials of services, line by line, against servers that others have written.

use backend_testkit::real::{FtpTls, Kubo, KuboOptions, SECRET, Server, USER};
use journeys::{Journey, tutorial};

/// Runs a tutorial with these variables; nothing of it is left behind but what the service keeps of removed content.
fn follows(name: &str, variables: &[(&str, String)]) {
    let it = Journey::new();
    let (printed, said) = tutorial(&it, &format!("tutorials/{name}.md"), variables);
    assert!(printed.contains("verified"), "{printed}\n{said}");
    assert!(!printed.contains(SECRET) && !said.contains(SECRET), "a secret is shown:\n{printed}\n{said}");
    assert_eq!(it.ok(["ls"]).text(), "", "{printed}");
}

#[test]
fn the_way_to_a_bucket() {
    let server = Server::s3s_fs().unwrap();
    server.bucket("guide").unwrap();
    let variables = [
        ("S3_URL", server.url()),
        ("S3_BUCKET", "guide".to_owned()),
        ("S3_REGION", "us-east-1".to_owned()),
        ("S3_KEY_ID", USER.to_owned()),
        ("S3_SECRET", SECRET.to_owned()),
    ];
    follows("s3", &variables);
}

#[test]
fn the_way_to_a_node() {
    let node: Kubo = Server::kubo(&KuboOptions::default()).unwrap();
    follows("ipfs", &[("KUBO_API", node.api())]);
}

#[test]
fn the_way_to_a_server_by_sftp() {
    let sshd = Server::sshd().unwrap();
    let variables = [
        ("SSH_HOST", "127.0.0.1".to_owned()),
        ("SSH_PORT", sshd.port().to_string()),
        ("SSH_USER", sshd.user().to_owned()),
        ("SSH_FOLDER", sshd.data().join("guide").display().to_string()),
        ("SSH_KEY", sshd.file("id").display().to_string()),
        ("SSH_KNOWN", sshd.file("known_hosts").display().to_string()),
    ];
    follows("sshfs", &variables);
}

#[test]
fn the_way_to_webspace() {
    let server = Server::vsftpd(FtpTls::Explicit).unwrap();
    server.bucket("guide").unwrap();
    let variables = [
        ("FTP_HOST", "127.0.0.1".to_owned()),
        ("FTP_PORT", server.port().to_string()),
        ("FTP_TLS", "explicit".to_owned()),
        ("FTP_FOLDER", "/guide".to_owned()),
        // It knows nobody else.
        ("FTP_USER", "anonymous".to_owned()),
        ("FTP_PASSWORD", SECRET.to_owned()),
        ("FTP_CERTIFICATE", serde_json::json!([server.certificate()]).to_string()),
    ];
    follows("ftp", &variables);
}

#[test]
fn the_way_to_a_server_by_webdav() {
    let server = Server::rclone_webdav().unwrap();
    server.bucket("guide").unwrap();
    let variables = [
        ("DAV_URL", format!("{}/guide", server.url())),
        ("DAV_USER", USER.to_owned()),
        ("DAV_PASSWORD", SECRET.to_owned()),
    ];
    follows("webdav", &variables);
}

#[test]
fn the_way_to_a_container() {
    let server = Server::azurite().unwrap();
    server.bucket("guide").unwrap();
    let variables = [
        ("AZURE_ACCOUNT", Server::AZURE_ACCOUNT.to_owned()),
        ("AZURE_CONTAINER", "guide".to_owned()),
        ("AZURE_KEY", Server::AZURE_KEY.to_owned()),
        ("AZURE_ENDPOINT", format!("{}/{}", server.url(), Server::AZURE_ACCOUNT)),
    ];
    follows("azure", &variables);
}
