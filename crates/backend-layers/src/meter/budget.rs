//! How many bytes may still move: an allowance that many share, and that other processes use up too.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// No limit.
const ANY: u64 = u64::MAX;
/// More than any quota; so many promises of this size still have a sum.
const MOST: u64 = 1 << 53;

/// What this meter counts plus `base` is what was used: the base goes down when a month begins, and up when another process has moved bytes.
#[derive(Debug)]
pub(super) struct Budget {
    limit: AtomicU64,
    base: AtomicI64,
    promised: AtomicU64,
    refused: AtomicU64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            limit: AtomicU64::new(ANY),
            base: AtomicI64::new(0),
            promised: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }
}

impl Budget {
    pub(super) fn set(&self, limit: Option<u64>, before: u64, counted: u64) {
        self.base.store(signed(before).saturating_sub(signed(counted)), Ordering::Relaxed);
        self.limit.store(limit.unwrap_or(ANY), Ordering::Relaxed);
    }

    pub(super) fn left(&self, counted: u64) -> Option<u64> {
        let limit = self.limit.load(Ordering::Relaxed);
        let used = signed(counted).saturating_add(self.base.load(Ordering::Relaxed)).max(0).unsigned_abs();
        (limit != ANY).then(|| limit.saturating_sub(used))
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Of two that want the last bytes, one gets them. What is on its way and counted already counts twice until it is there: rather too little is
    /// promised than too much.
    pub(super) fn promise(&self, counted: u64, len: u64) -> Option<Promise<'_>> {
        let len = len.min(MOST);
        let before = self.promised.fetch_add(len, Ordering::Relaxed);
        let promise = Promise { budget: self, len };
        let fits = |left: u64| 0 < left && before.saturating_add(len) <= left;
        if self.left(counted).is_none_or(fits) {
            return Some(promise);
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Bytes that are on their way.
#[derive(Debug)]
pub(crate) struct Promise<'a> {
    budget: &'a Budget,
    len: u64,
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        self.budget.promised.fetch_sub(self.len, Ordering::Relaxed);
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_promised_twice_and_a_month_begins_anew() {
        let budget = Budget::default();
        assert!(budget.left(5).is_none() && budget.promise(5, u64::MAX).is_some());
        budget.set(Some(100), 30, 0);
        assert_eq!(budget.left(10), Some(60));
        let first = budget.promise(10, 40);
        assert!(first.is_some() && budget.promise(10, 40).is_none(), "only 20 are left");
        assert!(budget.promise(10, 20).is_some());
        drop(first);
        assert!(budget.promise(10, 60).is_some() && budget.promise(10, 61).is_none());
        assert_eq!((budget.left(70), budget.promise(70, 0).is_none()), (Some(0), true), "used up is used up");
        budget.set(Some(100), 0, 70);
        assert_eq!((budget.left(70), budget.refused()), (Some(100), 3));
    }
}
