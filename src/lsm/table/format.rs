//! The bytes of a table. All integers are little-endian; *varint* is LEB128.
//!
//! ```text
//! table    = data block … data block │ filter block │ properties block │ index block
//!            │ tombstones block │ footer
//!            missing are the index if there are no versions, and the tombstones block if there
//!            are no range tombstones
//!
//! block    = stored │ compression u8 │ checksum u32
//!            stored:      the payload as it is (compression 0), or its length varint and its
//!                         bytes as LZ4 (1) or Zstandard (2) packed them
//!            checksum:    CRC32C of table id u64, offset of the block u64, stored, compression;
//!                         so that a block of another file or place never passes for this one
//!
//! payload of a data block, and of the index block:
//!            entry … entry │ restart … restart │ common u32 │ number of restarts u32
//!            restart:     offset u32 of an entry that does not lean on the one before it (the first
//!                         is 0) │ its head u32: the four bytes of its key behind those that all
//!                         keys have in common, the first the most significant, zeros if it ends;
//!                         a search halves its way among the heads
//!            common:      how many bytes the first and the last key begin with alike
//! entry    = shared varint │ rest varint │ seq varint │ tag varint │ key's rest │ value
//!            shared:      how many bytes its key has in common with the key before
//!            tag:         0 for a tombstone, else 1 + the length of the value
//!
//! index:     one entry per data block, in order. Its key and seq are at or behind all of that
//!            block and before all of the next; its value is the block's length varint, trailer
//!            included. The first block begins at 0, and each where the one before it ends
//!
//! payload of the filter block:      probes u8 │ lines of 64 bytes (see `bloom.rs`); neither if there
//!            is no filter but a zero
//! payload of the properties block:  entries varint │ keys varint │ tombstones varint
//!            │ range tombstones varint │ smallest seq varint │ largest seq varint
//!            │ smallest key (length varint, bytes) │ end (length varint, bytes)
//!            end:         the first key behind all versions and range tombstones
//!
//! payload of the tombstones block:  fragment …
//! fragment = start (length varint, bytes) │ end (length varint, bytes) │ count varint
//!            │ number varint │ difference varint …
//!            it covers keys from start on and before end; of its numbers the largest comes first,
//!            then by how much each is smaller than the one before
//!
//! footer   = offset of the filter block u64 │ lengths of filter, properties, index and tombstones
//!            block, each u32, 0 if missing │ table id u64 │ checksum u32 │ version u32 │ magic 8 bytes
//!            checksum:    CRC32C of the rest of the footer
//! ```

use bytes::Bytes;

use crate::codec::{DecodeError, Decoder, put_bytes, put_varint};

use super::super::{compression::Compression, entry::Seq, tombstones::Fragment};

/// The last bytes of every table.
pub(super) const MAGIC: [u8; 8] = *b"sisTABLE";

/// The version of this format.
pub(super) const VERSION: u32 = 1;

/// The length of the footer.
pub(super) const FOOTER_BYTES: usize = 48;

/// The bytes behind a block's payload.
pub(super) const TRAILER_BYTES: usize = 5;

/// Where a block lies, trailer included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle {
    /// Its first byte.
    pub(super) offset: u64,
    /// Its length in bytes.
    pub(super) length: u64,
}

/// The fixed end of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    /// Where the data blocks end and the filter block begins.
    pub(super) filter_offset: u64,
    /// The length of the filter block.
    pub(super) filter_length: u32,
    /// The length of the properties block behind it.
    pub(super) properties_length: u32,
    /// The length of the index block behind that.
    pub(super) index_length: u32,
    /// The length of the tombstones block behind that; 0 if there is none.
    pub(super) tombstones_length: u32,
    /// The table.
    pub(super) id: u64,
}

/// What a table says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct Properties {
    /// The number of versions.
    pub(in crate::lsm) entries: u64,
    /// The number of different keys.
    pub(in crate::lsm) keys: u64,
    /// How many of the versions are tombstones.
    pub(in crate::lsm) tombstones: u64,
    /// The number of fragments of range tombstones, which are not among the versions.
    pub(in crate::lsm) range_tombstones: u64,
    /// The smallest number of any version or range tombstone.
    pub(in crate::lsm) seq_min: Seq,
    /// The largest number of any version or range tombstone.
    pub(in crate::lsm) seq_max: Seq,
    /// The first key of any version or range tombstone.
    pub(in crate::lsm) smallest: Bytes,
    /// The first key behind all versions and range tombstones.
    pub(in crate::lsm) end: Bytes,
}

/// Why the end of a file is not the footer of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadFooter {
    /// Written by another version of the software.
    Version(u32),
    /// Damaged.
    Corrupt(DecodeError),
}

/// Turns what is to be stored, in `block`, into a block of table `id` that will lie at `offset`.
pub(super) fn seal(block: &mut Vec<u8>, compression: Compression, id: u64, offset: u64) {
    block.push(compression.byte());
    let checksum = checksum(block, id, offset);
    block.extend_from_slice(&checksum.to_le_bytes());
}

