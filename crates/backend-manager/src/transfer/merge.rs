//! Two sorted listings as pairs, one look at each.

use backend_core::{Error, ErrorKind, Result};
use futures::stream::{self, BoxStream, StreamExt};

use super::entry::{Entry, shown};

/// What lies under one path on both sides.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pair {
    Source(Entry),
    Both(Box<(Entry, Entry)>),
    Target(Entry),
    /// A path that one side has twice: only the first was taken.
    Twice(Entry),
}

type Side = BoxStream<'static, Result<Entry>>;

/// Pairs in the order of paths. Of a path that comes twice the first counts.
pub(super) fn pairs(source: Side, target: Side) -> BoxStream<'static, Result<Pair>> {
    let heads = Heads { source: Head::new(source), target: Head::new(target) };
    stream::try_unfold(heads, |mut heads| async move {
        let pair = heads.next().await?;
        Ok(pair.map(|pair| (pair, heads)))
    })
    .boxed()
}

struct Heads {
    source: Head,
    target: Head,
}

struct Head {
    side: Side,
    next: Option<Entry>,
    last: Option<Vec<u8>>,
    ended: bool,
}

impl Head {
    fn new(side: Side) -> Self {
        Self { side, next: None, last: None, ended: false }
    }

    /// Sees to it that the next entry is at hand. An entry whose path was there before is answered.
    async fn fill(&mut self) -> Result<Option<Entry>> {
        while self.next.is_none() && !self.ended {
            match self.side.next().await.transpose()? {
                None => self.ended = true,
                Some(entry) => match self.last.as_deref().map(|last| last.cmp(&entry.path)) {
                    Some(std::cmp::Ordering::Equal) => return Ok(Some(entry)),
                    Some(std::cmp::Ordering::Greater) => {
                        let text = format!("a listing is out of order at {}", shown(&entry.path));
                        return Err(Error::new(ErrorKind::Internal, text));
                    }
                    _ => {
                        self.last = Some(entry.path.clone());
                        self.next = Some(entry);
                    }
                },
            }
        }
        Ok(None)
    }
}

impl Heads {
    async fn next(&mut self) -> Result<Option<Pair>> {
        if let Some(twice) = self.source.fill().await? {
            return Ok(Some(Pair::Twice(twice)));
        }
        if let Some(twice) = self.target.fill().await? {
            return Ok(Some(Pair::Twice(twice)));
        }
        let order = match (&self.source.next, &self.target.next) {
            (None, None) => return Ok(None),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(one), Some(two)) => one.path.cmp(&two.path),
        };
        Ok(match order {
            std::cmp::Ordering::Less => self.source.next.take().map(Pair::Source),
            std::cmp::Ordering::Greater => self.target.next.take().map(Pair::Target),
            std::cmp::Ordering::Equal => {
                self.source.next.take().zip(self.target.next.take()).map(|both| Pair::Both(Box::new(both)))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    fn side(paths: &str) -> Side {
        let entries: Vec<_> = paths.split_whitespace().map(|it| Ok(Entry::file(it.as_bytes().to_vec()))).collect();
        stream::iter(entries).boxed()
    }

    fn check(source: &str, target: &str, wanted: &str) {
        let found = futures::executor::block_on(pairs(side(source), side(target)).try_collect::<Vec<_>>());
        let words = found.unwrap().into_iter().map(|it| match it {
            Pair::Source(it) => format!("+{}", it.shown()),
            Pair::Target(it) => format!("-{}", it.shown()),
            Pair::Both(both) => format!("={}", both.0.shown()),
            Pair::Twice(it) => format!("!{}", it.shown()),
        });
        assert_eq!(words.collect::<Vec<_>>().join(" "), wanted);
    }

    #[test]
    fn every_path_is_met_once() {
        check("", "", "");
        check("a b c", "", "+a +b +c");
        check("", "a b", "-a -b");
        check("a c d", "b c e", "+a -b =c +d -e");
        check("a a b", "b b", "+a !a =b !b");
    }

    #[test]
    fn a_listing_out_of_order_is_no_listing() {
        let found = futures::executor::block_on(pairs(side("b a"), side("")).try_collect::<Vec<_>>());
        assert_eq!(found.unwrap_err().kind(), ErrorKind::Internal);
    }
}
