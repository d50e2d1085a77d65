//! A listing goes on behind the last entry it gave, never repeats one, and never passes for complete when it is not.

use std::sync::Arc;

use backend_core::{Addressing, Entry, ListOptions};
use backend_layers::Operational;
use futures::StreamExt;

use crate::scripted::{Item, Scripted};
use crate::words::{info, seconds, stacked, unavailable};

/// What a listing shows, one letter an entry and `!` with the kind for a failure, and what the leaf was asked.
async fn check(pages: Vec<Vec<Item>>, opts: ListOptions) -> (String, Vec<String>) {
    let leaf = Arc::new(pages.into_iter().fold(Scripted::with(info(Addressing::Key)), Scripted::streams));
    let mut entries = stacked(&leaf, &Operational::default()).list(&opts);
    let mut seen = String::new();
    while let Some(entry) = entries.next().await {
        seen += &match entry {
            Ok(Entry::Content { meta, .. }) => meta.at.id.to_string(),
            Ok(Entry::Prefix(prefix)) => prefix,
            Ok(other) => panic!("{other:?}"),
            Err(err) => format!("!{}", err.kind()),
        };
    }
    (seen, leaf.calls())
}

fn entry(name: &'static str) -> Item {
    Item::Entry(name, Some(name))
}

fn fails() -> Item {
    Item::Fail(unavailable())
}

#[tokio::test(start_paused = true)]
async fn a_listing_goes_on_where_it_stopped() {
    let cases = [
        (vec![vec![entry("a"), entry("b")]], "ab", vec!["list"]),
        (vec![vec![fails()], vec![entry("a")]], "a", vec!["list", "list"]),
        (vec![vec![entry("a"), fails()], vec![entry("b")]], "ab", vec!["list", "list after a"]),
        (
            vec![vec![entry("a"), fails()], vec![fails()], vec![entry("b")]],
            "ab",
            vec!["list", "list after a", "list after a"],
        ),
        (vec![vec![Item::Entry("a", None), fails()]], "a!unavailable", vec!["list"]),
        (vec![vec![entry("a"), Item::Entry("b", None), fails()]], "ab!unavailable", vec!["list"]),
        (vec![vec![entry("a"), Item::Prefix("p/"), fails()]], "ap/!unavailable", vec!["list"]),
        (vec![vec![entry("a"), Item::Hang], vec![entry("b")]], "ab", vec!["list", "list after a"]),
        (vec![vec![Item::Sleep(seconds(29)), entry("a"), Item::Sleep(seconds(29)), entry("b")]], "ab", vec!["list"]),
        (vec![], "", vec!["list"]),
    ];
    for (pages, seen, calls) in cases {
        assert_eq!(
            check(pages, ListOptions::default()).await,
            (seen.to_owned(), calls.iter().map(ToString::to_string).collect())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_the_caller_is_the_first_place() {
    let opts = ListOptions { after: Some("x".to_owned()), ..ListOptions::default() };
    let (seen, calls) = check(vec![vec![fails()], vec![entry("y")]], opts).await;
    assert_eq!((seen.as_str(), calls), ("y", vec!["list after x".to_owned(); 2]));
}

#[tokio::test(start_paused = true)]
async fn tries_are_renewed_by_progress_and_by_nothing_else() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let moving = names.map(|name| vec![entry(name), fails()]).into();
    assert_eq!(check(moving, ListOptions::default()).await.0, "abcdefg");
    let standing = (0..9).map(|_| vec![entry("a"), fails()]).collect();
    let (seen, calls) = check(standing, ListOptions::default()).await;
    assert_eq!((seen.as_str(), calls.len()), ("aaaa!unavailable", 4), "the same cursor for ever is left");
    let dead = (0..9).map(|_| vec![fails()]).collect();
    let (seen, calls) = check(dead, ListOptions::default()).await;
    assert_eq!((seen.as_str(), calls.len()), ("!unavailable", 4));
}
