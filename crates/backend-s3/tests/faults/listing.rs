//! What is asked for while a listing is given out.

use std::time::Duration;

use backend_core::{ErrorKind, ListOptions, Removal, RemoveOptions};
use backend_testkit::s3::{Fault, Operation, Options, When};
use backend_testkit::small;
use futures::TryStreamExt;
use tokio::time::{sleep, timeout};

use crate::common::*;

const PAGE: Operation = Operation::ListObjectsV2;

#[tokio::test]
async fn foreign_keys_do_not_break_a_listing() {
    let (_server, store) = started(Options { max_keys: 2, ..Options::default() }).await;
    for name in ["a", "a+b", "a b", "a%2Fb", "ä/ö", "z"] {
        add(&store, name, &small(name)).await.unwrap();
    }
    let n = store.list(&ListOptions::default()).try_collect::<Vec<_>>().await.unwrap().len();
    assert_eq!(n, 6);
    let removal = store.remove(&at("a+b"), &RemoveOptions::default()).await.unwrap();
    assert_eq!(removal, Removal::Erased);
}

#[tokio::test]
async fn the_next_page_comes_while_one_is_given_out() {
    let (server, store) = started(Options { max_keys: 4, ..Options::default() }).await;
    for n in 0..10 {
        add(&store, &n.to_string(), &small("a")).await.unwrap();
    }
    server.forget();
    let mut listing = store.list(&ListOptions::default());
    for _ in 0..2 {
        listing.try_next().await.unwrap().unwrap();
    }
    sleep(Duration::from_millis(50)).await;
    assert_eq!(server.count(PAGE), 1, "whoever wants two entries asks once");
    listing.try_next().await.unwrap().unwrap();
    let asked = async {
        while server.count(PAGE) < 2 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(10), asked)
        .await
        .expect("the second page is asked for, though the first has a line left");
    let rest: Vec<_> = listing.try_collect().await.unwrap();
    assert_eq!(rest.len(), 7);
    assert_eq!(server.count(PAGE), 3);
}

#[tokio::test]
async fn what_came_before_a_page_that_fails_is_given_out() {
    let (server, store) = started(Options { max_keys: 4, ..Options::default() }).await;
    for n in 0..6 {
        add(&store, &n.to_string(), &small("a")).await.unwrap();
    }
    server.forget();
    server.fault(When::nth(PAGE, 2), Fault::answer(403, "AccessDenied"));
    let mut listing = store.list(&ListOptions::default());
    for _ in 0..4 {
        listing.try_next().await.unwrap().unwrap();
    }
    assert_eq!(kind(listing.try_next().await).0, ErrorKind::Denied);
}
