//! What lies between client and server: it passes lines and data on, and breaks what it was told to break.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Fault;
use super::door::{Door, Lock, Stream};

#[derive(Debug)]
pub(super) struct Proxy {
    server: SocketAddr,
    door: Door,
    lock: Option<Lock>,
    faults: Mutex<Vec<Fault>>,
    commands: Mutex<Vec<String>>,
    sent: AtomicU64,
    open: AtomicUsize,
    most: AtomicUsize,
    released: watch::Sender<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn verb(line: &str) -> String {
    line.split([' ', '\r', '\n']).next().unwrap_or_default().to_ascii_uppercase()
}

/// What a test wants to become of a command.
enum Planned {
    HangUp,
    Refuse(String),
}

impl Proxy {
    pub(super) fn new(server: SocketAddr, door: Door) -> io::Result<Self> {
        Ok(Self {
            server,
            door,
            lock: Lock::of(door)?,
            faults: Mutex::default(),
            commands: Mutex::default(),
            sent: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            released: watch::Sender::new(false),
        })
    }

    pub(super) fn arm(&self, fault: Fault) {
        lock(&self.faults).push(fault);
    }

    pub(super) fn release(&self) {
        self.released.send_replace(true);
    }

    pub(super) fn commands(&self) -> Vec<String> {
        lock(&self.commands).clone()
    }

    pub(super) fn take_sent(&self) -> u64 {
        self.sent.swap(0, Ordering::Relaxed)
    }

    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    fn take<T>(&self, fits: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let mut faults = lock(&self.faults);
        let at = faults.iter().position(|fault| fits(fault).is_some())?;
        fits(&faults.remove(at))
    }

    pub(super) async fn forward(self: Arc<Self>, client: TcpStream) {
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(open, Ordering::SeqCst);
        // How it ended is what the client sees.
        let _ = self.clone().pass(client).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
    }

