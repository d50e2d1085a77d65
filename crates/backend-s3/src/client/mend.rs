//! An object that is wrong in parts: parts that are good in it are copied by the service (`UploadPartCopy`), and only the others are sent.
//!
//! What is copied from is named by its etag, so that another writer's bytes never come in between. What was copied is looked at before the upload is
//! completed: a service that does not know the request takes it for an empty part.

use std::ops::Range;

use backend_core::{AddOptions, Content, ErrorKind, Mend, Result, Run};

use super::object::bare_etag;
use super::parts::{Part, Parts};
use super::{Client, Token};
use crate::error::lie;
use crate::failure::Act;

const COPY: Act = Act::reads("copy a part");

/// The smallest part that S3 takes, but for the last.
pub(super) const SMALLEST_PART: u64 = 5 << 20;

/// What lies under the key, as far as it is good.
#[derive(Debug)]
pub(super) struct Good {
    etag: String,
    kept: Vec<Range<u64>>,
}

impl Good {
    pub(super) fn covers(&self, range: &Range<u64>) -> bool {
        self.kept.iter().any(|kept| kept.start <= range.start && range.end <= kept.end)
    }
}

impl Client {
    /// Whether a mended object is to be put together of parts at all. An object of one part is sent.
    pub(crate) fn mends(&self, len: u64, opts: &AddOptions) -> bool {
        let has_good = opts.mend.as_ref().is_some_and(|mend| !mend.ranges().is_empty());
        has_good && self.can_copy() && SMALLEST_PART < len
    }

    /// A probe has seen parts copied; and with a key of the customer's every copy would have to show it twice.
    fn can_copy(&self) -> bool {
        self.rules.copies(&self.learnt)
    }

    /// What may be copied of what lies under the key now.
    pub(super) async fn good(&self, key: &str, len: u64, opts: &AddOptions) -> Result<Option<Good>> {
        let Some(mend) = opts.mend.as_ref().filter(|_| self.mends(len, opts)) else { return Ok(None) };
        let head = match self.head(key, None).await {
            Ok(head) => head,
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(err),
        };
        let there = head.content_length().and_then(|len| u64::try_from(len).ok()).unwrap_or(0);
        let Some(etag) = head.e_tag().map(bare_etag) else { return Ok(None) };
        // Of a source of up to 5 MiB S3 copies no range.
        let kept = if SMALLEST_PART < there { kept(mend, len, there) } else { Vec::new() };
        Ok((!kept.is_empty()).then_some(Good { etag, kept }))
    }

    /// One part: copied where it is good, else from the source.
    pub(super) async fn piece(
        &self,
        token: &Token,
        good: Option<&Good>,
        (content, opts): (&Content, &AddOptions),
        (number, range): (u64, Range<u64>),
    ) -> Result<Part> {
        if let Some(good) = good.filter(|it| it.covers(&range)) {
            let from = (token.key.as_str(), good.etag.as_str());
            match self.copy_part(token, from, number, Some(range.clone())).await {
                Ok(part) => {
                    opts.write.progress.moved(range.end - range.start);
                    return Ok(part);
                }
                Err(err) if is_refusal(err.kind()) => {}
                Err(err) => return Err(err),
            }
        }
        self.part(token, content, opts, number, range).await
    }

    /// Parts that were copied are there as long as they must be, or are sent.
    pub(super) async fn check_copies(
        &self,
        token: &Token,
        good: Option<&Good>,
        (content, opts): (&Content, &AddOptions),
        parts: &mut Parts,
    ) -> Result<()> {
        let Some(good) = good else { return Ok(()) };
        let told = self.arrived(token).await?;
        for number in 1..=parts.count() {
            let range = parts.range(number);
            let is_there = told.as_ref().is_some_and(|told| told.has(number));
            if good.covers(&range) && !is_there {
                let part = self.part(token, content, opts, number, range).await?;
                parts.arrive(number, part);
            }
        }
        Ok(())
    }

    /// Copies `range` of what lies under a key, if it still has this etag.
    pub(super) async fn copy_part(
        &self,
        token: &Token,
        (key, etag): (&str, &str),
        number: u64,
        range: Option<Range<u64>>,
    ) -> Result<Part> {
        let source = format!("{}/{}", self.rules.bucket, escaped(key));
        let range = range.map(|it| format!("bytes={}-{}", it.start, it.end.saturating_sub(1)));
        let answer = self.tried(|sdk| {
            let request = sdk.upload_part_copy().bucket(&self.rules.bucket).key(&token.key).upload_id(&token.upload);
            let request = request.part_number(i32::try_from(number).unwrap_or(i32::MAX)).copy_source(source.clone());
            let request = request.copy_source_if_match(format!("\"{etag}\"")).set_copy_source_range(range.clone());
            self.told(COPY, request.send())
        });
        let answer = answer.await?;
        let result = answer.copy_part_result().ok_or_else(|| lie("a copied part without a word of it"))?;
        let etag = result.e_tag().filter(|etag| !etag.is_empty()).ok_or_else(|| lie("a part without an etag"))?;
        Ok(Part { etag: etag.to_owned(), crc: result.checksum_crc64_nvme().map(str::to_owned) })
    }
}

/// What is good, as ranges.
fn kept(mend: &Mend, len: u64, there: u64) -> Vec<Range<u64>> {
    mend.runs(len, there).into_iter().filter(|(_, run)| *run == Run::Kept).map(|(range, _)| range).collect()
}

/// The service does not copy, or not this: then it is sent.
fn is_refusal(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unsupported
            | ErrorKind::Precondition
            | ErrorKind::NotFound
            | ErrorKind::InvalidInput
            | ErrorKind::InvalidRange
            | ErrorKind::Denied
            | ErrorKind::Integrity
    )
}

/// `x-amz-copy-source` wants the key as it stands in a URL (S3 API, UploadPartCopy).
fn escaped(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    key.bytes().fold(String::with_capacity(key.len()), |mut text, byte| {
        match plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_escaped_byte_by_byte() {
        assert_eq!(escaped("a/b-c._~9"), "a/b-c._~9");
        assert_eq!(escaped("ä +%?#"), "%C3%A4%20%2B%25%3F%23");
    }

    #[test]
    fn only_what_is_good_all_over_is_copied() {
        let wrong = Mend::wrong([10..12, 30..31]);
        let good = Good { etag: String::new(), kept: kept(&wrong, 40, 35) };
        for (range, wanted) in [(0..10, true), (0..11, false), (12..30, true), (11..13, false), (31..36, false)] {
            assert_eq!(good.covers(&range), wanted, "{range:?}");
        }
    }
}
