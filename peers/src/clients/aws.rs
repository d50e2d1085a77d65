//! The vendor's SDK, bare: without payload signatures and checksums, as over a trusted line, and several parts at once.

use std::path::Path;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sdk_s3::Client as Sdk;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use backend_testkit::real::{SECRET, USER};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::{Client, PART, PARTS};
use crate::Result;

pub(super) struct Aws {
    sdk: Sdk,
    bucket: String,
}

pub(super) fn open(endpoint: &str, bucket: &str) -> Aws {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(USER, SECRET, None, None, "peers"))
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .build();
    Aws { sdk: Sdk::from_conf(config), bucket: bucket.to_owned() }
}

#[async_trait]
impl Client for Aws {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        let put = self.sdk.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(bytes));
        put.customize().disable_payload_signing().send().await?;
        Ok(())
    }

    async fn put_file(&self, key: &str, file: &Path) -> Result<()> {
        let begun = self.sdk.create_multipart_upload().bucket(&self.bucket).key(key).send().await?;
        let id = begun.upload_id().ok_or("no upload id")?;
        let len = tokio::fs::metadata(file).await?.len();
        let parts = (0..len.div_ceil(PART as u64)).map(|n| async move {
            let from = n * PART as u64;
            let body =
                ByteStream::read_from().path(file).offset(from).length(Length::Exact((len - from).min(PART as u64)));
            let number = i32::try_from(n + 1)?;
            let part = self.sdk.upload_part().bucket(&self.bucket).key(key).upload_id(id).part_number(number);
            let sent = part.body(body.build().await?).customize().disable_payload_signing().send().await?;
            let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag().map(str::to_owned));
            Ok::<_, crate::Failure>(part.build())
        });
        let parts: Vec<CompletedPart> = stream::iter(parts).buffered(PARTS).try_collect().await?;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let whole = self.sdk.complete_multipart_upload().bucket(&self.bucket).key(key).upload_id(id);
        whole.multipart_upload(parts).send().await?;
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<u64> {
        let mut body = self.sdk.get_object().bucket(&self.bucket).key(key).send().await?.body;
        let mut len = 0;
        while let Some(frame) = body.try_next().await? {
            len += frame.len() as u64;
        }
        Ok(len)
    }

    async fn list(&self, prefix: &str) -> Result<u64> {
        let mut pages = self.sdk.list_objects_v2().bucket(&self.bucket).prefix(prefix).into_paginator().send();
        let mut found = 0;
        while let Some(page) = pages.next().await {
            found += page?.contents().len() as u64;
        }
        Ok(found)
    }
}
