//! Writing a plan: nothing is overwritten that is not kept, and doing it again changes nothing.

use std::fs::{create_dir, read_dir, read_to_string, write};

use backend_core::ErrorKind;
use backend_manager::config::import::{Applied, Done, apply, plan};

use crate::common::{Fixture, clock, home};
use crate::import::{fixtures, report};

fn bring_in(fixture: &Fixture, from: &std::path::Path) -> Vec<Applied> {
    apply(&plan(from, &fixture.store, &clock()).unwrap(), &fixture.store).unwrap()
}

fn done(applied: &[Applied]) -> Vec<(&str, Result<&Done, ErrorKind>)> {
    applied.iter().map(|it| (it.name.as_str(), it.done.as_ref().map_err(|err| err.kind()))).collect()
}

/// Names of what lies in the folder of backends, the lock left out.
fn files(fixture: &Fixture) -> Vec<String> {
    let found = read_dir(fixture.store.home().backends()).unwrap();
    let mut names: Vec<String> = found.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|it| it != ".lock");
    names.sort();
    names
}

#[test]
fn a_folder_is_brought_in_and_again() {
    let fixture = home(&[], &[]);
    let applied = bring_in(&fixture, &fixtures("flat_2026-02"));
    assert_eq!(done(&applied), [("my-fs", Ok(&Done::Written)), ("my-s3", Ok(&Done::Written))]);
    let text = fixture.text("my-fs.yaml");
    assert!(text.contains("path: /srv/store"), "{text}");
    let again = bring_in(&fixture, &fixtures("flat_2026-02"));
    assert_eq!(done(&again), [("my-fs", Ok(&Done::Unchanged)), ("my-s3", Ok(&Done::Unchanged))]);
    assert_eq!(fixture.text("my-fs.yaml"), text);
}

#[test]
fn an_existing_backend_is_never_overwritten() {
    for existing in ["my-fs.yaml", "my-fs.toml", "my_fs.yaml"] {
        let text = "type: local\nconnection: {path: /mine}\n";
        let text = if existing.ends_with("toml") { "type = 'local'\nconnection = { path = '/mine' }\n" } else { text };
        let fixture = home(&[(existing, text)], &[]);
        let applied = bring_in(&fixture, &fixtures("flat_2026-02"));
        let expected = [("my-fs", Err(ErrorKind::AlreadyExists)), ("my-s3", Ok(&Done::Written))];
        assert_eq!(done(&applied), expected, "{existing}");
        let there = vec!["my-s3.yaml".to_owned(), existing.to_owned()];
        let mut there_now = files(&fixture);
        there_now.sort_by_key(|it| it != "my-s3.yaml");
        assert_eq!((there_now, fixture.text(existing).as_str()), (there, text));
    }
}

