//! How much of a snapshot has arrived: what a receiver answers to whoever would send it the rest.
//!
//! ```text
//! standing  format u8 = 1 | term varint | index varint | hash u64 | revision varint | floor varint
//!           | items varint | checksum u32 | key bytes | sequence varint
//! ```
//!
//! It names a place in the *state* and not in a stream of bytes: the last version that arrived. All
//! replicas that have applied an entry have the same versions of revisions up to its own, and keep
//! them while the floor stays where it is. So the rest of a snapshot can come from any of them, long
//! after it has gone on, without having kept anything for it: from the sender after it restarted,
//! or from the next leader.

use bytes::Bytes;

use super::state::State;
use crate::{
    codec::{DecodeError, Decoder, put_bytes, put_varint},
    lsm::Seq,
    types::{LogPosition, Revision},
};

/// The format that is written, and the only one that is read.
const FORMAT: u8 = 1;

/// How far the reception of a snapshot has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The last entry whose effect is in the snapshot.
    pub at: LogPosition,
    /// The machine's hash there.
    pub(super) hash: u64,
    /// The revision there: versions of later ones are not in the snapshot.
    pub(super) revision: Revision,
    /// The oldest revision that is readable there.
    pub(super) floor: Revision,
    /// The items that have arrived, the note among them.
    pub(super) items: u64,
    /// The checksum of their bytes.
    pub(super) checksum: u32,
    /// The last version that has arrived, key and revision; an empty key before the first one.
    pub(super) last: (Bytes, Seq),
}

impl Standing {
    /// What stands after so many items with this checksum, the last one of them this version.
    pub(super) fn of(state: &State, items: u64, checksum: u32, last: (Bytes, Seq)) -> Self {
        Standing {
            at: state.applied,
            hash: state.hash,
            revision: state.revision,
            floor: state.floor,
            items,
            checksum,
            last,
        }
    }

    /// The standing in bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(64 + self.last.0.len());
        out.push(FORMAT);
        put_varint(&mut out, self.at.term);
        put_varint(&mut out, self.at.index);
        out.extend_from_slice(&self.hash.to_le_bytes());
        put_varint(&mut out, self.revision);
        put_varint(&mut out, self.floor);
        put_varint(&mut out, self.items);
        out.extend_from_slice(&self.checksum.to_le_bytes());
        put_bytes(&mut out, &self.last.0);
        put_varint(&mut out, self.last.1);
        out.into()
    }

    /// Reads a standing back.
    pub fn decode(bytes: Bytes) -> Result<Standing, DecodeError> {
        let mut input = Decoder::new(bytes);
        if input.u8("the format of a standing")? != FORMAT {
            return Err(input.error("a standing of an unknown format"));
        }
        let standing = Standing {
            at: LogPosition {
                term: input.varint("a term")?,
                index: input.varint("an index")?,
            },
            hash: input.u64("a hash")?,
            revision: input.varint("a revision")?,
            floor: input.varint("a floor")?,
            items: input.varint("a number of items")?,
            checksum: input.u32("a checksum")?,
            last: (input.bytes("a key")?, input.varint("a revision")?),
        };
        input.finish()?;
        Ok(standing)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn a_standing_is_read_back(
            numbers: [u64; 7],
            checksum: u32,
            key in vec(any::<u8>(), 0..9),
        ) {
            let [term, index, hash, revision, floor, items, seq] = numbers;
            let standing = Standing {
                at: LogPosition { term, index },
                hash,
                revision,
                floor,
                items,
                checksum,
                last: (key.into(), seq),
            };
            prop_assert_eq!(Standing::decode(standing.encode()), Ok(standing));
        }

        #[test]
        fn noise_is_no_standing_or_is_one_and_the_same(noise in vec(any::<u8>(), 0..60)) {
            if let Ok(standing) = Standing::decode(noise.into()) {
                prop_assert_eq!(Standing::decode(standing.encode()), Ok(standing));
            }
        }
    }

    #[test]
    fn the_format_is_frozen() {
        let standing = Standing {
            at: LogPosition { term: 1, index: 2 },
            hash: 0x0807_0605_0403_0201,
            revision: 3,
            floor: 1,
            items: 4,
            checksum: 0x0403_0201,
            last: (Bytes::from_static(b"k"), 5),
        };
        let golden = [
            &[1, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 3, 1, 4, 1, 2, 3, 4][..],
            &[1, b'k', 5],
        ];
        assert_eq!(standing.encode(), golden.concat());
    }
}
