//! A wire that is long: every byte comes late by a given time, and as many as you like are on their way at once. It bounds no bandwidth but by its buffer.
//!
//! It judges how a leaf behaves on a server that is far away, beside other clients on the same wire. Connecting is not delayed. Threads and blocking sockets
//! alone, so that it is no part of the runtime that is measured.

mod ftp;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What is read from a socket at a time, at most.
const CHUNK: usize = 128 << 10;
/// So many of them may be on their way in one direction of one connection: 256 MiB.
const MOST: usize = 2048;

/// Bytes, and when they are due. None at all: the end.
type Parcel = (Instant, Vec<u8>);

/// Passes connections on to a server, and makes them slow to answer.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    wire: Wire,
}

/// What all threads of a relay share.
#[derive(Debug, Clone)]
struct Wire {
    delay: Duration,
    most: usize,
    is_over: Arc<(Mutex<bool>, Condvar)>,
}

/// How what the server says is passed on.
type Back = fn(&Wire, SocketAddr, TcpStream, TcpStream) -> io::Result<()>;

impl Relay {
    /// Begins to listen on 127.0.0.1. `delay` is that of one direction: half of a round trip.
    ///
    /// # Errors
    /// If nothing can be listened on.
    pub fn start(server: SocketAddr, delay: Duration) -> io::Result<Self> {
        Self::begin(server, delay, MOST, |wire, _, from, to| wire.pass(from, to))
    }

    /// The same for the control connection of an FTP server. Data connections, passive ones, come late too.
    ///
    /// # Errors
    /// As [`Relay::start`].
    pub fn start_ftp(server: SocketAddr, delay: Duration) -> io::Result<Self> {
        Self::begin(server, delay, MOST, ftp::answers)
    }

    fn begin(server: SocketAddr, delay: Duration, most: usize, back: Back) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let wire = Wire { delay, most, is_over: Arc::default() };
        let ours = wire.clone();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept()
                && !ours.is_over()
            {
                // A server that is not there hangs up: that is what the client sees of it.
                let _ = ours.join(server, client, back);
            }
        });
        Ok(Self { address, wire })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    /// What is on its way is lost.
    fn drop(&mut self) {
        let (is_over, changed) = &*self.wire.is_over;
        *is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
        // It wakes the listener up, and is not answered.
        let _ = TcpStream::connect(self.address);
    }
}

impl Wire {
    fn is_over(&self) -> bool {
        *self.is_over.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, server: SocketAddr, client: TcpStream, back: Back) -> io::Result<()> {
        let far = TcpStream::connect(server)?;
        for stream in [&client, &far] {
            stream.set_nodelay(true)?;
        }
        self.pass(client.try_clone()?, far.try_clone()?)?;
        back(self, server, far, client)
    }

    /// One direction, as long as it lasts.
    fn pass(&self, from: TcpStream, to: TcpStream) -> io::Result<()> {
        let send = self.sender(to)?;
        let delay = self.delay;
        thread::Builder::new().spawn(move || read_all(from, &send, delay)).map(drop)
    }

    /// Writes what it is given, when it is due.
    fn sender(&self, to: TcpStream) -> io::Result<SyncSender<Parcel>> {
        let (send, receive) = sync_channel(self.most);
        let wire = self.clone();
        thread::Builder::new().spawn(move || wire.write_all(&receive, &to))?;
        Ok(send)
    }

    fn write_all(&self, parcels: &Receiver<Parcel>, mut to: &TcpStream) {
        while let Ok((due, bytes)) = parcels.recv() {
            if self.waits_until(due) || bytes.is_empty() || to.write_all(&bytes).is_err() {
                break;
            }
        }
        // The other direction may go on. One that has ended already is what was wanted.
        let _ = to.shutdown(Shutdown::Write);
    }

    /// Whether the relay was dropped meanwhile.
    fn waits_until(&self, due: Instant) -> bool {
        let (is_over, changed) = &*self.is_over;
        let is_over = is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let left = due.saturating_duration_since(Instant::now());
        let (is_over, _) =
            changed.wait_timeout_while(is_over, left, |over| !*over).unwrap_or_else(PoisonError::into_inner);
        *is_over
    }
}

/// Reads at once what has come, so that nothing but the buffer bounds what is on its way.
fn read_all(mut from: TcpStream, send: &SyncSender<Parcel>, delay: Duration) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let bytes = from.read(&mut chunk).ok().and_then(|n| chunk.get(..n)).unwrap_or_default();
        let is_end = bytes.is_empty();
        if send.send((Instant::now() + delay, bytes.to_vec())).is_err() || is_end {
            break;
        }
    }
    // Nobody takes any more: whoever sends is to know.
    let _ = from.shutdown(Shutdown::Read);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    /// A client's connection through a relay, and the server's end of it.
    fn joined(delay: Duration, most: usize) -> (Relay, TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = listener.local_addr().unwrap();
        let relay = Relay::begin(server, delay, most, |wire, _, from, to| wire.pass(from, to)).unwrap();
        let client = TcpStream::connect(relay.address()).unwrap();
        (relay, client, listener.accept().unwrap().0)
    }

    #[test]
    fn every_byte_comes_late_in_both_directions_and_in_order() {
        let delay = Duration::from_millis(20);
        let (_relay, mut client, mut server) = joined(delay, MOST);
        let begun = Instant::now();
        client.write_all(b"a question").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut asked = String::new();
        server.read_to_string(&mut asked).unwrap();
        assert!(delay <= begun.elapsed());
        server.write_all(b"an answer").unwrap();
        drop(server);
        let mut answered = String::new();
        client.read_to_string(&mut answered).unwrap();
        assert!(delay * 2 <= begun.elapsed());
        assert_eq!((asked.as_str(), answered.as_str()), ("a question", "an answer"));
    }

    #[test]
    fn much_is_on_its_way_at_once_before_any_of_it_has_come() {
        let (relay, mut client, mut server) = joined(LONG, MOST);
        client.write_all(&vec![7; 32 << 20]).unwrap();
        server.set_nonblocking(true).unwrap();
        let err = server.read(&mut [0]).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::WouldBlock);
        drop(relay);
    }

    #[test]
    fn what_is_on_its_way_is_bounded() {
        let (_relay, mut client, _server) = joined(LONG, 1);
        client.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        let stuck = (0..64).find_map(|_| client.write_all(&vec![7; 1 << 20]).err());
        assert!(stuck.is_some_and(|err| matches!(err.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)));
    }

    #[test]
    fn a_relay_that_is_dropped_hangs_up() {
        let (relay, mut client, mut server) = joined(LONG, MOST);
        client.write_all(b"lost").unwrap();
        drop(relay);
        assert_eq!(server.read(&mut [0; 4]).unwrap(), 0);
    }
}
