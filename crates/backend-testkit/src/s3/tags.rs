//! Tags of objects (S3 API, Object tagging).

use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use s3s::dto::{
    DeleteObjectTaggingInput, DeleteObjectTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::receive::custom;
use super::state::Service;

const MAX_TAGS: usize = 10;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 256;

/// The tags of an `x-amz-tagging` header, which is written like a query.
pub(super) fn of_header(header: &str) -> S3Result<BTreeMap<String, String>> {
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(std::borrow::Cow::into_owned)
    };
    let mut tags = Vec::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (decoded(name), decoded(value)) {
            (Ok(name), Ok(value)) => tags.push((name, value)),
            _ => return Err(s3_error!(InvalidArgument, "The header 'x-amz-tagging' shall be encoded as UTF-8")),
        }
    }
    checked(tags)
}

fn checked(tags: Vec<(String, String)>) -> S3Result<BTreeMap<String, String>> {
    if MAX_TAGS < tags.len() {
        return Err(custom("BadRequest", "Object tags cannot be greater than 10"));
    }
    let count = tags.len();
    let wrong = |(name, value): &(String, String)| {
        let too_long = name.is_empty() || MAX_NAME < name.chars().count() || MAX_VALUE < value.chars().count();
        too_long || !name.chars().chain(value.chars()).all(is_plain)
    };
    if tags.iter().any(wrong) {
        return Err(s3_error!(InvalidTag, "The tag you have provided is not valid"));
    }
    let map: BTreeMap<String, String> = tags.into_iter().collect();
    match map.len() == count {
        true => Ok(map),
        false => Err(s3_error!(InvalidTag, "Cannot provide multiple Tags with the same key")),
    }
}

/// What tags are made of.
fn is_plain(it: char) -> bool {
    it.is_alphanumeric() || it.is_whitespace() || "+-=._:/@".contains(it)
}

impl Service {
    fn known(&self) -> S3Result<()> {
        match self.opts.tags {
            true => Ok(()),
            false => {
                Err(s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented"))
            }
        }
    }

    pub(super) fn tags(&self, req: S3Request<GetObjectTaggingInput>) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        self.known()?;
        let input = req.input;
        let (tags, version_id) = self.retag(&input.bucket, &input.key, input.version_id.as_deref(), None)?;
        let tag_set = tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect();
        Ok(S3Response::new(GetObjectTaggingOutput { tag_set, version_id }))
    }

    pub(super) fn put_tags(
        &self,
        req: S3Request<PutObjectTaggingInput>,
    ) -> S3Result<S3Response<PutObjectTaggingOutput>> {
        self.known()?;
        let input = req.input;
        let pair = |tag: Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        let tags = checked(input.tagging.tag_set.into_iter().map(pair).collect())?;
        let (_, version_id) = self.retag(&input.bucket, &input.key, input.version_id.as_deref(), Some(tags))?;
        Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
    }

    pub(super) fn delete_tags(
        &self,
        req: S3Request<DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
        self.known()?;
        let input = req.input;
        let (_, version_id) =
            self.retag(&input.bucket, &input.key, input.version_id.as_deref(), Some(BTreeMap::new()))?;
        Ok(S3Response::new(DeleteObjectTaggingOutput { version_id }))
    }

    /// The tags of a version, before they are replaced.
    fn retag(
        &self,
        bucket: &str,
        key: &str,
        id: Option<&str>,
        tags: Option<BTreeMap<String, String>>,
    ) -> S3Result<(BTreeMap<String, String>, Option<String>)> {
        let mut state = self.lock();
        let bucket = state.bucket(bucket)?;
        let id = bucket.version(key, id)?.id.clone();
        let shown = bucket.shown(&id);
        let versions = bucket.keys.get_mut(key).into_iter().flatten();
        let held = versions.filter(|version| version.id == id).find_map(|version| version.held.as_mut());
        let Some(object) = held else {
            return Err(s3_error!(MethodNotAllowed, "The specified method is not allowed against this resource."));
        };
        let before = object.attributes.tags.clone();
        if let Some(tags) = tags {
            Arc::make_mut(object).attributes.tags = tags;
        }
        Ok((before, shown))
    }
}
