//! A checkpoint that remembers, and that can refuse or never answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use backend_core::{Checkpoint, Error, ErrorKind, Locator, Progress, Result, ResumeToken};

/// How it answers.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Keeps,
    Fails(ErrorKind),
    Hangs,
}

/// Keeps every token that it is told.
#[derive(Debug)]
pub struct Keeper {
    answer: Answer,
    progress: Progress,
    seen: Mutex<Vec<Seen>>,
}

#[derive(Debug)]
struct Seen {
    token: ResumeToken,
    at: Option<Locator>,
    sent: u64,
    /// What the progress said at this moment.
    moved: u64,
}

impl Keeper {
    /// A checkpoint that works.
    pub fn new() -> Arc<Self> {
        Self::with(Answer::Keeps)
    }

    /// One that fails with an error of this kind.
    pub fn failing(kind: ErrorKind) -> Arc<Self> {
        Self::with(Answer::Fails(kind))
    }

    /// One that never answers.
    pub fn hanging() -> Arc<Self> {
        Self::with(Answer::Hangs)
    }

    fn with(answer: Answer) -> Arc<Self> {
        Arc::new(Self { answer, progress: Progress::new(), seen: Mutex::default() })
    }

    /// One that works, and notes how many bytes had moved each time.
    pub fn watching(progress: Progress) -> Arc<Self> {
        Arc::new(Self { answer: Answer::Keeps, progress, seen: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest token.
    pub fn newest(&self) -> Option<ResumeToken> {
        self.lock().last().map(|seen| seen.token.clone())
    }

    /// Under which name the service promised to keep it, if it did.
    pub fn promised(&self) -> Option<Locator> {
        self.lock().iter().rev().find_map(|seen| seen.at.clone())
    }

    /// How many bytes the service was said to have, each time.
    pub fn sent(&self) -> Vec<u64> {
        self.lock().iter().map(|seen| seen.sent).collect()
    }

    /// How many bytes had moved, each time.
    pub fn moved(&self) -> Vec<u64> {
        self.lock().iter().map(|seen| seen.moved).collect()
    }
}

#[async_trait]
impl Checkpoint for Keeper {
    async fn save(&self, token: &ResumeToken, at: Option<&Locator>, sent: u64) -> Result<()> {
        match self.answer {
            Answer::Keeps => {
                let moved = self.progress.bytes();
                self.lock().push(Seen { token: token.clone(), at: at.cloned(), sent, moved });
                Ok(())
            }
            Answer::Fails(kind) => Err(Error::new(kind, "the checkpoint failed, as the test wants it")),
            Answer::Hangs => std::future::pending().await,
        }
    }
}
