//! What an FTP server says of its data connections: they are sent by way of the relay too.

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Instant;

use super::{Parcel, Wire};

/// Passes the server's answers on, line by line, with other ports in those to `EPSV` and `PASV`.
pub(super) fn answers(wire: &Wire, server: SocketAddr, from: TcpStream, to: TcpStream) -> io::Result<()> {
    let (send, wire) = (wire.sender(to)?, wire.clone());
    thread::Builder::new().spawn(move || {
        // How it ended is what both sides see.
        let _ = wire.lines(server, BufReader::new(from), &send);
        let _ = send.send((Instant::now() + wire.delay, Vec::new()));
    })?;
    Ok(())
}

impl Wire {
    fn lines(&self, server: SocketAddr, mut from: impl BufRead, send: &SyncSender<Parcel>) -> io::Result<()> {
        let mut line = Vec::new();
        while 0 < from.read_until(b'\n', &mut line)? {
            let mut said = std::mem::take(&mut line);
            if let Some(passive) = std::str::from_utf8(&said).ok().and_then(Passive::read) {
                let ours = self.door(SocketAddr::new(server.ip(), passive.port()))?;
                said = passive.answer(ours).into_bytes();
            }
            send.send((Instant::now() + self.delay, said)).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// A port for one data connection.
    fn door(&self, far: SocketAddr) -> io::Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let wire = self.clone();
        thread::Builder::new().spawn(move || {
            let (client, _) = listener.accept()?;
            wire.join(far, client, |wire, _, from, to| wire.pass(from, to))
        })?;
        Ok(port)
    }
}

/// Where a data connection is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passive {
    /// RFC 2428, section 3.
    Extended(u16),
    /// RFC 959, section 4.1.2.
    Plain(u16),
}

impl Passive {
    fn read(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once('(')?;
        let (inside, _) = rest.split_once(')')?;
        match line.get(..4)? {
            "229 " => inside.trim_matches('|').parse().ok().map(Self::Extended),
            "227 " => {
                let numbers: Vec<u8> = inside.split(',').map(|it| it.trim().parse().ok()).collect::<Option<_>>()?;
                let [_, _, _, _, high, low] = numbers.try_into().ok()?;
                Some(Self::Plain(u16::from_be_bytes([high, low])))
            }
            _ => None,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Extended(port) | Self::Plain(port) => port,
        }
    }

    fn answer(self, port: u16) -> String {
        let [high, low] = port.to_be_bytes();
        match self {
            Self::Extended(_) => format!("229 Entering Extended Passive Mode (|||{port}|)\r\n"),
            Self::Plain(_) => format!("227 Entering Passive Mode (127,0,0,1,{high},{low}).\r\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Duration;

    use super::super::Relay;
    use super::*;

    #[test]
    fn a_passive_answer_is_read_in_both_forms() {
        let cases = [
            ("229 Entering Extended Passive Mode (|||6446|)\r\n", Some(Passive::Extended(6446))),
            ("227 Entering Passive Mode (127,0,0,1,25,46).\r\n", Some(Passive::Plain(6446))),
            ("227 Entering Passive Mode (127,0,0,1,25)\r\n", None),
            ("229 (|||66000|)\r\n", None),
            ("226 Done (|||6446|)\r\n", None),
            ("", None),
        ];
        for (line, wanted) in cases {
            assert_eq!(Passive::read(line), wanted, "{line}");
        }
        for passive in [Passive::Extended(6446), Passive::Plain(6446)] {
            assert_eq!(Passive::read(&passive.answer(6446)), Some(passive));
        }
    }

    #[test]
    fn a_data_connection_goes_by_way_of_the_relay() {
        let (control, data) = (listener(), listener());
        let far = data.local_addr().unwrap();
        let relay = Relay::start_ftp(control.local_addr().unwrap(), Duration::from_millis(1)).unwrap();
        let mut client = BufReader::new(TcpStream::connect(relay.address()).unwrap());
        let mut server = control.accept().unwrap().0;
        server.write_all(b"220 Hello\r\n").unwrap();
        server.write_all(Passive::Extended(far.port()).answer(far.port()).as_bytes()).unwrap();
        let (mut hello, mut passive) = (String::new(), String::new());
        client.read_line(&mut hello).unwrap();
        client.read_line(&mut passive).unwrap();
        let port = Passive::read(&passive).unwrap().port();
        assert!(hello == "220 Hello\r\n" && port != far.port(), "{hello}{passive}");
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap().write_all(b"bytes").unwrap();
        let mut got = String::new();
        data.accept().unwrap().0.read_to_string(&mut got).unwrap();
        assert_eq!(got, "bytes");
    }

    fn listener() -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
    }
}
