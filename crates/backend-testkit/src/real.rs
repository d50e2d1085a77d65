//! Real servers for `tests/real.rs` of a leaf: started from what `cargo xtask services` has built, on a free port, with a folder of their own.
//!
//! A server that was not provisioned is a failure that says how to, never a skipped test. It is stopped with its last owner: by drop, and when the
//! test's process ends in any other way, because a guard waits for the end of a pipe. So a server may lie in a `static` and be shared by the tests of a file.
//!
//! ```text
//! static S3: LazyLock<Server> = LazyLock::new(|| Server::s3s_fs().unwrap());
//! S3.bucket("suite").unwrap();
//! let connection = json!({ "endpoint": S3.url(), … });
//! ```

mod azure;
mod certificate;
mod ftp;
mod guard;
mod http;
mod kubo;
mod listener;
mod plan;
mod run;
mod shelf;
mod sshd;

use std::fmt;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub use self::ftp::FtpTls;
use self::guard::Guard;
pub use self::kubo::{Kubo, KuboOptions};
use self::plan::Plan;
pub use self::run::{Client, Taken, obey};
pub use self::sshd::Sshd;

/// The access key of every S3 server, and the user of every other one that asks for one.
pub const USER: &str = "ipfs-kit-user";
/// Its secret: it holds the suite's canary, so that a leaf that tells it is found.
pub const SECRET: &str = "canary-5f0c7e-secret";

/// A server is given so long to listen, on a machine that is busy with other builds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long between two looks whether it is ready.
const LOOK: Duration = Duration::from_millis(20);
/// A free port may be taken by somebody else before the server binds it: then another one is tried.
const ATTEMPTS: usize = 3;
/// The most of a server's log that a failure repeats.
const MOST_SAID: usize = 2000;

/// Where the program of a service lies, such as another client.
///
/// # Errors
/// If it was not provisioned: says how to.
pub fn program(service: &str) -> Result<PathBuf, Unready> {
    shelf::program(service)
}

/// Why a server could not be started, or did not do what was asked.
pub struct Unready(String);

impl Unready {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    fn at(path: &Path, what: &str, why: impl fmt::Display) -> Self {
        Self(format!("cannot {what} {}: {why}", path.display()))
    }
}

impl fmt::Debug for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unready {}

/// A running server, its ports and its folder.
pub struct Server {
    plan: Plan,
    ports: Vec<u16>,
    folder: PathBuf,
    child: Option<Child>,
    guard: Guard,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("plan", &self.plan).field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl Server {
    /// s3s-fs: strict signatures and checksums; keys like `a//b` are beyond it, and its conditional puts are not atomic.
    ///
    /// # Errors
    /// If it was not provisioned, or does not start: as all of these.
    pub fn s3s_fs() -> Result<Self, Unready> {
        Self::begin(plan::s3s_fs()?)
    }

    /// s3s-fs that takes the bucket out of the host's name: [`Server::host_url`].
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn s3s_fs_by_host() -> Result<Self, Unready> {
        Self::begin(plan::s3s_fs_by_host()?)
    }

    /// moto: versions, tags and lifecycles; believes every signature and every checksum.
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn moto() -> Result<Self, Unready> {
        Self::begin(plan::moto()?)
    }

    /// `rclone serve s3`: what people put before a disk.
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn rclone_s3() -> Result<Self, Unready> {
        Self::begin_with(plan::rclone_s3()?, plan::folders)
    }

    /// The same by TLS, with the bucket in the host's name: `https` to [`Server::host_url`], with [`Server::certificate`].
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn rclone_s3_by_tls() -> Result<Self, Unready> {
        Self::begin_with(plan::rclone_s3_by_tls()?, plan::folders)
    }

    /// SeaweedFS: a large server that providers run. It is not among `all`, because its build takes long.
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn seaweedfs() -> Result<Self, Unready> {
        Self::begin(plan::seaweedfs()?)
    }

    /// Azurite: Azure's own emulator of its blobs. The account is [`Server::AZURE_ACCOUNT`] with its well-known key.
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn azurite() -> Result<Self, Unready> {
        Self::begin(plan::azurite()?)
    }

    /// `rclone serve webdav`, with [`USER`] and [`SECRET`].
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn rclone_webdav() -> Result<Self, Unready> {
        Self::begin(plan::rclone_webdav()?)
    }

    /// A Kubo daemon with a repository of its own.
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn kubo(options: &KuboOptions) -> Result<Kubo, Unready> {
        Kubo::begin(options)
    }

    /// OpenSSH's server, for SFTP.
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn sshd() -> Result<Sshd, Unready> {
        Sshd::begin()
    }

    /// The account of [`Server::azurite`].
    pub const AZURE_ACCOUNT: &str = azure::ACCOUNT;
    /// The key of that account, which Microsoft has published: it opens nothing else.
    pub const AZURE_KEY: &str = azure::KEY;

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Where a bucket has a name below the server's.
    pub fn host_url(&self, scheme: &str) -> String {
        format!("{scheme}://s3.localhost:{}", self.port())
    }

    /// The certificate that it was started with, as PEM: of `localhost`, `*.s3.localhost` and 127.0.0.1, and signed by itself.
    pub fn certificate(&self) -> String {
        fs::read_to_string(self.folder.join("cert.pem")).unwrap_or_default()
    }

    /// The port of its main service.
    pub fn port(&self) -> u16 {
        self.ports.first().copied().unwrap_or_default()
    }

    /// Where it keeps what it is given: what lies in it is the server's matter, and may be damaged by a test.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What it has said so far; at most its last 2,000 bytes.
    pub fn log(&self) -> String {
        let said = fs::read(self.folder.join("log")).unwrap_or_default();
        let from = said.len().saturating_sub(MOST_SAID);
        String::from_utf8_lossy(&said[from..]).into_owned()
    }

    /// Makes a bucket, or what the service calls so. One that is there already is left as it is.
    ///
    /// # Errors
    /// If the server refuses.
    pub fn bucket(&self, name: &str) -> Result<(), Unready> {
        (self.plan.bucket)(self, name)
    }

    /// Sends one unsigned request, such as `PUT /bucket?versioning`, and answers the status: for servers that believe everybody.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn ask(&self, words: &str, body: &str) -> Result<u16, Unready> {
        let answer = http::ask(self.port(), words, &[], body);
        answer.map(|it| it.status).map_err(|err| Unready::new(format!("{}: {err}", self.plan.service)))
    }

