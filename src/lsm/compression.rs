//! Making the payloads of blocks smaller, and giving them back as they were.
//!
//! A payload is stored compressed only if that saves an eighth of it: below that, the time to
//! undo it buys nothing. How long it was stands before its compressed bytes, and is checked against
//! a bound before memory is taken for it.

use bytes::Bytes;
use parking_lot::Mutex;
use zstd::bulk;

use crate::codec::{DecodeError, VARINT_BYTES_MAX, put_varint, split_varint};

/// How the blocks of a table are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4: fast both ways. Text and repetitive records shrink to a half or less.
    Lz4,
    /// Zstandard: a good deal smaller than LZ4, several times slower to write and to read.
    Zstd,
}

/// Payloads longer than this are stored as they are: they are single values of megabytes, and no
/// block may claim to become longer than this when it is read.
pub(super) const EXPANDED_BYTES_MAX: usize = 16 << 20;

/// The usual level of Zstandard: higher ones cost more time than they save space on blocks of a few
/// kilobytes.
const ZSTD_LEVEL: i32 = 3;

/// This many idle contexts are kept for reading; each takes about a hundred kilobytes.
const IDLE_MAX: usize = 4;

/// Compresses the blocks of one table.
pub(super) struct Compressor {
    kind: Compression,
    /// Made at the first block, for Zstandard alone.
    zstd: Option<bulk::Compressor<'static>>,
    buffer: Vec<u8>,
}

/// Gives compressed payloads back. It is shared by all readers of a database.
#[derive(Default)]
pub(super) struct Expander {
    // Held to take or to give back a context, and for nothing else.
    idle: Mutex<Vec<bulk::Decompressor<'static>>>,
}

impl Compression {
    /// The byte that stands for it in a block.
    pub(super) fn byte(self) -> u8 {
        match self {
            Compression::None => 0,
            Compression::Lz4 => 1,
            Compression::Zstd => 2,
        }
    }

    /// What a byte stands for.
    pub(super) fn of(byte: u8) -> Option<Compression> {
        [Compression::None, Compression::Lz4, Compression::Zstd]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}

impl Compressor {
    /// Compresses in this way.
    pub(super) fn new(kind: Compression) -> Self {
        Compressor {
            kind,
            zstd: None,
            buffer: Vec::new(),
        }
    }

    /// Compresses a payload in place, if that pays, and tells how.
    pub(super) fn compress(&mut self, payload: &mut Vec<u8>) -> Compression {
        let stored = match self.kind {
            _ if payload.len() > EXPANDED_BYTES_MAX => None,
            Compression::None => None,
            Compression::Lz4 => self.lz4(payload),
            Compression::Zstd => self.zstd(payload),
        };
        match stored {
            Some(length) if length <= payload.len() - payload.len() / 8 => {
                self.buffer.truncate(length);
                std::mem::swap(payload, &mut self.buffer);
                self.kind
            }
            // Whatever the reason is: as it was, it can always be stored.
            _ => Compression::None,
        }
    }

    /// Fills the buffer with the length and the compressed bytes; returns how long both are.
    fn lz4(&mut self, payload: &[u8]) -> Option<usize> {
        let start = self.begin(
            payload,
            lz4_flex::block::get_maximum_output_size(payload.len()),
        );
        let length = lz4_flex::block::compress_into(payload, &mut self.buffer[start..]).ok()?;
        Some(start + length)
    }

    /// As [`Self::lz4`].
    fn zstd(&mut self, payload: &[u8]) -> Option<usize> {
        let start = self.begin(payload, zstd::zstd_safe::compress_bound(payload.len()));
        let context = match &mut self.zstd {
            Some(context) => context,
            none => none.insert(bulk::Compressor::new(ZSTD_LEVEL).ok()?),
        };
        let length = context
            .compress_to_buffer(payload, &mut self.buffer[start..])
            .ok()?;
        Some(start + length)
    }

    /// Puts the payload's length into the buffer, with room for `room` bytes behind it.
    fn begin(&mut self, payload: &[u8], room: usize) -> usize {
        self.buffer.clear();
        put_varint(&mut self.buffer, payload.len() as u64);
        let start = self.buffer.len();
        debug_assert!(start <= VARINT_BYTES_MAX);
        self.buffer.resize(start + room, 0);
        start
    }
}

impl Expander {
    /// The payload behind what a block stores.
    pub(super) fn expand(&self, kind: Compression, stored: Bytes) -> Result<Bytes, DecodeError> {
        if kind == Compression::None {
            return Ok(stored);
        }
        let error = |what| DecodeError { what, offset: 0 };
        let (length, compressed) =
            split_varint(&stored).ok_or(error("the length of a compressed block"))?;
        let length = usize::try_from(length).ok();
        let length = length
            .filter(|length| *length <= EXPANDED_BYTES_MAX)
            .ok_or(error("a compressed block of a sensible length"))?;
        let payload = match kind {
            Compression::Zstd => self.zstd(compressed, length),
            _ => lz4(compressed, length),
        };
        payload
            .filter(|payload| payload.len() == length)
            .map(Bytes::from)
            .ok_or(error("a compressed block that can be expanded"))
    }

