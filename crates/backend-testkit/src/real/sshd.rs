//! OpenSSH's own server, with keys and authorities of its own; the user is who runs the tests.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::plan::Plan;
use super::{SECRET, Server, Unready, shelf};

/// Where a server that runs as root keeps nobody's empty folder (sshd(8)).
const EMPTY: &str = "/run/sshd";
const PATIENCE: Duration = Duration::from_secs(5);

/// A running server.
#[derive(Debug)]
pub struct Sshd {
    server: Server,
    user: String,
}

impl Sshd {
    pub(super) fn begin() -> Result<Self, Unready> {
        shelf::program("sshd")?;
        let user = said(Command::new("id").arg("-un"))?.trim().to_owned();
        let bucket = |_: &Server, _: &str| Err(Unready::new("sshd has no buckets"));
        let plan = Plan { service: "sshd", ports: 1, command, ready: greets, bucket };
        let server = Server::begin_with(plan, |server| prepare(server, &user))?;
        Ok(Self { server, user })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Who may get in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// A folder for tests.
    pub fn data(&self) -> PathBuf {
        self.server.data()
    }

    /// A file of the server's: `id` (a private key), `id-locked` (the same, with [`SECRET`] as its passphrase), `certified` with `certified-cert.pub`,
    /// `known_hosts`, `known_hosts.hashed` and `known_hosts.authority`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.server.folder.join(name)
    }

    /// Kills it and all its sessions, as a crash would. Sessions are groups of their own: they are found by whose children they are.
    pub fn kill(&mut self) {
        let pids = self.server.child.as_ref().map(|it| descendants(it.id())).unwrap_or_default();
        self.server.kill();
        for pid in pids {
            // One that is gone already is what was wanted.
            let _ = Command::new("sh")
                .args(["-c", "kill -s KILL \"$1\"", "kill", &pid.to_string()])
                .stderr(Stdio::null())
                .status();
        }
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart(&mut self) -> Result<(), Unready> {
        self.kill();
        self.server.start()
    }
}

/// Everything below a process, by `/proc/PID/stat` (proc(5)).
fn descendants(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids: Vec<u32> = entries.filter_map(|it| it.file_name().to_str()?.parse().ok()).collect();
    let parents: Vec<(u32, u32)> = pids.into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut found = vec![root];
    let mut at = 0;
    while let Some(above) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(pid, parent)| *parent == above && *pid != above).map(|(pid, _)| *pid));
        at += 1;
    }
    found.split_off(1)
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn command(server: &Server) -> Result<Command, Unready> {
    // It wants to be called by its absolute path, because it calls itself.
    let mut sshd = shelf::program("sshd").map(Command::new)?;
    sshd.args(["-D", "-e", "-f"]).arg(server.folder.join("sshd_config"));
    Ok(sshd)
}

fn greets(server: &Server) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) else { return false };
    let mut greeting = [0; 8];
    stream.set_read_timeout(Some(PATIENCE)).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && &greeting == b"SSH-2.0-"
}

fn prepare(server: &Server, user: &str) -> Result<(), Unready> {
    let folder = &server.folder;
    if user == "root" {
        fs::create_dir_all(EMPTY).map_err(|err| Unready::at(Path::new(EMPTY), "make", err))?;
    }
    for (name, passphrase) in [("host", ""), ("id", ""), ("certified", ""), ("host-ca", ""), ("user-ca", "")] {
        keygen(folder, &["-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", name])?;
    }
    copy(folder, "id", "id-locked")?;
    keygen(folder, &["-q", "-p", "-P", "", "-N", SECRET, "-f", "id-locked"])?;
    keygen(folder, &["-q", "-s", "host-ca", "-I", "host", "-h", "-n", "127.0.0.1", "-V", "-1h:+1d", "host.pub"])?;
    keygen(folder, &["-q", "-s", "user-ca", "-I", "user", "-n", user, "-V", "-1h:+1d", "certified.pub"])?;
    copy(folder, "id.pub", "authorized_keys")?;
    let read =
        |name: &str| fs::read_to_string(folder.join(name)).map_err(|err| Unready::at(&folder.join(name), "read", err));
    let name = format!("[127.0.0.1]:{}", server.port());
    write(folder, "known_hosts", &format!("{name} {}", read("host.pub")?))?;
    write(folder, "known_hosts.hashed", &format!("{name} {}", read("host.pub")?))?;
    keygen(folder, &["-q", "-H", "-f", "known_hosts.hashed"])?;
    write(folder, "known_hosts.authority", &format!("@cert-authority {name} {}", read("host-ca.pub")?))?;
    write(folder, "sshd_config", &config(server))
}

fn config(server: &Server) -> String {
    let at = |name: &str| server.folder.join(name).display().to_string();
    [
        format!("Port {}", server.port()),
        "ListenAddress 127.0.0.1".to_owned(),
        format!("HostKey {}", at("host")),
        format!("HostCertificate {}", at("host-cert.pub")),
        format!("TrustedUserCAKeys {}", at("user-ca.pub")),
        format!("PidFile {}", at("sshd.pid")),
        format!("AuthorizedKeysFile {}", at("authorized_keys")),
        "StrictModes no".to_owned(),
        "UsePAM no".to_owned(),
        "PasswordAuthentication no".to_owned(),
        "PermitRootLogin prohibit-password".to_owned(),
        "Subsystem sftp internal-sftp".to_owned(),
        "MaxStartups 100".to_owned(),
        "LogLevel ERROR".to_owned(),
    ]
    .join("\n")
        + "\n"
}

fn keygen(folder: &Path, words: &[&str]) -> Result<(), Unready> {
    said(Command::new("ssh-keygen").args(words).current_dir(folder)).map(drop)
}

fn copy(folder: &Path, from: &str, to: &str) -> Result<(), Unready> {
    fs::copy(folder.join(from), folder.join(to)).map(drop).map_err(|err| Unready::at(&folder.join(to), "write", err))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Unready> {
    fs::write(folder.join(name), text).map_err(|err| Unready::at(&folder.join(name), "write", err))
}

fn said(command: &mut Command) -> Result<String, Unready> {
    let program = command.get_program().to_string_lossy().into_owned();
    let answer = command.stdin(Stdio::null()).output().map_err(|err| Unready::new(format!("{program}: {err}")))?;
    match answer.status.success() {
        true => Ok(String::from_utf8_lossy(&answer.stdout).into_owned()),
        false => Err(Unready::new(format!("{program}: {}", String::from_utf8_lossy(&answer.stderr).trim()))),
    }
}