    /// Kills it as a crash would: SIGKILL to all its processes.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        guard::kill_below(child.id());
        guard::kill_group(child.id());
        // It was killed, and is dead: that is all there is to know.
        let _ = child.kill();
        let _ = child.wait();
        // Its number may be somebody else's from here on.
        let _ = fs::remove_file(self.folder.join("pid"));
    }

    /// Starts it again where it was, with what it had.
    ///
    /// # Errors
    /// If it does not start, or the port was taken meanwhile.
    pub fn restart(&mut self) -> Result<(), Unready> {
        self.kill();
        self.start()
    }

    fn begin(plan: Plan) -> Result<Self, Unready> {
        Self::begin_with(plan, |_| Ok(()))
    }

    /// `prepare` is asked once for every folder, before the server starts in it.
    fn begin_with(plan: Plan, prepare: impl Fn(&Self) -> Result<(), Unready>) -> Result<Self, Unready> {
        let mut last = Unready::new("never tried");
        for _ in 0..ATTEMPTS {
            let folder = shelf::folder(plan.service)?;
            let guard = Guard::of(&folder)?;
            let mut server = Self { ports: free(plan.ports)?, plan: plan.clone(), folder, child: None, guard };
            prepare(&server)?;
            match server.start() {
                Ok(()) => return Ok(server),
                Err(err) => last = err,
            }
        }
        Err(last)
    }

    fn start(&mut self) -> Result<(), Unready> {
        let data = self.data();
        fs::create_dir_all(&data).map_err(|err| Unready::at(&data, "make", err))?;
        let mut command = (self.plan.command)(self)?;
        let child = self.spawn(&mut command)?;
        let group = child.id();
        let pid = self.folder.join("pid");
        self.child = Some(child);
        fs::write(&pid, group.to_string()).map_err(|err| Unready::at(&pid, "write", err))?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            self.alive()?;
            if self.ports.first().is_some_and(|port| listener::is_of_group(*port, group)) && (self.plan.ready)(self) {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
        Err(self.failed("is not ready"))
    }

    fn spawn(&self, command: &mut Command) -> Result<Child, Unready> {
        use std::os::unix::process::CommandExt;
        let path = self.folder.join("log");
        let log = File::options().create(true).append(true).open(&path);
        let log = log.map_err(|err| Unready::at(&path, "write", err))?;
        let both = log.try_clone().map_err(|err| Unready::at(&path, "write", err))?;
        // Nothing of the user's own configuration is read.
        command.env("HOME", &self.folder).env("TMPDIR", &self.folder).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(log).stderr(both).process_group(0);
        command.spawn().map_err(|err| Unready::new(format!("{}: {err}", self.plan.service)))
    }

    fn alive(&mut self) -> Result<(), Unready> {
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => Ok(()),
            _ => Err(self.failed("ended")),
        }
    }

    fn failed(&self, what: &str) -> Unready {
        Unready::new(format!("{} {what}: {}", self.plan.service, self.log().trim()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        self.guard.end();
    }
}

/// `count` ports that nobody listens on at this moment.
fn free(count: usize) -> Result<Vec<u16>, Unready> {
    let bound: Result<Vec<TcpListener>, _> = (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect();
    let bound = bound.map_err(|err| Unready::new(format!("no free port: {err}")))?;
    let ports: Result<Vec<u16>, _> = bound.iter().map(|it| it.local_addr().map(|it| it.port())).collect();
    ports.map_err(|err| Unready::new(format!("no free port: {err}")))
}
