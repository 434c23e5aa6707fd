//! The alphabet of every hand-written format: little-endian fixed integers, LEB128 varints,
//! length-prefixed bytes. Formats themselves live with their owners (`wal/record`, `lsm/format`,
//! `machine/command`), which draw what they write with these letters.
//!
//! Decoding never panics and never allocates more than the input holds: bytes come from disks and
//! wires, and both lie.

use bytes::{Buf, Bytes};
use thiserror::Error;

/// Input that is not what its format says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what} at byte {offset}")]
pub struct DecodeError {
    /// What was expected and what was found instead.
    pub what: &'static str,
    /// Where, in bytes from the start of the decoded piece.
    pub offset: usize,
}

/// The longest varint: 64 bits at 7 a byte.
pub const VARINT_BYTES_MAX: usize = 10;

/// Appends `value` in LEB128: 7 bits a byte, least significant first, high bit set on all but the last.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the length of `bytes` as a varint, then the bytes.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The varint at the start of `input`, and what follows it. Refuses one that is longer than
/// needed, so that every number has one encoding.
pub fn split_varint(input: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (step, byte) in input.iter().take(VARINT_BYTES_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for the topmost bit alone.
        if step == VARINT_BYTES_MAX - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * step);
        if byte & 0x80 == 0 {
            let overlong = *byte == 0 && step > 0;
            return (!overlong).then(|| (value, &input[step + 1..]));
        }
    }
    None
}

/// Reads the letters back, keeping its place for error messages. Byte strings are slices of the
/// input's own buffer, not copies.
#[derive(Clone, Debug)]
pub struct Decoder {
    input: Bytes,
    length: usize,
}

impl Decoder {
    /// A decoder at the start of `input`.
    pub fn new(input: Bytes) -> Self {
        let length = input.len();
        Decoder { input, length }
    }

    /// How many bytes have been read.
    pub fn offset(&self) -> usize {
        self.length - self.input.len()
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.input.len()
    }

    /// An error at the current place.
    pub fn error(&self, what: &'static str) -> DecodeError {
        DecodeError {
            what,
            offset: self.offset(),
        }
    }

    /// Succeeds if nothing is left.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.input.is_empty() {
            Ok(())
        } else {
            Err(self.error("bytes after the end"))
        }
    }

    /// One byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        self.input.try_get_u8().map_err(|_| self.error(what))
    }

    /// Four bytes, least significant first.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.input.try_get_u32_le().map_err(|_| self.error(what))
    }

    /// Eight bytes, least significant first.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        self.input.try_get_u64_le().map_err(|_| self.error(what))
    }

    /// A varint. Refuses one that is longer than needed, so that every number has one encoding.
    pub fn varint(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let (value, rest) = split_varint(&self.input).ok_or(self.error(what))?;
        let used = self.input.len() - rest.len();
        self.input.advance(used);
        Ok(value)
    }

    /// The next `length` bytes, sharing the input's buffer.
    pub fn take(&mut self, length: usize, what: &'static str) -> Result<Bytes, DecodeError> {
        if length > self.input.len() {
            return Err(self.error(what));
        }
        Ok(self.input.split_to(length))
    }

    /// A length-prefixed byte string, sharing the input's buffer.
    pub fn bytes(&mut self, what: &'static str) -> Result<Bytes, DecodeError> {
        let length = self.varint(what)?;
        let length = usize::try_from(length).map_err(|_| self.error(what))?;
        self.take(length, what)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_is_read_back(numbers: Vec<u64>, text: Vec<u8>) {
            let mut out = Vec::new();
            numbers.iter().for_each(|n| put_varint(&mut out, *n));
            put_bytes(&mut out, &text);
            let mut decoder = Decoder::new(out.into());
            for n in numbers {
                prop_assert_eq!(decoder.varint("n"), Ok(n));
            }
            prop_assert_eq!(decoder.bytes("text"), Ok(Bytes::from(text)));
            prop_assert_eq!(decoder.finish(), Ok(()));
        }

        #[test]
        fn any_input_decodes_or_fails_cleanly(input: Vec<u8>) {
            let mut decoder = Decoder::new(input.into());
            while decoder.bytes("piece").is_ok() {}
            prop_assert!(decoder.offset() <= decoder.length);
        }
    }

    #[test]
    fn an_overlong_varint_is_refused() {
        for input in [
            &[0x80, 0x00][..],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        ] {
            assert!(
                Decoder::new(Bytes::copy_from_slice(input))
                    .varint("n")
                    .is_err(),
                "{input:?}"
            );
        }
    }
}
