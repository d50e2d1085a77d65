//! Content that is a file already: copied by the kernel, held against what it was, and never seen half.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{AddOptions, ContentId, Key};
use backend_core::{ByteStream, Content, Dag, Error, ErrorKind, Evidence, Open, Progress, Result};

use crate::common::{add, n_temps, open, read};

/// A file, and whether it says afterwards that it is still the same.
#[derive(Debug)]
struct FileSource {
    path: PathBuf,
    unchanged: bool,
}

#[async_trait]
impl Open for FileSource {
    async fn open(&self, _: Range<u64>) -> Result<ByteStream> {
        Err(Error::new(ErrorKind::Internal, "the file is to be copied, not to be streamed"))
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn unchanged(&self) -> Result<()> {
        match self.unchanged {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::SourceChanged, "it was touched")),
        }
    }
}

fn content(path: &Path, len: u64, unchanged: bool) -> Content {
    let named = backend_testkit::random("file", 9);
    Content::file(*named.cid(), len, Dag::empty(), Arc::new(FileSource { path: path.to_owned(), unchanged }))
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 31 + n / 251) as u8).collect()
}

async fn check(len: usize, said: u64, unchanged: bool) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let source = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(source.path(), bytes(len)).unwrap();
    let store = open(folder.path());
    let progress = Progress::new();
    let mut opts = AddOptions { id: Some(ContentId::Key(Key::new("a").unwrap())), ..AddOptions::default() };
    opts.write.progress = progress.clone();
    let added = store.add(&content(source.path(), said, unchanged), &opts).await;
    assert_eq!(n_temps(folder.path()), 0);
    assert_eq!(added.is_ok(), folder.path().join("a").exists());
    let meta = added?;
    assert_eq!((meta.size, meta.evidence, progress.bytes()), (Some(said), Evidence::Acknowledged, said));
    assert!(read(&store, "a").await.unwrap() == bytes(len), "{len}");
    Ok(())
}

#[tokio::test]
async fn files_of_every_size_are_copied() {
    for len in [0, 1, 4096, 65_536, 65_537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (40 << 20) + 3] {
        check(len, len as u64, true).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_not_what_it_was_is_not_stored() {
    for (len, said, unchanged) in
        [(10, 9, true), (10, 11, true), (10, 10, false), (2 << 20, 2 << 20, false), (0, 5, true)]
    {
        let err = check(len, said, unchanged).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::SourceChanged, "{len} {said} {unchanged}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_or_no_file_is_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for path in ["/nowhere/to/be/found", "/dev/null", "/"] {
        let err = add(&store, "a", &content(Path::new(path), 0, true)).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::SourceChanged, "{path}");
    }
}
