//! What goes wrong on a server, and what is made of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backend_core::{AddOptions, Effect, ErrorKind, GetOptions, ListOptions, Mend, Settings, StatOptions, Write};
use backend_layers::SystemClock;
use backend_sshfs::Sshfs;
use backend_testkit::sftp::{FakeSftp, Fault, Options};
use backend_testkit::{Keeper, Watch, damaged, random};
use futures::future::{Either, select};
use futures::{StreamExt, TryStreamExt};

use common::{MIB, add, at, begin, check, holds, lacks, list, named, read, temps};

#[tokio::test]
async fn an_upload_that_was_cut_off_goes_on_where_the_server_is() {
    let (server, backend) = begin(Options::default());
    let content = random("cut", 40 * MIB + 5);
    let keeper = Keeper::new();
    server.faults().set(Fault::CutAfter(30 * MIB));
    let write = Write { checkpoint: Some(keeper.clone()), ..Write::default() };
    let err = backend.add(&content, &named("a/cut", write)).await.unwrap_err();
    check(&err, ErrorKind::Unavailable, Effect::None);
    lacks(&backend, "a/cut").await;
    assert_eq!(keeper.sent().last().map(|it| 16 * MIB <= *it), Some(true), "{:?}", keeper.sent());
    let (watched, watch) = Watch::over(&content);
    let write = Write { resume: keeper.newest(), checkpoint: Some(Keeper::new()), ..Write::default() };
    let progress = write.progress.clone();
    backend.add(&watched, &named("a/cut", write)).await.unwrap();
    let begun = watch.opened().into_iter().min().unwrap();
    assert!((29 * MIB..=30 * MIB).contains(&begun), "it went on at {begun}");
    assert!(content.len() <= progress.bytes());
    holds(&backend, "a/cut", &content).await;
    assert_eq!(temps(&server), 0);
}

#[tokio::test]
async fn what_is_wrong_in_the_copy_is_sent_again() {
    let (server, backend) = begin(Options::default());
    let content = random("rotten", 12 * MIB);
    let keeper = Keeper::new();
    server.faults().set(Fault::CutAfter(10 * MIB));
    let write = Write { checkpoint: Some(keeper.clone()), ..Write::default() };
    backend.add(&content, &named("rotten", write)).await.unwrap_err();
    let temp = std::fs::read_dir(server.root().join(".ipfs-kit/tmp")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&temp).unwrap();
    bytes[5 * MIB as usize] ^= 1;
    std::fs::write(&temp, bytes).unwrap();
    let (watched, watch) = Watch::over(&content);
    let write = Write { resume: keeper.newest(), checkpoint: Some(Keeper::new()), ..Write::default() };
    backend.add(&watched, &named("rotten", write)).await.unwrap();
    let begun = watch.opened().into_iter().min().unwrap();
    assert!((4 * MIB..=5 * MIB).contains(&begun), "it went on at {begun}");
    holds(&backend, "rotten", &content).await;
}

#[tokio::test]
async fn nobody_knows_whether_a_name_was_given_when_the_answer_is_lost() {
    let (server, backend) = begin(Options::default());
    let content = random("named", 1000);
    server.faults().set(Fault::CutAfterName);
    let err = add(&backend, "named", &content).await.unwrap_err();
    check(&err, ErrorKind::Unavailable, Effect::Unknown);
    holds(&backend, "named", &content).await;
}

#[tokio::test]
async fn a_full_disk_and_a_closed_one_are_told_apart_and_leave_nothing() {
    let (server, backend) = begin(Options::default());
    let content = random("full", 3 * MIB);
    for (fault, kind) in [(Fault::Full, ErrorKind::QuotaExceeded), (Fault::Denied, ErrorKind::Denied)] {
        server.faults().set(fault);
        check(&add(&backend, "full", &content).await.unwrap_err(), kind, Effect::None);
        server.faults().heal();
        lacks(&backend, "full").await;
        assert_eq!(temps(&server), 0);
    }
    add(&backend, "full", &content).await.unwrap();
    // Without statvfs nobody can tell why.
    let (server, backend) = begin(Options::plain());
    server.faults().set(Fault::Full);
    check(&add(&backend, "full", &content).await.unwrap_err(), ErrorKind::Unavailable, Effect::None);
}

