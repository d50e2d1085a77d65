//! Data connections: opened in the mode that the server takes, read in frames and lines that are bounded.

use backend_core::{Error, Result};
use bytes::{Bytes, BytesMut};
use suppaftp::tokio::TransferStream;
use suppaftp::{FtpError, Mode, Status};
use tokio::io::AsyncReadExt;

use super::control::Control;
use super::secured::Secured;
use crate::error::{Reply, broken, failed, strange};

/// A transfer under way.
pub(crate) type Transfer = TransferStream<Secured>;

/// Bytes that are read at a time.
const FRAME: usize = 256 << 10;
/// A frame is given away when it has as many, or nothing more comes.
const LEAST: usize = 64 << 10;
/// The most bytes of one line of a listing: a name of 1,024 bytes and facts of several hundred.
pub(crate) const MAX_LINE: usize = 8192;

/// `EPSV` is not known there, or not for this kind of address (RFC 2428).
const NO_EPSV: &[u16] = &[500, 501, 502, 504, 522];

/// What is to be transferred.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wish<'a> {
    /// `RETR`, from this byte on.
    Fetch(&'a str, u64),
    /// `STOR`, from this byte on.
    Store(&'a str, u64),
    /// `MLSD` or `LIST -a` of the folder that was entered.
    List(&'static str),
}

impl Control {
    /// Opens a transfer. `Ok(Err(…))` is the server's refusal.
    pub(crate) async fn transfer(&mut self, wish: Wish<'_>) -> Result<std::result::Result<Transfer, Reply>> {
        let refusal = match self.begin(wish).await {
            Ok(transfer) => return Ok(Ok(transfer)),
            Err(FtpError::UnexpectedResponse(response)) => Reply::read(&response.body),
            Err(err) => return Err(failed("open a data connection", err)),
        };
        if self.is_extended && NO_EPSV.contains(&refusal.code) {
            self.is_extended = false;
            self.ftp.set_mode(Mode::Passive);
            return match self.begin(wish).await {
                Ok(transfer) => Ok(Ok(transfer)),
                Err(FtpError::UnexpectedResponse(response)) => Ok(Err(Reply::read(&response.body))),
                Err(err) => Err(failed("open a data connection", err)),
            };
        }
        Ok(Err(refusal))
    }

    async fn begin(&mut self, wish: Wish<'_>) -> std::result::Result<Transfer, FtpError> {
        let from = match wish {
            Wish::Fetch(_, from) | Wish::Store(_, from) => from,
            Wish::List(_) => 0,
        };
        let offset = usize::try_from(from).map_err(|_| FtpError::BadResponse)?;
        self.ftp.resume_transfer(offset).await?;
        match wish {
            Wish::Fetch(path, _) => self.ftp.retr_as_stream(self.full(path)).await,
            Wish::Store(path, _) => self.ftp.put_with_stream(self.full(path)).await,
            Wish::List(command) => {
                let opened = [Status::AboutToSend, Status::AlreadyOpen];
                self.ftp.custom_data_command(command, &opened).await.map(|(_, transfer)| transfer)
            }
        }
    }

    /// Why the server broke a transfer off: its answer, if there is one.
    pub(crate) async fn reason(&mut self, what: &str, err: std::io::Error) -> Error {
        match self.ftp.read_response_in(&[]).await {
            Err(FtpError::UnexpectedResponse(response)) => match Reply::read(&response.body) {
                reply if reply.is_good() => strange("the server called a transfer complete before its end"),
                reply => reply.error(what),
            },
            _ => broken(what, err),
        }
    }
}

/// The next frame of at most `most` bytes; empty at the end.
pub(crate) async fn frame(transfer: &mut Transfer, most: u64) -> std::io::Result<Bytes> {
    let size = usize::try_from(most).unwrap_or(FRAME).min(FRAME);
    let mut buffer = BytesMut::with_capacity(size);
    while buffer.len() < LEAST.min(size) {
        let room = size - buffer.len();
        if (&mut *transfer).take(room as u64).read_buf(&mut buffer).await? == 0 {
            break;
        }
    }
    Ok(buffer.freeze())
}

/// Lines of a listing.
#[derive(Debug)]
pub(crate) struct Lines {
    transfer: Transfer,
    buffer: BytesMut,
    is_at_end: bool,
}

impl Lines {
    pub(crate) fn new(transfer: Transfer) -> Self {
        Self { transfer, buffer: BytesMut::new(), is_at_end: false }
    }

    /// The next line without its end, `None` behind the last.
    ///
    /// # Errors
    /// `Internal` for one that is too long; what the connection answers.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(at) = self.buffer.iter().position(|it| *it == b'\n') {
                let mut line = self.buffer.split_to(at + 1);
                line.truncate(at - usize::from(line[..at].ends_with(b"\r")));
                return Ok(Some(line.freeze()));
            }
            match () {
                () if MAX_LINE < self.buffer.len() => return Err(strange("a line of the listing is too long")),
                () if self.is_at_end && self.buffer.is_empty() => return Ok(None),
                () if self.is_at_end => return Ok(Some(self.buffer.split().freeze())),
                () => self.fill().await?,
            }
        }
    }

    async fn fill(&mut self) -> Result<()> {
        self.buffer.reserve(FRAME);
        match self.transfer.read_buf(&mut self.buffer).await {
            Ok(0) => self.is_at_end = true,
            Ok(_) => {}
            // The last word over TLS is missing; whether all was sent is what the control connection says.
            Err(err) if err.kind() == std::io::ErrorKind::UnexpectedEof => self.is_at_end = true,
            Err(err) => return Err(broken("read a listing", err)),
        }
        Ok(())
    }

    /// What the server says at the end: only then was it all.
    pub(crate) async fn finish(self) -> Result<()> {
        self.transfer.finish().await.map_err(|err| failed("read a listing", err))
    }
}
