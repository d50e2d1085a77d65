//! The server, and how each client finds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use backend_testkit::real::{Client, Server, Sshd, program};
use serde_json::json;

/// The server, and a folder beside its data.
#[derive(Debug)]
pub(crate) struct Stage {
    server: Sshd,
    folder: tempfile::TempDir,
}

/// A port by which clients come to it.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    stage: &'a Stage,
    port: u16,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let server = Server::sshd().unwrap();
        let folder = tempfile::tempdir_in(server.data()).unwrap();
        Self { server, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    pub(crate) fn near(&self) -> Way<'_> {
        Way { stage: self, port: self.port() }
    }

    /// By another port, under which the server's key is then known too.
    pub(crate) fn by_way_of(&self, port: u16) -> Way<'_> {
        for name in ["known_hosts", "known_hosts.authority"] {
            let known = fs::read_to_string(self.server.file(name)).unwrap();
            let more = known.replace(&format!("]:{}", self.port()), &format!("]:{port}"));
            fs::write(self.server.file(name), format!("{known}{more}")).unwrap();
        }
        Way { stage: self, port }
    }

    fn store(&self) -> PathBuf {
        self.server.data().join("store")
    }

    /// Where the server has a copy.
    pub(crate) fn stored(&self, name: &str) -> PathBuf {
        self.store().join(name)
    }
}

impl Way<'_> {
    /// Our leaf.
    pub(crate) fn ours(&self) -> Client {
        let server = &self.stage.server;
        let connection = json!({
            "host": "127.0.0.1", "port": self.port, "path": self.stage.store(), "create": true,
            "known_hosts_file": server.file("known_hosts"),
        });
        Client { connection, credentials: json!({ "username": server.user(), "private_key_path": server.file("id") }) }
    }

    /// `sftp` sends a file.
    pub(crate) fn put(&self, file: &Path) -> Duration {
        Client::clear(&self.stage.stored("sftp")).unwrap();
        self.sftp(&format!("put {} {}/sftp\n", file.display(), self.stage.store().display()))
    }

    /// `sftp` fetches what our leaf has sent.
    pub(crate) fn get(&self, to: &Path) -> Duration {
        Client::clear(to).unwrap();
        self.sftp(&format!("get {}/ours {}\n", self.stage.store().display(), to.display()))
    }

    fn sftp(&self, words: &str) -> Duration {
        let server = &self.stage.server;
        let batch = self.stage.path("batch");
        fs::write(&batch, words).unwrap();
        let mut sftp = Command::new("sftp");
        sftp.args(["-q", "-F", "none", "-b"]).arg(&batch).args(["-P", &self.port.to_string()]);
        let known = format!("UserKnownHostsFile={}", server.file("known_hosts").display());
        sftp.arg("-i").arg(server.file("id")).arg("-o").arg(known);
        timed(sftp.arg(format!("{}@127.0.0.1", server.user())))
    }

    /// `rclone` sends a file.
    pub(crate) fn send(&self, file: &Path, streams: usize) -> Duration {
        Client::clear(&self.stage.stored("rclone")).unwrap();
        self.copy_file(&file.display().to_string(), &self.remote("rclone"), streams)
    }

    /// `rclone` fetches what our leaf has sent.
    pub(crate) fn fetch(&self, to: &Path, streams: usize) -> Duration {
        Client::clear(to).unwrap();
        self.copy_file(&self.remote("ours"), &to.display().to_string(), streams)
    }

    fn copy_file(&self, from: &str, to: &str, streams: usize) -> Duration {
        let streams = streams.to_string();
        let words = ["copyto", "--ignore-times", "--multi-thread-cutoff", "16Mi", "--multi-thread-streams", &streams];
        self.rclone(&[&words[..], &[from, to]].concat())
    }

    /// `rclone` sends a folder, 16 files at once as our leaf does.
    pub(crate) fn send_all(&self, folder: &Path, under: &str) -> Duration {
        self.rclone(&["copy", "--transfers", "16", &folder.display().to_string(), &self.remote(under)])
    }

    fn rclone(&self, words: &[&str]) -> Duration {
        let mut rclone = Command::new(program("rclone").unwrap());
        timed(rclone.args(words).env("RCLONE_CONFIG", "").env("HOME", self.stage.folder.path()))
    }

    fn remote(&self, path: &str) -> String {
        let server = &self.stage.server;
        let (id, known) = (server.file("id"), server.file("known_hosts.authority"));
        let who = format!("host=127.0.0.1,port={},user={}", self.port, server.user());
        let (id, known, store) = (id.display(), known.display(), self.stage.store());
        // By default it asks a shell there for a hash of each file, and waits for what the user's profile does: that is left out.
        format!(":sftp,{who},shell_type=none,key_file='{id}',known_hosts_file='{known}':{}/{path}", store.display())
    }
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let answer = command.output().unwrap();
    assert!(answer.status.success(), "{command:?}: {}", String::from_utf8_lossy(&answer.stderr));
    begun.elapsed()
}
