//! Parts of an upload in a file that has no name, in whatever order they come. The kernel frees it when nobody holds it any more.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use backend_core::{ByteStream, Error, ErrorKind, Open, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::PutPayload;

/// Parts of one upload. A place in the table takes some 50 bytes.
const MAX_PARTS: usize = 100_000;
/// Bytes of a frame that is read back.
const FRAME: u64 = 256 << 10;

/// Where one part lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// In the file.
    pub(crate) at: u64,
    pub(crate) len: u64,
}

/// An upload that is being filled.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Arc<File>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    end: u64,
    /// Parts by number; `false`: not yet written.
    parts: BTreeMap<usize, (Place, bool)>,
}

impl Spool {
    /// A new file in `folder`, or where the system puts temporary files.
    ///
    /// # Errors
    /// What the disk answers.
    pub(crate) async fn create(folder: Option<PathBuf>) -> Result<Arc<Self>> {
        let make = move || folder.as_deref().map_or_else(tempfile::tempfile, |it: &Path| tempfile::tempfile_in(it));
        let file = blocking(make).await?;
        Ok(Arc::new(Self { file: Arc::new(file), table: Mutex::default() }))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives part `number` a place; an earlier part of this number is forgotten.
    ///
    /// # Errors
    /// `TooLarge` for more parts than anybody sends.
    pub(crate) fn reserve(&self, number: usize, len: u64) -> Result<Place> {
        let mut table = self.table();
        let end = table.end.checked_add(len).filter(|_| number < MAX_PARTS);
        let end = end.ok_or_else(|| Error::new(ErrorKind::TooLarge, "the upload has too many parts"))?;
        let place = Place { at: std::mem::replace(&mut table.end, end), len };
        table.parts.insert(number, (place, false));
        Ok(place)
    }

    /// Writes part `number` to its place.
    ///
    /// # Errors
    /// What the disk answers; the part is then missing.
    pub(crate) async fn write(&self, number: usize, place: Place, payload: PutPayload) -> Result<()> {
        let file = self.file.clone();
        let work = move || {
            let mut at = place.at;
            for bytes in payload {
                file.write_all_at(&bytes, at)?;
                at += bytes.len() as u64;
            }
            Ok(())
        };
        blocking(work).await?;
        let mut table = self.table();
        if let Some((_, written)) = table.parts.get_mut(&number).filter(|(it, _)| *it == place) {
            *written = true;
        }
        Ok(())
    }

    /// Everything, in the order of the numbers.
    ///
    /// # Errors
    /// `InvalidInput` when a part is missing.
    pub(crate) fn whole(&self) -> Result<Spooled> {
        let table = self.table();
        let last = table.parts.keys().next_back().map_or(0, |last| last + 1);
        self.spooled(&table, (0..last).map(|number| (number, None)))
    }

    /// Parts `0..` as the caller believes them to lie.
    ///
    /// # Errors
    /// `InvalidInput` when one is missing or lies elsewhere.
    pub(crate) fn parts(&self, places: &[Place]) -> Result<Spooled> {
        let wanted = places.iter().enumerate().map(|(number, place)| (number, Some(*place)));
        self.spooled(&self.table(), wanted)
    }

    fn spooled(&self, table: &Table, wanted: impl Iterator<Item = (usize, Option<Place>)>) -> Result<Spooled> {
        let mut spooled = Spooled { file: self.file.clone(), places: Vec::new(), len: 0 };
        for (number, expected) in wanted {
            let found = table.parts.get(&number).filter(|(_, written)| *written).map(|(place, _)| *place);
            match found.filter(|place| expected.is_none_or(|it| it == *place)) {
                Some(place) => spooled.push(place),
                None => {
                    let why = format!("part {number} of the upload is missing, or is not the one that was sent last");
                    return Err(Error::new(ErrorKind::InvalidInput, why));
                }
            }
        }
        Ok(spooled)
    }
}

/// A filled upload: content that is opened as often as needed.
#[derive(Debug)]
pub(crate) struct Spooled {
    file: Arc<File>,
    /// Where each part begins in the content, and where it lies.
    places: Vec<(u64, Place)>,
    len: u64,
}

impl Spooled {
    fn push(&mut self, place: Place) {
        self.places.push((self.len, place));
        self.len += place.len;
    }

