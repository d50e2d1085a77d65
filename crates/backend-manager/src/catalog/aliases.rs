//! Other names of the same bytes: whole-file digests, by which two services agree without a download.

use backend_core::{Digest, DigestKind, Error, ErrorKind, Result};
use rusqlite::Connection;

use super::columns::ContentNumber;
use super::sql;

/// A digest is at most this long, bytes: sha2-512.
const DIGEST_MAX: usize = 64;
/// The most contents that one digest is looked up to. More than one is possible: one file under several profiles.
const SAME_MAX: usize = 64;

const CODES: &[(DigestKind, i64)] = &[
    (DigestKind::Sha256, 1),
    (DigestKind::Sha1, 2),
    (DigestKind::Md5, 3),
    (DigestKind::Crc64Nvme, 4),
    (DigestKind::GitBlob, 5),
    (DigestKind::PieceCommitment, 6),
];

fn code(kind: DigestKind) -> Result<i64> {
    let known = CODES.iter().find(|(known, _)| *known == kind);
    known
        .map(|(_, code)| *code)
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("digests of kind {kind:?} are not kept")))
}

/// Keeps a digest of content. The same again changes nothing.
///
/// # Errors
/// `InvalidInput` for a digest longer than any function's; `Precondition` for an unknown content.
pub fn put(conn: &Connection, content: ContentNumber, digest: &Digest) -> Result<()> {
    sql::bounded("a digest", digest.value.len(), DIGEST_MAX)?;
    let text = "INSERT INTO aliases (algo, digest, content_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    sql::run(conn, text, (code(digest.kind)?, digest.value.as_ref(), content)).map(drop)
}

/// The contents that have this digest, at most 64. A CRC or an MD5 names no content for certain: compare sizes, and verify.
pub fn find(conn: &Connection, digest: &Digest) -> Result<Vec<ContentNumber>> {
    let text = "SELECT content_id FROM aliases WHERE algo = ?1 AND digest = ?2 ORDER BY content_id LIMIT ?3";
    sql::many(conn, text, (code(digest.kind)?, digest.value.as_ref(), sql::limit(SAME_MAX)), |row| row.get(0))
}

/// The digests of content. A kind that a newer program wrote is left out.
pub fn of(conn: &Connection, content: ContentNumber) -> Result<Vec<Digest>> {
    let text = "SELECT algo, digest FROM aliases WHERE content_id = ?1 ORDER BY algo, digest LIMIT ?2";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
    let rows = sql::many(conn, text, (content, sql::limit(SAME_MAX)), read)?;
    let digest = |(code, value): (i64, Vec<u8>)| {
        let known = CODES.iter().find(|(_, known)| *known == code)?;
        Some(Digest { kind: known.0, value: value.into() })
    };
    Ok(rows.into_iter().filter_map(digest).collect())
}
