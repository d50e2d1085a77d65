//! Content as one CARv1, in bounded memory: the root first, each block once and hashed on its way out. A file of it is whole or absent.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use backend_core::{ByteStream, Error, ErrorKind, Progress, Result};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};
use ipld::plan::{Chunk, Wrap};
use ipld::{Cid, address, car};
use tokio::sync::Semaphore;

use super::walk::{Piece, Walk};
use crate::export::{ExportOptions, Temporary, appear, create, refuse_existing, temporary_name, write};
use crate::find::Stored;
use crate::manager::Manager;
use crate::read::{self, Ask, Hedging, ReadReport};
use crate::trouble;

/// Small blocks are put together into frames of at least this size.
const FRAME: usize = 64 << 10;
/// Chunks of one file that are asked for as one.
const RUN: usize = 256;
/// Runs of no more bytes than this are read ahead, so many at a time.
const SMALL: u64 = 256 << 10;
const AHEAD: usize = 8;

/// An archive that was written.
#[derive(Debug)]
pub struct ExportedCar {
    /// Its root.
    pub cid: Cid,
    /// Where it is now.
    pub path: PathBuf,
    /// Its length, bytes.
    pub bytes: u64,
}

/// A block that is known to be what its name says.
type Block = (Cid, Bytes);

enum Part {
    One(Piece),
    Run(Arc<Stored>, Vec<Chunk>),
}

impl Manager {
    /// Everything below `root` as a CARv1 with this root: what Kubo's `dag export` writes, byte for byte. It ends with `Ok` only when it is whole.
    ///
    /// Any graph of dag-pb and dag-cbor can be exported; of what is stored under its plain bytes, files and folders.
    pub fn car(&self, root: &Cid, report: &ReadReport, progress: &Progress) -> ByteStream {
        let report = self.listen(report.clone());
        let parts = parts(Walk::new(self, *root));
        let (manager, progress) = (self.clone(), progress.clone());
        let blocks = parts.map_ok(move |part| prepare(manager.clone(), part, report.clone()));
        let blocks = blocks.try_buffered(AHEAD).try_flatten();
        let counted = blocks.inspect_ok(move |(_, data)| progress.moved(data.len() as u64));
        framed(car::header(&[*root]), counted.boxed())
    }

    /// Writes the archive of `root` to the file `out`: whole or not at all.
    ///
    /// # Errors
    /// `AlreadyExists` when `out` is there and may not be replaced; what reading and writing answer.
    pub async fn export_car(&self, root: &Cid, out: &Path, opts: &ExportOptions) -> Result<ExportedCar> {
        refuse_existing(out, opts.overwrite)?;
        let path = temporary_name(out)?;
        let mut file = create(&path)?;
        let mut temporary = Temporary(Some(path.clone()));
        let mut frames = self.car(root, &opts.report, &opts.progress);
        let mut bytes = 0;
        while let Some(frame) = frames.try_next().await? {
            bytes += frame.len() as u64;
            file = write(file, frame, &path).await?;
        }
        let (to, replace) = (out.to_owned(), opts.overwrite);
        tokio::task::spawn_blocking(move || appear(&path, &to, replace)).await.map_err(trouble::lost)??;
        temporary.0 = None;
        Ok(ExportedCar { cid: *root, path: out.to_owned(), bytes })
    }
}

/// What follows one another in a file is read as one.
fn parts(walk: Walk) -> BoxStream<'static, Result<Part>> {
    stream::try_unfold((walk, None), |(mut walk, held)| async move {
        let first = match held {
            Some(piece) => Some(piece),
            None => walk.next().await?,
        };
        let (chunk, file) = match first {
            None => return Ok(None),
            Some(Piece::Leaf(chunk, file)) => (chunk, file),
            Some(other) => return Ok::<_, Error>(Some((Part::One(other), (walk, None)))),
        };
        let mut run = vec![chunk];
        while run.len() < RUN {
            match walk.next().await? {
                Some(Piece::Leaf(chunk, of)) if Arc::ptr_eq(&file, &of) => run.push(chunk),
                held => return Ok(Some((Part::Run(file, run), (walk, held)))),
            }
        }
        Ok(Some((Part::Run(file, run), (walk, None))))
    })
    .boxed()
}

type Blocks = Pin<Box<dyn Stream<Item = Result<Block>> + Send>>;

/// Small parts are read while others are written; large ones when their turn comes.
async fn prepare(manager: Manager, part: Part, report: ReadReport) -> Result<Blocks> {
    match part {
        Part::One(Piece::Fetch(cid, dag)) => {
            let data = dag.node(&cid).await?;
            address::verify(&cid, &data).map_err(trouble::ipld)?;
            Ok(stream::iter([Ok((cid, data))]).boxed())
        }
        Part::One(Piece::Block(cid, data)) => Ok(stream::iter([Ok((cid, data))]).boxed()),
        Part::One(Piece::Leaf(chunk, file)) => {
            Ok(read_run(&file, vec![chunk], report, manager.budget(), manager.hedging()))
        }
        Part::Run(file, run) if run.iter().map(|it| it.len).sum::<u64>() <= SMALL => {
            // Not of the common budget: what waits for its turn here would keep others from theirs.
            let budget = Arc::new(Semaphore::new(1));
            let blocks: Vec<Block> = read_run(&file, run, report, budget, manager.hedging()).try_collect().await?;
            Ok(stream::iter(blocks.into_iter().map(Ok)).boxed())
        }
        Part::Run(file, run) => Ok(read_run(&file, run, report, manager.budget(), manager.hedging())),
    }
}

/// The blocks of these chunks. The reader hashes each; dag-pb is put around it again where it was.
fn read_run(file: &Stored, run: Vec<Chunk>, report: ReadReport, budget: Arc<Semaphore>, hedging: Hedging) -> Blocks {
    let chunks = stream::iter(run.clone().into_iter().map(Ok)).boxed();
    let replicas = file.replicas.clone();
    let body = read::verified(Ask { chunks, range: 0..u64::MAX, replicas, report, budget, hedging });
    stream::try_unfold((body, run.into_iter()), |(mut body, mut run)| async move {
        let Some(chunk) = run.next() else { return Ok(None) };
        let plain = body.try_next().await?.filter(|plain| plain.len() as u64 == chunk.len);
        let plain = plain.ok_or_else(|| Error::new(ErrorKind::Integrity, "a chunk came in pieces"))?;
        let data = match chunk.wrap {
            Wrap::Node => chunk.seal(&plain).map_err(trouble::ipld)?.data,
            _ => plain,
        };
        Ok(Some(((chunk.cid, data), (body, run))))
    })
    .boxed()
}

/// Head and sections; what is large is passed on as it is.
fn framed(head: Bytes, blocks: Blocks) -> ByteStream {
    let state = (BytesMut::from(&head[..]), blocks, None::<Bytes>, false);
    stream::try_unfold(state, |(mut frame, mut blocks, large, mut ended)| async move {
        if let Some(large) = large {
            return Ok(Some((large, (frame, blocks, None, ended))));
        }
        while frame.len() < FRAME && !ended {
            let Some((cid, data)) = blocks.try_next().await? else {
                ended = true;
                break;
            };
            frame.extend_from_slice(&car::section(&cid, data.len()));
            if FRAME <= data.len() {
                return Ok(Some((frame.split().freeze(), (frame, blocks, Some(data), ended))));
            }
            frame.extend_from_slice(&data);
        }
        Ok((!frame.is_empty()).then(|| (frame.split().freeze(), (frame, blocks, None, ended))))
    })
    .boxed()
}
