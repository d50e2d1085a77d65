//! A manager's names as an object store: what is listed can be read, and what is read is verified.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::path::PathBuf;

use backend_core::ErrorKind;
use backend_local as _;
use backend_manager::config::Home;
use backend_manager::{AddRequest, Input, Manager, ReadReport};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode};
use object_store_adapter::{NamespaceStore, cause};

struct Room {
    manager: Manager,
    store: NamespaceStore,
    folder: tempfile::TempDir,
}

impl Room {
    /// Two local stores, `one` and `two`.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manager = Manager::open(Home::at(folder.path().join("home"))).unwrap();
        for name in ["one", "two"] {
            let connection = serde_json::json!({ "path": folder.path().join(name), "create": true, "sync": "off" });
            let settings =
                backend_core::Settings::new(name, connection, std::sync::Arc::new(backend_layers::SystemClock));
            manager.register(name, backend_local::Local::open(settings).unwrap()).await.unwrap();
        }
        let store = NamespaceStore::new(manager.clone());
        Self { manager, store, folder }
    }

    async fn add(&self, name: &str, bytes: &[u8], to: &[&str]) {
        let body = stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed();
        self.manager.add(Input::Stream(body), &self.request(name, to)).await.unwrap();
    }

    /// A folder of `b.txt`, `sub/c.txt` and an empty file.
    async fn add_folder(&self, name: &str) {
        let folder = self.folder.path().join("source");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        for (file, text) in
            [("b.txt", "bee"), ("sub/c.txt", "sea"), ("sub/empty", ""), ("sub/large", &"x".repeat(3 << 20))]
        {
            std::fs::write(folder.join(file), text).unwrap();
        }
        self.manager.add(Input::Path(folder), &self.request(name, &["one"])).await.unwrap();
    }

    fn request(&self, name: &str, to: &[&str]) -> AddRequest {
        let to = to.iter().map(|it| (*it).to_owned()).collect();
        AddRequest { to, name: Some(name.to_owned()), ..AddRequest::default() }
    }

    async fn listed(&self, prefix: &str) -> Vec<String> {
        let metas: Vec<_> = self.store.list(Some(&Path::from(prefix))).try_collect().await.unwrap();
        let mut found = Vec::new();
        for meta in metas {
            // What a listing says, a look says too.
            assert_eq!(self.store.head(&meta.location).await.unwrap(), meta);
            found.push(meta.location.to_string());
        }
        found.sort();
        found
    }

    async fn level(&self, prefix: &str) -> (Vec<String>, Vec<String>) {
        let level = self.store.list_with_delimiter(Some(&Path::from(prefix))).await.unwrap();
        let objects = level.objects.iter().map(|it| it.location.to_string()).collect();
        (level.common_prefixes.iter().map(Path::to_string).collect(), objects)
    }

    async fn read(&self, path: &str) -> object_store::Result<Vec<u8>> {
        Ok(self.store.get(&Path::from(path)).await?.bytes().await?.to_vec())
    }

    /// Flips one byte in the copy of every content that is `len` long on `backend`.
    fn corrupt(&self, backend: &str, len: u64, at: usize) -> usize {
        let mut pending = vec![self.folder.path().join(backend).join(".ipfs-kit/c")];
        let mut spoilt = 0;
        while let Some(folder) = pending.pop() {
            let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
            for file in files {
                match file.is_dir() {
                    true => pending.push(file),
                    false if std::fs::metadata(&file).unwrap().len() == len => {
                        let mut bytes = std::fs::read(&file).unwrap();
                        bytes[at] ^= 1;
                        std::fs::write(&file, bytes).unwrap();
                        spoilt += 1;
                    }
                    false => {}
                }
            }
        }
        spoilt
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_directories_are_listed_as_one_tree() {
    let room = Room::new().await;
    room.add("a.txt", b"a", &["one"]).await;
    room.add("t/x/1", b"one", &["one"]).await;
    room.add("t/2", b"two", &["one"]).await;
    room.add("t.not", b"three", &["one"]).await;
    room.add("no//path", b"hidden", &["one"]).await;
    room.add_folder("dir").await;
    let inside = ["dir/b.txt", "dir/sub/c.txt", "dir/sub/empty", "dir/sub/large"];
    let all = [&["a.txt"][..], &inside, &["t.not", "t/2", "t/x/1"]].concat();
    assert_eq!(room.listed("").await, all);
    assert_eq!(room.listed("t").await, ["t/2", "t/x/1"]);
    assert_eq!(room.listed("dir").await, inside);
    assert_eq!(room.listed("dir/sub").await, inside[1..]);
    assert!(room.listed("dir/b.txt").await.is_empty() && room.listed("nothing").await.is_empty());
    let level = |prefixes: &[&str], objects: &[&str]| {
        let owned = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        (owned(prefixes), owned(objects))
    };
    assert_eq!(room.level("").await, level(&["dir", "t"], &["a.txt", "t.not"]));
    assert_eq!(room.level("t").await, level(&["t/x"], &["t/2"]));
    assert_eq!(room.level("dir").await, level(&["dir/sub"], &["dir/b.txt"]));
    for (path, wanted) in [("dir/sub/c.txt", "sea"), ("dir/sub/empty", ""), ("t/x/1", "one"), ("a.txt", "a")] {
        assert_eq!(room.read(path).await.unwrap(), wanted.as_bytes(), "{path}");
    }
    for path in ["dir", "dir/sub", "dir/nothing", "a.txt/b", "nothing", ""] {
        assert!(matches!(room.read(path).await, Err(Error::NotFound { .. })), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_name_counts_and_is_seen_once() {
    let room = Room::new().await;
    room.add_folder("dir").await;
    room.add("dir/b.txt", b"another", &["one"]).await;
    room.add("dir/sub", b"a file where a folder is", &["one"]).await;
    assert_eq!(room.read("dir/b.txt").await.unwrap(), b"another");
    assert_eq!(room.read("dir/sub").await.unwrap(), b"a file where a folder is");
    assert_eq!(room.read("dir/sub/c.txt").await.unwrap(), b"sea");
    let wanted = ["dir/b.txt", "dir/sub", "dir/sub/c.txt", "dir/sub/empty", "dir/sub/large"];
    assert_eq!(room.listed("").await, wanted);
    assert_eq!(room.listed("dir").await, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_ranges_under_conditions() {
    let room = Room::new().await;
    let bytes: Vec<u8> = (0..3_300_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    room.add("big", &bytes, &["one"]).await;
    let path = Path::from("big");
    for range in [0..bytes.len() as u64, 1_048_575..1_048_577, 3_299_999..3_300_000, 5..2_000_000] {
        let got = room.store.get_range(&path, range.clone()).await.unwrap();
        assert!(got == bytes[range.start as usize..range.end as usize], "{range:?}");
    }
    let tag = room.store.head(&path).await.unwrap().e_tag.unwrap();
    assert_eq!(tag, room.manager.resolve("big").await.unwrap().cid.to_string());
    let known = room.store.get_opts(&path, GetOptions::new().with_if_none_match(Some(tag.clone()))).await;
    assert!(matches!(known, Err(Error::NotModified { .. })));
    room.add("big", b"new", &["one"]).await;
    let stale = room.store.get_opts(&path, GetOptions::new().with_if_match(Some(tag))).await;
    assert!(matches!(stale, Err(Error::Precondition { .. })));
    assert_eq!(room.read("big").await.unwrap(), b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_byte_comes_from_another_copy_or_not_at_all() {
    let room = Room::new().await;
    let bytes = vec![7; 2_500_000];
    room.add("both", &bytes, &["one", "two"]).await;
    assert_eq!(room.corrupt("one", 2_500_000, 1_500_000), 1);
    let got = room.store.get(&Path::from("both")).await.unwrap();
    let report = got.extensions.get::<ReadReport>().unwrap().clone();
    assert!(got.bytes().await.unwrap() == bytes);
    for troubles in [report.troubles(), room.store.troubles()] {
        let [trouble] = &troubles[..] else { panic!("{troubles:?}") };
        assert_eq!((trouble.backend.as_str(), trouble.kind, trouble.offset), ("one", ErrorKind::Integrity, 1 << 20));
    }
    assert_eq!(room.corrupt("two", 2_500_000, 1_500_000), 1);
    let err = room.read("both").await.unwrap_err();
    assert_eq!(cause(&err).unwrap().kind(), ErrorKind::Integrity);
    // What lies elsewhere is still good.
    let start = room.store.get_range(&Path::from("both"), 0..1000).await.unwrap();
    assert!(start == bytes[..1000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_opened_for_reading_is_not_written() {
    let room = Room::new().await;
    room.add("a", b"a", &["one"]).await;
    let (a, b) = (Path::from("a"), Path::from("b"));
    let answers = [
        room.store.put(&b, "x".into()).await.map(drop),
        room.store.put_multipart(&b).await.map(drop),
        room.store.copy(&a, &b).await,
        room.store.rename(&a, &b).await,
        room.store.delete(&a).await,
    ];
    for answer in answers {
        assert!(matches!(answer, Err(Error::NotSupported { .. })), "{answer:?}");
    }
    assert_eq!(room.listed("").await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_has_its_name_and_its_copies() {
    let mut room = Room::new().await;
    room.store = NamespaceStore::adding_to(room.manager.clone(), ["one", "two"].map(str::to_owned));
    let (a, b, c) = (Path::from("x/a"), Path::from("x/b"), Path::from("x/c"));
    room.store.put(&a, "small".into()).await.unwrap();
    let mut upload = room.store.put_multipart(&b).await.unwrap();
    let (first, second) = (upload.put_part(vec![1; 2_000_000].into()), upload.put_part(vec![2; 9].into()));
    second.await.unwrap();
    first.await.unwrap();
    let put = upload.complete().await.unwrap();
    assert_eq!(put.e_tag, room.store.head(&b).await.unwrap().e_tag);
    room.store.copy(&b, &c).await.unwrap();
    assert_eq!(room.listed("x").await, ["x/a", "x/b", "x/c"]);
    let wanted = [vec![1; 2_000_000], vec![2; 9]].concat();
    assert!(room.read("x/c").await.unwrap() == wanted);
    assert_eq!(room.corrupt("one", 2_000_009, 5), 1);
    assert!(room.read("x/b").await.unwrap() == wanted);
    let conditional = room.store.put_opts(&a, "y".into(), PutMode::Create.into()).await;
    assert!(matches!(conditional, Err(Error::NotImplemented { .. })));
}
