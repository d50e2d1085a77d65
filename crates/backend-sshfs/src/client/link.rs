//! One SSH connection: through the servers on the way to the one that is meant, and in.

use std::fmt;
use std::io::ErrorKind as Io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use backend_core::{Clock, Error, ErrorKind, Result};
use futures::future::{self, Either};
use russh::client::{self, Config, Handle, Handler};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Preferred, cipher, client::Msg, compression};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;

use super::auth::{Entry, Proofs};
use super::hosts::{self, Known, Verdict};
use super::session::Features;
use crate::config::{Connection, Credentials, Hop, HostKeyCheck, invalid};
use crate::error::unreachable;

/// Bytes that the server may send before we have taken them. russh widens it again when less than half is left: even then all fits that a transfer asks for.
const WINDOW: u32 = 32 << 20;
/// Packets of one session that nobody has taken yet. All fits in that a transfer asks for: a body that nobody reads on must not hold up its neighbours on the
/// same connection, which are served by one task of russh.
const PACKETS: usize = 1024;
/// Bytes of one packet: the most that russh can take.
const PACKET: u32 = 65_535;
/// Questions without an answer until a connection is given up.
const UNANSWERED: usize = 3;
/// The most bytes of a `known_hosts` file.
const MAX_KNOWN: u64 = 16 << 20;
/// OpenSSH allows so many sessions on a connection (sshd_config(5), `MaxSessions`).
const SESSIONS: u32 = 10;
/// Messages that may come before the one that is waited for.
const MAX_ASIDES: usize = 32;

/// Everything that a connection is made from.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) connection: Connection,
    pub(crate) credentials: Credentials,
    pub(crate) hops: Vec<Hop>,
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) proofs: OnceCell<Proofs>,
}

/// A connection that is in.
pub(crate) struct Link {
    handle: Handle<Client>,
    /// The connections that this one goes through live as long as it does.
    _through: Vec<Handle<Client>>,
    sessions: AtomicU32,
    most: AtomicU32,
    /// The fingerprint of the server's key.
    pub(crate) fingerprint: String,
    /// What SFTP on it offers, once one session has asked.
    pub(crate) features: OnceLock<Features>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

/// A place for a session on a connection; given back by drop.
#[derive(Debug)]
pub(crate) struct Slot(pub(crate) Arc<Link>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Link {
    pub(crate) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    pub(crate) fn sessions(&self) -> u32 {
        self.sessions.load(Ordering::Relaxed)
    }

    pub(crate) fn is_used(self: &Arc<Self>) -> bool {
        0 < self.sessions()
    }

    /// A place, if there is one.
    pub(crate) fn slot(self: &Arc<Self>) -> Option<Slot> {
        let most = self.most.load(Ordering::Relaxed);
        let taken = self.sessions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < most).then_some(n + 1));
        taken.is_ok().then(|| Slot(self.clone()))
    }

    /// The server allows no more sessions on this connection than there are without this one.
    pub(crate) fn is_full(&self) {
        let others = self.sessions.load(Ordering::Relaxed).saturating_sub(1);
        self.most.store(others, Ordering::Relaxed);
    }

    /// Opens the subsystem on a channel of its own. `None`: the server opens no further channel here.
    pub(crate) async fn subsystem(&self, host: &str) -> Result<Option<Channel<Msg>>> {
        let mut channel = match self.handle.channel_open_session().await {
            Ok(channel) => channel,
            Err(russh::Error::ChannelOpenFailure(_)) => return Ok(None),
            Err(err) => return Err(unreachable(host, err)),
        };
        channel.request_subsystem(true, "sftp").await.map_err(|err| unreachable(host, err))?;
        for _ in 0..MAX_ASIDES {
            match channel.wait().await {
                Some(ChannelMsg::Success) => return Ok(Some(channel)),
                Some(ChannelMsg::Failure) => return Err(unreachable(host, russh::Error::RequestDenied)),
                None | Some(ChannelMsg::Close) => return Err(unreachable(host, russh::Error::Disconnect)),
                Some(_) => {}
            }
        }
        Err(unreachable(host, russh::Error::Inconsistent))
    }
}

