//! One control connection: commands and what their answers mean.

use std::fmt;
use std::time::SystemTime;

use backend_core::{Error, ErrorKind, Result};
use suppaftp::FtpError;

use super::facts::{self, Facts, Kind};
use super::secured::FtpStream;
use crate::error::{Reply, failed, input, strange};

/// Files larger than this are no files.
const MAX_SIZE: u64 = 1 << 62;

/// What the server says that it can do (RFC 2389).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Features {
    /// `MLST` and `MLSD`, RFC 3659 section 7.
    pub(crate) mlst: bool,
    pub(crate) utf8: bool,
    /// `REST STREAM`, RFC 3659 section 5.
    pub(crate) rest: bool,
    /// `HASH` with SHA-256, draft-bryan-ftpext-hash.
    pub(crate) hash: bool,
    /// `XSHA256`, as several servers have it.
    pub(crate) xsha256: bool,
}

impl Features {
    pub(crate) fn of(reply: &Reply) -> Self {
        let mut features = Self::default();
        if reply.code != 211 {
            return features;
        }
        for line in reply.text.lines() {
            let line = line.trim().to_ascii_uppercase();
            let (name, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match name {
                "MLST" | "MLSD" => features.mlst = true,
                "UTF8" => features.utf8 = true,
                "REST" => features.rest |= rest.contains("STREAM"),
                "HASH" => features.hash = rest.split(';').any(|it| it.trim_end_matches('*') == "SHA-256"),
                "XSHA256" => features.xsha256 = true,
                _ => {}
            }
        }
        features
    }

    /// What makes `HASH` answer SHA-256.
    pub(crate) fn choose_hash(self) -> Option<&'static str> {
        self.hash.then_some("OPTS HASH SHA-256")
    }
}

/// What lies under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    File { size: u64, modified: Option<SystemTime> },
    Folder,
    Absent,
}

/// A connection that is logged in. Whoever drops it in the middle of something ends it.
pub(crate) struct Control {
    pub(super) ftp: FtpStream,
    pub(crate) features: Features,
    pub(crate) root: String,
    pub(crate) is_secure: bool,
    /// Passive by `EPSV`: until the server says that it does not know it.
    pub(super) is_extended: bool,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("features", &self.features).finish_non_exhaustive()
    }
}

impl Control {
    pub(crate) fn new(ftp: FtpStream, is_secure: bool, is_extended: bool) -> Self {
        Self { ftp, features: Features::default(), root: String::new(), is_secure, is_extended }
    }

