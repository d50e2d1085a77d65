//! Any bytes as a dag-pb node: what is read can be written and read again, the same.
#![no_main]

use bytes::Bytes;
use ipld::{
    address,
    dagpb::PbNode,
    unixfs::{self, Node},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let block = Bytes::copy_from_slice(input);
    if let Ok(node) = PbNode::decode(&block) {
        let written = node.encode();
        let again = PbNode::decode(&written).expect("what was written is canonical");
        assert_eq!((again.data.clone(), again.links.len()), (node.data, node.links.len()));
        assert_eq!(again.encode(), written, "canonical is a fixed point");
    }
    if let Ok(Node::File(file)) = unixfs::decode(&address::sha256(address::DAG_PB, input), &block) {
        let written = file.encode();
        let again = unixfs::decode(&address::sha256(address::DAG_PB, &written), &written);
        assert_eq!(again, Ok(Node::File(file)), "a file reads back");
    }
});