    fn zstd(&self, compressed: &[u8], length: usize) -> Option<Vec<u8>> {
        let idle = self.idle.lock().pop();
        let mut context = match idle {
            Some(context) => context,
            None => bulk::Decompressor::new().ok()?,
        };
        let mut payload = Vec::with_capacity(length);
        let done = context.decompress_to_buffer(compressed, &mut payload);
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_MAX {
            idle.push(context);
        }
        done.ok().map(|_| payload)
    }
}

fn lz4(compressed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut payload = vec![0; length];
    let written = lz4_flex::block::decompress_into(compressed, &mut payload).ok()?;
    (written == length).then_some(payload)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Rng;

    const KINDS: [Compression; 3] = [Compression::None, Compression::Lz4, Compression::Zstd];

    proptest! {
        #[test]
        fn a_payload_comes_back_as_it_was(
            payload in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                prop::collection::vec(0_u8..3, 0..3000),
            ],
        ) {
            for kind in KINDS {
                let mut stored = payload.clone();
                let used = Compressor::new(kind).compress(&mut stored);
                prop_assert!(used == kind || used == Compression::None);
                prop_assert!(stored.len() <= payload.len());
                let back = Expander::default().expand(used, stored.into());
                prop_assert_eq!(back, Ok(Bytes::from(payload.clone())));
            }
        }

        #[test]
        fn any_bytes_are_expanded_or_refused(
            length in prop_oneof![0..300_u64, any::<u64>()],
            compressed: Vec<u8>,
        ) {
            let expander = Expander::default();
            let mut stored = Vec::new();
            put_varint(&mut stored, length);
            stored.extend_from_slice(&compressed);
            for stored in [stored, compressed] {
                for kind in KINDS {
                    let _ = expander.expand(kind, stored.clone().into());
                }
            }
        }
    }

    #[test]
    fn what_does_not_shrink_by_an_eighth_is_stored_as_it_is() {
        for kind in [Compression::Lz4, Compression::Zstd] {
            let mut rng = Rng::new(1);
            let mut payload: Vec<u8> = (0..4000).map(|_| rng.below(256) as u8).collect();
            let before = payload.clone();
            payload.extend_from_slice(&[7; 300]);
            let mut stored = payload.clone();
            assert_eq!(
                Compressor::new(kind).compress(&mut stored),
                Compression::None
            );
            assert_eq!(stored, payload);
            let mut repeated = [before.clone(), before].concat();
            assert_eq!(Compressor::new(kind).compress(&mut repeated), kind);
        }
    }

    #[test]
    fn a_claim_of_more_than_the_bound_is_refused_before_memory_is_taken() {
        for kind in [Compression::Lz4, Compression::Zstd] {
            for claim in [EXPANDED_BYTES_MAX as u64 + 1, 4 << 30, u64::MAX] {
                let mut stored = Vec::new();
                put_varint(&mut stored, claim);
                stored.extend_from_slice(b"few");
                let refused = Expander::default().expand(kind, stored.into());
                let what = "a compressed block of a sensible length";
                assert_eq!(refused, Err(DecodeError { what, offset: 0 }));
            }
        }
    }

    #[test]
    fn a_length_that_is_not_the_payload_s_is_refused() {
        for kind in [Compression::Lz4, Compression::Zstd] {
            let mut stored = vec![7; 100];
            assert_eq!(Compressor::new(kind).compress(&mut stored), kind);
            for claim in 90..110_u8 {
                stored[0] = claim;
                let back = Expander::default().expand(kind, stored.clone().into());
                assert_eq!(back.is_ok(), claim == 100, "{kind:?} {claim}");
            }
        }
    }

    /// What other versions of the two libraries wrote must be read for ever.
    #[test]
    fn frozen_bytes_are_expanded() {
        let text = b"the quick brown fox the quick brown fox the quick brown fox".repeat(2);
        for (kind, hex) in [(Compression::Lz4, LZ4), (Compression::Zstd, ZSTD)] {
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
            let stored: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            let back = Expander::default().expand(kind, stored.into());
            assert_eq!(back.as_deref(), Ok(&text[..]));
        }
    }

    const LZ4: &str = concat!(
        "76ff0574686520717569636b2062726f776e20666f78201400140f2700140a4f0060776e",
        "20666f78",
    );
    const ZSTD: &str = concat!(
        "7628b52ffd2076fd0000a074686520717569636b2062726f776e20666f7820030080064a",
        "95802b2713",
    );
}
