//! The stream that a snapshot is: items, each with its length.
//!
//! ```text
//! stream    item* : the note, then the versions (key ascending, revision descending), then the end
//! item      length u32 | kind u8 | content of that length
//!           1 | note                                     the small state, as in the engine
//!           2 | key bytes | revision varint | value      a version
//!           3 | key bytes | revision varint              a deletion
//!           5 | key bytes | revision varint              the rest begins here: the last version before it
//!           4 | items u64 | checksum u32                 the end: how many items before it, and
//!                                                        the checksum of their bytes
//! ```
//!
//! Keys and values are those of the storage engine (`mvcc` draws them). The chunks have checksums
//! of their own; the one at the end is there for chunks of two snapshots of one state, which may be
//! cut differently, and must not be mixed. A stream may be left between two items and continued by
//! somebody else, who is told how many items there were and their checksum (`standing`).

use bytes::{Bytes, BytesMut};

use crate::{
    codec::{DecodeError, Decoder, put_bytes, put_varint},
    lsm::Seq,
};

const NOTE: u8 = 1;
const VERSION: u8 = 2;
const DELETION: u8 = 3;
const END: u8 = 4;
const REST: u8 = 5;

/// Length and kind.
const HEAD_BYTES: usize = 5;
/// The longest content that is taken: far beyond any note or value, so that a wrong length is
/// noticed and not waited for.
const CONTENT_BYTES_MAX: usize = 256 << 20;

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// The small state.
    Note(Bytes),
    /// A version of a key, or its deletion.
    Version(Bytes, Seq, Option<Bytes>),
    /// What follows is the rest behind this version; an empty key is before the first one.
    Rest(Bytes, Seq),
    /// The end of the stream; everything before it has arrived as it was sent.
    End,
}

/// Writes a stream.
#[derive(Debug, Default)]
pub(super) struct StreamWriter {
    /// What was written and not taken yet.
    pub out: BytesMut,
    items: u64,
    checksum: u32,
}

impl StreamWriter {
    /// Goes on with a stream of which so many items, with this checksum, are written, the last of
    /// them this version.
    pub fn resumed(items: u64, checksum: u32, last: &(Bytes, Seq)) -> Self {
        let mut stream = StreamWriter {
            out: BytesMut::new(),
            items,
            checksum,
        };
        let mut place = Vec::with_capacity(last.0.len() + 16);
        put_bytes(&mut place, &last.0);
        put_varint(&mut place, last.1);
        stream.item(REST, &[&place]);
        stream
    }

    /// Writes the small state.
    pub fn note(&mut self, note: &[u8]) {
        self.item(NOTE, &[note]);
    }

    /// Writes a version, or a deletion.
    pub fn version(&mut self, key: &[u8], seq: Seq, value: Option<&[u8]>) {
        let mut head = Vec::with_capacity(key.len() + 16);
        put_bytes(&mut head, key);
        put_varint(&mut head, seq);
        match value {
            Some(value) => self.item(VERSION, &[&head, value]),
            None => self.item(DELETION, &[&head]),
        }
    }

    /// Writes the end.
    pub fn end(&mut self) {
        let (items, checksum) = (self.items.to_le_bytes(), self.checksum.to_le_bytes());
        self.item(END, &[&items, &checksum]);
    }

    fn item(&mut self, kind: u8, parts: &[&[u8]]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        assert!(length <= CONTENT_BYTES_MAX, "an item that nobody takes");
        let begin = self.out.len();
        self.out.extend_from_slice(&(length as u32).to_le_bytes());
        self.out.extend_from_slice(&[kind]);
        parts
            .iter()
            .for_each(|part| self.out.extend_from_slice(part));
        self.items += 1;
        self.checksum = crc32c::crc32c_append(self.checksum, &self.out[begin..]);
    }
}

/// Reads a stream.
#[derive(Debug, Default)]
pub(super) struct StreamReader {
    arrived: BytesMut,
    items: u64,
    checksum: u32,
    ended: bool,
}

impl StreamReader {
    /// Adds what arrived.
    pub fn push(&mut self, piece: &[u8]) {
        self.arrived.extend_from_slice(piece);
    }