#[tokio::test]
async fn a_server_that_lies_about_a_size_is_caught() {
    let (server, backend) = begin(Options::default());
    let content = random("lie", 100_000);
    add(&backend, "lie", &content).await.unwrap();
    server.faults().set(Fault::Larger(5));
    check(&read(&backend, "lie").await.unwrap_err(), ErrorKind::Integrity, Effect::None);
    check(&add(&backend, "new", &content).await.unwrap_err(), ErrorKind::Integrity, Effect::None);
    server.faults().heal();
    lacks(&backend, "new").await;
    holds(&backend, "lie", &content).await;
}

#[tokio::test]
async fn what_breaks_the_protocol_is_an_error_and_the_next_verb_works() {
    let (server, backend) = begin(Options::default());
    let content = random("broken", 100_000);
    add(&backend, "broken", &content).await.unwrap();
    for fault in [Fault::Overlong, Fault::Length(0), Fault::Length(1 << 30), Fault::Length(u32::MAX)] {
        server.faults().set(fault.clone());
        let err = read(&backend, "broken").await.unwrap_err();
        check(&err, ErrorKind::Internal, Effect::None);
        server.faults().heal();
        holds(&backend, "broken", &content).await;
    }
}

#[tokio::test]
async fn hostile_names_never_come_out_of_a_listing() {
    let (server, backend) = begin(Options::default());
    let hostile: [&[u8]; 10] =
        [b"..", b".", b"../x", b"/etc/passwd", b"a/b", b"new\nline", b"esc\x1b[2J", b"nul\0", b"\xff\xfe", b""];
    server.faults().set(Fault::Names(hostile.map(<[u8]>::to_vec).to_vec()));
    add(&backend, "good", &random("good", 10)).await.unwrap();
    assert_eq!(list(&backend).await.unwrap(), ["good"]);
}

#[tokio::test]
async fn a_hundred_thousand_names_in_one_folder_are_listed_in_order() {
    let (server, backend) = begin(Options::default());
    server.faults().set(Fault::Many(100_000));
    let names = list(&backend).await.unwrap();
    assert!(names.len() == 100_000 && names.is_sorted(), "{} names", names.len());
    let after = ListOptions { after: Some("n0099997".to_owned()), ..ListOptions::default() };
    assert_eq!(backend.list(&after).count().await, 2);
}

#[tokio::test]
async fn a_verb_that_is_given_up_on_a_silent_server_leaves_the_next_one_alone() {
    let (server, backend) = begin(Options::default());
    let content = random("silent", 100_000);
    add(&backend, "silent", &content).await.unwrap();
    server.faults().set(Fault::Silent);
    for _ in 0..40 {
        let mut body = backend.get(&at("silent"), &GetOptions::default()).await.unwrap().body;
        assert!(futures::poll!(body.next()).is_pending());
    }
    server.faults().heal();
    holds(&backend, "silent", &content).await;
}

#[tokio::test]
async fn what_was_on_its_way_when_an_add_was_dropped_is_waited_for() {
    let (server, backend) = begin(Options::default());
    let content = random("late", 1000);
    add(&backend, "before", &content).await.unwrap();
    server.faults().set(Fault::Held);
    let dropped = {
        let add = pin!(add(&backend, "late", &content));
        let held = pin!(server.faults().until_held());
        matches!(select(add, held).await, Either::Right(_))
    };
    assert!(dropped, "it answered although its name was held back");
    let at = at("late");
    let opts = StatOptions::default();
    let mut stat = pin!(backend.stat(&at, &opts));
    // Nobody can say yet whether it is there. A leaf that says it all the same is done long before.
    let early = tokio::time::timeout(Duration::from_millis(300), &mut stat).await;
    assert!(early.is_err(), "{early:?}");
    server.faults().heal();
    stat.await.unwrap();
    holds(&backend, "late", &content).await;
}

