//! What services rotate (refresh tokens, promised ids) is kept in the catalog, by compare and swap.

use async_trait::async_trait;
use backend_core::{Error, ErrorKind, Result, Secret, StateStore};

use crate::catalog::{Catalog, backends, memories};

#[derive(Debug)]
pub(crate) struct CatalogState {
    catalog: Catalog,
    backend: String,
}

impl CatalogState {
    pub(crate) fn new(catalog: Catalog, backend: &str) -> Self {
        Self { catalog, backend: backend.to_owned() }
    }
}

#[async_trait]
impl StateStore for CatalogState {
    async fn get(&self) -> Result<Option<(Secret, u64)>> {
        let name = self.backend.clone();
        self.catalog
            .read(move |conn| match backends::find(conn, &name)? {
                Some(row) => memories::get(conn, row.number),
                None => Ok(None),
            })
            .await
    }

    async fn put(&self, value: Secret, if_revision: u64) -> Result<bool> {
        let name = self.backend.clone();
        self.catalog
            .write(move |conn| match backends::find(conn, &name)? {
                Some(row) => memories::put(conn, row.number, &value, if_revision),
                None => Err(Error::new(ErrorKind::Internal, "the backend is not entered in the catalog")),
            })
            .await
    }
}
