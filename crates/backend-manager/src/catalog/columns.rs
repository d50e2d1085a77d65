//! What a column holds, as types: numbers of rows, codes of enums, sizes and CIDs.

use std::marker::PhantomData;

use cid::Cid;
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};

/// The number of a row in this catalog; it means nothing in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number<Of>(i64, PhantomData<Of>);

/// Marks numbers of contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfContent {}
/// Marks numbers of backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfBackend {}
/// Marks numbers of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfPolicy {}

/// Which content.
pub type ContentNumber = Number<OfContent>;
/// Which backend.
pub type BackendNumber = Number<OfBackend>;
/// Which policy.
pub type PolicyNumber = Number<OfPolicy>;

impl<Of> Number<Of> {
    /// A number that was read from this catalog before.
    pub const fn new(number: i64) -> Self {
        Self(number, PhantomData)
    }

    /// The number itself.
    pub const fn get(self) -> i64
    where
        Of: Copy,
    {
        self.0
    }
}

impl<Of> ToSql for Number<Of> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.into())
    }
}

impl<Of> FromSql for Number<Of> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        i64::column_result(value).map(Self::new)
    }
}

/// An enum whose values are stored as small numbers that never change their meaning.
pub(super) trait Coded: Copy + PartialEq + 'static {
    /// Every value with its number.
    const CODES: &'static [(Self, i64)];
}

/// A coded enum as a column.
pub(super) struct Code<T>(pub(super) T);

impl<T: Coded> ToSql for Code<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let code = T::CODES.iter().find(|(value, _)| *value == self.0).map(|(_, code)| *code);
        code.map(ToSqlOutput::from)
            .ok_or_else(|| rusqlite::Error::ToSqlConversionFailure("a value without code".into()))
    }
}

impl<T: Coded> FromSql for Code<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let code = i64::column_result(value)?;
        let known = T::CODES.iter().find(|(_, known)| *known == code);
        known.map(|(value, _)| Self(*value)).ok_or(FromSqlError::OutOfRange(code))
    }
}

/// A number of bytes: SQL has no unsigned ones.
pub(super) struct Size(pub(super) u64);

impl ToSql for Size {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let signed = i64::try_from(self.0).map_err(|err| rusqlite::Error::ToSqlConversionFailure(err.into()))?;
        Ok(signed.into())
    }
}

impl FromSql for Size {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let signed = i64::column_result(value)?;
        u64::try_from(signed).map(Self).map_err(|_| FromSqlError::OutOfRange(signed))
    }
}

/// A CID as bytes; a CIDv0 is stored as the CIDv1 that names the same node.
pub(super) struct CidColumn(pub(super) Cid);

impl ToSql for CidColumn {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let v1 = self.0.into_v1().map_err(|err| rusqlite::Error::ToSqlConversionFailure(err.into()))?;
        Ok(v1.to_bytes().into())
    }
}

impl FromSql for CidColumn {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Cid::try_from(value.as_blob()?).map(Self).map_err(|err| FromSqlError::Other(err.into()))
    }
}
