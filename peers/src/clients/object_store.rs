//! `object_store`: `put` for what is in memory, `WriteMultipart` for a file, payloads unsigned.

use std::path::Path;

use async_trait::async_trait;
use backend_testkit::real::{SECRET, USER};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio::io::AsyncReadExt;

use super::{Client, PART, PARTS};
use crate::Result;

pub(super) struct Store(AmazonS3);

pub(super) fn open(endpoint: &str, bucket: &str) -> Result<Store> {
    let built = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name(bucket)
        .with_region("us-east-1")
        .with_access_key_id(USER)
        .with_secret_access_key(SECRET)
        .with_allow_http(true)
        .with_unsigned_payload(true)
        .build()?;
    Ok(Store(built))
}

#[async_trait]
impl Client for Store {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.0.put(&key.into(), bytes.into()).await?;
        Ok(())
    }

    async fn put_file(&self, key: &str, file: &Path) -> Result<()> {
        let mut upload = WriteMultipart::new_with_chunk_size(self.0.put_multipart(&key.into()).await?, PART);
        let mut file = tokio::fs::File::open(file).await?;
        file.set_max_buf_size(PART);
        loop {
            let mut part = bytes::BytesMut::with_capacity(PART);
            while part.len() < PART && 0 < file.read_buf(&mut part).await? {}
            if part.is_empty() {
                break;
            }
            upload.wait_for_capacity(PARTS - 1).await?;
            upload.put(part.freeze());
        }
        upload.finish().await?;
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<u64> {
        let mut body = self.0.get(&key.into()).await?.into_stream();
        let mut len = 0;
        while let Some(frame) = body.try_next().await? {
            len += frame.len() as u64;
        }
        Ok(len)
    }

    async fn list(&self, prefix: &str) -> Result<u64> {
        let prefix = prefix.trim_end_matches('/').into();
        let mut listing = self.0.list(Some(&prefix));
        let mut found = 0;
        while listing.try_next().await?.is_some() {
            found += 1;
        }
        Ok(found)
    }
}
