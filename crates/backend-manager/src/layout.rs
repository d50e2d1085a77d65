//! Where things lie on a store whose names we choose. A store explains itself: whoever lists it can rebuild a lost catalog.

use backend_core::{Key, OWN_PREFIX, Result};
use ipld::{Cid, address};

/// The marker: one small JSON object with the store's random identity. A negative answer is believed only from a store that shows it.
pub(crate) fn marker() -> Result<Key> {
    Key::parse(format!("{OWN_PREFIX}store"))
}

/// The plain bytes of a file.
pub(crate) fn content(cid: &Cid) -> Result<Key> {
    sharded("c", cid, "")
}

/// The inner nodes of a large file, or of a whole directory tree, as one CARv1.
pub(crate) fn sidecar(cid: &Cid) -> Result<Key> {
    sharded("d", cid, ".car")
}

/// The last two characters spread best: the first ones are the same in all CIDs of a kind.
fn sharded(kind: &str, cid: &Cid, ending: &str) -> Result<Key> {
    let text = address::text(cid);
    let last = &text[text.len().saturating_sub(2)..];
    Key::parse(format!("{OWN_PREFIX}{kind}/{last}/{text}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_documented_ones() {
        let cid = ipld::address::parse("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e").unwrap();
        let text = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
        assert_eq!(content(&cid).unwrap().as_str(), format!(".ipfs-kit/c/5e/{text}"));
        assert_eq!(sidecar(&cid).unwrap().as_str(), format!(".ipfs-kit/d/5e/{text}.car"));
        assert_eq!(marker().unwrap().as_str(), ".ipfs-kit/store");
    }
}
