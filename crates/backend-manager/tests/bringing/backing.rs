//! Backups on a store that others use too, that lies, or that lacks something.

use std::sync::Arc;

use backend_core::{ErrorKind, Key, Locator, RemoveOptions};
use backend_manager::{AddRequest, BackedUp, Backup, Input, Listener, Mode, Place, Restore, RestoreInto, Retention};

use futures::StreamExt;

use crate::bed::{Room, memory, noise, put, room};

async fn backup(room: &Room, keep: Retention) -> BackedUp {
    let quiet: Listener = Arc::new(|_| {});
    let opts = Backup { to: "vault".to_owned(), keep, mode: Mode::Act };
    let done = room.manager.backup(&opts, &quiet).await.unwrap();
    room.no_violations().await;
    done
}

const ONE: Retention = Retention { last: Some(1), daily: None, weekly: None, monthly: None };

#[tokio::test(flavor = "multi_thread")]
async fn another_catalogs_backups_are_not_ours_to_drop() {
    let vault = memory("key");
    let (one, two) = (room(&[("vault", vault.clone())]).await, room(&[("vault", vault.clone())]).await);
    one.add("x", &noise(1, 2000), &["vault"]).await;
    // Under a key of the user's alone: nobody would find it there without this catalog.
    let place = Place::Key(Key::new("theirs/y").unwrap());
    let request =
        AddRequest { place, to: vec!["vault".to_owned()], name: Some("y".to_owned()), ..AddRequest::default() };
    let bytes = futures::stream::iter([Ok(noise(2, 2000).into())]).boxed();
    two.manager.add(Input::Stream(bytes), &request).await.unwrap();
    let theirs = backup(&two, Retention::default()).await.id;
    let first = backup(&one, Retention::default()).await.id;
    let second = backup(&one, ONE).await;
    assert_eq!(second.dropped, [first]);
    let ids: Vec<String> = one.manager.backups(None).await.unwrap().into_iter().map(|it| it.id).collect();
    assert_eq!(ids, [theirs.clone(), second.id.clone()]);
    // Whoever can see the store can read both.
    let third = room(&[("vault", vault)]).await;
    let opts = Restore { id: theirs, from: Some("vault".to_owned()), into: RestoreInto::Catalog };
    let restored = third.manager.restore(&opts).await.unwrap();
    assert_eq!((restored.state.names, restored.state.troubles.count), (1, 0), "{restored:?}");
    assert_eq!(third.read("y").await.unwrap(), noise(2, 2000));
    third.no_violations().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_lies_is_no_backup() {
    let vault = memory("key");
    let room = room(&[("vault", vault.clone())]).await;
    let other = room.add("x", &noise(3, 2000), &["vault"]).await.cid;
    let real = backup(&room, Retention::default()).await;
    let fake = "20991231T000000.000Z";
    let index = |manifest: &str, id: &str| {
        format!(
            r#"{{"version":1,"id":"{id}","catalog":"c","manifest":"{manifest}","size":1,"at":1,"contents":1,"missing":0}}"#
        )
    };
    put(&vault, ".ipfs-kit/backup/c/rubbish.json", b"rubbish").await;
    put(&vault, ".ipfs-kit/backup/c/other.json", index(&other.to_string(), fake).as_bytes()).await;
    put(&vault, ".ipfs-kit/backup/c/no-cid.json", index("no cid", "no-cid").as_bytes()).await;
    assert_eq!(room.manager.backups(None).await.unwrap().len(), 1, "none of them is what its name says");
    put(&vault, &format!(".ipfs-kit/backup/c/{fake}.json"), index(&other.to_string(), fake).as_bytes()).await;
    let err = room.manager.check_backup("latest", None).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Integrity, "content that is no manifest: {err}");
    // The manifest of another moment under a newer name is no backup of that moment.
    let manifest = real.manifest.unwrap().to_string();
    put(&vault, &format!(".ipfs-kit/backup/c/{fake}.json"), index(&manifest, fake).as_bytes()).await;
    assert_eq!(room.manager.check_backup(fake, None).await.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(room.manager.check_backup(&real.id, None).await.unwrap().bad.count, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_copied_is_told_and_stands_in_the_index() {
    let (home, vault) = (memory("key"), memory("key"));
    let room = room(&[("home", home.clone()), ("vault", vault), ("node", memory("cid"))]).await;
    let lost = room.add("lost", &noise(4, 2000), &["home"]).await.cid.to_string();
    room.add("kept", &noise(5, 2000), &["home"]).await;
    let key = Key::parse(format!(".ipfs-kit/c/{}/{lost}", &lost[lost.len() - 2..])).unwrap();
    home.remove(&Locator::new(key), &RemoveOptions::default()).await.unwrap();
    let done = backup(&room, Retention::default()).await;
    assert_eq!((done.copied, done.failed.count), (1, 1), "{done:?}");
    let listed = room.manager.backups(None).await.unwrap().remove(0);
    assert_eq!((listed.contents, listed.missing), (2, 1), "{listed:?}");
    let checked = room.manager.check_backup(&done.id, None).await.unwrap();
    assert_eq!((checked.good, checked.bad.count), (1, 1), "{checked:?}");
    let quiet: Listener = Arc::new(|_| {});
    let opts = Backup { to: "node".to_owned(), keep: Retention::default(), mode: Mode::Act };
    assert_eq!(room.manager.backup(&opts, &quiet).await.unwrap_err().kind(), ErrorKind::Unsupported);
}