impl Plan {
    /// Makes a connection, within the time that is allowed for it.
    pub(crate) async fn connect(&self) -> Result<Link> {
        let connected = std::pin::pin!(self.through());
        match future::select(connected, self.clock.sleep(self.timeout)).await {
            Either::Left((link, _)) => link,
            Either::Right(_) => {
                let host = &self.connection.host;
                Err(Error::new(ErrorKind::Timeout, format!("{host}: no connection within {:?}", self.timeout)))
            }
        }
    }

    async fn through(&self) -> Result<Link> {
        let proofs = self.proofs.get_or_try_init(|| Proofs::load(&self.credentials)).await?;
        let known = Arc::new(self.known().await?);
        let mut handles: Vec<Handle<Client>> = Vec::new();
        let mut fingerprint = String::new();
        for (number, hop) in self.hops.iter().enumerate() {
            let seen = Seen::default();
            let is_last = number + 1 == self.hops.len();
            let client = Client { judge: self.judge(hop, known.clone(), is_last), seen: seen.clone() };
            let config = Arc::new(self.config(hop, &known, is_last));
            let connected = match handles.last() {
                None => client::connect_stream(config, tcp(hop).await?, client).await,
                Some(before) => {
                    let channel = before.channel_open_direct_tcpip(&hop.host, hop.port.into(), "127.0.0.1", 0).await;
                    let channel = channel.map_err(|err| unreachable(&hop.host, err))?;
                    client::connect_stream(config, channel.into_stream(), client).await
                }
            };
            let mut handle =
                connected.map_err(|err| seen.refusal(&hop.host).unwrap_or_else(|| unreachable(&hop.host, err)))?;
            fingerprint = seen.fingerprint();
            let user = hop.user.as_deref().unwrap_or(self.credentials.username.reveal());
            let agent = self.connection.agent.as_deref();
            let entry = Entry { host: &hop.host, user, given: &self.credentials, proofs, agent };
            entry.enter(&mut handle).await?;
            handles.push(handle);
        }
        let Some(handle) = handles.pop() else { return Err(invalid("connection.host: it is missing")) };
        let (sessions, most) = (AtomicU32::new(0), AtomicU32::new(SESSIONS));
        Ok(Link { handle, _through: handles, sessions, most, fingerprint, features: OnceLock::new() })
    }

    async fn known(&self) -> Result<Known> {
        let mut text = self.connection.known_hosts.join("\n");
        if let Some(path) = &self.connection.known_hosts_file {
            let unread = |why: &str| invalid(&format!("connection.known_hosts_file: {why}"));
            match tokio::fs::metadata(path).await {
                Ok(about) if MAX_KNOWN < about.len() => return Err(unread("the file is larger than 16 MiB")),
                Ok(_) => {
                    let read =
                        tokio::fs::read(path).await.map_err(|err| unread("it cannot be read").with_source(err))?;
                    text.push('\n');
                    text.push_str(&String::from_utf8_lossy(&read));
                }
                Err(err) if err.kind() == Io::NotFound && self.accepts_new() => {}
                Err(err) => return Err(unread("it cannot be read").with_source(err)),
            }
        }
        Ok(Known::parse(text.lines()))
    }

    fn accepts_new(&self) -> bool {
        self.connection.host_key_check == HostKeyCheck::AcceptNew
    }

    fn config(&self, hop: &Hop, known: &Known, is_last: bool) -> Config {
        let ours = [
            Algorithm::Ed25519,
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        ];
        let name = hosts::name(&hop.host, hop.port);
        let is_pinned = is_last && !self.connection.host_keys.is_empty();
        let listed = known.algorithms(&name);
        let mut keys: Vec<Algorithm> = ours.iter().filter(|it| listed.contains(it)).cloned().collect();
        if is_pinned || keys.is_empty() {
            keys = ours.to_vec();
        }
        let certificates = if known.has_authority(&name) && !is_pinned { ours.to_vec() } else { Vec::new() };
        let preferred = Preferred {
            key: keys.into(),
            host_key_certificates: certificates.into(),
            // AES is done by the processor nearly everywhere, with 128 bits in fewer rounds, and OpenSSH has the same order of these two; all are as safe.
            cipher: vec![
                cipher::AES_128_GCM,
                cipher::AES_256_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_128_CTR,
            ]
            .into(),
            compression: vec![compression::NONE].into(),
            ..Preferred::DEFAULT
        };
        Config {
            window_size: WINDOW,
            maximum_packet_size: PACKET,
            channel_buffer_size: PACKETS,
            keepalive_interval: Some(Duration::from_secs(self.connection.keepalive_s.into())),
            keepalive_max: UNANSWERED,
            nodelay: true,
            preferred,
            ..Config::default()
        }
    }

