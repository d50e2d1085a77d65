//! A street of services that keep content under a user's key, each run by a server that others have written; and a node of IPFS.

use std::path::Path;

use backend_testkit::real::{FtpTls, Kubo, KuboOptions, SECRET, Server, Sshd, USER};
use journeys::Journey;

/// The services, and a folder of this machine.
pub(crate) struct Street {
    s3: Server,
    sshd: Sshd,
    ftp: Server,
    dav: Server,
    azure: Server,
    kubo: Kubo,
    disk: tempfile::TempDir,
}

pub(crate) const KEYED: [&str; 6] = ["disk", "bucket", "shelf", "web", "dav", "blobs"];

impl Street {
    pub(crate) fn new() -> Self {
        let it = Self {
            // s3s-fs takes no key that is longer than 130 bytes.
            s3: Server::rclone_s3().unwrap(),
            sshd: Server::sshd().unwrap(),
            ftp: Server::vsftpd(FtpTls::Explicit).unwrap(),
            dav: Server::rclone_webdav().unwrap(),
            azure: Server::azurite().unwrap(),
            kubo: Server::kubo(&KuboOptions::default()).unwrap(),
            disk: tempfile::tempdir().unwrap(),
        };
        // The first has buckets from its beginning.
        [&it.ftp, &it.dav, &it.azure].iter().for_each(|server| server.bucket("pairs").unwrap());
        it
    }

    /// Makes these of them known to somebody, who knows nothing of what others have put there.
    pub(crate) fn known_to(&self, it: Journey, names: &[&str]) -> Journey {
        for name in names {
            let (kind, settings) = self.settings(name);
            let mut words = vec!["backend", "create", name, "--type", kind];
            settings.iter().for_each(|it| words.extend(["--set", it]));
            it.ok(words);
        }
        it
    }

    pub(crate) fn settings(&self, name: &str) -> (&'static str, Vec<String>) {
        let both = |names: &[(&str, String)]| names.iter().map(|(name, value)| format!("{name}={value}")).collect();
        match name {
            "disk" => ("local", both(&[("connection.path", shown(self.disk.path()))])),
            "bucket" => (
                "s3",
                both(&[
                    ("connection.endpoint_url", self.s3.url()),
                    ("connection.bucket", "suite-0000".into()),
                    ("connection.region", "us-east-1".into()),
                    ("credentials.access_key_id", USER.into()),
                    ("credentials.secret_access_key", SECRET.into()),
                ]),
            ),
            "shelf" => (
                "sshfs",
                both(&[
                    ("connection.host", "127.0.0.1".into()),
                    ("connection.port", self.sshd.port().to_string()),
                    ("connection.path", shown(&self.sshd.data().join("pairs"))),
                    ("connection.create", "true".into()),
                    ("connection.known_hosts_file", shown(&self.sshd.file("known_hosts"))),
                    ("credentials.username", self.sshd.user().into()),
                    ("credentials.private_key_path", shown(&self.sshd.file("id"))),
                ]),
            ),
            "web" => (
                "ftp",
                both(&[
                    ("connection.host", "127.0.0.1".into()),
                    ("connection.port", self.ftp.port().to_string()),
                    ("connection.tls", "explicit".into()),
                    ("connection.path", "/pairs".into()),
                    ("connection.ca_certificates", serde_json::json!([self.ftp.certificate()]).to_string()),
                    // It knows nobody else.
                    ("credentials.username", "anonymous".into()),
                    ("credentials.password", SECRET.into()),
                ]),
            ),
            "dav" => (
                "webdav",
                both(&[
                    ("connection.url", format!("{}/pairs", self.dav.url())),
                    ("credentials.username", USER.into()),
                    ("credentials.password", SECRET.into()),
                ]),
            ),
            "blobs" => (
                "azure",
                both(&[
                    ("connection.account", Server::AZURE_ACCOUNT.into()),
                    ("connection.container", "pairs".into()),
                    ("connection.endpoint", format!("{}/{}", self.azure.url(), Server::AZURE_ACCOUNT)),
                    ("credentials.access_key", Server::AZURE_KEY.into()),
                ]),
            ),
            "node" => ("ipfs", both(&[("connection.api_url", self.kubo.api())])),
            _ => panic!("no service {name}"),
        }
    }
}

pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
