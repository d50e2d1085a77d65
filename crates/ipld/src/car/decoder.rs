//! Reads a CAR that arrives in pieces: pieces in, header and blocks out, nothing believed.

use bytes::Bytes;
use cid::Cid;

use super::{
    header::{Map, PRAGMA_LEN, V2, V2_LEN},
    input::Input,
    section,
};
use crate::{Block, Error, Result};

/// What a [`Decoder`] accepts. The bounds hold before anything is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The most bytes of a header; 1 MiB (about 28,000 roots).
    pub max_header: usize,
    /// The most bytes of a section, its CID included; 4 MiB.
    pub max_section: usize,
    /// Whether the bytes of every block are hashed here.
    pub hashes: Hashes,
    /// What a section of length zero means.
    pub zero: ZeroSection,
}

impl Default for Options {
    fn default() -> Options {
        Options { max_header: 1 << 20, max_section: 4 << 20, hashes: Hashes::Check, zero: ZeroSection::Refuse }
    }
}

/// Who compares a block with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hashes {
    /// The decoder: what it hands out has the hash it claims.
    Check,
    /// Whoever takes the blocks, as a [`super::Verifier`] does; saves hashing twice.
    Leave,
}

/// What a section of length zero means. The format does not know it; some writers pad with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroSection {
    /// An error.
    Refuse,
    /// The end: whatever follows is padding.
    End,
}

/// What comes out of a [`Decoder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Always the first item, and only the first.
    Header {
        /// 1 or 2.
        version: u8,
        /// What the writer says the roots are. Gateways get them wrong: whoever asked knows better.
        roots: Vec<Cid>,
    },
    /// The next block.
    Block(Block),
}

/// A push parser of CARv1 (reference 9.4) and of the CARv1 inside of a CARv2 (9.5), whose padding and index it skips.
///
/// It holds what was fed and not yet taken, at most one section if [`Decoder::next`] is called until it answers `None` after each
/// feed. An error is final: every later call answers it again.
#[derive(Debug)]
pub struct Decoder {
    options: Options,
    input: Input,
    state: State,
    /// Bytes of a CARv2's data window that no section has taken yet.
    window: Option<u64>,
    /// Bytes of the CARv1 that are read or promised to the section being read.
    payload: u64,
    position: u64,
    failed: Option<Error>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The length of the first header, which tells the version.
    Outer,
    OuterMap(usize),
    /// The fields of version 2.
    Fields,
    /// Padding before the data window.
    Padding(u64),
    /// The header inside of the window.
    Inner,
    InnerMap(usize),
    SectionLength,
    Section(usize),
    /// Behind the data: index and padding.
    Rest,
}

