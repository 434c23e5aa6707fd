//! The range tombstones of a table as bytes, as drawn in `format.rs`.

use bytes::Bytes;

use super::super::{
    entry::Seq,
    tombstones::{Fragment, RangeTombstones},
};
use crate::codec::{DecodeError, Decoder, put_bytes, put_varint};

/// The payload of the tombstones block.
pub(super) fn encode(tombstones: &RangeTombstones, out: &mut Vec<u8>) {
    for fragment in tombstones.fragments() {
        put_bytes(out, &fragment.start);
        put_bytes(out, &fragment.end);
        put_varint(out, fragment.seqs.len() as u64);
        let mut before = None;
        for seq in &fragment.seqs {
            put_varint(out, before.map_or(*seq, |before: Seq| before - seq));
            before = Some(*seq);
        }
    }
}

/// Reads it back.
pub(super) fn decode(payload: Bytes) -> Result<RangeTombstones, DecodeError> {
    let mut decoder = Decoder::new(payload);
    let mut tombstones = RangeTombstones::default();
    while decoder.remaining() > 0 {
        let fragment = fragment(&mut decoder)?;
        if !tombstones.push(fragment) {
            return Err(decoder.error("a fragment behind the one before"));
        }
    }
    Ok(tombstones)
}

fn fragment(decoder: &mut Decoder) -> Result<Fragment, DecodeError> {
    let start = decoder.bytes("where a range tombstone begins")?;
    let end = decoder.bytes("where a range tombstone ends")?;
    let mut seqs: Vec<Seq> = Vec::new();
    for _ in 0..decoder.varint("how many numbers a range tombstone has")? {
        let number = decoder.varint("a number of a range tombstone")?;
        let seq = match seqs.last() {
            Some(before) => before.checked_sub(number),
            None => Some(number),
        };
        seqs.push(seq.ok_or(decoder.error("a number below the one before"))?);
    }
    Ok(Fragment { start, end, seqs })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            ranges in prop::collection::vec(("[a-f]{0,3}", "[a-f]{0,3}", 0_u64..=u64::MAX - 1), 0..9),
        ) {
            let ranges = ranges.iter().filter(|(start, end, _)| start < end);
            let ones: Vec<_> = ranges
                .map(|(start, end, seq)| RangeTombstones::one(start.as_bytes(), end.as_bytes(), *seq))
                .collect();
            let tombstones = RangeTombstones::merge(&ones);
            let mut out = Vec::new();
            encode(&tombstones, &mut out);
            prop_assert_eq!(decode(out.into()), Ok(tombstones));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, small in prop::collection::vec(0_u8..4, 0..40)) {
            let _ = decode(bytes.into());
            if let Ok(tombstones) = decode(small.into()) {
                let mut out = Vec::new();
                encode(&tombstones, &mut out);
                prop_assert_eq!(decode(out.into()), Ok(tombstones));
            }
        }
    }
}
