//! The pieces of the manifest's file, as drawn in `mod.rs`.

use bytes::Bytes;

use crate::codec::{DecodeError, Decoder};

/// The first bytes of every manifest.
pub(super) const MAGIC: [u8; 8] = *b"sisMANIF";

/// The version of this format.
pub(super) const VERSION: u32 = 1;

/// The length of the header.
pub(super) const HEADER_BYTES: usize = 24;

/// The length of a frame around its payload.
const FRAME_BYTES: usize = 32;

/// Why a file does not begin with the header of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// Written by another version of the software.
    Version(u32),
    /// Damaged.
    Corrupt(DecodeError),
}

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The file was durable up to here before the frame was written.
    pub(super) synced: u64,
    /// An edit, or nothing.
    pub(super) payload: Bytes,
    /// Where the next frame begins.
    pub(super) end: usize,
}

/// Appends the header of the file of this epoch.
pub(super) fn put_header(out: &mut Vec<u8>, epoch: u64) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&epoch.to_le_bytes());
    put_checksum(out, start);
}

/// The epoch in the header of a file.
pub(super) fn header(file: &Bytes) -> Result<u64, BadHeader> {
    let mut decoder = Decoder::new(file.clone());
    if decoder.take(MAGIC.len(), "the magic of a manifest")? != MAGIC[..] {
        return Err(decoder.error("the magic of a manifest").into());
    }
    let version = decoder.u32("the version of the manifest")?;
    if version != VERSION {
        return Err(BadHeader::Version(version));
    }
    let epoch = decoder.u64("the epoch of the manifest")?;
    let checksum = decoder.u32("the checksum of the header")?;
    if checksum != crc32c::crc32c(&file[..HEADER_BYTES - 4]) {
        return Err(decoder.error("the checksum of the header").into());
    }
    Ok(epoch)
}

/// Appends a frame that will lie at offset `at` of a file that is durable up to `synced`.
pub(super) fn put_frame(out: &mut Vec<u8>, epoch: u64, at: u64, synced: u64, payload: &[u8]) {
    let start = out.len();
    for number in [epoch, at, synced] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let length = u32::try_from(payload.len()).expect("an edit under 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(payload);
    put_checksum(out, start);
}

/// The frame at offset `at` of the file of this epoch.
pub(super) fn frame(file: &Bytes, epoch: u64, at: usize) -> Result<Frame, DecodeError> {
    let rest = file.slice(at.min(file.len())..);
    let mut decoder = Decoder::new(rest.clone());
    if decoder.u64("the epoch of a frame")? != epoch {
        return Err(decoder.error("the epoch of this file"));
    }
    if decoder.u64("the offset of a frame")? != at as u64 {
        return Err(decoder.error("the offset of this frame"));
    }
    let synced = decoder.u64("the durable length")?;
    let length = decoder.u32("the length of a frame")? as usize;
    let payload = decoder.take(length, "the payload of a frame")?;
    let covered = decoder.offset();
    let checksum = decoder.u32("the checksum of a frame")?;
    if checksum != crc32c::crc32c(&rest[..covered]) {
        return Err(decoder.error("the checksum of a frame"));
    }
    Ok(Frame {
        synced,
        payload,
        end: at + FRAME_BYTES + length,
    })
}

fn put_checksum(out: &mut Vec<u8>, start: usize) {
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

impl From<DecodeError> for BadHeader {
    fn from(error: DecodeError) -> Self {
        BadHeader::Corrupt(error)
    }
}
