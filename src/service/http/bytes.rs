//! Bytes in URLs.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;

/// Undoes percent-escapes. What is no escape stands for itself; `plus_is_space` for the part after
/// the question mark, where forms write spaces so. None if an escape is broken.
pub(super) fn unescape(text: &str, plus_is_space: bool) -> Option<Bytes> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    Some(out.into())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Bytes in JSON: as text where they are text, else in base64 under a name that says so.
pub(super) fn describe(name: &str, bytes: &[u8]) -> (String, String) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (name.to_owned(), text.to_owned()),
        Err(_) => (format!("{name}_base64"), BASE64_STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_become_bytes_not_text() {
        assert_eq!(unescape("a%2Fb+c%ff", false).unwrap(), &b"a/b+c\xff"[..]);
        assert_eq!(unescape("a+b%2B", true).unwrap(), "a b+");
        for broken in ["%", "%4", "%zz", "a%+1"] {
            assert_eq!(unescape(broken, true), None, "{broken}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_in_base64() {
        let named = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(describe("key", "grün".as_bytes()), named("key", "grün"));
        assert_eq!(describe("key", b"\x00\xff"), named("key_base64", "AP8="));
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_read_back(bytes: Vec<u8>, plus_is_space: bool) {
            let escaped: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(unescape(&escaped, plus_is_space), Some(Bytes::from(bytes)));
        }

        #[test]
        fn any_text_is_unescaped_or_refused(text: String) {
            let _ = unescape(&text, true);
        }
    }
}
