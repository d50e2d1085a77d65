//! Fills the catalog of a home with a million contents of two copies each, all safe and pinned: what `cargo xtask bench plan` plans.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot be set up has nothing to measure")]

use std::path::Path;

use backend_core::Result;
use backend_manager::catalog::contents::{self, ContentKind, NewContent};
use backend_manager::catalog::pins::{self, Pin};
use backend_manager::catalog::{Catalog, Timestamp, backends, policies};
use cid::Cid;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

const BATCH: u64 = 50_000;

fn fill(conn: &Connection, from: u64, to: u64) -> Result<()> {
    let now = Timestamp::from(std::time::SystemTime::now());
    let policy = policies::find(conn, policies::DEFAULT)?.unwrap().number;
    let stores = ["a", "b"].map(|name| backends::find(conn, name).unwrap().unwrap().number);
    let text = "INSERT INTO replicas (content_id, backend_id, state, evidence, epoch, changed_at, checked_at, proved_at, reserved)
        VALUES (?1, ?2, 2, 4, 1, ?3, ?3, ?3, 0)";
    let mut insert = conn.prepare_cached(text).unwrap();
    for n in from..to {
        let hash = cid::multihash::Multihash::wrap(0x12, &Sha256::digest(n.to_le_bytes())).unwrap();
        let new = NewContent { cid: Cid::new_v1(0x55, hash), size: Some(n % 9000), kind: ContentKind::Raw, profile: 1 };
        let content = contents::upsert(conn, &new, now)?;
        for store in stores {
            insert.execute((content, store, now)).unwrap();
        }
        pins::put(conn, &Pin { content, owner: "user".to_owned(), policy, expires_at: None }, now)?;
    }
    Ok(())
}

fn main() {
    let mut words = std::env::args().skip(1);
    let (Some(home), Some(count)) = (words.next(), words.next().and_then(|it| it.parse::<u64>().ok())) else {
        panic!("usage: million HOME COUNT");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let catalog = Catalog::open(&Path::new(&home).join("catalog.db")).unwrap();
        for from in (0..count).step_by(usize::try_from(BATCH).unwrap()) {
            catalog.write(move |conn| fill(conn, from, (from + BATCH).min(count))).await.unwrap();
        }
    });
}
