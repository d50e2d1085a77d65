//! What is refused before the leaf is asked, and what a leaf's answer is held to.

use std::ops::Range;
use std::sync::Arc;

use backend_core::{
    AddOptions, Addressing, Backend, ByteRange, Capabilities, Condition, ContentId, Digest, DigestKind, Entry, Error,
    ErrorKind, Evidence, Form, GetOptions, Info, Limits, ListOptions, Locator, Pin, RemoveOptions, ResumeToken,
    StatOptions, Status, Write,
};
use futures::{StreamExt, TryStreamExt};

use crate::scripted::{Answers, Item, Scripted};
use crate::words::{EVERYTHING, at, cid, content, info, key, once, stacked, unavailable};

/// One call.
#[derive(Debug, Clone)]
enum Ask {
    Stat(Locator, StatOptions),
    Get(Locator, GetOptions),
    Add(u64, AddOptions),
    Discard,
    Remove(Locator, RemoveOptions),
    List(ListOptions),
    Pin(ContentId, Pin),
    Usage,
}

/// How a leaf with this `info` answers: `None` if it was asked, else how it was refused. A refusal never reaches the leaf.
async fn check(info: Info, ask: Ask) -> Option<ErrorKind> {
    let leaf = Arc::new(Scripted::with(info).streams(vec![]));
    let stack = stacked(&leaf, &once());
    let outcome = asked(stack.as_ref(), ask.clone()).await;
    match (outcome, leaf.calls().len()) {
        (Err(err), 0) => Some(err.kind()),
        (_, 1) => None,
        (outcome, calls) => panic!("{ask:?}: {outcome:?} after {calls} calls"),
    }
}

async fn asked(stack: &dyn Backend, ask: Ask) -> Result<(), Error> {
    match ask {
        Ask::Stat(at, opts) => stack.stat(&at, &opts).await.map(drop),
        Ask::Get(at, opts) => stack.get(&at, &opts).await.map(drop),
        Ask::Add(len, opts) => stack.add(&content(len), &opts).await.map(drop),
        Ask::Discard => stack.discard(&ResumeToken::new("t").unwrap()).await,
        Ask::Remove(at, opts) => stack.remove(&at, &opts).await.map(drop),
        Ask::List(opts) => stack.list(&opts).try_collect::<Vec<Entry>>().await.map(drop),
        Ask::Pin(id, pin) => stack.pin(&id, &pin).await.map(drop),
        Ask::Usage => stack.usage().await.map(drop),
    }
}

fn etag() -> Option<String> {
    Some("etag".to_owned())
}

fn under(name: &str) -> AddOptions {
    AddOptions { id: Some(key(name)), ..AddOptions::default() }
}

fn labelled() -> Write {
    Write { labels: [("a".to_owned(), "b".to_owned())].into(), ..Write::default() }
}

fn resuming() -> Write {
    Write { resume: Some(ResumeToken::new("t").unwrap()), ..Write::default() }
}

/// Takes an offer away.
type Without = fn(&mut Capabilities);

