//! Raw blocks and plain files, whole or in part.

use std::ops::Range;

use bytes::Bytes;
use ipld::plan::{Plan, Step, Wrap};
use ipld::resolve::Kind;
use ipld::{Cid, address};

use super::super::blocks::Blocks;
use super::super::wire::Head;
use super::GatewayLie;
use super::asked::{Asked, RAW, not_found};
use super::reply::{Body, Reply};

/// Other bytes of the same length.
pub(super) fn spoilt(data: &Bytes) -> Bytes {
    let mut data = data.to_vec();
    if let Some(byte) = data.last_mut() {
        *byte ^= 1;
    }
    data.into()
}

pub(super) fn raw(blocks: &Blocks, asked: &Asked, head: &Head, lie: Option<&GatewayLie>) -> Reply {
    let unresolved = |why: String| Reply::text(404, &format!("failed to resolve {}: {why}\n", asked.shown()));
    let target = match asked.resolve(blocks).1 {
        Ok(target) => target.cid,
        Err(why) => return unresolved(why),
    };
    let Some(data) = blocks.get(&target) else { return unresolved(not_found(&target)) };
    let data = match lie {
        Some(GatewayLie::WrongBlock) => spoilt(&data),
        Some(GatewayLie::HeaderOnly) => Bytes::new(),
        Some(GatewayLie::Endless) => {
            let body = Body::Endless(data, Bytes::from(vec![0; 64 << 10]));
            return Reply { status: 200, media: RAW.to_owned(), headers: String::new(), body };
        }
        _ => data,
    };
    let etag = format!("\"{}.raw\"", address::text(&target));
    part(data, RAW, &etag, head, lie)
}

pub(super) fn file(blocks: &Blocks, asked: &Asked, head: &Head, lie: Option<&GatewayLie>) -> Reply {
    let unresolved = |status, why: &str| Reply::text(status, &format!("failed to resolve {}: {why}\n", asked.shown()));
    let target = match asked.resolve(blocks).1 {
        Ok(target) => target,
        Err(why) => return unresolved(404, &why),
    };
    if target.kind == Kind::Directory {
        let to = format!("{}/", asked.shown());
        let page = format!("<a href=\"{to}\">Moved Permanently</a>.\n\n");
        let headers = format!("Location: {to}\r\n");
        let body = Body::Bytes(page.into());
        return Reply { status: 301, media: "text/html; charset=utf-8".to_owned(), headers, body };
    }
    let etag = format!("\"{}\"", address::text(&target.cid));
    let media = "application/octet-stream";
    match read(blocks, &target.cid) {
        Read::Whole(data) => part(data, media, &etag, head, lie),
        Read::NoRoot => unresolved(404, &not_found(&target.cid)),
        // A part of it that is there is not looked for: the leaves here are asked for whole files.
        Read::Short(_, _) if head.header("range").is_some() => unresolved(500, "failed to fetch all nodes"),
        Read::Short(data, size) => {
            Reply { status: 200, media: media.to_owned(), headers: String::new(), body: Body::Short(data, size) }
        }
    }
}

enum Read {
    Whole(Bytes),
    NoRoot,
    /// What comes before the first missing block, and how long the file should be.
    Short(Bytes, u64),
}

fn read(blocks: &Blocks, root: &Cid) -> Read {
    let mut plan = Plan::new(*root, None, 0..u64::MAX);
    let mut data = Vec::new();
    loop {
        let found = match plan.next() {
            Ok(Step::Done) => return Read::Whole(data.into()),
            Ok(Step::Need(cid)) => blocks.get(&cid).and_then(|block| plan.feed(&cid, &block).ok()),
            Ok(Step::Chunk(chunk)) => {
                let block = match &chunk.wrap {
                    Wrap::Inline(bytes) => Some(bytes.clone()),
                    _ => blocks.get(&chunk.cid),
                };
                let plain = block.and_then(|block| chunk.unwrap(&block).ok());
                plain.map(|plain| data.extend_from_slice(&plain))
            }
            Err(_) => None,
        };
        match (found, plan.size()) {
            (Some(()), _) => {}
            (None, None) => return Read::NoRoot,
            (None, Some(size)) => return Read::Short(data.into(), size),
        }
    }
}

/// The part that a header `Range` names, of the first range alone; the whole without one.
fn part(data: Bytes, media: &str, etag: &str, head: &Head, lie: Option<&GatewayLie>) -> Reply {
    let base =
        format!("Accept-Ranges: bytes\r\nEtag: {etag}\r\nCache-Control: public, max-age=29030400, immutable\r\n");
    let reply = |status, more: String, data: Bytes| Reply {
        status,
        media: media.to_owned(),
        headers: format!("{base}{more}"),
        body: Body::Bytes(data),
    };
    if head.header("if-none-match").is_some_and(|it| it == etag) {
        return reply(304, String::new(), Bytes::new());
    }
    let len = data.len() as u64;
    let asked = head.header("range").filter(|_| lie != Some(&GatewayLie::Whole));
    match asked.and_then(|text| range(text, len)) {
        None => reply(200, String::new(), data),
        Some(Some(range)) => {
            let told = format!("Content-Range: bytes {}-{}/{len}\r\n", range.start, range.end - 1);
            reply(206, told, data.slice(range.start as usize..range.end as usize))
        }
        Some(None) => Reply {
            headers: format!("{base}Content-Range: bytes */{len}\r\n"),
            ..Reply::text(416, "invalid range: failed to overlap\n")
        },
    }
}

/// `None` for what is no range; nothing in it when it lies outside.
fn range(text: &str, len: u64) -> Option<Option<Range<u64>>> {
    let first = text.strip_prefix("bytes=")?.split(',').next()?;
    let (from, to) = first.trim().split_once('-')?;
    let range = match (from, to) {
        ("", last) => len.saturating_sub(last.parse().ok()?)..len,
        (from, "") => from.parse().ok()?..len,
        (from, to) => from.parse().ok()?..to.parse::<u64>().ok()?.saturating_add(1).min(len),
    };
    Some((range.start < range.end).then_some(range))
}