    async fn pass(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.server).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let mut client: Box<dyn Stream> = Box::new(client);
        if let (Door::Implicit, Some(lock)) = (self.door, &self.lock) {
            client = lock.open(client).await?;
        }
        let mut is_open = self.door == Door::Plain || self.door == Door::Implicit;
        let (client_read, mut to_client) = tokio::io::split(client);
        let (server_read, mut to_server) = server.into_split();
        let (mut from_client, mut from_server) = (BufReader::new(client_read), BufReader::new(server_read));
        let (mut asked, mut answered) = (String::new(), String::new());
        let mut last = String::new();
        let mut is_moving = false;
        loop {
            tokio::select! {
                read = from_client.read_line(&mut asked) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    let line = std::mem::take(&mut asked);
                    last = verb(&line);
                    self.note(&line);
                    if !is_open && last == "AUTH" {
                        to_client.write_all(b"234 Begin\r\n").await?;
                        // Whoever is well behaved has sent nothing behind it yet.
                        let plain = from_client.into_inner().unsplit(to_client);
                        let Some(lock) = &self.lock else { return Ok(()) };
                        let (read, write) = tokio::io::split(lock.open(plain).await?);
                        (from_client, to_client, is_open) = (BufReader::new(read), write, true);
                        continue;
                    }
                    if let Some(answer) = self.at_the_door(is_open, &last) {
                        to_client.write_all(answer).await?;
                        continue;
                    }
                    match self.planned(&last) {
                        Some(Planned::HangUp) => return Ok(()),
                        Some(Planned::Refuse(line)) => to_client.write_all(format!("{line}\r\n").as_bytes()).await?,
                        None => to_server.write_all(line.as_bytes()).await?,
                    }
                }
                read = from_server.read_line(&mut answered) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    let mut line = std::mem::take(&mut answered);
                    if line.starts_with("229 ") {
                        line = self.clone().redirect(&line).await?;
                    }
                    let is_final = is_moving && !line.starts_with('1');
                    is_moving = line.starts_with("1");
                    if is_final {
                        line = self.end(&last, line).await;
                    }
                    to_client.write_all(line.as_bytes()).await?;
                }
            }
        }
    }

    /// What becomes of a command that the server behind is not told.
    fn planned(&self, verb: &str) -> Option<Planned> {
        self.take(|it| match it {
            Fault::HangUp(on) if *on == verb => Some(Planned::HangUp),
            Fault::Refuse(on, line) if *on == verb => Some(Planned::Refuse(line.clone())),
            _ => None,
        })
    }

    /// What the server behind is not asked: it knows nothing of TLS.
    fn at_the_door(&self, is_open: bool, verb: &str) -> Option<&'static [u8]> {
        match verb {
            "PBSZ" | "PROT" if self.lock.is_some() => Some(b"200 So it is\r\n"),
            _ if !is_open => Some(b"530 Only by TLS\r\n"),
            _ => None,
        }
    }

    fn note(&self, line: &str) {
        let line = line.trim_end();
        let shown = if verb(line) == "PASS" { "PASS" } else { line };
        lock(&self.commands).push(shown.to_owned());
    }

    /// What is said behind a transfer.
    async fn end(&self, command: &str, line: String) -> String {
        let other = self.take(|it| match it {
            Fault::Final(on, line) if *on == command => Some(format!("{line}\r\n")),
            _ => None,
        });
        if self.take(|it| matches!(it, Fault::Hold(on) if *on == command).then_some(())).is_some() {
            // The sender lives as long as this proxy.
            let _ = self.released.subscribe().wait_for(|released| *released).await;
        }
        other.unwrap_or(line)
    }

    /// The client is sent to a port of ours, and its data connection is passed on.
    async fn redirect(self: Arc<Self>, line: &str) -> io::Result<String> {
        let port: Option<u16> = line.split('|').nth(3).and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| io::Error::other("no port in an answer to EPSV"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let ours = listener.local_addr()?.port();
        tokio::spawn(async move {
            // How a data connection ended is what both sides see.
            let _ = self.data(listener, port).await;
        });
        Ok(format!("229 Entering Extended Passive Mode (|||{ours}|)\r\n"))
    }

    async fn data(&self, listener: TcpListener, port: u16) -> io::Result<()> {
        let (client, _) = listener.accept().await?;
        let mut client: Box<dyn Stream> = match &self.lock {
            Some(lock) => lock.resumed(client).await?,
            None => Box::new(client),
        };
        let mut server = TcpStream::connect((self.server.ip(), port)).await?;
        let forged = self.take(|it| match it {
            Fault::Data(bytes) => Some(bytes.clone()),
            _ => None,
        });
        if let Some(bytes) = forged {
            client.write_all(&bytes).await?;
            client.shutdown().await?;
            tokio::io::copy(&mut server, &mut tokio::io::sink()).await?;
            return Ok(());
        }
        let most = self.take(|it| match it {
            Fault::CutData(most) => Some(*most),
            _ => None,
        });
        let Some(most) = most else {
            return self.counted(client, server).await;
        };
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_server, mut to_server) = server.split();
        tokio::select! {
            ended = some(&mut from_client, &mut to_server, most) => ended,
            ended = some(&mut from_server, &mut to_client, most) => ended,
        }
    }
}

impl Proxy {
    /// Both directions, each to its end. What comes from the client is counted as it passes: a client that is killed leaves no sum.
    async fn counted(&self, client: Box<dyn Stream>, server: TcpStream) -> io::Result<()> {
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_server, mut to_server) = server.into_split();
        let up = async {
            let mut some = vec![0; 64 << 10];
            loop {
                match from_client.read(&mut some).await? {
                    0 => return to_server.shutdown().await,
                    n => {
                        self.sent.fetch_add(n as u64, Ordering::Relaxed);
                        to_server.write_all(&some[..n]).await?;
                    }
                }
            }
        };
        let down = async {
            tokio::io::copy(&mut from_server, &mut to_client).await?;
            to_client.shutdown().await
        };
        tokio::try_join!(up, down).map(drop)
    }
}

/// Passes `most` bytes on, and no more. A direction in which nothing is sent never ends it.
async fn some(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), most: u64) -> io::Result<()> {
    let passed = tokio::io::copy(&mut from.take(most), to).await?;
    match passed < most {
        true => std::future::pending().await,
        false => Ok(()),
    }
}
