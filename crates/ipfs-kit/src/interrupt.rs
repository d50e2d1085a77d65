//! Runs a future until it ends, or until the user stops the program.

use std::future::Future;

use backend_core::{Error, ErrorKind};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::output::Failure;

/// Runs `work`. On SIGINT or SIGTERM it is dropped where it stands: whatever it holds half-done vanishes with it. A second signal ends the process.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            result = work => result,
            _ = interrupt.recv() => Err(Failure::Interrupted),
            _ = terminate.recv() => Err(Failure::Interrupted),
        }
    });
    // Blocking work that was told to stop looks at its flag between blocks.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    result
}

fn runtime() -> Result<Runtime, Failure> {
    let built = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|err| Failure::Error(Error::new(ErrorKind::Internal, "cannot start the runtime").with_source(err)))
}
