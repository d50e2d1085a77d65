//! Where things lie on a store whose names we choose. A store explains itself: whoever lists it can rebuild a lost catalog.

use backend_core::{Addressing, Key, Locator, OWN_PREFIX, Result};
use ipld::{Cid, address};

use crate::catalog::contents::ContentKind;
use crate::catalog::state::Segment;

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

/// The key of the row of a file that a store of CIDs holds because it holds the folder `root`: there is no object of that name.
pub(crate) fn within(root: &Cid, cid: &Cid) -> String {
    format!("{}/{}", address::text(root), address::text(cid))
}

/// The folder that a row's key, as [`within`] makes it, names.
pub(crate) fn folder_of(key: &str) -> Option<Cid> {
    address::parse(key.split_once('/')?.0).ok()
}

/// What a store is asked with for a copy of `cid`. `key` is the row's: where a user wanted it, or nothing. A store of CIDs is asked by CID, also for what
/// lies within a folder; and so is one that assigns names, beside the handle.
pub(crate) fn locator(addressing: Addressing, cid: &Cid, kind: ContentKind, key: &str) -> Result<Locator> {
    Ok(match addressing {
        Addressing::Key if kind == ContentKind::Directory => Locator::new(sidecar(cid)?),
        Addressing::Key if key.is_empty() => Locator::new(content(cid)?),
        Addressing::Key => Locator::new(Key::new(key)?),
        _ => Locator::new(*cid),
    })
}

/// What the catalog keeps of where a sidecar lies. Where a service assigns names it is asked by the archive's own CID, so that is kept too.
pub(crate) fn sidecar_handle(addressing: Addressing, at: &Locator) -> Option<String> {
    match (addressing, at.id.cid(), &at.handle) {
        (Addressing::Assigned, Some(cid), Some(handle)) => Some(format!("{} {handle}", address::text(cid))),
        (_, _, handle) => handle.clone(),
    }
}

/// Where the sidecar of `root` lies, by what [`sidecar_handle`] kept. `None`: this store keeps none, or nobody knows where.
pub(crate) fn sidecar_at(addressing: Addressing, root: &Cid, handle: Option<&str>) -> Result<Option<Locator>> {
    Ok(match (addressing, handle.and_then(|it| it.split_once(' '))) {
        (Addressing::Key, _) => Some(Locator::new(sidecar(root)?).with_handle(handle.map(str::to_owned))),
        (Addressing::Assigned, Some((cid, handle))) => {
            address::parse(cid).ok().map(|cid| Locator::new(cid).with_handle(Some(handle.to_owned())))
        }
        _ => None,
    })
}

/// Under which all segments of the desired state lie, of one catalog or of all.
pub(crate) fn state_folder(catalog: Option<&str>) -> String {
    match catalog {
        Some(catalog) => format!("{OWN_PREFIX}state/{catalog}/"),
        None => format!("{OWN_PREFIX}state/"),
    }
}

/// A segment of a catalog's desired state. Two catalogs on one store never meet, and in the order of the names the newest comes last.
pub(crate) fn state(catalog: &str, segment: &Segment) -> Result<Key> {
    let Segment { to, from, .. } = segment;
    Key::parse(format!("{}{to:020}-{from:020}.jsonl", state_folder(Some(catalog))))
}

/// Whose segment a key names, and which; `None` for what is called otherwise.
pub(crate) fn state_of(key: &Key) -> Option<(String, Segment)> {
    let (catalog, name) = key.as_str().strip_prefix(&state_folder(None))?.split_once('/')?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let (to, from) = name.strip_suffix(".jsonl")?.split_once('-')?;
    let number = |text: &str| text.parse::<i64>().ok().filter(|it| 0 <= *it && text.len() == 20);
    let (to, from) = (number(to)?, number(from)?);
    let is_id = catalog.len() == 32 && catalog.bytes().all(is_hex);
    (is_id && from <= to).then(|| (catalog.to_owned(), Segment { to, from, weight: 0 }))
}

/// Under which the indexes of all backups lie.
pub(crate) fn backup_folder() -> String {
    format!("{OWN_PREFIX}backup/")
}

/// The index of a catalog's backup.
pub(crate) fn backup(catalog: &str, id: &str) -> Result<Key> {
    Key::parse(format!("{}{catalog}/{id}.json", backup_folder()))
}

/// Whose backup an index is of, and which; `None` for what is called otherwise.
pub(crate) fn backup_of(key: &Key) -> Option<(String, String)> {
    let (catalog, name) = key.as_str().strip_prefix(&backup_folder())?.split_once('/')?;
    let id = name.strip_suffix(".json")?;
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'.');
    (is_plain(catalog) && is_plain(id)).then(|| (catalog.to_owned(), id.to_owned()))
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

    #[test]
    fn a_segment_is_known_by_its_name_alone() {
        let (id, segment) = ("0123456789abcdef0123456789abcdef", Segment { to: 12, from: 3, weight: 0 });
        let key = state(id, &segment).unwrap();
        assert_eq!(key.as_str(), format!(".ipfs-kit/state/{id}/00000000000000000012-00000000000000000003.jsonl"));
        assert_eq!(state_of(&key), Some((id.to_owned(), segment)));
        let under = |rest: &str| state_of(&Key::parse(format!(".ipfs-kit/state/{rest}")).unwrap());
        let (to, from) = ("00000000000000000002", "00000000000000000003");
        for hostile in [
            format!("x/{to}-{to}.jsonl"),
            format!("{id}/{to}-{from}.jsonl"),
            format!("{id}/2-1.jsonl"),
            format!("{id}/{to}.jsonl"),
        ] {
            assert_eq!(under(&hostile), None, "{hostile}");
        }
    }

    #[test]
    fn a_sidecar_is_found_by_what_was_kept_of_its_place() {
        let cid = ipld::address::parse("bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e").unwrap();
        let given = Locator::new(cid).with_handle(Some("$a b".to_owned()));
        let kept = sidecar_handle(Addressing::Assigned, &given);
        assert_eq!(sidecar_at(Addressing::Assigned, &cid, kept.as_deref()).unwrap(), Some(given));
        assert_eq!(sidecar_at(Addressing::Assigned, &cid, None).unwrap(), None);
        let own = Locator::new(sidecar(&cid).unwrap());
        assert_eq!(sidecar_at(Addressing::Key, &cid, None).unwrap(), Some(own.clone()));
        let handled = own.with_handle(Some("7".to_owned()));
        let kept = sidecar_handle(Addressing::Key, &handled);
        assert_eq!(sidecar_at(Addressing::Key, &cid, kept.as_deref()).unwrap(), Some(handled));
        assert_eq!(sidecar_at(Addressing::Cid, &cid, kept.as_deref()).unwrap(), None);
    }
}
