//! A Kubo daemon with a repository of its own: loopback only, no bootstrap, no discovery; two of them know each other only when a test connects them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::plan::Plan;
use super::{Server, Unready, http, shelf};

/// How the daemon is configured.
#[derive(Debug, Clone)]
pub struct KuboOptions {
    /// Without a swarm: nothing can be fetched from anybody. The other kind can be connected with [`Kubo::connect`].
    pub offline: bool,
    /// The import profile, such as `unixfs-v1-2025`; absent: Kubo's own defaults.
    pub profile: Option<&'static str>,
    /// Calls to the RPC need `Authorization: Bearer` with this token.
    pub token: Option<&'static str>,
}

impl Default for KuboOptions {
    fn default() -> Self {
        Self { offline: true, profile: None, token: None }
    }
}

/// A running daemon.
#[derive(Debug)]
pub struct Kubo {
    server: Server,
    token: Option<&'static str>,
}

impl Kubo {
    pub(super) fn begin(options: &KuboOptions) -> Result<Self, Unready> {
        shelf::program("kubo")?;
        let command = match options.offline {
            true => daemon_offline,
            false => daemon_online,
        };
        // Without the token a guarded RPC answers 403: it is there.
        let ready = |server: &Server| {
            let answer = http::ask(server.port(), "POST /api/v0/version", &[], "");
            answer.is_ok_and(|it| [200, 403].contains(&it.status)) && server.log().contains("Daemon is ready")
        };
        let bucket = |_: &Server, _: &str| Err(Unready::new("kubo has no buckets"));
        let plan = Plan { service: "kubo", ports: 3, command, ready, bucket };
        let prepare = |server: &Server| prepare(server, options);
        let server = Server::begin_with(plan, prepare)?;
        Ok(Self { server, token: options.token })
    }

    /// `http://127.0.0.1:PORT`, to which `/api/v0` belongs.
    pub fn api(&self) -> String {
        self.server.url()
    }

    /// The same as a multiaddr.
    pub fn api_multiaddr(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.server.port())
    }

    /// `http://127.0.0.1:PORT`, to which `/ipfs` belongs.
    pub fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.ports.get(1).copied().unwrap_or_default())
    }

    /// The repository: blocks lie below `blocks`, and may be damaged by a test.
    pub fn repo(&self) -> PathBuf {
        self.server.data()
    }

    /// The process and its folder, to kill it, start it again and read its log.
    pub fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    /// What `ipfs WORDS…` prints, asked of the daemon.
    ///
    /// # Errors
    /// If the command fails: with what it said.
    pub fn run(&self, words: &[&str]) -> Result<String, Unready> {
        let mut ipfs = ipfs(&self.server)?;
        ipfs.args(["--api", &self.api_multiaddr()]);
        if let Some(token) = self.token {
            ipfs.arg("--api-auth").arg(format!("bearer:{token}"));
        }
        said(ipfs.args(words))
    }

    /// Connects the two, so that this one can fetch from `other`. Both must be online.
    ///
    /// # Errors
    /// If they do not reach each other.
    pub fn connect(&self, other: &Kubo) -> Result<(), Unready> {
        let peer = other.run(&["id", "-f", "<id>"])?;
        let port = other.server.ports.get(2).copied().unwrap_or_default();
        self.run(&["swarm", "connect", &format!("/ip4/127.0.0.1/tcp/{port}/p2p/{}", peer.trim())]).map(drop)
    }
}

fn prepare(server: &Server, options: &KuboOptions) -> Result<(), Unready> {
    let profile = options.profile.map_or_else(|| "test".to_owned(), |it| format!("test,{it}"));
    said(ipfs(server)?.args(["init", "--profile", &profile]))?;
    let tcp = |at: usize| format!("/ip4/127.0.0.1/tcp/{}", server.ports.get(at).copied().unwrap_or_default());
    let swarm = match options.offline {
        true => "[]".to_owned(),
        false => format!("[\"{}\"]", tcp(2)),
    };
    said(ipfs(server)?.args(["config", "Addresses.API", &tcp(0)]))?;
    said(ipfs(server)?.args(["config", "Addresses.Gateway", &tcp(1)]))?;
    said(ipfs(server)?.args(["config", "--json", "Addresses.Swarm", &swarm]))?;
    match options.token {
        None => Ok(()),
        Some(token) => {
            let rule = format!(r#"{{"suite":{{"AuthSecret":"bearer:{token}","AllowedPaths":["/api/v0"]}}}}"#);
            said(ipfs(server)?.args(["config", "--json", "API.Authorizations", &rule])).map(drop)
        }
    }
}

fn daemon_offline(server: &Server) -> Result<Command, Unready> {
    let mut daemon = ipfs(server)?;
    daemon.args(["daemon", "--offline"]);
    Ok(daemon)
}

fn daemon_online(server: &Server) -> Result<Command, Unready> {
    let mut daemon = ipfs(server)?;
    daemon.arg("daemon");
    Ok(daemon)
}

fn ipfs(server: &Server) -> Result<Command, Unready> {
    let mut ipfs = shelf::program("kubo").map(Command::new)?;
    ipfs.env("IPFS_PATH", server.data()).env("HOME", &server.folder).current_dir(&server.folder);
    Ok(ipfs)
}

fn said(command: &mut Command) -> Result<String, Unready> {
    let answer = command.stdin(Stdio::null()).output().map_err(|err| Unready::new(format!("ipfs: {err}")))?;
    match answer.status.success() {
        true => Ok(String::from_utf8_lossy(&answer.stdout).into_owned()),
        false => Err(Unready::new(format!("ipfs: {}", String::from_utf8_lossy(&answer.stderr).trim()))),
    }
}
