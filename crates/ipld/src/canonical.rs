//! Leaves as dag-pb: the few forms that writers have given a chunk, so that plain bytes alone prove such a block.
//!
//! Kubo and boxo write `File` with a size; old trickle importers wrote `Raw`; some left the size out. A leaf with anything else in it
//! (mode, mtime) cannot be rebuilt from its bytes, and counts as an inner node.

use cid::Cid;
use sha2::{Digest, Sha256};

use crate::{address, varint};

/// One way to write a leaf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// UnixFS type: 2 for File, 0 for Raw.
    kind: u8,
    size: Size,
    empty: Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Written,
    Omitted,
}

/// Whether a leaf without bytes has the field for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    Omitted,
    Written,
}

impl Form {
    /// What this crate, Kubo and boxo write.
    pub(crate) const WRITTEN: Form = Form { kind: 2, size: Size::Written, empty: Empty::Omitted };

    /// Every form, the usual ones first.
    pub(crate) fn all(len: u64) -> impl Iterator<Item = Form> {
        let empties: &[Empty] = if len == 0 { &[Empty::Omitted, Empty::Written] } else { &[Empty::Omitted] };
        let sizes = [Size::Written, Size::Omitted];
        let forms = sizes.into_iter().flat_map(|size| [2, 0].map(|kind| (size, kind)));
        forms.flat_map(|(size, kind)| empties.iter().map(move |empty| Form { kind, size, empty: *empty }))
    }

    /// The bytes of the block before and after `len` bytes of file.
    pub(crate) fn around(self, len: u64) -> (Vec<u8>, Vec<u8>) {
        let mut head = vec![0x08, self.kind];
        if len > 0 || self.empty == Empty::Written {
            head.push(0x12);
            varint::write(&mut head, len);
        }
        let mut tail = Vec::with_capacity(11);
        if self.size == Size::Written {
            tail.push(0x18);
            varint::write(&mut tail, len);
        }
        let mut block = vec![0x0a];
        varint::write(&mut block, head.len() as u64 + len + tail.len() as u64);
        block.append(&mut head);
        (block, tail)
    }

    /// The whole block around `data`.
    pub(crate) fn block(self, data: &[u8]) -> Vec<u8> {
        let (mut block, tail) = self.around(data.len() as u64);
        block.extend_from_slice(data);
        block.extend_from_slice(&tail);
        block
    }

    /// How long the block around `len` bytes is.
    pub(crate) fn block_len(self, len: u64) -> u64 {
        let (head, tail) = self.around(len);
        (head.len() + tail.len()) as u64 + len
    }
}

/// The form in which `data` makes the block `cid`, if it does in any.
pub(crate) fn form_of(cid: &Cid, data: &[u8]) -> Option<Form> {
    if cid.codec() != address::DAG_PB {
        return None;
    }
    Form::all(data.len() as u64).find(|form| makes(*form, cid, data))
}

fn makes(form: Form, cid: &Cid, data: &[u8]) -> bool {
    if cid.hash().code() != address::SHA2_256 {
        return address::verify(cid, &form.block(data)).is_ok();
    }
    // The usual hash needs no copy of the data.
    let (head, tail) = form.around(data.len() as u64);
    let digest = Sha256::new().chain_update(head).chain_update(data).chain_update(tail).finalize();
    cid.hash().digest().len() == digest.len() && cid.hash().digest() == digest.as_slice()
}

/// Whether a link to `size` bytes of file with this Tsize looks like one to a leaf in one of the forms. No inner node of
/// ordinary make has such a Tsize: its links alone take more.
pub(crate) fn looks_like_leaf(size: u64, tsize: u64) -> bool {
    size > 0 && size <= crate::dagpb::MAX_NODE as u64 && Form::all(size).any(|form| form.block_len(size) == tsize)
}
