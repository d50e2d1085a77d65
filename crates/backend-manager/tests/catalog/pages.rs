//! Walks by key: every row once, in order, in pages that stay bounded.

use std::collections::BTreeMap;

use backend_core::{ErrorKind, Result};
use backend_manager::catalog::pins::Pin;
use backend_manager::catalog::replicas::{self as r, ReplicaState, StateCursor};
use backend_manager::catalog::{ContentNumber, PAGE_MAX, contents, names, pins, policies};
use rusqlite::Connection;

use crate::bed::{Bed, NOW, backend, content, intent, place};

const ROWS: usize = 5000;

/// Walks to the end; the keys must come sorted, each once.
fn check<K: Ord + std::fmt::Debug>(what: &str, mut next: impl FnMut(Option<&K>) -> Result<Vec<K>>) {
    let mut seen: Vec<K> = Vec::new();
    loop {
        let page = next(seen.last()).unwrap();
        assert!(page.len() <= PAGE_MAX, "{what}");
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen.len(), ROWS, "{what}");
    assert!(seen.is_sorted_by(|a, b| a < b), "{what}");
}

fn fill(conn: &Connection, process: &backend_manager::catalog::process::Process) -> Result<()> {
    let policy = policies::find(conn, policies::DEFAULT)?.unwrap().number;
    for n in 0..u32::try_from(ROWS).unwrap() {
        let replica = place(conn, n, if n % 2 == 0 { "a" } else { "b" });
        r::intend(conn, &intent(&replica, process))?;
        let number = replica.content;
        pins::put(conn, &Pin { content: number, owner: format!("me{}", n % 3), policy, expires_at: None }, NOW)?;
        names::put(conn, &format!("n/{n}"), number, &BTreeMap::new(), NOW)?;
    }
    Ok(())
}

#[tokio::test]
async fn five_thousand_rows_by_key() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| fill(conn, &me)).await;
    let read = |conn: &Connection| -> Result<()> {
        let numbers = |rows: Vec<contents::ContentRow>| rows.into_iter().map(|it| it.number).collect();
        check("contents", |after| contents::page(conn, after.copied(), usize::MAX).map(numbers));
        check("contents by seven", |after| contents::page(conn, after.copied(), 7).map(numbers));
        let ids = |rows: Vec<r::ReplicaRow>| rows.into_iter().map(|it| it.replica).collect();
        check("replicas", |after| r::page(conn, after, 999).map(ids));
        check("pins", |after: Option<&(ContentNumber, String)>| {
            let after = after.map(|(content, owner)| (*content, owner.as_str()));
            let rows = pins::page(conn, after, 1000)?;
            Ok(rows.into_iter().map(|it| (it.pin.content, it.pin.owner)).collect())
        });
        check("dirty", |after| pins::dirty(conn, after.copied(), 333));
        check("names", |after: Option<&String>| {
            let rows = names::page(conn, "n/", after.map_or("", |it| it), 1234)?;
            Ok(rows.into_iter().map(|it| it.name).collect())
        });
        check("uploading", |after: Option<&(i64, r::ReplicaId)>| {
            let cursor = after.map(|(at, replica)| StateCursor {
                changed_at: backend_manager::catalog::Timestamp::from_millis(*at),
                replica: replica.clone(),
            });
            let rows = r::page_of_state(conn, ReplicaState::Uploading, cursor.as_ref(), 512)?;
            Ok(rows.into_iter().map(|it| (it.changed_at.millis(), it.replica)).collect())
        });
        Ok(())
    };
    bed.catalog.read(read).await.unwrap();
    bed.sound().await;
}

#[tokio::test]
async fn a_backend_s_own_rows() {
    let bed = Bed::new();
    let me = bed.me();
    bed.write(move |conn| {
        fill(conn, &me)?;
        let b = backend(conn, "b");
        let (mut seen, mut after) = (0, None);
        loop {
            let page = r::page_of_backend(conn, b, after.map(|it| ("", it)), 600).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.replica.content);
            assert!(page.iter().all(|row| row.backend_name == "b" && content(conn, 0) != row.replica.content));
            seen += page.len();
        }
        assert_eq!(seen, ROWS / 2);
        assert_eq!(r::count(conn, b, ReplicaState::Uploading).unwrap(), 2500);
        assert_eq!(r::count(conn, b, ReplicaState::Present).unwrap(), 0);
        for row in r::page_of_backend(conn, b, None, 10).unwrap() {
            let stored = r::stored(conn, &row.at(), &r::Stored::new(backend_core::Evidence::Attested), NOW).unwrap();
            assert_ne!(stored, r::Moved::Lost);
        }
        assert_eq!(r::count(conn, b, ReplicaState::Uploading).unwrap(), 2490);
        assert_eq!(r::count(conn, b, ReplicaState::Present).unwrap(), 10);
        assert_eq!(r::page_of_state(conn, ReplicaState::Present, None, 9).unwrap_err().kind(), ErrorKind::InvalidInput);
        Ok(())
    })
    .await;
}
