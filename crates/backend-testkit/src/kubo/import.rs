//! `dag/import`: CARs in the parts of a form, block by block, in batches (kubo, `core/commands/dag/import.go`).

use std::io::Result;

use bytes::{Buf, Bytes, BytesMut};
use ipld::car::{Decoder, Item};
use ipld::{Block, Cid, Error, address};
use serde_json::json;

use super::answer::Answer;
use super::rpc::{Lie, State, lock};
use super::wire::{Head, Wire};

/// Blocks that Kubo writes at once; those of a batch that was begun are lost with the connection.
const BATCH: usize = 128;
const MAX_BLOCK: usize = 2 << 20;

#[derive(Default)]
struct Import {
    batch: Vec<Block>,
    roots: Vec<Cid>,
    blocks: u64,
    bytes: u64,
    last: Option<Cid>,
    /// Whether the part being read has bytes, and whether one had none at all: Kubo then answers nothing.
    fed: bool,
    empty: bool,
    failure: Option<String>,
}

impl State {
    pub(super) async fn import(&self, head: &Head, wire: &mut Wire, lie: Option<&Lie>) -> Result<Answer> {
        *lock(&self.importing) += 1;
        let answer = self.take_form(head, wire, lie).await;
        *lock(&self.importing) -= 1;
        answer
    }

    async fn take_form(&self, head: &Head, wire: &mut Wire, lie: Option<&Lie>) -> Result<Answer> {
        let boundary =
            head.header("content-type").and_then(|it| it.split_once("boundary=")).map(|(_, it)| it.to_owned());
        let Some(boundary) = boundary else {
            return Ok(Answer::Refused(400, "file argument 'path' is required\n".to_owned()));
        };
        let (mut import, mut form) = (Import::default(), Form::new(&boundary));
        let mut decoder: Option<Decoder> = None;
        while let Some(bytes) = wire.body().await? {
            form.buffer.extend_from_slice(&bytes);
            while let Some(piece) = form.next() {
                match piece {
                    Piece::Begin => decoder = Some(Decoder::default()),
                    Piece::Data(bytes) => self.take(&mut import, decoder.as_mut(), bytes),
                    Piece::End => import.finish(decoder.take()),
                }
            }
        }
        if !form.over {
            import.failure.get_or_insert_with(|| "unexpected EOF".to_owned());
        }
        Ok(self.conclude(import, head, lie))
    }

    fn take(&self, import: &mut Import, decoder: Option<&mut Decoder>, bytes: Bytes) {
        let Some(decoder) = decoder.filter(|_| import.failure.is_none()) else { return };
        import.fed |= !bytes.is_empty();
        decoder.feed(bytes);
        loop {
            match decoder.next() {
                Ok(None) => return,
                Ok(Some(Item::Header { roots, .. })) => import.roots.extend(roots),
                Ok(Some(Item::Block(block))) => import.block(block),
                Err(err) => import.failure = Some(words(&err, import.last)),
            }
            if import.failure.is_some() {
                return;
            }
            if BATCH <= import.batch.len() {
                self.blocks.extend(import.batch.drain(..));
            }
        }
    }

    fn conclude(&self, mut import: Import, head: &Head, lie: Option<&Lie>) -> Answer {
        *lock(&self.taken) += import.blocks;
        if let Some(failure) = import.failure {
            return Answer::Failed(failure);
        }
        self.blocks.extend(import.batch.drain(..));
        if import.empty {
            return Answer::Lines(Vec::new(), None);
        }
        let mut lines = Vec::new();
        for root in import.roots.iter().filter(|_| head.option("pin-roots") != Some("false")) {
            let pinned = match lie {
                Some(Lie::PinFails(why)) => Err((*why).to_owned()),
                _ if !self.blocks.has(root) => Err(format!("ipld: could not find {root}")),
                _ => self.pin(root, &root.to_string(), "", true).map(|_| ()),
            };
            let shown = match lie {
                Some(Lie::Root(other)) => (*other).to_owned(),
                _ => root.to_string(),
            };
            lines.push(json!({ "Root": { "Cid": { "/": shown }, "PinErrorMsg": pinned.err().unwrap_or_default() } }));
        }
        if head.is("stats") {
            let blocks =
                if matches!(lie, Some(Lie::Miscounts)) { import.blocks.saturating_sub(1) } else { import.blocks };
            lines.push(json!({ "Stats": { "BlockCount": blocks, "BlockBytesCount": import.bytes } }));
        }
        Answer::Lines(lines, None)
    }
}

