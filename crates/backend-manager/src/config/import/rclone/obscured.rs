//! Passwords that rclone has obscured: AES-256 in counter mode by a key that everybody has, so that nobody reads them by chance (rclone:
//! `fs/config/obscure/obscure.go`). It is no encryption, and what is revealed is a secret from then on.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};

/// The published key.
const KEY: [u8; 32] = [
    0x9c, 0x93, 0x5b, 0x48, 0x73, 0x0a, 0x55, 0x4d, 0x6b, 0xfd, 0x7c, 0x63, 0xc8, 0x86, 0xa9, 0x2b, 0xd3, 0x90, 0x19,
    0x8e, 0xb8, 0x12, 0x8a, 0xfb, 0xf4, 0xde, 0x16, 0x2b, 0x8b, 0x95, 0xf6, 0x38,
];
/// The beginning of what is written: the counter's first value.
const IV: usize = 16;

/// # Errors
/// What is wrong, and nothing of the text.
pub(super) fn reveal(text: &str) -> Result<String, &'static str> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "is not what rclone obscures")?;
    let (iv, obscured) = bytes.split_at_checked(IV).ok_or("is too short to be what rclone obscures")?;
    let iv: [u8; IV] = iv.try_into().map_err(|_| "is too short to be what rclone obscures")?;
    let mut plain = obscured.to_vec();
    Ctr128BE::<Aes256>::new(&KEY.into(), &iv.into()).apply_keystream(&mut plain);
    String::from_utf8(plain).map_err(|_| "is not what rclone obscures, or no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_rclones_own_tests_come_back() {
        // fs/config/obscure/obscure_test.go
        for (text, plain) in [
            ("YWFhYWFhYWFhYWFhYWFhYQ", ""),
            ("YWFhYWFhYWFhYWFhYWFhYXMaGgIlEQ", "potato"),
            ("YmJiYmJiYmJiYmJiYmJiYp3gcEWbAw", "potato"),
        ] {
            assert_eq!(reveal(text).as_deref(), Ok(plain), "{text}");
        }
        for text in ["", "aGVsbG8", "YmJiYmJiYmJiYmJiYmJiYp*gcEWbAw", "potato", "hunter2!"] {
            assert!(reveal(text).is_err(), "{text}");
        }
    }
}
