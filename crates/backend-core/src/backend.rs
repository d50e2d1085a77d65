//! The contract.

use std::fmt;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};

use crate::capability::Info;
use crate::content::Content;
use crate::error::{Error, Result};
use crate::id::{ContentId, Locator};
use crate::reply::{Entry, Fetched, Health, Metadata, Removal, Usage};
use crate::request::{AddOptions, GetOptions, ListOptions, Pin, RemoveOptions, ResumeToken, StatOptions};
use crate::settings::Facts;

/// A place that keeps content.
///
/// Every MUST of this contract has a number in `docs/CONTRACT.md`, and every number is a case of the conformance suite.
///
/// * A default body may answer only `Unsupported`; it never computes an answer.
/// * No method retries, spawns or reads the environment. What a protocol itself demands (one re-authentication, one rebuild of a lost compare-and-swap,
///   a short wait by `Settings.clock`) is not a retry.
/// * Every future may be dropped at any await. Nothing half-written is then visible under a name, and what remains is reachable by a [`ResumeToken`] that
///   was checkpointed before.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// What this stack is and offers. Constant, and free to ask.
    fn info(&self) -> &Info;

    /// One cheap authenticated round trip that changes nothing. Being ill is an answer, so there is no `Result`.
    async fn health(&self) -> Health;

    /// What the service knows of `at`. It asks the service, never the network behind it (a [`Role::Source`](crate::Role::Source) is exempt).
    ///
    /// # Errors
    /// `NotFound` when the store was reached and recognised and the content is not in it; `InvalidConfig` when the bucket, root or repository itself
    /// is not there.
    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        let _ = (at, opts);
        Err(Error::unsupported("stat", &self.info().name))
    }

    /// The bytes, as sent: unverified, exactly the range asked for.
    ///
    /// # Errors
    /// `InvalidRange` for a range outside of the content; otherwise as [`Backend::stat`]. An error in mid-stream is an error item of the body.
    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let _ = (at, opts);
        Err(Error::unsupported("get", &self.info().name))
    }

    /// Stores content: whole or absent. The same content under the same name again is `Ok`, with `existed: Some(true)` where the service can tell.
    ///
    /// # Errors
    /// `SourceChanged` when the source is no longer what was named; `Precondition` or `AlreadyExists` by the condition. An error whose
    /// [`Effect`](crate::Effect) is `Unknown` may have stored it.
    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let _ = (content, opts);
        Err(Error::unsupported("add", &self.info().name))
    }

    /// Gives up a begun upload: parts that would otherwise be billed for ever. An unknown or finished upload is `Ok`.
    ///
    /// # Errors
    /// Whatever the service answers.
    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        let _ = upload;
        Err(Error::unsupported("discard", &self.info().name))
    }

    /// Removes content and says what became of the bytes. Absent is `Ok`.
    ///
    /// # Errors
    /// `Precondition` by `if_match`; `InvalidConfig` when the store itself is not there.
    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        let _ = (at, opts);
        Err(Error::unsupported("remove", &self.info().name))
    }

    /// What is there. It ends without an error only when complete. Memory does not grow with the store.
    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let _ = opts;
        let err = Error::unsupported("list", &self.info().name);
        stream::once(async move { Err(err) }).boxed()
    }

    /// Asks the service to fetch and hold a CID by itself.
    ///
    /// # Errors
    /// `InvalidInput` for a key.
    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        let _ = (id, pin);
        Err(Error::unsupported("pin", &self.info().name))
    }

    /// Finds out what only the service can tell: whether it honours conditional writes, whether the bucket keeps versions. It may write and remove
    /// objects of its own under our prefix, and leaves nothing behind. The answer is small, holds no secret, and is for `Settings.learnt` of the next
    /// opening: [`Backend::info`] of this one stays as it is.
    ///
    /// # Errors
    /// `Unsupported` where there is nothing to learn. Whatever the service answers: then nothing was learnt.
    async fn probe(&self) -> Result<Facts> {
        Err(Error::unsupported("probe", &self.info().name))
    }

    /// What the service counts.
    ///
    /// # Errors
    /// Whatever the service answers.
    async fn usage(&self) -> Result<Usage> {
        Err(Error::unsupported("usage", &self.info().name))
    }
}
