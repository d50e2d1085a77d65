//! SSH around it: who is let in, and connections that can be cut.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Config, Handler, Msg, Response, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::files::{self, Deed, Files};
use super::{FakeSftp, Faults, Options};

/// Between the socket and SSH.
const BUFFER: usize = 256 * 1024;
/// The most bytes of a request.
const MAX_REQUEST: usize = 300 * 1024;

pub(super) struct Shared {
    pub(super) opts: Options,
    pub(super) folder: PathBuf,
    pub(super) faults: Faults,
    /// Something was given a name by the request that was done last.
    pub(super) is_named: AtomicBool,
    connections: AtomicUsize,
    /// Files that were brought to the disk when they were asked to be.
    pub(super) syncs: AtomicUsize,
    cuts: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(opts: Options, folder: PathBuf) -> Self {
        let (faults, connections, syncs) = (Faults::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let (is_named, cuts) = (AtomicBool::new(false), watch::Sender::new(0));
        Self { opts, folder, faults, is_named, connections, syncs, cuts }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn cut(&self) {
        self.cuts.send_modify(|n| *n += 1);
    }
}

pub(super) async fn accept(listener: TcpListener, key: PrivateKey, shared: Arc<Shared>) {
    let config = Arc::new(Config {
        keys: vec![key],
        auth_rejection_time: std::time::Duration::ZERO,
        nodelay: true,
        ..Config::default()
    });
    while let Ok((socket, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(serve(socket, config.clone(), shared.clone()));
    }
}

/// The socket is ours, so that it can be cut at any moment.
async fn serve(mut socket: TcpStream, config: Arc<Config>, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    // A client that is gone needs no delay either.
    let _ = socket.set_nodelay(true);
    let (mut near, far) = duplex(BUFFER);
    let ssh = Ssh { shared, channels: HashMap::new(), open: Arc::default() };
    let running = async move {
        if let Ok(session) = server::run_stream(config, far, ssh).await {
            // However it ended, the connection is over.
            let _ = session.await;
        }
    };
    tokio::select! {
        _ = cuts.changed() => {}
        _ = copy_bidirectional(&mut socket, &mut near) => {}
        () = running => {}
    }
}

struct Ssh {
    shared: Arc<Shared>,
    channels: HashMap<ChannelId, Channel<Msg>>,
    open: Arc<AtomicUsize>,
}

impl Ssh {
    fn let_in(&self, is_right: bool) -> Auth {
        match is_right {
            true => Auth::Accept,
            false => Auth::reject(),
        }
    }
}

impl Handler for Ssh {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let is_right = user == FakeSftp::USER && password == FakeSftp::password();
        Ok(self.let_in(is_right && !self.shared.opts.questions))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        let known = self.shared.opts.key.as_deref().and_then(|it| PublicKey::from_openssh(it).ok());
        let is_right = known.is_some_and(|it| it.key_data() == key.public_key.key_data());
        Ok(self.let_in(user == FakeSftp::USER && is_right))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(mut response) = response.filter(|_| self.shared.opts.questions) else {
            return Ok(match self.shared.opts.questions {
                true => Auth::Partial {
                    name: "".into(),
                    instructions: "".into(),
                    prompts: vec![("Password: ".into(), false)].into(),
                },
                false => Auth::reject(),
            });
        };
        let password = FakeSftp::password();
        let is_right = user == FakeSftp::USER && response.next().as_deref() == Some(password.as_bytes());
        Ok(self.let_in(is_right))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.open.load(Ordering::Relaxed) < self.shared.opts.sessions {
            true => {
                self.channels.insert(channel.id(), channel);
                reply.accept().await;
            }
            false => reply.reject(ChannelOpenFailure::ResourceShortage).await,
        }
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        match TcpStream::connect((host, u16::try_from(port).unwrap_or_default())).await {
            Ok(mut onward) => {
                reply.accept().await;
                tokio::spawn(async move {
                    let mut stream = channel.into_stream();
                    // Whoever ends it first, the way is closed.
                    let _ = copy_bidirectional(&mut stream, &mut onward).await;
                });
            }
            Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
        }
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        let Some(channel) = self.channels.remove(&id).filter(|_| name == "sftp") else {
            return session.channel_failure(id);
        };
        session.channel_success(id)?;
        let open = self.open.clone();
        open.fetch_add(1, Ordering::Relaxed);
        let shared = self.shared.clone();
        tokio::spawn(async move {
            // A session that breaks off ends.
            let _ = sftp(channel, shared).await;
            open.fetch_sub(1, Ordering::Relaxed);
        });
        Ok(())
    }
}

async fn sftp(channel: Channel<Msg>, shared: Arc<Shared>) -> std::io::Result<()> {
    let mut stream = channel.into_stream();
    let mut files = Files::new(shared.clone());
    loop {
        let len = stream.read_u32().await? as usize;
        if MAX_REQUEST < len {
            return Ok(());
        }
        let mut request = vec![0; len];
        stream.read_exact(&mut request).await?;
        if files::names(&request) {
            shared.faults.hold().await;
        }
        match files.handle(Bytes::from(request))? {
            Deed::Answer(answer) => stream.write_all(&answer).await?,
            Deed::Nothing => {}
            Deed::Cut => {
                shared.cut();
                return Ok(());
            }
        }
    }
}
