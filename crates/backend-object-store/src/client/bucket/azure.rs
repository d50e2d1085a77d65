//! What `object_store` has no word for in Azure's dialect: blocks with names of ours, their list under a condition, and a conditional removal.

use backend_core::{ErrorKind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use http::{Method, Uri};
use object_store::azure::{AzureAuthorizer, MicrosoftAzure};
use object_store::client::{HttpRequest, HttpRequestBody, HttpResponse};
use object_store::path::Path;
use object_store::{Attribute, Attributes, PutPayload};
use serde::Deserialize;

use super::super::call::Call;
use super::{Bucket, Recipe};
use crate::error::unexpected;

/// The container, for requests of our own.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    bucket: &'a Bucket,
    store: &'a MicrosoftAzure,
}

struct Asked<'a> {
    method: Method,
    path: &'a Path,
    query: &'a [(&'a str, &'a str)],
    headers: HeaderMap,
    payload: PutPayload,
}

/// Blob service, "Get Block List".
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blocks {
    #[serde(default)]
    uncommitted_blocks: Uncommitted,
}

#[derive(Debug, Default, Deserialize)]
struct Uncommitted {
    #[serde(default, rename = "Block")]
    blocks: Vec<Block>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Block {
    name: String,
    size: u64,
}

impl Bucket {
    pub(super) fn azure<'a>(&'a self, store: &'a MicrosoftAzure) -> Own<'a> {
        Own { bucket: self, store }
    }
}

/// The name of a block, as it stands in addresses and lists: all of one blob must be equally long.
pub(super) fn block(upload: &str, index: usize) -> String {
    STANDARD.encode(format!("{upload}-{index:06}"))
}

impl Own<'_> {
    /// Blob service, "Delete Blob".
    pub(super) async fn delete(&self, call: Call, path: &Path, if_match: Option<&str>) -> Result<()> {
        let mut headers = HeaderMap::new();
        if let Some(value) = if_match.and_then(|it| HeaderValue::from_str(it).ok()) {
            headers.insert(IF_MATCH, value);
        }
        let asked = Asked { method: Method::DELETE, path, query: &[], headers, payload: PutPayload::new() };
        self.ask(call, "remove the content", asked).await.map(drop)
    }

    /// Blob service, "Put Block".
    pub(super) async fn put_block(&self, call: Call, path: &Path, id: &str, payload: Vec<Bytes>) -> Result<()> {
        let query = [("comp", "block"), ("blockid", id)];
        let payload = PutPayload::from_iter(payload);
        let asked = Asked { method: Method::PUT, path, query: &query, headers: HeaderMap::new(), payload };
        self.ask(call, "send a part", asked).await.map(drop)
    }

    /// The blocks of `upload` that wait to be listed, in order, with their sizes.
    pub(super) async fn blocks(&self, path: &Path, upload: &str) -> Result<Vec<u64>> {
        let query = [("comp", "blocklist"), ("blocklisttype", "uncommitted")];
        let asked =
            Asked { method: Method::GET, path, query: &query, headers: HeaderMap::new(), payload: PutPayload::new() };
        let answer = match self.ask(Call::read(), "look at the upload", asked).await {
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            answer => answer?,
        };
        let wrong = || unexpected("look at the upload", "the service answers no list of blocks");
        let text = answer.into_body().bytes().await.map_err(|_| wrong())?;
        // A byte order mark stands before Azure's XML.
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
        let found: Blocks = quick_xml::de::from_reader(text).map_err(|_| wrong())?;
        let sizes: std::collections::HashMap<String, u64> =
            found.uncommitted_blocks.blocks.into_iter().map(|block| (block.name, block.size)).collect();
        Ok((0..).map_while(|index| sizes.get(&block(upload, index)).copied()).collect())
    }

    /// Blob service, "Put Block List": makes the first `n` blocks of `upload` the blob. The new etag.
    pub(super) async fn commit(
        &self,
        call: Call,
        path: &Path,
        (upload, n): (&str, usize),
        attributes: &Attributes,
        condition: &object_store::PutMode,
    ) -> Result<Option<String>> {
        let listed: String = (0..n).map(|index| format!("<Latest>{}</Latest>", block(upload, index))).collect();
        let text = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{listed}</BlockList>");
        let mut headers = described(attributes);
        match condition {
            object_store::PutMode::Create => headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*")),
            object_store::PutMode::Update(version) => {
                let etag = version.e_tag.as_deref().and_then(|it| HeaderValue::from_str(it).ok());
                etag.and_then(|etag| headers.insert(IF_MATCH, etag))
            }
            object_store::PutMode::Overwrite => None,
        };
        let query = [("comp", "blocklist")];
        let asked = Asked { method: Method::PUT, path, query: &query, headers, payload: text.into() };
        let answer = self.ask(call, "complete the upload", asked).await?;
        Ok(answer.headers().get(ETAG).and_then(|it| it.to_str().ok()).map(str::to_owned))
    }

    async fn ask(&self, call: Call, what: &str, asked: Asked<'_>) -> Result<HttpResponse> {
        call.run(what, async {
            let mut request = self.request(asked).ok_or(())?;
            let Recipe::Azure { account, credentials, .. } = &self.bucket.shared.recipe else { return Err(()) };
            if !credentials.anonymous {
                let credential = self.store.credentials().get_credential().await.map_err(drop)?;
                AzureAuthorizer::new(&credential, account).try_authorize(&mut request).map_err(drop)?;
            }
            let answer = self.bucket.shared.wire.send(request).await.map_err(drop)?;
            if answer.status().is_success() { Ok(answer) } else { Err(()) }
        })
        .await
    }

    fn request(&self, asked: Asked<'_>) -> Option<HttpRequest> {
        let Recipe::Azure { connection, .. } = &self.bucket.shared.recipe else { return None };
        let mut url = self.bucket.shared.home.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push(&connection.container).extend(asked.path.parts());
        if !asked.query.is_empty() {
            url.query_pairs_mut().extend_pairs(asked.query);
        }
        let len = asked.payload.content_length();
        let mut request = HttpRequest::new(HttpRequestBody::from(asked.payload));
        *request.method_mut() = asked.method;
        *request.uri_mut() = url.as_str().parse::<Uri>().ok()?;
        *request.headers_mut() = asked.headers;
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(len as u64));
        Some(request)
    }
}

fn described(attributes: &Attributes) -> HeaderMap {
    let pairs = attributes.iter().filter_map(|(name, value)| {
        let name = match name {
            Attribute::ContentType => "x-ms-blob-content-type".to_owned(),
            Attribute::Metadata(name) => format!("x-ms-meta-{name}"),
            _ => return None,
        };
        Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_as_the_documentation_shows_them() {
        let text = r#"<?xml version="1.0" encoding="utf-8"?><BlockList><CommittedBlocks /><UncommittedBlocks>
            <Block><Name>BlockId004</Name><Size>1024</Size></Block></UncommittedBlocks></BlockList>"#;
        let found: Blocks = quick_xml::de::from_str(text).unwrap();
        let sizes: Vec<u64> = found.uncommitted_blocks.blocks.iter().map(|block| block.size).collect();
        assert_eq!((sizes, found.uncommitted_blocks.blocks[0].name.as_str()), (vec![1024], "BlockId004"));
        let none: Blocks = quick_xml::de::from_str("<BlockList><UncommittedBlocks /></BlockList>").unwrap();
        assert!(none.uncommitted_blocks.blocks.is_empty());
    }

    #[test]
    fn all_blocks_of_an_upload_are_equally_long() {
        assert_eq!(block("u", 0).len(), block("u", 49_999).len());
    }
}