#[test]
fn in_its_own_home_the_originals_are_kept_beside() {
    let old = "name: disk\ntype: filesystem\nstorage_path: /srv/store\n";
    let odd = "name: Odd Name\ntype: local\npath: /odd\n";
    let ours = "name: ours\ntype: local\nconnection: {path: /ours}\n";
    let gone = "name: gone\ntype: estuary\napi_key: k\n";
    let files_there = [("disk.yaml", old), ("Odd Name.yml", odd), ("ours.yaml", ours), ("gone.yaml", gone)];
    let fixture = home(&files_there, &[]);
    create_dir(fixture.path("disk")).unwrap();
    let from = fixture.store.home().root().to_owned();
    let found = plan(&from, &fixture.store, &clock()).unwrap();
    let expected = "
backends/Odd Name.yml: odd_name: config of local, on
  called odd_name here
backends/disk: skipped: records of what ipfs_kit_py believed to be stored: no evidence, nothing to bring in
backends/disk.yaml: disk: config of local, on
backends/gone.yaml: gone: unsupported estuary: the service is gone
backends/ours.yaml: ours: skipped: it is ours already";
    assert_eq!(report(&found, &from), expected.trim());

    let applied = apply(&found, &fixture.store).unwrap();
    let kept = |name: &str| Done::Replaced { kept: fixture.path(name) };
    let (odd_kept, disk_kept) = (kept("Odd Name.yml.ipfs_kit_py"), kept("disk.yaml.ipfs_kit_py"));
    assert_eq!(done(&applied), [("odd_name", Ok(&odd_kept)), ("disk", Ok(&disk_kept))]);
    let after = [
        "Odd Name.yml.ipfs_kit_py",
        "disk",
        "disk.yaml",
        "disk.yaml.ipfs_kit_py",
        "gone.yaml",
        "odd_name.yaml",
        "ours.yaml",
    ];
    assert_eq!(files(&fixture), after);
    assert_eq!(fixture.text("disk.yaml.ipfs_kit_py"), old);
    assert_eq!(fixture.text("Odd Name.yml.ipfs_kit_py"), odd);
    assert_eq!((fixture.text("ours.yaml").as_str(), fixture.text("gone.yaml").as_str()), (ours, gone));
    assert_eq!(fixture.store.load("disk").unwrap().connection["path"], "/srv/store");
    assert_eq!(fixture.store.load("odd_name").unwrap().connection["path"], "/odd");
    assert!(bring_in(&fixture, &from).is_empty(), "everything is ours now");
}

#[test]
fn a_crash_between_keeping_and_replacing_is_mended_by_the_next_import() {
    let old = "name: disk\ntype: filesystem\nstorage_path: /srv/store\n";
    let fixture = home(&[("disk.yaml", old), ("disk.yaml.ipfs_kit_py", old)], &[]);
    let from = fixture.store.home().root().to_owned();
    let kept = Done::Replaced { kept: fixture.path("disk.yaml.ipfs_kit_py") };
    assert_eq!(done(&bring_in(&fixture, &from)), [("disk", Ok(&kept))]);
    assert_eq!(fixture.store.load("disk").unwrap().connection["path"], "/srv/store");
}

#[test]
fn an_older_original_is_not_overwritten() {
    let old = "name: disk\ntype: filesystem\nstorage_path: /srv/store\n";
    let fixture = home(&[("disk.yaml", old), ("disk.yaml.ipfs_kit_py", "another")], &[]);
    let from = fixture.store.home().root().to_owned();
    assert_eq!(done(&bring_in(&fixture, &from)), [("disk", Err(ErrorKind::AlreadyExists))]);
    assert_eq!((fixture.text("disk.yaml").as_str(), fixture.text("disk.yaml.ipfs_kit_py").as_str()), (old, "another"));
}

#[test]
fn the_home_is_recognised_by_another_name() {
    let fixture = home(&[("disk.yaml", "type: local\npath: /x\n")], &[]);
    let other = fixture.folder.path().join("other");
    std::os::unix::fs::symlink(fixture.store.home().root(), &other).unwrap();
    let applied = bring_in(&fixture, &other);
    assert!(matches!(applied[0].done, Ok(Done::Replaced { .. })), "{applied:?}");
    assert_eq!(read_to_string(fixture.path("disk.yaml.ipfs_kit_py")).unwrap(), "type: local\npath: /x\n");
}

#[test]
fn one_that_cannot_be_written_does_not_stop_the_others() {
    let from = tempfile::tempdir().unwrap();
    create_dir(from.path().join("backends")).unwrap();
    for name in ["a", "b", "c"] {
        write(from.path().join(format!("backends/{name}.yaml")), format!("type: local\npath: /{name}\n")).unwrap();
    }
    let fixture = home(&[("b.yaml", "type: local\n")], &[]);
    let applied = bring_in(&fixture, from.path());
    let expected = [("a", Ok(&Done::Written)), ("b", Err(ErrorKind::AlreadyExists)), ("c", Ok(&Done::Written))];
    assert_eq!(done(&applied), expected);
}
