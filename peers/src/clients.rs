//! What is compared: each client as its documentation says it is used best.

mod aws;
mod object_store;
mod opendal;
mod ours;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::Result;

/// In the order of the table; ours is compared with the best of the others.
pub(crate) const NAMES: [&str; 4] = ["ours", "aws", "object_store", "opendal"];

/// So many parts of a large object are under way at once, of this size: what every client can be told.
const PARTS: usize = 8;
const PART: usize = 8 << 20;

/// What every client can do.
#[async_trait]
pub(crate) trait Client: Send + Sync {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<()>;
    async fn put_file(&self, key: &str, file: &Path) -> Result<()>;
    /// How many bytes came.
    async fn get(&self, key: &str) -> Result<u64>;
    /// How many keys begin with this.
    async fn list(&self, prefix: &str) -> Result<u64>;
}

pub(crate) async fn open(name: &str, endpoint: &str, bucket: &str) -> Result<Arc<dyn Client>> {
    // HTTP clients ask for it even where they are given no HTTPS; a second installation is refused, and no matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(match name {
        "ours" => Arc::new(ours::open(endpoint, bucket).await?),
        "aws" => Arc::new(aws::open(endpoint, bucket)),
        "object_store" => Arc::new(object_store::open(endpoint, bucket)?),
        "opendal" => Arc::new(opendal::open(endpoint, bucket)?),
        _ => return Err(format!("no client {name}").into()),
    })
}
