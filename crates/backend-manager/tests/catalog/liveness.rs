//! Who is alive: a lock that the kernel frees, names that never come again, files that do not pile up.

use std::fs;

use backend_manager::catalog::process::{Process, Worker};

fn files(home: &std::path::Path) -> usize {
    fs::read_dir(home.join("run")).unwrap().count()
}

#[test]
fn a_process_lives_as_long_as_its_lock() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (Process::start(home.path()).unwrap(), Process::start(home.path()).unwrap());
    assert_ne!(one.worker(), two.worker());
    assert!(one.alive(two.worker()) && two.alive(one.worker()) && one.alive(one.worker()));
    let (clone, name) = (two.clone(), two.worker().clone());
    drop(two);
    assert!(one.alive(&name), "a clone holds it");
    drop(clone);
    assert!(!one.alive(&name));
    assert!(!one.alive(&name), "its file is gone by now");
    assert_eq!(files(home.path()), 1);
}

#[test]
fn a_start_clears_away_the_dead_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let alive = Process::start(home.path()).unwrap();
    for n in 0..5 {
        fs::write(home.path().join(format!("run/{n:032x}")), "").unwrap();
    }
    fs::write(home.path().join("run/notes"), "mine").unwrap();
    let me = Process::start(home.path()).unwrap();
    assert_eq!(files(home.path()), 3, "the two that live, and the file that is not ours");
    assert!(me.alive(alive.worker()));
}

#[test]
fn only_names_are_names() {
    let check = |text: &str, valid: bool| assert_eq!(Worker::parse(text).is_some(), valid, "{text:?}");
    check("0123456789abcdef0123456789abcdef", true);
    check("0123456789ABCDEF0123456789abcdef", false);
    check("0123456789abcdef0123456789abcde", false);
    check("../../../../../../../etc/passwd0", false);
    check("", false);
}

#[test]
fn when_nobody_can_tell_it_lives() {
    let home = tempfile::tempdir().unwrap();
    let me = Process::start(home.path()).unwrap();
    let name = "0123456789abcdef0123456789abcdef";
    // A folder cannot be opened for writing, whoever asks.
    fs::create_dir(home.path().join("run").join(name)).unwrap();
    assert!(me.alive(&Worker::parse(name).unwrap()));
}
