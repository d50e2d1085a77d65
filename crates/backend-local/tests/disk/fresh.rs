//! A read-back reads the medium, not what memory has of it.

use std::fs::File;
use std::io::IoSliceMut;

use backend_core::GetOptions;
use futures::TryStreamExt;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use crate::common::{at, open, put, read};

/// Whether the first byte could be read without waiting for the medium; `None` where the file system cannot say.
fn is_cached(file: &File) -> Option<bool> {
    let mut byte = [0_u8; 1];
    match preadv2(file, &mut [IoSliceMut::new(&mut byte)], 0, ReadWriteFlags::NOWAIT) {
        Ok(_) => Some(true),
        Err(Errno::AGAIN) => Some(false),
        Err(_) => None,
    }
}

#[tokio::test]
async fn a_fresh_get_leaves_nothing_in_the_page_cache_and_another_does() {
    // Beside the test itself: the system's temporary folder may be memory.
    let exe = std::env::current_exe().unwrap();
    let folder = tempfile::tempdir_in(exe.parent().unwrap()).unwrap();
    let (store, bytes) = (open(folder.path()), vec![7; (3 << 20) + 1]);
    put(&store, "a", &bytes).await.unwrap();
    let fresh = GetOptions { fresh: true, ..GetOptions::default() };
    let frames: Vec<_> = store.get(&at("a"), &fresh).await.unwrap().body.try_collect().await.unwrap();
    assert!(frames.concat() == bytes);

    let path = folder.path().join("a");
    let (file, probe) = (File::open(&path).unwrap(), File::open(&path).unwrap());
    let can_be_direct = fcntl_setfl(&probe, fcntl_getfl(&probe).unwrap() | OFlags::DIRECT).is_ok();
    let seen = is_cached(&file);
    if can_be_direct && seen.is_some() {
        assert_eq!(seen, Some(false), "the page cache was passed by");
    }
    assert!(read(&store, "a").await.unwrap() == bytes);
    assert_eq!(is_cached(&file), seen.map(|_| true));
}
