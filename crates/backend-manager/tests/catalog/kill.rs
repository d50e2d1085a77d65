//! kill -9 while writing: what was answered is there, what was not is whole or absent, and the dead process' leases are free.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use backend_manager::catalog::process::Process;
use backend_manager::catalog::replicas as r;
use backend_manager::catalog::{Catalog, contents};

use crate::bed::{Bed, NOW, cid, content, intent, place};

const HOME: &str = "IPFS_KIT_TEST_CATALOG_HOME";
const TEST: &str = "kill::what_was_answered_survives_kill_9";

/// Writes for ever, and says after each answer which content was answered for.
async fn child(home: &Path) {
    let catalog = Catalog::open(&home.join("catalog.db")).unwrap();
    let process = Process::start(home).unwrap();
    for n in 0.. {
        let process = process.clone();
        let work = move |conn: &rusqlite::Connection| {
            for part in 0..3 {
                r::intend(conn, &intent(&place(conn, n * 3 + part, "a"), &process))?;
            }
            Ok(())
        };
        catalog.write(work).await.unwrap();
        let mut out = std::io::stdout().lock();
        // The parent may be gone: then so are we.
        if writeln!(out, "answered {n}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// Starts this test again as a child that only writes, lets it answer some, kills it, and says which was answered last.
fn run_and_kill(home: &Path, answers: u32) -> u32 {
    let program = std::env::current_exe().unwrap();
    let args = ["--exact", TEST, "--nocapture", "--test-threads=1"];
    let mut child = Command::new(program).args(args).env(HOME, home).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let answered = lines.map(Result::unwrap).filter_map(|line| line.split("answered ").nth(1)?.parse().ok());
    let last = answered.take_while(|n| *n < answers).last().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    last
}

#[tokio::test]
async fn what_was_answered_survives_kill_9() {
    if let Some(home) = std::env::var_os(HOME) {
        return child(Path::new(&home)).await;
    }
    let bed = Bed::new();
    for (round, answers) in [1, 20, 60].into_iter().enumerate() {
        let last = run_and_kill(bed.folder.path(), answers);
        let me = bed.me();
        let found = bed
            .write(move |conn| {
                for n in 0..=last * 3 + 2 {
                    assert!(contents::find(conn, &cid(n)).unwrap().is_some(), "round {round}: {n} was answered for");
                }
                // A transaction is whole or absent: contents come by three.
                let after = (0..).take_while(|n| contents::find(conn, &cid(*n)).unwrap().is_some()).count();
                assert_eq!(after % 3, 0);
                let claimable = r::claimable(conn, &me, None, 2000).unwrap();
                assert_eq!(claimable.rows.len(), after, "the dead hold nothing");
                for row in claimable.rows {
                    let moved = r::unknown(conn, &row.at(), "its process died", NOW).unwrap();
                    assert_ne!(moved, r::Moved::Lost);
                }
                Ok(content(conn, 0))
            })
            .await;
        assert_eq!(found, bed.write(|conn| Ok(content(conn, 0))).await);
        bed.sound().await;
    }
}
