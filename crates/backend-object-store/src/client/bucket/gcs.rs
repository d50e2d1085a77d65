//! What `object_store` has no word for in Google's dialect: which parts an upload has (XML API, "List parts of a multipart upload").

use backend_core::{ErrorKind, Result};
use http::{HeaderValue, Method, header::AUTHORIZATION};
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::gcp::GoogleCloudStorage;
use object_store::path::Path;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::super::call::Call;
use super::build::bare;
use super::{Bucket, Recipe};
use crate::error::unexpected;

/// The most pages that the parts of one upload can fill: 10,000 parts, 1,000 a page, and some to spare.
const MAX_PAGES: usize = 64;

/// A part that the service has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Part {
    /// From 1.
    pub(super) part_number: usize,
    #[serde(rename = "ETag")]
    pub(super) etag: String,
    pub(super) size: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parts {
    #[serde(default, rename = "Part")]
    parts: Vec<Part>,
    #[serde(default)]
    is_truncated: bool,
    next_part_number_marker: Option<usize>,
}

impl Bucket {
    /// The parts of `upload`, as far as they follow one another; `None`: the service does not know it any more.
    pub(super) async fn gcs_parts(
        &self,
        store: &GoogleCloudStorage,
        path: &Path,
        upload: &str,
    ) -> Result<Option<Vec<Part>>> {
        let mut found: Vec<Part> = Vec::new();
        let mut marker = 0;
        for _ in 0..MAX_PAGES {
            let page = match self.gcs_page(store, path, upload, marker).await {
                Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
                page => page?,
            };
            found.extend(page.parts);
            match page.next_part_number_marker.filter(|next| page.is_truncated && marker < *next) {
                Some(next) => marker = next,
                None => {
                    found.sort_by_key(|part| part.part_number);
                    let in_order = (1..).zip(&found).take_while(|(n, part)| *n == part.part_number).count();
                    found.truncate(in_order);
                    return Ok(Some(found));
                }
            }
        }
        Err(unexpected("look at the upload", "the service lists parts without end"))
    }

    async fn gcs_page(&self, store: &GoogleCloudStorage, path: &Path, upload: &str, marker: usize) -> Result<Parts> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let bucket = match &self.shared.recipe {
            Recipe::Gcs { connection, .. } => encoded(&connection.bucket),
            Recipe::Azure { .. } => String::new(),
        };
        let name = encoded(path.as_ref());
        let after = if marker == 0 { String::new() } else { format!("&part-number-marker={marker}") };
        let url = format!("{}/{bucket}/{name}?uploadId={}{after}", bare(&self.shared.home), encoded(upload));
        let text = Call::read().run("look at the upload", async {
            let credential = store.credentials().get_credential().await.map_err(drop)?;
            let mut request = HttpRequest::new(HttpRequestBody::empty());
            *request.method_mut() = Method::GET;
            *request.uri_mut() = url.parse().map_err(drop)?;
            if !credential.bearer.is_empty() {
                let bearer = HeaderValue::from_str(&format!("Bearer {}", credential.bearer)).map_err(drop)?;
                request.headers_mut().insert(AUTHORIZATION, bearer);
            }
            let answer = self.shared.wire.send(request).await.map_err(drop)?;
            match answer.status().is_success() {
                true => answer.into_body().bytes().await.map_err(drop),
                false => Err(()),
            }
        });
        let text = text.await?;
        quick_xml::de::from_reader(text.as_ref())
            .map_err(|_| unexpected("look at the upload", "the service answers no list of parts"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_as_the_documentation_shows_them() {
        let text = r#"<?xml version='1.0' encoding='utf-8'?>
            <ListPartsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><Key>k</Key>
            <UploadId>u</UploadId><StorageClass>STANDARD</StorageClass><PartNumberMarker>0</PartNumberMarker>
            <NextPartNumberMarker>3</NextPartNumberMarker><MaxParts>2</MaxParts><IsTruncated>true</IsTruncated>
            <Part><PartNumber>2</PartNumber><LastModified>2010-11-10T20:48:34.000Z</LastModified>
            <ETag>"7778aef83f66abc1fa1e8477f296d394"</ETag><Size>10485760</Size></Part></ListPartsResult>"#;
        let parts: Parts = quick_xml::de::from_str(text).unwrap();
        let wanted = Part { part_number: 2, etag: "\"7778aef83f66abc1fa1e8477f296d394\"".to_owned(), size: 10_485_760 };
        assert_eq!((parts.parts, parts.is_truncated, parts.next_part_number_marker), (vec![wanted], true, Some(3)));
    }
}