    /// The path on the server of a path beneath the root.
    pub(crate) fn full(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    /// Sends a line and takes whatever is answered.
    ///
    /// # Errors
    /// Only when there is no answer. A line with a line's end in it is refused here, and by the library once more.
    pub(crate) async fn ask(&mut self, line: &str) -> Result<Reply> {
        if line.contains(['\r', '\n', '\0']) {
            return Err(input("a name has a line's end in it"));
        }
        // No status is expected, so every answer comes as the unexpected one.
        match self.ftp.custom_command(line, &[]).await {
            Ok(response) => Ok(Reply::read(&response.body)),
            Err(FtpError::UnexpectedResponse(response)) => Ok(Reply::read(&response.body)),
            Err(err) => Err(failed("ask the server", err)),
        }
    }

    /// The same about a path beneath the root.
    pub(crate) async fn ask_of(&mut self, command: &str, path: &str) -> Result<Reply> {
        let line = format!("{command} {}", self.full(path));
        self.ask(&line).await
    }

    /// What lies under `path`. By `MLST`, or else by `SIZE`, and `CWD` where that fails.
    pub(crate) async fn look(&mut self, path: &str) -> Result<Seen> {
        match self.features.mlst {
            true => self.look_by_facts(path).await,
            false => self.look_by_size(path).await,
        }
    }

    async fn look_by_facts(&mut self, path: &str) -> Result<Seen> {
        let reply = self.ask_of("MLST", path).await?;
        match reply.code {
            250 => match facts::of_reply(&reply.text)? {
                Facts { kind: Kind::File, size: Some(size), modified, .. } => Ok(Seen::File { size, modified }),
                Facts { kind: Kind::File, size: None, .. } => self.look_by_size(path).await,
                Facts { kind: Kind::Folder, .. } => Ok(Seen::Folder),
                Facts { kind: Kind::Other, .. } => Err(input("what lies there is neither a file nor a folder")),
            },
            _ => self.missing(path, &reply),
        }
    }

    async fn look_by_size(&mut self, path: &str) -> Result<Seen> {
        let reply = self.ask_of("SIZE", path).await?;
        let seen = match reply.code {
            213 => Seen::File { size: number(&reply)?, modified: None },
            _ => self.missing(path, &reply)?,
        };
        // Some give folders a size, too.
        let entered = self.ask_of("CWD", path).await?;
        Ok(if entered.is_good() { Seen::Folder } else { seen })
    }

    /// 550 is said of what is not there, and of what may not be looked at.
    fn missing(&self, path: &str, reply: &Reply) -> Result<Seen> {
        match reply.code {
            550 | 553 | 501 if !reply.says_denied(&self.full(path)) => Ok(Seen::Absent),
            _ => Err(reply.error("look at the name")),
        }
    }

    /// When it was last written, if the server tells (`MDTM`, RFC 3659 section 3).
    pub(crate) async fn modified(&mut self, path: &str) -> Result<Option<SystemTime>> {
        let reply = self.ask_of("MDTM", path).await?;
        Ok(match reply.code {
            213 => reply.text.get(4..).and_then(facts::time),
            _ => None,
        })
    }

    /// How many bytes the server has of one of our own files, if it is there (`SIZE`, RFC 3659 section 4).
    pub(crate) async fn size(&mut self, path: &str) -> Result<Option<u64>> {
        if !self.features.mlst {
            let reply = self.ask_of("SIZE", path).await?;
            return if reply.code == 213 { number(&reply).map(Some) } else { self.missing(path, &reply).map(|_| None) };
        }
        match self.look(path).await? {
            Seen::File { size, .. } => Ok(Some(size)),
            Seen::Folder | Seen::Absent => Ok(None),
        }
    }

    /// Renames. `Ok(Err(…))` is the server's refusal, of the first or of the second command.
    pub(crate) async fn rename(&mut self, from: &str, to: &str) -> Result<std::result::Result<(), Reply>> {
        let first = self.ask_of("RNFR", from).await?;
        if first.code != 350 {
            return Ok(Err(first));
        }
        let second = self.ask_of("RNTO", to).await.map_err(crate::error::unsure)?;
        Ok(if second.is_good() { Ok(()) } else { Err(second) })
    }

    /// The SHA-256 that the server computes of its file, if it can.
    pub(crate) async fn sha256(&mut self, path: &str) -> Result<Option<[u8; 32]>> {
        let command = match self.features {
            Features { hash: true, .. } => "HASH",
            Features { xsha256: true, .. } => "XSHA256",
            _ => return Ok(None),
        };
        let reply = self.ask_of(command, path).await?;
        Ok(if reply.is_good() { facts::sha256(&reply.text) } else { None })
    }

    /// Whether the other side has said something, or hung up, while nobody asked: then the connection is of no use.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        let socket = self.ftp.get_ref().await;
        let mut byte = [0];
        futures::future::poll_immediate(Box::pin(socket.peek(&mut byte))).await.is_none()
    }

    /// Whether it is still there.
    pub(crate) async fn greet(&mut self) -> Result<()> {
        self.settled_by("NOOP", 200).await
    }

    /// After a transfer that was left early: the one answer that is still due is passed over, and then nothing else may come. libunftp keeps the offset of a
    /// transfer that failed for the next one, so it is taken back.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        match self.features.rest {
            true => self.settled_by("REST 0", 350).await,
            false => self.greet().await,
        }
    }

    async fn settled_by(&mut self, line: &str, wanted: u16) -> Result<()> {
        match self.ask(line).await?.code {
            code if code == wanted => Ok(()),
            code => Err(strange(&format!("the server answers {code} to {line}"))),
        }
    }
}

fn number(reply: &Reply) -> Result<u64> {
    let number = reply.text.get(4..).and_then(|text| text.trim().parse().ok()).filter(|size| *size <= MAX_SIZE);
    number.ok_or_else(|| Error::new(ErrorKind::Internal, "the server answers a size that is none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_in_any_spelling() {
        let text =
            "211-Features:\r\n MLST type*;size*;\r\n REST STREAM\r\n utf8\r\n HASH SHA-1*;SHA-256;MD5\r\n211 End";
        let features = Features::of(&Reply::read(text.as_bytes()));
        assert!(features.mlst && features.rest && features.utf8 && features.hash && !features.xsha256);
        let none = Features::of(&Reply::read(b"502 MLST"));
        assert!(!none.mlst && !none.rest);
    }

    #[test]
    fn sizes_are_numbers() {
        let check = |text: &str| number(&Reply::read(text.as_bytes())).ok();
        assert_eq!((check("213 5"), check("213  17 ")), (Some(5), Some(17)));
        for text in ["213", "213 ", "213 -1", "213 9999999999999999999999", "213 9223372036854775807", "213 x"] {
            assert_eq!(check(text), None, "{text}");
        }
    }
}
