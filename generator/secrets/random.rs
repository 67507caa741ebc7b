//! Random values from the operating system.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::stack::secret::{ByteEncoding, RandomBytes};

/// Returns random bytes as text.
pub fn encoded_bytes(RandomBytes { count, encoding }: RandomBytes) -> Result<String, Diagnostic> {
    let mut bytes = vec![0_u8; usize::from(count)];
    fill_random(&mut bytes)?;
    Ok(match encoding {
        ByteEncoding::Hex => bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
        ByteEncoding::Base64 => STANDARD.encode(&bytes),
        ByteEncoding::Base64url => URL_SAFE.encode(&bytes),
    })
}

/// Fills the bytes with random numbers of the operating system.
fn fill_random(bytes: &mut [u8]) -> Result<(), Diagnostic> {
    getrandom::fill(bytes).map_err(|error| {
        Diagnostic::error(Code::Io, FieldPath::root())
            .message(format!("the operating system provides no random numbers: {error}"))
            .hint("run nself where the system call `getrandom` is allowed")
    })
}

/// Returns random characters of `[A-Za-z0-9]`, each with the same probability.
pub fn random_text(length: u16) -> Result<String, Diagnostic> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::new();
    while text.len() < usize::from(length) {
        let mut bytes = [0_u8; 64];
        fill_random(&mut bytes)?;
        // 248 is 4 × 62. If larger bytes were used too, the first characters of the alphabet would be more likely.
        let characters =
            bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(byte % 62)]));
        text.extend(characters.take(usize::from(length) - text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_text_has_its_length_and_alphabet_and_never_repeats() {
        let (a, b) = (random_text(43).unwrap(), random_text(43).unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert!(a.chars().all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn random_bytes_have_their_number_and_encoding() {
        let value = |count, encoding| encoded_bytes(RandomBytes { count, encoding }).unwrap();
        let hex = value(32, ByteEncoding::Hex);
        assert!(hex.len() == 64 && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{hex}");
        assert_eq!(STANDARD.decode(value(33, ByteEncoding::Base64)).unwrap().len(), 33);
        // A key of Fernet has 32 bytes and padding.
        let fernet = value(32, ByteEncoding::Base64url);
        assert!(fernet.ends_with('=') && URL_SAFE.decode(&fernet).unwrap().len() == 32, "{fernet}");
        for encoding in [ByteEncoding::Hex, ByteEncoding::Base64, ByteEncoding::Base64url] {
            for count in [16, 31, 32] {
                let bytes = RandomBytes { count, encoding };
                assert_eq!(value(count, encoding).len(), bytes.characters() as usize, "{bytes:?}");
                assert_ne!(value(count, encoding), value(count, encoding));
            }
        }
    }
}
