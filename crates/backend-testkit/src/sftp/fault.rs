//! What can go wrong on a server.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Something that goes wrong, from when it is set until it is healed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends when so many bytes were written to files; they are written.
    CutAfter(u64),
    /// The connection ends right after a copy was given its name, without an answer. Once.
    CutAfterName,
    /// The disk is full.
    Full,
    /// Nothing may be written.
    Denied,
    /// Sizes are told to be so many bytes larger than they are.
    Larger(u64),
    /// Every folder also holds files of these names, of one byte each.
    Names(Vec<Vec<u8>>),
    /// The folder of the store holds so many files, `n0000000` and so on, of no bytes.
    Many(usize),
    /// The next `fsync@openssh.com` fails, and only that: who asks after it is told that all is well, as by systems that tell of a failed write once.
    Unsynced,
    /// Reads and writes are not answered.
    Silent,
    /// Whoever gives a name waits until this is healed; then the name is given, whoever is gone meanwhile.
    Held,
    /// Reads are answered with more bytes than were asked for.
    Overlong,
    /// Packets are said to be so long.
    Length(u32),
}

/// What goes wrong at the moment.
#[derive(Debug, Default)]
pub struct Faults {
    set: Mutex<Vec<Fault>>,
    written: Mutex<u64>,
    held: watch::Sender<usize>,
    healed: watch::Sender<u64>,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this goes wrong too. Bytes are counted from here.
    pub fn set(&self, fault: Fault) {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = 0;
        self.lock().push(fault);
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.lock().clear();
        self.healed.send_modify(|n| *n += 1);
    }

    /// Returns as soon as somebody waits because of [`Fault::Held`].
    pub async fn until_held(&self) {
        // The sender lives as long as this.
        let _ = self.held.subscribe().wait_for(|it| 0 < *it).await;
    }

    /// Waits, if that is what goes wrong.
    pub(super) async fn hold(&self) {
        let mut healed = self.healed.subscribe();
        if self.has(&Fault::Held) {
            self.held.send_modify(|n| *n += 1);
            // The sender lives as long as this.
            let _ = healed.changed().await;
            self.held.send_modify(|n| *n -= 1);
        }
    }

    pub(super) fn any<T>(&self, of: impl FnMut(&Fault) -> Option<T>) -> Option<T> {
        self.lock().iter().find_map(of)
    }

    pub(super) fn has(&self, fault: &Fault) -> bool {
        self.lock().contains(fault)
    }

    /// Whether it was set; it is not any more.
    pub(super) fn takes(&self, fault: &Fault) -> bool {
        let mut set = self.lock();
        let before = set.len();
        set.retain(|it| it != fault);
        set.len() < before
    }

    /// So many bytes more were written. Whether the connection ends by it.
    pub(super) fn written(&self, n: u64) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        *written += n;
        let most = self.any(|it| match it {
            Fault::CutAfter(most) => Some(*most),
            _ => None,
        });
        most.is_some_and(|most| most <= *written) && self.takes(&Fault::CutAfter(most.unwrap_or_default()))
    }
}
