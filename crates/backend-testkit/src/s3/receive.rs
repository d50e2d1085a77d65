//! A body comes in: kept, hashed, and compared with what its sender promised.

use futures::StreamExt;
use http::HeaderMap;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, TrailingHeaders, s3_error};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::blob::{Blob, Writer};
use super::options::Checksums;
use super::state::Service;
use super::sums::{self, Algorithm};

/// What the sender says of a body before and after it.
#[derive(Debug, Default)]
pub(super) struct Promise {
    pub(super) sums: Checksum,
    pub(super) md5: Option<String>,
    pub(super) length: Option<i64>,
    /// Named beforehand, told behind the body.
    pub(super) trailing: Vec<Algorithm>,
    pub(super) trailers: Option<TrailingHeaders>,
    /// To be computed though nobody promised it.
    pub(super) also: Option<Algorithm>,
}

impl Promise {
    /// With what the trailers are announced to tell.
    pub(super) fn announced(headers: &HeaderMap, trailers: Option<TrailingHeaders>) -> Self {
        let names = headers.get_all("x-amz-trailer").iter().filter_map(|value| value.to_str().ok());
        let trailing = names.flat_map(|names| names.split(',')).filter_map(Algorithm::of_header).collect();
        Self { trailing, trailers, ..Self::default() }
    }

    /// Which checksums the body is read for.
    fn algorithms(&self) -> Vec<Algorithm> {
        let told = sums::ALL.into_iter().filter(|it| it.of(&self.sums).is_some());
        told.chain(self.trailing.iter().copied()).chain(self.also).collect()
    }

    fn read_trailers(&mut self) {
        let Some(trailers) = self.trailers.as_ref().and_then(TrailingHeaders::take) else { return };
        for (name, value) in &trailers {
            if let (Some(algorithm), Ok(value)) = (Algorithm::of_header(name.as_str()), value.to_str()) {
                algorithm.put(&mut self.sums, value.trim().to_owned());
            }
        }
    }
}

/// A body that came in whole and as promised.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) blob: Blob,
    pub(super) md5: [u8; 16],
    pub(super) sums: Checksum,
}

impl Service {
    /// Takes in a body.
    pub(super) async fn receive(&self, body: Option<StreamingBlob>, mut promise: Promise) -> S3Result<Received> {
        let honest = self.opts.checksums == Checksums::Honest;
        let algorithms = promise.algorithms();
        let mut hasher = sums::hasher(if honest { &algorithms } else { &[] });
        let mut md5 = Md5::new();
        let mut writer = Writer::new(self.spool.clone());
        if let Some(mut body) = body {
            while let Some(frame) = body.next().await {
                let frame = frame.map_err(|err| broken(&err))?;
                hasher.update(&frame);
                md5.update(&frame);
                writer.push(&frame).map_err(S3Error::internal_error)?;
                if self.opts.max_body < writer.len() {
                    return Err(s3_error!(EntityTooLarge, "Your proposed upload exceeds the maximum allowed size"));
                }
            }
        }
        promise.read_trailers();
        let blob = writer.finish().map_err(S3Error::internal_error)?;
        let received = Received { blob, md5: md5.finalize(), sums: hasher.finalize() };
        received.keeps(&promise)?;
        Ok(received)
    }
}

impl Received {
    fn keeps(&self, promise: &Promise) -> S3Result<()> {
        if promise.length.is_some_and(|len| u64::try_from(len) != Ok(self.blob.len())) {
            return Err(s3_error!(
                IncompleteBody,
                "You did not provide the number of bytes specified by Content-Length"
            ));
        }
        if let Some(algorithm) = sums::differs(&promise.sums, &self.sums) {
            return Err(bad_digest(algorithm.name()));
        }
        match promise.md5.as_deref().map(|text| STANDARD.decode(text)) {
            None => Ok(()),
            Some(Ok(md5)) if md5.as_slice() == self.md5.as_slice() => Ok(()),
            Some(Ok(md5)) if md5.len() == self.md5.len() => Err(bad_digest("MD5")),
            Some(_) => Err(s3_error!(InvalidDigest, "The Content-MD5 you specified is not valid.")),
        }
    }
}

pub(super) fn bad_digest(name: &str) -> S3Error {
    s3_error!(BadDigest, "The {name} you specified did not match the calculated checksum.")
}

/// 400, with a code that `s3s` does not know.
pub(super) fn custom(code: &'static str, message: &'static str) -> S3Error {
    let mut err = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    err.set_status_code(http::StatusCode::BAD_REQUEST);
    err
}

/// Why a body could not be read: by what `s3s` says of it, for its types are not public.
fn broken(err: &StdError) -> S3Error {
    let text = err.to_string();
    if text.contains("Sha256Mismatch") {
        return custom(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
    }
    match text.contains("SignatureMismatch") {
        true => s3_error!(SignatureDoesNotMatch, "a chunk's signature does not match"),
        false => s3_error!(IncompleteBody, "the body could not be read: {text}"),
    }
}