    /// All of it, frame by frame.
    pub(crate) fn stream(&self) -> ByteStream {
        self.read(0..self.len)
    }

    fn read(&self, range: Range<u64>) -> ByteStream {
        let first = self.places.partition_point(|(start, place)| start + place.len <= range.start);
        let places: Vec<(u64, Place)> =
            self.places[first..].iter().copied().take_while(|(start, _)| *start < range.end).collect();
        let frames = places.into_iter().flat_map(move |(start, place)| {
            let from = range.start.max(start) - start;
            let to = range.end.min(start + place.len) - start;
            frames(place.at + from..place.at + to)
        });
        let file = self.file.clone();
        let read = move |at: Range<u64>| {
            let file = file.clone();
            async move {
                blocking(move || {
                    let mut bytes = vec![0; usize::try_from(at.end - at.start).unwrap_or(0)];
                    file.read_exact_at(&mut bytes, at.start).map(|()| Bytes::from(bytes))
                })
                .await
            }
        };
        stream::iter(frames.map(Ok)).map_ok(read).try_buffered(2).boxed()
    }
}

/// A range of the file in pieces.
fn frames(range: Range<u64>) -> impl Iterator<Item = Range<u64>> + Send {
    let ends = (range.start..range.end).step_by(FRAME as usize);
    ends.map(move |start| start..range.end.min(start + FRAME))
}

#[async_trait]
impl Open for Spooled {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        Ok(self.read(range))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    let done =
        done.map_err(|err| Error::new(ErrorKind::Internal, "a blocking task did not come back").with_source(err))?;
    done.map_err(|err| {
        let kind = match err.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::QuotaExceeded,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, "the upload cannot be put aside on disk").with_source(err)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn put(spool: &Spool, number: usize, bytes: &[u8]) -> Place {
        let place = spool.reserve(number, bytes.len() as u64).unwrap();
        spool.write(number, place, Bytes::copy_from_slice(bytes).into()).await.unwrap();
        place
    }

    async fn read(spooled: &Spooled, range: Range<u64>) -> Vec<u8> {
        let frames: Vec<Bytes> = spooled.open(range).await.unwrap().try_collect().await.unwrap();
        frames.concat()
    }

    #[tokio::test]
    async fn parts_come_in_any_order_and_are_read_in_theirs() {
        let spool = Spool::create(None).await.unwrap();
        let large = vec![b'x'; FRAME as usize + 7];
        put(&spool, 3, b"d").await;
        put(&spool, 0, b"lost").await;
        put(&spool, 2, &large).await;
        put(&spool, 1, b"").await;
        put(&spool, 0, b"abc").await;
        let wanted = [b"abc".as_slice(), &large, b"d"].concat();
        let spooled = spool.whole().unwrap();
        let len = wanted.len() as u64;
        for range in [0..len, 1..4, 2..2, 3..len, len - 1..len, len..len] {
            assert!(
                read(&spooled, range.clone()).await == wanted[range.start as usize..range.end as usize],
                "{range:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_not_whole_is_refused() {
        let spool = Spool::create(None).await.unwrap();
        assert_eq!(read(&spool.whole().unwrap(), 0..0).await, b"");
        let first = put(&spool, 0, b"a").await;
        let third = put(&spool, 2, b"c").await;
        assert_eq!(spool.whole().unwrap_err().kind(), ErrorKind::InvalidInput);
        let second = spool.reserve(1, 1).unwrap();
        assert_eq!(spool.parts(&[first, second, third]).unwrap_err().kind(), ErrorKind::InvalidInput);
        spool.write(1, second, "b".into()).await.unwrap();
        assert_eq!(spool.parts(&[first, third]).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(read(&spool.parts(&[first, second]).unwrap(), 0..2).await, b"ab");
        assert_eq!(spool.reserve(MAX_PARTS, 1).unwrap_err().kind(), ErrorKind::TooLarge);
    }
}