    fn judge(&self, hop: &Hop, known: Arc<Known>, is_last: bool) -> Judge {
        let file = self.connection.known_hosts_file.clone().filter(|_| self.accepts_new());
        let pins = self.connection.host_keys.clone();
        Judge { host: hop.host.clone(), port: hop.port, known, pins, is_last, file, clock: self.clock.clone() }
    }
}

async fn tcp(hop: &Hop) -> Result<TcpStream> {
    let connected = TcpStream::connect((hop.host.as_str(), hop.port)).await;
    let stream = connected.map_err(|err| unreachable(&hop.host, err.into()))?;
    stream.set_nodelay(true).map_err(|err| unreachable(&hop.host, err.into()))?;
    Ok(stream)
}

/// What a server showed, and what was thought of it.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Option<(String, Verdict)>>>);

impl Seen {
    fn get(&self) -> Option<(String, Verdict)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fingerprint(&self) -> String {
        self.get().map(|(fingerprint, _)| fingerprint).unwrap_or_default()
    }

    /// Why the connection ended, if it was our doing.
    fn refusal(&self, host: &str) -> Option<Error> {
        match self.get()? {
            (_, Verdict::Trusted) => None,
            (shown, Verdict::Unknown) => Some(invalid(&format!(
                "{host}: its key {shown} is not known: add it to connection.known_hosts or connection.host_keys if it is the right one"
            ))),
            (shown, Verdict::Refused(why)) => {
                Some(Error::new(ErrorKind::Unauthenticated, format!("{host}: {why} ({shown})")))
            }
        }
    }
}

/// Who decides whether a server is the one that is meant.
#[derive(Debug)]
struct Judge {
    host: String,
    port: u16,
    known: Arc<Known>,
    pins: Vec<String>,
    is_last: bool,
    /// Where a server that nothing is known of is remembered.
    file: Option<std::path::PathBuf>,
    clock: Arc<dyn Clock>,
}

impl Judge {
    async fn decide(&self, shown: &PublicKeyOrCertificate, fingerprint: &str) -> Verdict {
        if self.pins.iter().any(|it| it == fingerprint) {
            return Verdict::Trusted;
        }
        if self.is_last && !self.pins.is_empty() {
            return Verdict::Refused("its key is none of connection.host_keys");
        }
        let name = hosts::name(&self.host, self.port);
        let now: SystemTime = self.clock.now();
        match (self.known.judge(&name, &self.host, shown, now), &self.file) {
            (Verdict::Unknown, Some(file)) => match remember(file, &name, shown).await {
                Ok(()) => Verdict::Trusted,
                Err(_) => Verdict::Refused("its key is new and cannot be written to connection.known_hosts_file"),
            },
            (verdict, _) => verdict,
        }
    }
}

async fn remember(file: &std::path::Path, name: &str, shown: &PublicKeyOrCertificate) -> std::io::Result<()> {
    let key = shown.public_key().to_openssh().map_err(std::io::Error::other)?;
    let mut file = tokio::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file).await?;
    // In one write, behind a line's end that may be missing: other programs write there too.
    file.write_all(format!("\n{name} {key}\n").as_bytes()).await?;
    file.sync_all().await
}

/// What russh asks us.
#[derive(Debug)]
pub(crate) struct Client {
    judge: Judge,
    seen: Seen,
}

impl Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> std::result::Result<bool, Self::Error> {
        let fingerprint = shown.public_key().fingerprint(HashAlg::Sha256).to_string();
        let verdict = self.judge.decide(shown, &fingerprint).await;
        *self.seen.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((fingerprint, verdict));
        Ok(verdict == Verdict::Trusted)
    }
}
