//! The fields of a protobuf message, one after the other, without a copy. Only what dag-pb and UnixFS need.

use bytes::{Buf, Bytes};

use crate::{
    error::{Error, Result},
    varint,
};

/// What a field holds, by its wire type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64,
    /// Wire type 2.
    Bytes(Bytes),
    /// Wire type 5.
    Fixed32(u32),
}

/// Reads fields until the message ends.
#[derive(Debug)]
pub(crate) struct Fields {
    rest: Bytes,
    format: &'static str,
}

impl Fields {
    /// `format` is what errors call the message.
    pub(crate) fn new(message: Bytes, format: &'static str) -> Fields {
        Fields { rest: message, format }
    }

    /// The next field's number and value; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed64)?,
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Fixed32(self.take(4)?.get_u32_le()),
            wire => return Err(Error::malformed(self.format, format!("wire type {wire}"))),
        };
        match key >> 3 {
            0 => Err(Error::malformed(self.format, "field number 0")),
            number => Ok(Some((number, value))),
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let (value, used) = varint::read_protobuf(&self.rest)?;
        self.rest.advance(used);
        Ok(value)
    }

    fn take(&mut self, len: u64) -> Result<Bytes> {
        match usize::try_from(len) {
            Ok(len) if len <= self.rest.len() => Ok(self.rest.split_to(len)),
            _ => Err(Error::Truncated(self.format)),
        }
    }
}

/// Appends a length-delimited field.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    out.push((number << 3) | 2);
    varint::write(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends a varint field.
pub(crate) fn put_varint(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3);
    varint::write(out, value);
}