/// What is stored in a block that was read from `offset` of table `id`, and how it is compressed.
pub(super) fn unseal(
    block: &Bytes,
    id: u64,
    offset: u64,
) -> Result<(Compression, Bytes), DecodeError> {
    let error = |what| DecodeError { what, offset: 0 };
    let (sealed, stored) = block
        .split_last_chunk::<4>()
        .ok_or(error("a block is longer than its checksum"))?;
    if checksum(sealed, id, offset) != u32::from_le_bytes(*stored) {
        return Err(error("the checksum of a block"));
    }
    let (byte, stored) = sealed
        .split_last()
        .ok_or(error("a block is longer than its checksum"))?;
    let compression = Compression::of(*byte).ok_or(error("a known kind of compression"))?;
    Ok((compression, block.slice(..stored.len())))
}

fn checksum(sealed: &[u8], id: u64, offset: u64) -> u32 {
    let place = crc32c::crc32c(&id.to_le_bytes());
    let place = crc32c::crc32c_append(place, &offset.to_le_bytes());
    crc32c::crc32c_append(place, sealed)
}

impl Properties {
    /// The payload of the properties block.
    pub(in crate::lsm) fn encode(&self, out: &mut Vec<u8>) {
        for number in [
            self.entries,
            self.keys,
            self.tombstones,
            self.range_tombstones,
            self.seq_min,
            self.seq_max,
        ] {
            put_varint(out, number);
        }
        put_bytes(out, &self.smallest);
        put_bytes(out, &self.end);
    }

    /// Counts range tombstones, behind all versions.
    pub(super) fn cover(&mut self, fragments: &[Fragment]) {
        if let ([first, ..], [.., last]) = (fragments, fragments) {
            if self.entries == 0 || first.start < self.smallest {
                self.smallest = first.start.clone();
            }
            if self.end < last.end {
                self.end = last.end.clone();
            }
        }
        let is_first = self.entries == 0;
        let seqs = fragments.iter().flat_map(|fragment| &fragment.seqs);
        if let (Some(min), Some(max)) = (seqs.clone().min(), seqs.max()) {
            self.seq_min = match is_first {
                true => *min,
                false => self.seq_min.min(*min),
            };
            self.seq_max = self.seq_max.max(*max);
        }
        self.range_tombstones = fragments.len() as u64;
    }

    /// Whether a key lies behind everything in the table.
    pub(in crate::lsm) fn ends_before(&self, key: &[u8]) -> bool {
        &self.end[..] <= key
    }

    /// Reads it back.
    pub(super) fn decode(payload: Bytes) -> Result<Properties, DecodeError> {
        let mut decoder = Decoder::new(payload);
        let properties = Properties::take(&mut decoder)?;
        decoder.finish()?;
        Ok(properties)
    }

    /// Reads it from between other things.
    pub(in crate::lsm) fn take(decoder: &mut Decoder) -> Result<Properties, DecodeError> {
        Ok(Properties {
            entries: decoder.varint("the number of entries")?,
            keys: decoder.varint("the number of keys")?,
            tombstones: decoder.varint("the number of tombstones")?,
            range_tombstones: decoder.varint("the number of range tombstones")?,
            seq_min: decoder.varint("the smallest seq")?,
            seq_max: decoder.varint("the largest seq")?,
            smallest: decoder.bytes("the smallest key")?,
            end: decoder.bytes("the end of the keys")?,
        })
    }
}

impl Footer {
    /// Its bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER_BYTES);
        out.extend_from_slice(&self.filter_offset.to_le_bytes());
        for length in [
            self.filter_length,
            self.properties_length,
            self.index_length,
            self.tombstones_length,
        ] {
            out.extend_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(&self.id.to_le_bytes());
        let checksum = Footer::checksum(&out, VERSION);
        out.extend_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&MAGIC);
        out
    }

    /// Reads the last bytes of a file.
    pub(super) fn decode(bytes: Bytes) -> Result<Footer, BadFooter> {
        let fields_length = FOOTER_BYTES - 16;
        let fields = bytes.slice(..fields_length.min(bytes.len()));
        let mut decoder = Decoder::new(bytes);
        let footer = Footer::decode_fields(&mut decoder)?;
        let checksum = decoder.u32("the checksum of the footer")?;
        let version = decoder.u32("the version of the table")?;
        if decoder.take(MAGIC.len(), "the magic of a table")? != MAGIC[..] {
            return Err(decoder.error("the magic of a table").into());
        }
        if version != VERSION {
            return Err(BadFooter::Version(version));
        }
        if checksum != Footer::checksum(&fields, version) {
            return Err(decoder.error("the checksum of the footer").into());
        }
        decoder.finish()?;
        Ok(footer)
    }

    fn decode_fields(decoder: &mut Decoder) -> Result<Footer, DecodeError> {
        Ok(Footer {
            filter_offset: decoder.u64("the offset of the filter")?,
            filter_length: decoder.u32("the length of the filter")?,
            properties_length: decoder.u32("the length of the properties")?,
            index_length: decoder.u32("the length of the index")?,
            tombstones_length: decoder.u32("the length of the range tombstones")?,
            id: decoder.u64("the id of the table")?,
        })
    }

    fn checksum(fields: &[u8], version: u32) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(fields), &version.to_le_bytes())
    }

    /// How many bytes the blocks behind the data and the footer take.
    pub(super) fn tail_bytes(&self) -> u64 {
        let lengths = [
            self.filter_length,
            self.properties_length,
            self.index_length,
            self.tombstones_length,
        ];
        lengths.map(u64::from).iter().sum::<u64>() + FOOTER_BYTES as u64
    }
}

impl From<DecodeError> for BadFooter {
    fn from(error: DecodeError) -> Self {
        BadFooter::Corrupt(error)
    }
}
