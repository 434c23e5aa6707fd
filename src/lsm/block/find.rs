//! Looking up one key in a block.

use std::cmp::Ordering;

use bytes::Bytes;

use super::{super::entry::Seq, Block, common_prefix};
use crate::codec::DecodeError;

impl Block {
    /// The newest version of `key` at or below `at`: its number, and its value unless it is a
    /// tombstone. The value shares the block's memory.
    ///
    /// No key is put together. Of the entries in front of the target it is enough to know how many
    /// bytes the last of them has in common with it: an entry that takes more than those from its
    /// neighbour stands in front of the target for the same reason as the neighbour, one that takes
    /// fewer stands behind, and only where it takes just those its own bytes decide.
    pub(in crate::lsm) fn find(
        &self,
        key: &[u8],
        at: Seq,
    ) -> Result<Option<(Seq, Option<Bytes>)>, DecodeError> {
        // A key that does not begin like all of the block is not here, wherever the search begins.
        let restart = self.restart_before_alike(key, at)?;
        let mut offset = self.restart(restart)?;
        let next_restart = match restart + 1 < self.restarts {
            true => self.restart(restart + 1)?,
            false => self.entries_end,
        };
        let (mut common, mut key_length) = (0, 0);
        while offset < self.entries_end {
            if offset == next_restart {
                // It leans on no neighbour, so nothing follows from what it shares with it.
                common = 0;
            }
            let placed = self.placed(offset, key_length)?;
            offset = placed.end;
            key_length = placed.shared + placed.rest.len();
            match placed.shared.cmp(&common) {
                Ordering::Greater => continue,
                Ordering::Less => return Ok(None),
                Ordering::Equal => {}
            }
            let (rest, wanted) = (&self.bytes[placed.rest], &key[common..]);
            let more = common_prefix(rest, wanted);
            match rest[more..].cmp(&wanted[more..]) {
                Ordering::Equal if placed.seq <= at => {
                    let value = placed.value.map(|range| self.bytes.slice(range));
                    return Ok(Some((placed.seq, value)));
                }
                Ordering::Greater => return Ok(None),
                Ordering::Equal | Ordering::Less => common += more,
            }
        }
        Ok(None)
    }
}