#[tokio::test]
async fn a_dead_connection_is_replaced() {
    let (server, backend) = begin(Options::default());
    let content = random("dead", 1000);
    add(&backend, "dead", &content).await.unwrap();
    let before = server.connections();
    server.cut();
    // The verb that finds it out may fail, and may be repeated; so may, while the news travels, the next few.
    let mut answer = read(&backend, "dead").await;
    for _ in 0..100 {
        match &answer {
            Ok(_) => break,
            Err(err) => check(err, ErrorKind::Unavailable, Effect::None),
        }
        answer = read(&backend, "dead").await;
    }
    holds(&backend, "dead", &content).await;
    assert!(before < server.connections());
}

#[tokio::test]
async fn a_missing_folder_is_a_fault_of_the_configuration_and_can_be_made() {
    let (server, _) = begin(Options::default());
    let open = |path: &str, create: bool| {
        let mut connection = server.connection();
        connection["path"] = path.into();
        connection["create"] = create.into();
        let mut settings = Settings::new("far", connection, Arc::new(SystemClock));
        settings.credentials = server.credentials();
        Sshfs::open(settings).unwrap()
    };
    let missing = open("/store/not/there", false);
    let err = missing.stat(&at("x"), &StatOptions::default()).await.unwrap_err();
    check(&err, ErrorKind::InvalidConfig, Effect::None);
    let content = random("made", 10);
    let made = open("/store/not/there", true);
    add(&made, "x", &content).await.unwrap();
    holds(&missing, "x", &content).await;
    std::fs::remove_dir_all(server.root().join("not")).unwrap();
    for err in [
        made.stat(&at("x"), &StatOptions::default()).await.unwrap_err(),
        list(&made).await.unwrap_err(),
        add(&made, "x", &content).await.unwrap_err(),
    ] {
        check(&err, ErrorKind::InvalidConfig, Effect::None);
    }
}

#[tokio::test]
async fn good_bytes_are_copied_by_the_server_where_it_can() {
    let (len, wrong) = (9 * MIB + 3, 4 * MIB..5 * MIB);
    for (opts, is_copied) in [(Options::default(), true), (Options::plain(), false)] {
        let (server, backend) = begin(opts);
        for (there, wrong, sent) in [
            (len, wrong.clone(), wrong.clone()),
            (3 * MIB + 1, 3 * MIB..len, 3 * MIB..len),
            (len + 70_000, len..len + 70_000, len..len),
        ] {
            add(&backend, "a/b", &damaged("mended", len, there, std::slice::from_ref(&wrong))).await.unwrap();
            let (content, watch) = Watch::over(&random("mended", len));
            let opts = AddOptions { mend: Some(Mend::wrong([wrong])), ..named("a/b", Write::default()) };
            backend.add(&content, &opts).await.unwrap();
            let asked = match is_copied {
                true => Vec::from_iter((!sent.is_empty()).then_some(sent)),
                false => vec![0..len],
            };
            assert_eq!(watch.ranges(), asked, "{there} bytes were there");
            holds(&backend, "a/b", &random("mended", len)).await;
            assert_eq!(temps(&server), 0);
        }
    }
}

#[tokio::test]
async fn a_body_that_nobody_reads_on_holds_up_no_neighbour() {
    for opts in [Options { sessions: 10, ..Options::plain() }, Options::default()] {
        let server = FakeSftp::start(opts).unwrap();
        let mut connection = server.connection();
        connection["connections"] = 1.into();
        let mut settings = Settings::new("far", connection, Arc::new(SystemClock));
        settings.credentials = server.credentials();
        let backend = Sshfs::open(settings).unwrap();
        let content = random("large", 24 * MIB);
        add(&backend, "a", &content).await.unwrap();
        let mut left = backend.get(&at("a"), &GetOptions::default()).await.unwrap().body;
        left.try_next().await.unwrap();
        // All that was asked for ahead comes by the same connection as this, and before it.
        let beside = tokio::time::timeout(Duration::from_secs(60), holds(&backend, "a", &content)).await;
        assert!(beside.is_ok(), "it is held up");
        drop(left);
    }
}
