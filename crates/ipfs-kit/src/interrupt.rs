//! Runs a future until it ends, or until the user stops the program.

use std::future::Future;

use backend_core::{Error, ErrorKind};
use backend_manager::daemon::Stop;
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

/// Runs work that comes to an end by itself when it is asked: on SIGINT or SIGTERM. A second signal ends it where it stands.
pub(crate) fn serve<T, F>(work: impl FnOnce(Stop) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let (runtime, stop) = (runtime()?, Stop::new());
    let result = runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let work = work(stop.clone());
        futures::pin_mut!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_stopped() {
                return Err(Failure::Interrupted);
            }
            stop.stop();
        }
    });
    runtime.shutdown_background();
    result
}

fn runtime() -> Result<Runtime, Failure> {
    let built = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|err| Failure::Error(Error::new(ErrorKind::Internal, "cannot start the runtime").with_source(err)))
}
