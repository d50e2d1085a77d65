//! A repeated add goes on where the last try stopped, and the caller's keeper has every token first.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use backend_core::{AddOptions, Addressing, Checkpoint, Error, ErrorKind, Locator, Pin, Result, ResumeToken, Write};
use backend_layers::Operational;

use crate::scripted::{Do, Scripted};
use crate::words::{cid, content, info, lost_answer, stacked, unavailable};

/// Keeps tokens until it is full, and then fails so.
#[derive(Debug)]
struct Keeper {
    kept: Mutex<Vec<String>>,
    room: usize,
    full: ErrorKind,
}

impl Keeper {
    fn new(room: usize) -> Arc<Self> {
        Self::failing(room, ErrorKind::QuotaExceeded)
    }

    fn failing(room: usize, full: ErrorKind) -> Arc<Self> {
        Arc::new(Self { kept: Mutex::default(), room, full })
    }
}

#[async_trait]
impl Checkpoint for Keeper {
    async fn save(&self, token: &ResumeToken, _: Option<&Locator>, _: u64) -> Result<()> {
        let mut kept = self.kept.lock().unwrap();
        if kept.len() == self.room {
            return Err(Error::new(self.full, "the journal is full"));
        }
        kept.push(String::from_utf8_lossy(token.reveal()).into_owned());
        Ok(())
    }
}

fn kept_by(keeper: &Arc<Keeper>, resume: Option<&'static str>) -> Write {
    let resume = resume.map(|token| ResumeToken::new(token).unwrap());
    Write { checkpoint: Some(keeper.clone()), resume, ..Write::default() }
}

async fn check(leaf: Scripted, write: Write) -> (Vec<String>, Result<()>) {
    let leaf = Arc::new(leaf);
    let opts = AddOptions { write, ..AddOptions::default() };
    let outcome = stacked(&leaf, &Operational::default()).add(&content(1), &opts).await;
    (leaf.calls(), outcome.map(drop))
}

fn saves(token: &'static str, then: Error) -> Vec<Do> {
    vec![Do::Save(token), Do::Fail(then)]
}

#[tokio::test(start_paused = true)]
async fn each_try_begins_with_the_newest_token() {
    let keeper = Keeper::new(9);
    let leaf = Scripted::new()
        .then(vec![Do::Save("0"), Do::Save("1"), Do::Fail(unavailable())])
        .fails(unavailable())
        .then(saves("2", unavailable()));
    let (calls, outcome) = check(leaf, kept_by(&keeper, None)).await;
    assert!(outcome.is_ok());
    assert_eq!(calls, ["add", "add from 1", "add from 1", "add from 2"]);
    assert_eq!(*keeper.kept.lock().unwrap(), ["0", "1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_given_token_serves_until_there_is_a_newer_one() {
    let leaf = Scripted::new().fails(unavailable()).then(saves("new", unavailable()));
    let (calls, outcome) = check(leaf, kept_by(&Keeper::new(9), Some("old"))).await;
    assert!(outcome.is_ok());
    assert_eq!(calls, ["add from old", "add from old", "add from new"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_keeper_nothing_is_resumed() {
    let leaf = Scripted::new().then(saves("0", unavailable()));
    let (calls, outcome) = check(leaf, Write::default()).await;
    assert!(outcome.is_ok());
    assert_eq!(calls, ["add", "add"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_could_not_be_kept_stops_the_add() {
    let leaf = Scripted::new().then(vec![Do::Save("0"), Do::Save("1")]);
    let (calls, outcome) = check(leaf, kept_by(&Keeper::new(1), None)).await;
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::QuotaExceeded);
    assert_eq!(calls, ["add"]);
}

#[tokio::test(start_paused = true)]
async fn only_what_was_kept_is_gone_on_with() {
    let keeper = Keeper::failing(1, ErrorKind::Unavailable);
    let (calls, outcome) =
        check(Scripted::new().then(vec![Do::Save("0"), Do::Save("1")]), kept_by(&keeper, None)).await;
    assert!(outcome.is_ok());
    assert_eq!(calls, ["add", "add from 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_keeps_a_repeated_add_from_making_a_twin() {
    let leaf = Scripted::with(info(Addressing::Assigned)).then(saves("0", lost_answer()));
    let (calls, outcome) = check(leaf, kept_by(&Keeper::new(9), None)).await;
    assert!(outcome.is_ok());
    assert_eq!(calls, ["add", "add from 0"]);
    let leaf = Scripted::with(info(Addressing::Assigned)).fails(lost_answer());
    let (calls, outcome) = check(leaf, kept_by(&Keeper::new(9), Some("old"))).await;
    assert!(outcome.is_ok());
    assert_eq!(calls, ["add from old", "add from old"]);
}

#[tokio::test(start_paused = true)]
async fn a_pin_goes_on_too() {
    let leaf = Arc::new(Scripted::new().then(saves("0", unavailable())));
    let pin = Pin { write: kept_by(&Keeper::new(9), None), ..Pin::default() };
    stacked(&leaf, &Operational::default()).pin(&cid(), &pin).await.unwrap();
    assert_eq!(leaf.calls(), ["pin", "pin from 0"]);
}
