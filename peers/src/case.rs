//! One case of one client, in this process; prints what it cost.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;

use crate::clients::{self, Client};
use crate::cost::Meter;
use crate::{Failure, Result};

/// What is done in a case, and what it is called.
pub(crate) const CASES: [(&str, &str); 7] = [
    ("put16", "put of 16 MiB from memory, 16 times"),
    ("get16", "get of 16 MiB, 16 times"),
    ("put1g", "put of 1 GiB from a file"),
    ("get1g", "get of 1 GiB"),
    ("put10k", "put of 10,000 x 4 KiB, 64 in flight"),
    ("get10k", "get of 10,000 x 4 KiB, 64 in flight"),
    ("list100k", "listing of 100,000 keys"),
];

/// What is done before `list100k` where names cannot be made on the server's disk.
pub(crate) const FILL: &str = "fill100k";

pub(crate) const MEDIUM: usize = 16 << 20;
pub(crate) const LARGE: u64 = 1 << 30;
pub(crate) const SMALL: usize = 4096;
pub(crate) const MANY: usize = 10_000;
pub(crate) const LISTED: usize = 100_000;
const TIMES: usize = 16;
const IN_FLIGHT: usize = 64;

pub(crate) fn run(client: &str, case: &str, endpoint: &str, bucket: &str, file: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let opened = clients::open(client, endpoint, bucket).await?;
        let block: Bytes = noise(MEDIUM).into();
        let meter = Meter::start()?;
        done(opened, client, case, &block, file).await?;
        let cost = meter.stop()?;
        let (wall, cpu) = (cost.wall.as_secs_f64(), cost.cpu.as_secs_f64());
        println!("{}", json!({ "wall": wall, "cpu": cpu, "rss_kib": cost.rss_kib }));
        Ok(())
    })
}

/// What is read was written by `aws`, so that everybody reads the same.
async fn done(it: Arc<dyn Client>, name: &str, case: &str, block: &Bytes, file: &Path) -> Result<()> {
    match case {
        "put16" => {
            for _ in 0..TIMES {
                it.put(&format!("{name}/16"), block.clone()).await?;
            }
            Ok(())
        }
        "get16" => {
            for _ in 0..TIMES {
                whole(it.get("aws/16").await?, MEDIUM as u64)?;
            }
            Ok(())
        }
        "put1g" => it.put_file(&format!("{name}/1g"), file).await,
        "get1g" => whole(it.get("aws/1g").await?, LARGE),
        "put10k" => {
            // Each is another content, and costs nobody anything to make.
            let of = |n: usize| block.slice(n * 16..n * 16 + SMALL);
            let puts = (0..MANY).map(|n| {
                let it = it.clone();
                async move { it.put(&format!("{name}/10k/{n:05}"), of(n)).await }
            });
            stream::iter(puts).buffer_unordered(IN_FLIGHT).try_collect::<Vec<()>>().await.map(drop)
        }
        "get10k" => {
            let gets = (0..MANY).map(|n| {
                let it = it.clone();
                async move { whole(it.get(&format!("aws/10k/{n:05}")).await?, SMALL as u64) }
            });
            stream::iter(gets).buffer_unordered(IN_FLIGHT).try_collect::<Vec<()>>().await.map(drop)
        }
        FILL => {
            let puts = (0..LISTED).map(|n| {
                let it = it.clone();
                async move { it.put(&format!("listed/{n:06}"), Bytes::from_static(b"x")).await }
            });
            stream::iter(puts).buffer_unordered(IN_FLIGHT).try_collect::<Vec<()>>().await.map(drop)
        }
        "list100k" => whole(it.list("listed/").await?, LISTED as u64),
        _ => Err(format!("no case {case}").into()),
    }
}

/// A client that gives less is not faster.
fn whole(found: u64, wanted: u64) -> Result<(), Failure> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{found} instead of {wanted}").into()),
    }
}

/// Bytes that do not compress, the same each time (xorshift).
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len / 8).flatten().collect()
}
