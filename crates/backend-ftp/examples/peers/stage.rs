//! The server, and how each client finds it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use backend_testkit::real::{Client, FtpTls, SECRET, Server, program};
use serde_json::json;

/// The server, and a folder beside its data.
#[derive(Debug)]
pub(crate) struct Stage {
    server: Server,
    home: tempfile::TempDir,
}

/// A port by which clients come to it.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    stage: &'a Stage,
    port: u16,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let server = Server::vsftpd(FtpTls::Plain).unwrap();
        server.bucket("b").unwrap();
        let home = tempfile::tempdir_in(server.data().parent().unwrap()).unwrap();
        Self { server, home }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Where the server has a copy.
    pub(crate) fn stored(&self, name: &str) -> PathBuf {
        self.server.data().join("b").join(name)
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    pub(crate) fn near(&self) -> Way<'_> {
        self.by_way_of(self.port())
    }

    pub(crate) fn by_way_of(&self, port: u16) -> Way<'_> {
        Way { stage: self, port }
    }
}

impl Way<'_> {
    /// Our leaf.
    pub(crate) fn ours(&self) -> Client {
        let connection = json!({ "host": "127.0.0.1", "port": self.port, "path": "/b", "tls": "none" });
        Client { connection, credentials: json!({ "username": "anonymous", "password": SECRET }) }
    }

    /// lftp sends a file.
    pub(crate) fn put(&self, file: &Path) -> Duration {
        Client::clear(&self.stage.stored("lftp")).unwrap();
        self.lftp(&format!("put {} -o /b/lftp", file.display()))
    }

    /// lftp fetches what our leaf has sent.
    pub(crate) fn get(&self, to: &Path) -> Duration {
        Client::clear(to).unwrap();
        self.lftp(&format!("get /b/ours -o {}", to.display()))
    }

    fn lftp(&self, script: &str) -> Duration {
        let port = self.port;
        let script = format!("set cmd:fail-exit yes; set ftp:ssl-allow no; open ftp://127.0.0.1:{port}; {script}; bye");
        self.run("lftp", &["-c", &script])
    }

    /// rclone sends a file.
    pub(crate) fn send(&self, file: &Path) -> Duration {
        Client::clear(&self.stage.stored("rclone")).unwrap();
        self.run("rclone", &["copyto", "-I", &file.display().to_string(), &self.remote("rclone")])
    }

    /// rclone fetches what our leaf has sent, as it does by default: over four connections.
    pub(crate) fn fetch(&self, to: &Path) -> Duration {
        Client::clear(to).unwrap();
        self.run("rclone", &["copyto", "-I", &self.remote("ours"), &to.display().to_string()])
    }

    /// rclone sends a folder, as many files at once as our leaf has connections.
    pub(crate) fn send_all(&self, folder: &Path, under: &str) -> Duration {
        self.run("rclone", &["copy", "--transfers", "8", &folder.display().to_string(), &self.remote(under)])
    }

    fn remote(&self, path: &str) -> String {
        let pass = Command::new(program("rclone").unwrap()).args(["obscure", "x"]).output().unwrap();
        let pass = String::from_utf8(pass.stdout).unwrap();
        format!(":ftp,host=127.0.0.1,port={},user=anonymous,pass={}:/b/{path}", self.port, pass.trim())
    }

    fn run(&self, name: &str, words: &[&str]) -> Duration {
        let mut command = Command::new(program(name).unwrap());
        command.args(words).env("HOME", self.stage.home.path()).env("RCLONE_CONFIG", "");
        let begun = Instant::now();
        let said = command.output().unwrap();
        assert!(said.status.success(), "{name} {words:?}: {}", String::from_utf8_lossy(&said.stderr));
        begun.elapsed()
    }
}
