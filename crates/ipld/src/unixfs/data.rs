//! The protobuf message inside of a UnixFS node.

use bytes::Bytes;

use super::{FORMAT, Mtime, malformed};
use crate::{
    error::Result,
    protobuf::{Fields, Value, put_bytes, put_varint},
    varint,
};

pub(super) const RAW: u64 = 0;
pub(super) const DIRECTORY: u64 = 1;
pub(super) const FILE: u64 = 2;
pub(super) const SYMLINK: u64 = 4;
pub(super) const SHARD: u64 = 5;

/// The message as it stands.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) kind: u64,
    pub(super) data: Option<Bytes>,
    pub(super) file_size: Option<u64>,
    pub(super) block_sizes: Vec<u64>,
    pub(super) hash_type: Option<u64>,
    pub(super) fanout: Option<u64>,
    pub(super) mode: Option<u32>,
    pub(super) mtime: Option<Mtime>,
}

impl Data {
    pub(super) fn decode(message: Bytes) -> Result<Data> {
        let mut data = Data::default();
        let mut kind = None;
        let mut fields = Fields::new(message, FORMAT);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Varint(value)) => once(&mut kind, value)?,
                (2, Value::Bytes(value)) => once(&mut data.data, value)?,
                (3, Value::Varint(value)) => once(&mut data.file_size, value)?,
                (4, Value::Varint(value)) => data.block_sizes.push(value),
                (4, Value::Bytes(packed)) => unpack(&packed, &mut data.block_sizes)?,
                (5, Value::Varint(value)) => once(&mut data.hash_type, value)?,
                (6, Value::Varint(value)) => once(&mut data.fanout, value)?,
                (7, Value::Varint(value)) => once(&mut data.mode, (value & 0o7777) as u32)?,
                (8, Value::Bytes(value)) => once(&mut data.mtime, decode_mtime(value)?)?,
                (number @ 1..=8, _) => return Err(malformed(format!("wire type of field {number}"))),
                _ => {}
            }
        }
        data.kind = kind.ok_or_else(|| malformed("no type"))?;
        Ok(data)
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(malformed("a field twice")),
    }
}

fn unpack(mut packed: &[u8], sizes: &mut Vec<u64>) -> Result<()> {
    while !packed.is_empty() {
        let (value, used) = varint::read_protobuf(packed)?;
        sizes.push(value);
        packed = &packed[used..];
    }
    Ok(())
}

fn decode_mtime(message: Bytes) -> Result<Mtime> {
    let (mut seconds, mut nanoseconds) = (None, None);
    let mut fields = Fields::new(message, FORMAT);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Varint(value)) => once(&mut seconds, value.cast_signed())?,
            (2, Value::Fixed32(value @ 0..=999_999_999)) => once(&mut nanoseconds, value)?,
            (number, _) => return Err(malformed(format!("field {number} of a time"))),
        }
    }
    let seconds = seconds.ok_or_else(|| malformed("a time without seconds"))?;
    Ok(Mtime { seconds, nanoseconds: nanoseconds.unwrap_or_default() })
}

/// Appends mode and mtime, where there are any. A zero of nanoseconds is left out.
pub(super) fn put_metadata(out: &mut Vec<u8>, mode: Option<u32>, mtime: Option<Mtime>) {
    if let Some(mode) = mode {
        put_varint(out, 7, u64::from(mode & 0o7777));
    }
    if let Some(mtime) = mtime {
        let mut time = Vec::with_capacity(16);
        put_varint(&mut time, 1, mtime.seconds.cast_unsigned());
        if mtime.nanoseconds != 0 {
            time.push((2 << 3) | 5);
            time.extend(mtime.nanoseconds.to_le_bytes());
        }
        put_bytes(out, 8, &time);
    }
}
