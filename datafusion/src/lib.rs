//! A store of object_store 0.14 as one of 0.13, which is what DataFusion 55 speaks. It translates words and does nothing else.
#![warn(missing_docs)]

mod words;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::object_store as old;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use futures::{FutureExt, TryStreamExt};
use object_store as new;
use object_store::ObjectStore as _;

/// The store that DataFusion is given.
#[derive(Debug, Clone)]
pub struct Bridge(Arc<dyn new::ObjectStore>);

impl Bridge {
    /// `store` for DataFusion.
    pub fn new(store: Arc<dyn new::ObjectStore>) -> Self {
        Self(store)
    }
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl old::ObjectStore for Bridge {
    async fn put_opts(
        &self,
        path: &old::path::Path,
        data: old::PutPayload,
        opts: old::PutOptions,
    ) -> old::Result<old::PutResult> {
        let path = words::path(path)?;
        let put = self.0.put_opts(&path, words::payload(data), words::put(opts)?);
        put.await.map(words::put_result).map_err(words::error)
    }

    async fn put_multipart_opts(
        &self,
        path: &old::path::Path,
        opts: old::PutMultipartOptions,
    ) -> old::Result<Box<dyn old::MultipartUpload>> {
        let attributes = words::attributes_in(&opts.attributes)?;
        let opts = new::PutMultipartOptions { attributes, extensions: opts.extensions, ..Default::default() };
        let upload = self.0.put_multipart_opts(&words::path(path)?, opts).await.map_err(words::error)?;
        Ok(Box::new(Upload(upload)))
    }

    async fn get_opts(&self, path: &old::path::Path, opts: old::GetOptions) -> old::Result<old::GetResult> {
        let got = self.0.get_opts(&words::path(path)?, words::get(opts)).await.map_err(words::error)?;
        let (meta, range) = (words::meta(got.meta.clone())?, got.range.clone());
        let attributes = words::attributes_out(&got.attributes)?;
        let body = got.into_stream().map_err(words::error).boxed();
        Ok(old::GetResult { payload: old::GetResultPayload::Stream(body), meta, range, attributes })
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, old::Result<old::path::Path>>,
    ) -> BoxStream<'static, old::Result<old::path::Path>> {
        let paths = paths.map(|path| path.and_then(|path| words::path(&path)).map_err(words::error_in)).boxed();
        let deleted = self.0.delete_stream(paths);
        deleted.map(|path| path.map_err(words::error).and_then(|path| words::path_out(&path))).boxed()
    }

    fn list(&self, prefix: Option<&old::path::Path>) -> BoxStream<'static, old::Result<old::ObjectMeta>> {
        let listed = match prefix.map(words::path).transpose() {
            Ok(prefix) => self.0.list(prefix.as_ref()),
            Err(err) => return futures::stream::iter([Err(err)]).boxed(),
        };
        listed.map(|meta| meta.map_err(words::error).and_then(words::meta)).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&old::path::Path>) -> old::Result<old::ListResult> {
        let prefix = prefix.map(words::path).transpose()?;
        let level = self.0.list_with_delimiter(prefix.as_ref()).await.map_err(words::error)?;
        let common_prefixes = level.common_prefixes.iter().map(words::path_out).collect::<old::Result<_>>()?;
        let objects = level.objects.into_iter().map(words::meta).collect::<old::Result<_>>()?;
        Ok(old::ListResult { common_prefixes, objects })
    }

    async fn copy_opts(&self, from: &old::path::Path, to: &old::path::Path, opts: old::CopyOptions) -> old::Result<()> {
        let mode = match opts.mode {
            old::CopyMode::Overwrite => new::CopyMode::Overwrite,
            old::CopyMode::Create => new::CopyMode::Create,
        };
        let opts = new::CopyOptions { mode, extensions: opts.extensions };
        self.0.copy_opts(&words::path(from)?, &words::path(to)?, opts).await.map_err(words::error)
    }

    async fn rename_opts(
        &self,
        from: &old::path::Path,
        to: &old::path::Path,
        opts: old::RenameOptions,
    ) -> old::Result<()> {
        let target_mode = match opts.target_mode {
            old::RenameTargetMode::Overwrite => new::RenameTargetMode::Overwrite,
            old::RenameTargetMode::Create => new::RenameTargetMode::Create,
        };
        let opts = new::RenameOptions { target_mode, extensions: opts.extensions };
        self.0.rename_opts(&words::path(from)?, &words::path(to)?, opts).await.map_err(words::error)
    }
}

#[derive(Debug)]
struct Upload(Box<dyn new::MultipartUpload>);

#[async_trait]
impl old::MultipartUpload for Upload {
    fn put_part(&mut self, data: old::PutPayload) -> BoxFuture<'static, old::Result<()>> {
        self.0.put_part(words::payload(data)).map(|done| done.map_err(words::error)).boxed()
    }

    async fn complete(&mut self) -> old::Result<old::PutResult> {
        self.0.complete().await.map(words::put_result).map_err(words::error)
    }

    async fn abort(&mut self) -> old::Result<()> {
        self.0.abort().await.map_err(words::error)
    }
}
