//! CARs: the blocks of a scope in depth-first order, and what is wrong with them on order.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use ipld::unixfs::{self, Node};
use ipld::{Block, Cid, address, car};

use super::super::blocks::Blocks;
use super::GatewayLie;
use super::asked::{Asked, CAR, Params, Scope};
use super::reply::{Body, Reply};

/// What Kubo writes behind the last whole block when the next one is missing; the status was sent long before.
const TAIL: &[u8] = b"\n\n[Gateway Error: CAR stream truncated, response is incomplete]";

/// An endless CAR repeats its first block in pieces of about this size.
const REPEATED: usize = 64 << 10;

pub(super) fn reply(blocks: &Blocks, asked: &Asked, params: &Params, lie: Option<&GatewayLie>) -> Reply {
    let params = match lie {
        Some(GatewayLie::NoRepeats) => Params { dups: false, ..*params },
        Some(GatewayLie::Unordered) => Params { dfs: false, ..*params },
        _ => *params,
    };
    let mut walk = Walk { blocks, seen: HashSet::new(), found: Vec::new(), dups: params.dups, range: None };
    let whole = walk.all(asked, &params);
    let order = if params.dfs { "dfs" } else { "unk" };
    let dups = if params.dups { "y" } else { "n" };
    let body = written(asked, walk.found, whole, lie);
    let media = format!("{CAR}; version=1; order={order}; dups={dups}");
    let etag = format!("Etag: W/\"{}.car.fake\"\r\nAccept-Ranges: none\r\n", address::text(&asked.root));
    Reply { status: 200, media, headers: etag, body }
}

fn written(asked: &Asked, mut found: Vec<Block>, whole: bool, lie: Option<&GatewayLie>) -> Body {
    let mut tail = if whole { &[][..] } else { TAIL };
    match lie {
        Some(GatewayLie::Truncated { says_so }) => {
            found.truncate(found.len() / 2);
            tail = if *says_so { TAIL } else { &[] };
        }
        Some(GatewayLie::HeaderOnly) => found.clear(),
        Some(GatewayLie::Foreign) => found.insert(0, Block::raw("nobody asked for this")),
        Some(GatewayLie::Unordered) => found.rotate_right(1),
        Some(GatewayLie::WrongBlock) => {
            if let Some(last) = found.last_mut() {
                last.data = super::plain::spoilt(&last.data);
            }
        }
        _ => {}
    }
    let mut parts = vec![car::header(&[asked.root])];
    let endless = lie == Some(&GatewayLie::Endless);
    for block in found {
        parts.extend([car::section(&block.cid, block.data.len()), block.data]);
        if endless {
            let first = parts.concat().into();
            let again = parts.split_off(1).concat();
            return Body::Endless(first, again.repeat(1 + REPEATED / again.len().max(1)).into());
        }
    }
    parts.push(Bytes::from_static(tail));
    Body::Bytes(parts.concat().into())
}

struct Walk<'a> {
    blocks: &'a Blocks,
    seen: HashSet<Cid>,
    found: Vec<Block>,
    dups: bool,
    range: Option<Range<u64>>,
}

impl Walk<'_> {
    /// Whether everything was there.
    fn all(&mut self, asked: &Asked, params: &Params) -> bool {
        let (way, target) = asked.resolve(self.blocks);
        if !way.iter().all(|cid| self.take(cid).is_some()) {
            return false;
        }
        let Ok(target) = target else {
            // A path that leads nowhere is proved by the blocks on the way; a block that is missing is not.
            return asked.resolve(self.blocks).1.is_err_and(|text| text.starts_with("no link"));
        };
        match params.scope {
            Scope::Block => self.take(&target.cid).is_some(),
            Scope::All => self.below(&target.cid),
            Scope::Entity => self.entity(&target.cid, params),
        }
    }

    /// Writes a block, unless it was and need not be again; its bytes, if it is there.
    fn take(&mut self, cid: &Cid) -> Option<Bytes> {
        let data = self.blocks.get(cid)?;
        let first = self.seen.insert(*cid);
        if address::inline(cid).is_none() && (first || self.dups) {
            self.found.push(Block { cid: *cid, data: data.clone() });
        }
        Some(data)
    }

    fn below(&mut self, cid: &Cid) -> bool {
        if !self.dups && self.seen.contains(cid) {
            return true;
        }
        self.take(cid).is_some() && self.blocks.links(cid).iter().all(|child| self.below(child))
    }

    fn entity(&mut self, cid: &Cid, params: &Params) -> bool {
        let Some(data) = self.take(cid) else { return false };
        match unixfs::decode(cid, &data) {
            Ok(Node::File(file)) => {
                self.range = params.bytes.map(|(from, to)| bounds(from, to, file.size));
                self.parts(&file, 0)
            }
            Ok(Node::Shard(shard)) => {
                let further = shard.slots.into_iter().filter(|slot| slot.link.name.is_empty());
                let further: Vec<Cid> = further.map(|slot| slot.link.cid).collect();
                further.iter().all(|cid| self.entity(cid, params))
            }
            _ => true,
        }
    }

    fn parts(&mut self, file: &unixfs::FileNode, start: u64) -> bool {
        let mut at = start + file.data.len() as u64;
        for child in &file.children {
            let wanted = self.range.as_ref().is_none_or(|range| at < range.end && range.start < at + child.size);
            if wanted && !self.part(&child.cid, at) {
                return false;
            }
            at += child.size;
        }
        true
    }

    fn part(&mut self, cid: &Cid, start: u64) -> bool {
        if !self.dups && self.range.is_none() && self.seen.contains(cid) {
            return true;
        }
        let Some(data) = self.take(cid) else { return false };
        match unixfs::decode(cid, &data) {
            Ok(Node::File(file)) => self.parts(&file, start),
            _ => true,
        }
    }
}

/// The range in a file of `size` bytes; empty when it lies behind the end.
fn bounds(from: i64, to: Option<i64>, size: u64) -> Range<u64> {
    let at = |n: i64| if n < 0 { size.saturating_sub(n.unsigned_abs()) } else { n.unsigned_abs() };
    let end = to.map_or(size, |to| at(to).saturating_add(1));
    at(from)..end.min(size)
}