impl Import {
    fn block(&mut self, block: Block) {
        if MAX_BLOCK < block.data.len() {
            let why = "big blocks can't be exchanged with other peers. consider using UnixFS for automatic chunking of bigger files, or pass \
                       --allow-big-block to override";
            self.failure =
                Some(format!("import failed at block \"{}\": produced block is over 2MiB: {why}", block.cid));
            return;
        }
        self.blocks += 1;
        self.bytes += block.data.len() as u64;
        self.last = Some(block.cid);
        self.batch.push(block);
    }

    fn finish(&mut self, decoder: Option<Decoder>) {
        let Some(decoder) = decoder.filter(|_| self.failure.is_none()) else { return };
        if !std::mem::take(&mut self.fed) {
            self.empty = true;
            return;
        }
        if decoder.finish().is_err() {
            self.failure = Some(match self.last {
                Some(last) => format!("import failed after block \"{last}\": unexpected EOF"),
                None => "unexpected EOF".to_owned(),
            });
        }
    }
}

/// Kubo's words for it.
fn words(err: &Error, last: Option<Cid>) -> String {
    match (err, last) {
        (Error::Mismatch { cid }, _) => {
            format!("import failed: mismatch in content integrity, expected: {}, got: another", address::to_v1(cid))
        }
        (_, Some(last)) => format!("import failed after block \"{last}\": unexpected EOF"),
        (_, None) => "unexpected EOF".to_owned(),
    }
}

enum Piece {
    Begin,
    Data(Bytes),
    End,
}

/// Takes multipart/form-data apart as it arrives.
struct Form {
    buffer: BytesMut,
    /// What stands before a part: a line break, two dashes, the boundary.
    mark: Vec<u8>,
    within: bool,
    over: bool,
}

impl Form {
    fn new(boundary: &str) -> Self {
        // The first mark has no line break before it; one is put there.
        Self {
            buffer: BytesMut::from("\r\n"),
            mark: format!("\r\n--{boundary}").into_bytes(),
            within: false,
            over: false,
        }
    }

    fn next(&mut self) -> Option<Piece> {
        let at = self.buffer.windows(self.mark.len()).position(|it| it == self.mark);
        match (self.within, at) {
            _ if self.over => None,
            (true, Some(0)) => {
                self.within = false;
                Some(Piece::End)
            }
            (true, Some(at)) => Some(Piece::Data(self.buffer.split_to(at).freeze())),
            (true, None) => {
                let safe = self.buffer.len().saturating_sub(self.mark.len());
                (0 < safe).then(|| Piece::Data(self.buffer.split_to(safe).freeze()))
            }
            (false, Some(at)) => self.headers(at),
            (false, None) => None,
        }
    }

    /// The end of the form, or the headers of a part.
    fn headers(&mut self, at: usize) -> Option<Piece> {
        let rest = &self.buffer[at + self.mark.len()..];
        if rest.starts_with(b"--") {
            self.over = true;
            return None;
        }
        let end = rest.windows(4).position(|it| it == b"\r\n\r\n")?;
        // The last line break stays: an empty part is followed by its mark at once.
        self.buffer.advance(at + self.mark.len() + end + 4);
        self.within = true;
        Some(Piece::Begin)
    }
}
