//! Each fault does what it says, and no more often than it is told.

use backend_core::{Capabilities, Effect, Error, ErrorKind, RetryAdvice, StorageType};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::executor::block_on;
use futures::future::poll_immediate;

use super::*;
use crate::TestClock;

/// Twelve bytes under any name, in frames of five.
#[derive(Debug)]
struct Twelve(Info);

#[async_trait]
impl Backend for Twelve {
    fn info(&self) -> &Info {
        &self.0
    }

    async fn health(&self) -> Health {
        Health::new(Power::Works, Power::Unknown, Duration::ZERO)
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let range = opts.range.unwrap_or(ByteRange::From(0)).within(12)?;
        let bytes = Bytes::from_static(b"hello, world").slice(range.start as usize..range.end as usize);
        let frames: Vec<Result<Bytes>> = bytes.chunks(5).map(|frame| Ok(Bytes::copy_from_slice(frame))).collect();
        Ok(Fetched { meta: invented(at.clone(), None), range, body: futures::stream::iter(frames).boxed() })
    }

    async fn remove(&self, _: &Locator, _: &RemoveOptions) -> Result<Removal> {
        Ok(Removal::Absent)
    }

    fn list(&self, _: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let names = ["a", "b", "c"].map(|name| Ok(Entry::Prefix(name.to_owned())));
        futures::stream::iter(names).boxed()
    }
}

fn faulty() -> Faulty {
    let info = Info::new(StorageType::Memory, "twelve", backend_core::Addressing::Key, Capabilities::default());
    Faulty::new(Arc::new(Twelve(info)), TestClock::new())
}

fn at() -> Locator {
    Locator::new(backend_core::Key::new("a").unwrap())
}

fn read(fault: Fault, opts: &GetOptions) -> Result<Vec<u8>> {
    let broken = faulty().times(1, Verb::Get, fault);
    let whole = |opts| block_on(async { broken.get(&at(), opts).await?.body.try_collect::<Vec<Bytes>>().await });
    let first = whole(opts).map(|frames| frames.concat());
    assert_eq!(whole(&GetOptions::default()).unwrap().concat(), b"hello, world", "the fault is for one call");
    first
}

#[test]
fn bodies_go_wrong_where_the_script_says() {
    let all = GetOptions::default();
    let cases: [(Fault, &[u8]); 6] = [
        (Fault::Cut(7), b"hello, "),
        (Fault::Cut(5), b"hello"),
        (Fault::Cut(0), b""),
        (Fault::Flip(0), b"iello, world"),
        (Fault::Flip(11), b"hello, worle"),
        (Fault::Shift(7), b"world"),
    ];
    for (fault, wanted) in cases {
        let found = read(fault.clone(), &all).unwrap();
        assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(wanted), "{fault:?}");
    }
    assert_eq!(read(Fault::Break(7, ErrorKind::Timeout), &all).unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(read(Fault::Whole, &GetOptions::range(2..4)).unwrap(), b"hello, world");
    assert_eq!(read(Fault::Shift(1), &GetOptions::range(2..4)).unwrap(), b"lo");
}

#[test]
fn listings_go_wrong_where_the_script_says() {
    let list = |fault| {
        let listed = faulty().always(Verb::List, fault).list(&ListOptions::default());
        block_on(listed.try_collect::<Vec<Entry>>()).map(|entries| entries.len())
    };
    assert_eq!(list(Fault::Cut(2)).unwrap(), 2);
    assert_eq!(list(Fault::Lie).unwrap(), 0);
    for fault in [Fault::Break(2, ErrorKind::Denied), Fault::fail(ErrorKind::Denied)] {
        assert_eq!(list(fault).unwrap_err().kind(), ErrorKind::Denied);
    }
}

#[test]
fn failures_say_what_the_script_says() {
    let limited = Fault::rate_limited(Duration::from_secs(7));
    let broken = faulty().times(2, Verb::Remove, limited).times(1, Verb::Remove, Fault::Lose);
    let remove = || block_on(broken.remove(&at(), &RemoveOptions::default()));
    for _ in 0..2 {
        let err: Error = remove().unwrap_err();
        assert_eq!((err.kind(), err.effect()), (ErrorKind::RateLimited, Effect::None));
        assert_eq!(err.advice(), RetryAdvice::After(Duration::from_secs(7)));
    }
    assert_eq!(remove().unwrap_err().effect(), Effect::Unknown);
    assert_eq!(remove().unwrap(), Removal::Absent);
    broken.rule(Verb::Remove, Fault::Lie, None);
    assert_eq!(remove().unwrap(), Removal::Erased);
    broken.heal();
    assert_eq!(remove().unwrap(), Removal::Absent);
    assert_eq!((broken.calls(Verb::Remove), broken.calls(Verb::Get)), (6, 0));
}

#[test]
fn a_delay_is_by_the_clock_and_a_hang_is_for_ever() {
    let clock = TestClock::new();
    let inner = Arc::new(faulty());
    let broken = Faulty::new(inner, clock.clone()).times(1, Verb::Remove, Fault::Delay(Duration::from_secs(2)));
    let broken = broken.always(Verb::Remove, Fault::Hang);
    let opts = RemoveOptions::default();
    let place = at();
    let mut slow = broken.remove(&place, &opts);
    assert!(block_on(poll_immediate(&mut slow)).is_none());
    clock.advance(Duration::from_secs(2));
    assert_eq!(block_on(slow).unwrap(), Removal::Absent);
    let mut hanging = broken.remove(&place, &opts);
    clock.advance(Duration::from_secs(3600));
    assert!(block_on(poll_immediate(&mut hanging)).is_none());
}