/// Every verb and every option that needs an offer, with the offer that it needs.
fn offers() -> Vec<(Ask, Without)> {
    let version = at().with_version(Some("1".to_owned()));
    vec![
        (Ask::Stat(at(), StatOptions::default()), |it| it.stat = false),
        (Ask::Stat(at(), StatOptions { link: true, ..StatOptions::default() }), |it| it.link = false),
        (Ask::Stat(version.clone(), StatOptions::default()), |it| it.versions = false),
        (Ask::Get(at(), GetOptions::default()), |it| it.get = false),
        (Ask::Get(at(), GetOptions::range(0..11)), |it| it.range = false),
        (Ask::Get(at(), GetOptions::block()), |it| it.block = false),
        (Ask::Get(at(), GetOptions { if_match: etag(), ..GetOptions::default() }), |it| it.if_match = false),
        (Ask::Get(version.clone(), GetOptions::default()), |it| it.versions = false),
        (Ask::Add(1, AddOptions::default()), |it| it.add = false),
        (Ask::Add(1, AddOptions { condition: Condition::IfAbsent, ..AddOptions::default() }), |it| {
            it.if_absent = false
        }),
        (Ask::Add(1, AddOptions { condition: Condition::IfMatch("e".into()), ..AddOptions::default() }), |it| {
            it.if_match = false
        }),
        (Ask::Add(1, AddOptions { write: labelled(), ..AddOptions::default() }), |it| it.labels = false),
        (Ask::Add(1, AddOptions { write: resuming(), ..AddOptions::default() }), |it| it.resume = false),
        (Ask::Discard, |it| it.resume = false),
        (Ask::Remove(at(), RemoveOptions::default()), |it| it.remove = false),
        (Ask::Remove(at(), RemoveOptions { if_match: etag(), all_versions: false }), |it| it.if_match = false),
        (Ask::Remove(at(), RemoveOptions { if_match: None, all_versions: true }), |it| it.versions = false),
        (Ask::Remove(version, RemoveOptions::default()), |it| it.versions = false),
        (Ask::List(ListOptions::default()), |it| it.list = false),
        (Ask::List(ListOptions { pinned: true, ..ListOptions::default() }), |it| it.pin = false),
        (Ask::List(ListOptions { status: Some(Status::Queued), ..ListOptions::default() }), |it| it.pin = false),
        (Ask::List(ListOptions { versions: true, ..ListOptions::default() }), |it| it.versions = false),
        (Ask::List(ListOptions { query: etag(), ..ListOptions::default() }), |it| it.search = false),
        (Ask::Pin(cid(), Pin::default()), |it| it.pin = false),
        (Ask::Pin(cid(), Pin { write: labelled(), ..Pin::default() }), |it| it.labels = false),
        (Ask::Pin(cid(), Pin { write: resuming(), ..Pin::default() }), |it| it.resume = false),
        (Ask::Usage, |it| it.usage = false),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_is_not_offered_is_unsupported_and_what_is_offered_is_asked() {
    for (ask, without) in offers() {
        let mut less = EVERYTHING;
        without(&mut less);
        let refused = check(Info { offers: less, ..info(Addressing::Assigned) }, ask.clone()).await;
        assert_eq!(refused, Some(ErrorKind::Unsupported), "{ask:?}");
        assert_eq!(check(info(Addressing::Assigned), ask.clone()).await, None, "{ask:?}");
    }
}

fn stat(id: ContentId) -> Ask {
    Ask::Stat(Locator::new(id), StatOptions::default())
}

fn get(id: ContentId, form: Form, range: Option<ByteRange>) -> Ask {
    Ask::Get(Locator::new(id), GetOptions { form, range, ..GetOptions::default() })
}

#[tokio::test(start_paused = true)]
async fn ids_fit_the_addressing() {
    use Addressing::{Assigned, Cid, Key};
    let input = Some(ErrorKind::InvalidInput);
    let old = ContentId::Cid("QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH".parse().unwrap());
    let other = ContentId::Cid("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku".parse().unwrap());
    let named = |id: ContentId| Ask::Add(1, AddOptions { id: Some(id), ..AddOptions::default() });
    let plain = Ask::Add(1, AddOptions::default());
    let prefix = Ask::List(ListOptions::prefix("a"));
    let cases = [
        (Cid, stat(cid()), None),
        (Cid, stat(key("a")), input),
        (Key, stat(key("a")), None),
        (Key, stat(cid()), input),
        (Assigned, stat(key("a")), None),
        (Assigned, stat(cid()), None),
        (Cid, stat(old.clone()), input),
        (Key, stat(key(".ipfs-kit/c/aa/x")), None),
        (Cid, get(key("a"), Form::Block, None), input),
        (Key, get(key("a"), Form::Block, None), input),
        (Key, get(cid(), Form::Block, None), None),
        (Cid, get(cid(), Form::Block, Some(ByteRange::From(0))), input),
        (Cid, Ask::Remove(Locator::new(key("a")), RemoveOptions::default()), input),
        (Cid, plain.clone(), None),
        (Assigned, plain.clone(), None),
        (Key, plain, input),
        (Key, named(key("a")), None),
        (Key, named(cid()), input),
        (Cid, named(key("a")), input),
        (Cid, named(cid()), None),
        (Cid, named(other), input),
        (Cid, prefix.clone(), input),
        (Key, prefix, None),
        (Cid, Ask::Pin(key("a"), Pin::default()), input),
        (Key, Ask::Pin(key("a"), Pin::default()), input),
        (Key, Ask::Pin(cid(), Pin::default()), None),
        (Cid, Ask::Pin(old, Pin::default()), input),
    ];
    for (addressing, ask, wanted) in cases {
        assert_eq!(check(info(addressing), ask.clone()).await, wanted, "{addressing:?} {ask:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn sizes_keys_ranges_and_digests_are_checked_before_the_first_byte() {
    let limits = Limits { min_size: 10, max_size: Some(20), max_key: 5, ..Limits::default() };
    let (large, input, range) = (ErrorKind::TooLarge, ErrorKind::InvalidInput, ErrorKind::InvalidRange);
    let file = |range| get(key("a"), Form::File, Some(range));
    let pin = |size| Ask::Pin(cid(), Pin { size: Some(size), ..Pin::default() });
    let cases = [
        (Ask::Add(9, under("a")), Some(large)),
        (Ask::Add(10, under("a")), None),
        (Ask::Add(20, under("a")), None),
        (Ask::Add(21, under("a")), Some(large)),
        (Ask::Add(10, under("12345")), None),
        (Ask::Add(10, under("123456")), Some(input)),
        (stat(key("123456")), Some(input)),
        (pin(21), Some(large)),
        (pin(20), None),
        (file(ByteRange::Bounded(4, 4)), Some(range)),
        (file(ByteRange::Bounded(4, 3)), Some(range)),
        (file(ByteRange::Last(0)), Some(range)),
        (file(ByteRange::Last(1)), None),
    ];
    for (ask, wanted) in cases {
        let info = Info { limits: limits.clone(), ..info(Addressing::Key) };
        assert_eq!(check(info, ask.clone()).await, wanted, "{ask:?}");
    }
    let needy = Info { needs: vec![DigestKind::Md5], ..info(Addressing::Cid) };
    assert_eq!(check(needy.clone(), Ask::Add(1, AddOptions::default())).await, Some(input));
    let digest = Digest { kind: DigestKind::Md5, value: vec![0; 16].into() };
    let leaf = Arc::new(Scripted::with(needy));
    stacked(&leaf, &once()).add(&content(1).with_digests(vec![digest]), &AddOptions::default()).await.unwrap();
}

/// What a reader sees of an answer: the error of the opening, or the text and how the body ended.
async fn read(size: Option<u64>, range: Range<u64>, asked: Option<ByteRange>, body: Vec<Item>) -> String {
    let leaf = Arc::new(Scripted::new().answers(Answers { size, range, ..Answers::default() }).streams(body));
    let opts = GetOptions { range: asked, ..GetOptions::default() };
    let mut fetched = match stacked(&leaf, &once()).get(&at(), &opts).await {
        Ok(fetched) => fetched,
        Err(err) => return format!("{}", err.kind()),
    };
    let mut seen = String::new();
    while let Some(frame) = fetched.body.next().await {
        match frame {
            Ok(frame) => seen += std::str::from_utf8(&frame).unwrap(),
            Err(err) => seen += &format!("!{} {}", err.kind(), err.message()),
        }
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_exactly_what_was_asked_for() {
    let hello = || vec![Item::Bytes("hello"), Item::Bytes(" world")];
    let bounded = |start, end| Some(ByteRange::Bounded(start, end));
    let cases = [
        (Some(11), 0..11, None, "ok"),
        (Some(11), 0..11, bounded(0, 99), "ok"),
        (None, 0..11, None, "ok"),
        (None, 0..11, bounded(0, 11), "ok"),
        (Some(30), 19..30, Some(ByteRange::Last(11)), "ok"),
        (None, 19..30, Some(ByteRange::Last(11)), "ok"),
        (None, 0..11, Some(ByteRange::Last(50)), "ok"),
        (Some(11), 0..11, bounded(3, 5), "integrity"),
        (None, 0..11, bounded(3, 5), "integrity"),
        (None, 3..14, bounded(3, 5), "integrity"),
        (Some(30), 0..11, None, "integrity"),
        (Some(30), 0..11, bounded(0, 12), "integrity"),
        (Some(5), 0..11, bounded(7, 9), "integrity"),
        (None, 1..12, None, "integrity"),
        (None, 10..21, Some(ByteRange::Last(12)), "integrity"),
        (None, 0..11, Some(ByteRange::Last(5)), "integrity"),
        (None, 5..11, Some(ByteRange::From(4)), "integrity"),
    ];
    for (size, range, asked, wanted) in cases {
        let wanted = if wanted == "ok" { "hello world" } else { wanted };
        assert_eq!(read(size, range.clone(), asked, hello()).await, wanted, "{asked:?} of {size:?} as {range:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is the lie under test")]
    let reversed = read(None, 11..0, Some(ByteRange::From(11)), hello()).await;
    assert_eq!(reversed, "integrity");
}

#[tokio::test(start_paused = true)]
async fn a_body_is_as_long_as_its_range() {
    let cases = [
        (vec![Item::Bytes("hello world")], "hello world"),
        (vec![Item::Bytes("hello"), Item::Bytes(""), Item::Bytes(" world"), Item::Bytes("")], "hello world"),
        (vec![Item::Bytes("hello")], "hello!unavailable body ended early, 6 bytes are missing"),
        (vec![], "!unavailable body ended early, 11 bytes are missing"),
        (vec![Item::Bytes("hello world"), Item::Bytes("!")], "hello world!integrity the body is longer than its range"),
        (vec![Item::Bytes("hello world!")], "!integrity the body is longer than its range"),
        (
            vec![Item::Bytes("hello"), Item::Fail(unavailable()), Item::Bytes("x")],
            "hello!unavailable the service is down",
        ),
    ];
    for (body, wanted) in cases {
        assert_eq!(read(Some(11), 0..11, None, body).await, wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_block_is_not_as_long_as_its_file() {
    let answers = Answers { size: Some(11), range: 0..5, ..Answers::default() };
    let leaf = Arc::new(Scripted::new().answers(answers).streams(vec![Item::Bytes("hello")]));
    let fetched = stacked(&leaf, &once()).get(&at(), &GetOptions::block()).await.unwrap();
    assert_eq!(fetched.body.try_collect::<Vec<_>>().await.unwrap().concat(), b"hello");
}

#[tokio::test(start_paused = true)]
async fn no_leaf_proves() {
    let entry = vec![Item::Entry("a", None)];
    let answers = Answers { evidence: Evidence::Verified, ..Answers::default() };
    let leaf = Arc::new(Scripted::new().answers(answers).streams(entry));
    let stack = stacked(&leaf, &once());
    let listed: Vec<Entry> = stack.list(&ListOptions::default()).try_collect().await.unwrap();
    let [Entry::Content { meta: listed, .. }] = &listed[..] else { panic!("{listed:?}") };
    let seen = [
        listed.evidence,
        stack.stat(&at(), &StatOptions::default()).await.unwrap().evidence,
        stack.get(&at(), &GetOptions::default()).await.unwrap().meta.evidence,
        stack.add(&content(1), &AddOptions::default()).await.unwrap().evidence,
        stack.pin(&cid(), &Pin::default()).await.unwrap().evidence,
    ];
    assert_eq!(seen, [Evidence::Attested; 5]);
}
