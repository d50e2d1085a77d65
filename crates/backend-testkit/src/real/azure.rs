//! The one signed request that azurite needs of us: a new container. Blob service REST API, "Authorize with Shared Key".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Server, Unready, http};

/// The account of the emulator.
pub(super) const ACCOUNT: &str = "devstoreaccount1";
/// Its key, as Microsoft's documentation of azurite prints it.
pub(super) const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const VERSION: &str = "2024-11-04";
/// Any date will do: the emulator does not look at it.
const DATE: &str = "Fri, 27 Nov 2026 00:00:00 GMT";
/// Of SHA-256, in bytes (RFC 2104).
const BLOCK: usize = 64;

pub(super) fn container(server: &Server, name: &str) -> Result<(), Unready> {
    let canonical = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{DATE}\nx-ms-version:{VERSION}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    );
    let key = STANDARD.decode(KEY).map_err(|err| Unready::new(format!("azurite's key: {err}")))?;
    let sign = STANDARD.encode(hmac(&key, canonical.as_bytes()));
    let authorization = format!("SharedKey {ACCOUNT}:{sign}");
    let headers = [("x-ms-date", DATE), ("x-ms-version", VERSION), ("Authorization", authorization.as_str())];
    let words = format!("PUT /{ACCOUNT}/{name}?restype=container");
    let answer = http::ask(server.port(), &words, &headers, "");
    match answer.map_err(|err| Unready::new(format!("azurite: {err}")))? {
        it if [201, 409].contains(&it.status) => Ok(()),
        it => Err(Unready::new(format!("azurite makes no container: {}", it.text))),
    }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut padded = [0; BLOCK];
    match key.len() <= BLOCK {
        true => padded[..key.len()].copy_from_slice(key),
        false => padded[..32].copy_from_slice(&Sha256::digest(key)),
    }
    let inner = Sha256::new().chain_update(padded.map(|it| it ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded.map(|it| it ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_rfc_4231() {
        let hex = |it: [u8; 32]| it.iter().map(|it| format!("{it:02x}")).collect::<String>();
        let second = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(second), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let sixth = hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(sixth), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }
}