enum Step {
    Item(Item),
    Went,
    Wait,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new(Options::default())
    }
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new(options: Options) -> Decoder {
        let (input, state) = (Input::default(), State::Outer);
        Decoder { options, input, state, window: None, payload: 0, position: 0, failed: None }
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, bytes: Bytes) {
        self.input.push(bytes);
    }

    /// The next item, or `None` until more is fed.
    ///
    /// # Errors
    /// `Malformed`, `InvalidCid`, `Limit`; `Mismatch` for a block that does not hash to its name; `Truncated` for a gateway that says
    /// at the end of its stream that it gave up.
    #[expect(clippy::should_implement_trait, reason = "None means not yet, so this is no iterator")]
    pub fn next(&mut self) -> Result<Option<Item>> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            match self.step() {
                Ok(Step::Went) => {}
                Ok(Step::Item(item)) => return Ok(Some(item)),
                Ok(Step::Wait) => return Ok(None),
                Err(error) => {
                    self.failed = Some(error.clone());
                    return Err(error);
                }
            }
        }
    }

    /// Where the section of the last block began, counted from the start of the CARv1: what an index calls its offset.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// To be called when the stream has ended and [`Decoder::next`] answered `None`.
    ///
    /// # Errors
    /// `Truncated` when the stream ended anywhere but behind a section, and whatever [`Decoder::next`] failed with.
    pub fn finish(self) -> Result<()> {
        let at_boundary = self.input.is_empty() && self.window.is_none_or(|left| left == 0);
        match (self.failed, self.state) {
            (Some(error), _) => Err(error),
            (None, State::Rest) => Ok(()),
            (None, State::SectionLength) if at_boundary => Ok(()),
            (None, State::SectionLength | State::Section(_)) => Err(Error::Truncated("car section")),
            (None, _) => Err(Error::Truncated("car header")),
        }
    }

    fn step(&mut self) -> Result<Step> {
        match self.state {
            State::Outer | State::Inner => self.header_length(),
            State::OuterMap(len) => self.outer(len),
            State::Fields => self.fields(),
            State::Padding(left) => Ok(self.padding(left)),
            State::InnerMap(len) => self.inner(len),
            State::SectionLength => self.section_length(),
            State::Section(len) => self.section(len),
            State::Rest => {
                self.input.skip(u64::MAX);
                Ok(Step::Wait)
            }
        }
    }

    fn header_length(&mut self) -> Result<Step> {
        let Some((len, used)) = self.input.varint()? else { return Ok(Step::Wait) };
        self.spend(used, len)?;
        match len {
            0 => return Err(Error::malformed("car", "header of length zero")),
            len if (self.options.max_header as u64) < len => {
                return Err(Error::Limit { what: "car header", limit: self.options.max_header as u64 });
            }
            _ => {}
        }
        self.state = match self.state {
            State::Outer => State::OuterMap(len as usize),
            _ => State::InnerMap(len as usize),
        };
        Ok(Step::Went)
    }

    fn outer(&mut self, len: usize) -> Result<Step> {
        let Some(bytes) = self.input.take(len) else { return Ok(Step::Wait) };
        let map = Map::decode(&bytes)?;
        if map.version == 2 && map.roots.is_none() {
            self.state = State::Fields;
            return Ok(Step::Went);
        }
        self.header(1, map)
    }

    fn fields(&mut self) -> Result<Step> {
        let Some(bytes) = self.input.take(V2_LEN) else { return Ok(Step::Wait) };
        let mut fields = [0; V2_LEN];
        fields.copy_from_slice(&bytes);
        let fields = V2::parse(&fields)?;
        self.window = Some(fields.data_size);
        self.payload = 0;
        self.state = State::Padding(fields.data_offset - PRAGMA_LEN - V2_LEN as u64);
        Ok(Step::Went)
    }

    fn padding(&mut self, left: u64) -> Step {
        let left = left - self.input.skip(left);
        if left == 0 {
            self.state = State::Inner;
            return Step::Went;
        }
        self.state = State::Padding(left);
        Step::Wait
    }

    fn inner(&mut self, len: usize) -> Result<Step> {
        let Some(bytes) = self.input.take(len) else { return Ok(Step::Wait) };
        self.header(2, Map::decode(&bytes)?)
    }

    fn header(&mut self, version: u8, map: Map) -> Result<Step> {
        match map {
            Map { version: 1, roots: Some(roots) } => {
                self.state = State::SectionLength;
                Ok(Step::Item(Item::Header { version, roots }))
            }
            Map { version: 1, roots: None } => Err(Error::malformed("car", "header has no roots")),
            Map { version, .. } => Err(Error::malformed("car", format!("version {version}"))),
        }
    }

    fn section_length(&mut self) -> Result<Step> {
        if self.window == Some(0) {
            self.state = State::Rest;
            return Ok(Step::Went);
        }
        let Some((len, used)) = self.input.varint()? else { return Ok(Step::Wait) };
        if len == 0 && self.options.zero == ZeroSection::End {
            self.state = State::Rest;
            return Ok(Step::Went);
        }
        section::check_len(len, self.options.max_section)?;
        self.position = self.payload;
        self.spend(used, len)?;
        self.state = State::Section(len as usize);
        Ok(Step::Went)
    }

    fn section(&mut self, len: usize) -> Result<Step> {
        let Some(body) = self.input.take(len) else { return Ok(Step::Wait) };
        let block = section::split(body)?;
        if self.options.hashes == Hashes::Check {
            block.verify()?;
        }
        self.state = State::SectionLength;
        Ok(Step::Item(Item::Block(block)))
    }

    fn spend(&mut self, used: u64, len: u64) -> Result<()> {
        let spent = used.saturating_add(len);
        self.payload = self.payload.saturating_add(spent);
        if let Some(left) = &mut self.window {
            *left = left
                .checked_sub(spent)
                .ok_or_else(|| Error::malformed("car", "data window ends inside of a section"))?;
        }
        Ok(())
    }
}
