//! Standard input as a stream of large frames.

use std::io::Read;

use backend_core::{ByteStream, Error, ErrorKind};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use tokio::sync::mpsc;

/// Read at a time.
const BLOCK: usize = 1 << 20;

/// All of standard input. It is read by a thread of its own, at most two blocks ahead.
pub(crate) fn stream() -> ByteStream {
    let (tx, rx) = mpsc::channel(2);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut block = vec![0; BLOCK];
            let frame = match stdin.read(&mut block) {
                Ok(0) => return,
                Ok(n) => {
                    block.truncate(n);
                    Ok(Bytes::from(block))
                }
                Err(err) if err.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(err) => Err(Error::new(ErrorKind::Internal, "cannot read standard input").with_source(err)),
            };
            let stop = frame.is_err();
            if tx.blocking_send(frame).is_err() || stop {
                return;
            }
        }
    });
    stream::unfold(rx, |mut rx| async move { rx.recv().await.map(|frame| (frame, rx)) }).boxed()
}