    /// The next item, or `None` if more has to arrive first.
    pub fn next(&mut self) -> Result<Option<Item>, DecodeError> {
        let mut head = Decoder::new(Bytes::copy_from_slice(
            &self.arrived[..HEAD_BYTES.min(self.arrived.len())],
        ));
        if self.ended && head.remaining() > 0 {
            return Err(head.error("items after the end"));
        }
        if head.remaining() < HEAD_BYTES {
            return Ok(None);
        }
        let length = head.u32("a length")? as usize;
        let kind = head.u8("a kind")?;
        if length > CONTENT_BYTES_MAX {
            return Err(head.error("an item that is too long"));
        }
        if self.arrived.len() < HEAD_BYTES + length {
            return Ok(None);
        }
        let bytes = self.arrived.split_to(HEAD_BYTES + length).freeze();
        let item = self.item(kind, bytes.slice(HEAD_BYTES..))?;
        self.items += 1;
        self.checksum = crc32c::crc32c_append(self.checksum, &bytes);
        Ok(Some(item))
    }

    /// Forgets what arrived of an item that is not complete: it will come again.
    pub fn rewind(&mut self) {
        self.arrived.clear();
    }

    /// The items that were read so far, and the checksum of their bytes.
    pub fn progress(&self) -> (u64, u32) {
        (self.items, self.checksum)
    }

    /// Whether the end was read.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    fn item(&mut self, kind: u8, content: Bytes) -> Result<Item, DecodeError> {
        let mut input = Decoder::new(content.clone());
        match kind {
            NOTE => Ok(Item::Note(content)),
            VERSION => {
                let (key, seq) = (input.bytes("a key")?, input.varint("a revision")?);
                let value = input.take(input.remaining(), "a value")?;
                Ok(Item::Version(key, seq, Some(value)))
            }
            REST => {
                let (key, seq) = (input.bytes("a key")?, input.varint("a revision")?);
                input.finish()?;
                Ok(Item::Rest(key, seq))
            }
            DELETION => {
                let (key, seq) = (input.bytes("a key")?, input.varint("a revision")?);
                input.finish()?;
                Ok(Item::Version(key, seq, None))
            }
            END => {
                self.ended = true;
                if input.u64("a number of items")? != self.items {
                    return Err(input.error("another number of items than was sent"));
                }
                if input.u32("a checksum")? != self.checksum {
                    return Err(input.error("another checksum than was sent"));
                }
                input.finish()?;
                Ok(Item::End)
            }
            _ => Err(input.error("an item of an unknown kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    type Version = (Vec<u8>, u64, Option<Vec<u8>>);

    fn written(versions: &[Version]) -> Vec<u8> {
        let mut stream = StreamWriter::default();
        stream.note(b"note");
        for (key, seq, value) in versions {
            stream.version(key, *seq, value.as_deref());
        }
        stream.end();
        stream.out.to_vec()
    }

    fn read(pieces: &[&[u8]]) -> Result<Vec<Item>, DecodeError> {
        let mut stream = StreamReader::default();
        let mut items = Vec::new();
        for piece in pieces {
            stream.push(piece);
            while let Some(item) = stream.next()? {
                items.push(item);
            }
        }
        assert_eq!(stream.has_ended(), items.last() == Some(&Item::End));
        Ok(items)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
            versions: Vec<Version>,
            at: prop::sample::Index,
        ) {
            let bytes = written(&versions);
            let (a, b) = bytes.split_at(at.index(bytes.len()));
            let version = |(key, seq, value): Version| {
                Item::Version(key.into(), seq, value.map(Bytes::from))
            };
            let mut expected = vec![Item::Note(Bytes::from_static(b"note"))];
            expected.extend(versions.into_iter().map(version));
            expected.push(Item::End);
            prop_assert_eq!(read(&[a, b]), Ok(expected));
        }

        #[test]
        fn noise_is_no_stream(pieces in vec(vec(any::<u8>(), 0..40), 0..5)) {
            let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
            if let Ok(items) = read(&pieces) {
                prop_assert!(!items.contains(&Item::End));
            }
        }
    }

    #[test]
    fn streams_that_are_mixed_do_not_end_well() {
        let [one, other] = [b"1", b"2"].map(|value| {
            written(&[
                (b"k".to_vec(), 2, Some(value.to_vec())),
                (b"l".to_vec(), 3, None),
            ])
        });
        let half = one.len() / 2;
        assert!(read(&[&one[..half], &one[half..]]).is_ok());
        let mixed = read(&[&one[..half], &other[half..]]).expect_err("mixed");
        assert_eq!(mixed.what, "another checksum than was sent");
    }

    #[test]
    fn nothing_comes_after_the_end() {
        let after = read(&[&written(&[]), b"x"]).expect_err("more");
        assert_eq!(after.what, "items after the end");
    }
}
