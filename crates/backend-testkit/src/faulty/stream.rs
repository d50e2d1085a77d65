//! Faults of bodies and of listings.

use std::sync::Arc;

use backend_core::{ByteRange, ByteStream, Clock, Entry, Error, Fetched, Result};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};

use super::fault::Fault;

/// What comes out of a stream in place of an item that begins at a place, and whether more follows.
enum Out<T> {
    Item(T),
    Last(T),
    End,
    Never,
}

pub(super) fn body(inner: ByteStream, fault: Option<Fault>) -> ByteStream {
    match fault {
        Some(fault @ (Fault::Cut(_) | Fault::Break(..) | Fault::Stall(_) | Fault::Flip(_))) => {
            spoilt(inner, |frame: &Bytes| frame.len() as u64, move |at, frame| spoil(&fault, at, frame))
        }
        _ => inner,
    }
}

fn spoil(fault: &Fault, at: u64, frame: Bytes) -> Out<Result<Bytes>> {
    let end = at + frame.len() as u64;
    match fault {
        Fault::Flip(place) if (at..end).contains(place) => {
            let mut bytes = BytesMut::from(&frame[..]);
            bytes[(place - at) as usize] ^= 0x01;
            Out::Item(Ok(bytes.freeze()))
        }
        Fault::Cut(place) | Fault::Break(place, _) | Fault::Stall(place) if at < *place && *place < end => {
            Out::Item(Ok(frame.slice(..(place - at) as usize)))
        }
        fault => stopped(fault, at).unwrap_or(Out::Item(Ok(frame))),
    }
}

pub(super) fn list(
    inner: BoxStream<'static, Result<Entry>>,
    fault: Option<Fault>,
    clock: Arc<dyn Clock>,
) -> BoxStream<'static, Result<Entry>> {
    match fault {
        None => inner,
        Some(Fault::Lie) => stream::empty().boxed(),
        Some(Fault::Hang) => stream::pending().boxed(),
        Some(Fault::Lose) => stream::once(async { Err(Fault::lost()) }).boxed(),
        Some(Fault::Delay(wait)) => {
            let waited = stream::once(async move { clock.sleep(wait).await }).filter_map(async |()| None);
            waited.chain(inner).boxed()
        }
        Some(fault) => match fault.failure() {
            Err(err) => stream::once(async move { Err(err) }).boxed(),
            Ok(()) => {
                spoilt(inner, |_: &Entry| 1, move |at, entry| stopped(&fault, at).unwrap_or(Out::Item(Ok(entry))))
            }
        },
    }
}

/// What stands in the place of whatever would come at `at`.
fn stopped<T>(fault: &Fault, at: u64) -> Option<Out<Result<T>>> {
    match fault {
        Fault::Cut(place) if *place <= at => Some(Out::End),
        Fault::Stall(place) if *place <= at => Some(Out::Never),
        Fault::Break(place, kind) if *place <= at => {
            Some(Out::Last(Err(Error::new(*kind, "broke off, as the script wants it"))))
        }
        _ => None,
    }
}

/// `inner`, item by item through `spoil`, which is told how much was delivered before.
fn spoilt<T: Send + 'static>(
    inner: BoxStream<'static, Result<T>>,
    weigh: impl Fn(&T) -> u64 + Send + 'static,
    spoil: impl Fn(u64, T) -> Out<Result<T>> + Send + 'static,
) -> BoxStream<'static, Result<T>> {
    let state = (Some(inner), 0u64, weigh, spoil);
    stream::unfold(state, |(inner, at, weigh, spoil)| async move {
        let mut inner = inner?;
        let item = match inner.next().await? {
            Ok(item) => item,
            Err(err) => return Some((Err(err), (None, at, weigh, spoil))),
        };
        match spoil(at, item) {
            Out::Item(item) => {
                let weight = item.as_ref().map_or(0, &weigh);
                Some((item, (Some(inner), at + weight, weigh, spoil)))
            }
            Out::Last(item) => Some((item, (None, at, weigh, spoil))),
            Out::End => None,
            Out::Never => std::future::pending().await,
        }
    })
    .boxed()
}

/// The bytes `by` further on than `asked`, out of the whole, under the name of those asked for.
pub(super) fn shifted(whole: Fetched, asked: Option<ByteRange>, by: u64) -> Result<Fetched> {
    let size = whole.range.end;
    let range = asked.unwrap_or(ByteRange::From(0)).within(size)?;
    let (from, to) = (range.start.saturating_add(by).min(size), range.end.saturating_add(by).min(size));
    let body = whole.body.scan(0u64, move |at, frame| {
        let begin = *at;
        *at += frame.as_ref().map_or(0, |frame| frame.len() as u64);
        let cut = |frame: Bytes| {
            let within = |place: u64| (place.clamp(begin, begin + frame.len() as u64) - begin) as usize;
            frame.slice(within(from)..within(to))
        };
        std::future::ready(Some(frame.map(cut)))
    });
    let body = body.filter(|frame| std::future::ready(!frame.as_ref().is_ok_and(Bytes::is_empty))).boxed();
    Ok(Fetched { meta: whole.meta, range, body })
}
