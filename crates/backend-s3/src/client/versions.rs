//! Every version of what is there (`ListObjectVersions`), newest first, and whether there are any (`GetBucketVersioning`).

use aws_sdk_s3::types::{BucketVersioningStatus, DeleteMarkerEntry, EncodingType, ObjectVersion};
use backend_core::{ErrorKind, Result};

use super::Client;
use super::list::{Ask, Line, Mark, Page, Texts, time};
use super::object::bare_etag;
use crate::error::lie;
use crate::failure::Act;

const VERSIONS: Act = Act::reads("list the versions");
const VERSIONING: Act = Act::reads("ask whether the bucket keeps versions");

/// What a bucket does with what is overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versioning {
    /// It is gone.
    Never,
    /// It was kept once, and old versions may be there.
    Suspended,
    /// It is kept.
    Enabled,
}

impl Client {
    pub(super) async fn page_of_versions(&self, ask: &Ask, mark: &Mark) -> Result<Page> {
        let answer = self.tried(|sdk| {
            let request = sdk.list_object_versions().bucket(&self.rules.bucket).prefix(&ask.prefix);
            let request = request.set_delimiter(ask.shallow.then(|| "/".to_owned())).set_max_keys(ask.most);
            let request = request.set_key_marker(mark.key.clone()).set_version_id_marker(mark.version.clone());
            self.told(VERSIONS, request.set_encoding_type(self.encoding()).send())
        });
        let page = answer.await?;
        let texts = Texts(page.encoding_type() == Some(&EncodingType::Url));
        let mut lines = merged(&texts, page.versions(), page.delete_markers())?;
        lines = texts.and_prefixes(lines, page.common_prefixes())?;
        let key = page.next_key_marker().map(|key| texts.decoded(key)).transpose()?;
        let version = page.next_version_id_marker().filter(|it| !it.is_empty()).map(str::to_owned);
        let next = Mark { key, version, token: None };
        let goes_on = mark.key <= next.key && *mark != next && next.key.is_some();
        match page.is_truncated() == Some(true) {
            false => Ok(Page { lines, next: None }),
            true if goes_on => Ok(Page { lines, next: Some(next) }),
            true => Err(lie("a listing that does not go on")),
        }
    }

    /// A service without versions says so in many ways; whoever may not ask is not told of any.
    pub(super) async fn versioning(&self) -> Result<Versioning> {
        let answer =
            self.tried(|sdk| self.told(VERSIONING, sdk.get_bucket_versioning().bucket(&self.rules.bucket).send()));
        match answer.await {
            Ok(answer) => Ok(match answer.status() {
                Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
                Some(BucketVersioningStatus::Suspended) => Versioning::Suspended,
                _ => Versioning::Never,
            }),
            Err(failed) => match failed.error.kind() {
                ErrorKind::Unsupported | ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::InvalidInput => {
                    Ok(Versioning::Never)
                }
                _ => Err(failed.into()),
            },
        }
    }
}

/// Versions and markers come apart; of one key the newest stands first.
fn merged(texts: &Texts, versions: &[ObjectVersion], markers: &[DeleteMarkerEntry]) -> Result<Vec<Line>> {
    let mut lines = Vec::with_capacity(versions.len() + markers.len());
    for version in versions {
        lines.push(Line::Object {
            key: texts.decoded(version.key().unwrap_or_default())?,
            size: version.size().and_then(|size| u64::try_from(size).ok()),
            etag: version.e_tag().map(bare_etag),
            modified: version.last_modified().and_then(time),
            version: version.version_id().map(str::to_owned),
        });
    }
    for marker in markers {
        let key = texts.decoded(marker.key().unwrap_or_default())?;
        lines.push(Line::Marker { key, version: marker.version_id().map(str::to_owned) });
    }
    // Stable: the service's own order within a key stays, and markers are no content.
    lines.sort_by(|one, other| one.key().cmp(other.key()));
    Ok(lines)
}
