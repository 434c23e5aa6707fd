//! The small state: everything of the machine that is not in the storage engine's keys.

use super::{Members, session::Sessions};
use crate::raft::Membership;
use crate::types::{LogPosition, Revision};

/// Held in memory, replaced by every entry, and stored as the engine's note together with every
/// flush: the data on disk and this are always of the same entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    /// The last entry that was applied.
    pub applied: LogPosition,
    /// The revision of the last transaction that changed something.
    pub revision: Revision,
    /// The oldest revision that is readable.
    pub floor: Revision,
    /// The chain of hashes of all entries and what they came to.
    pub hash: u64,
    /// Who takes part in the shard as of the last entry; nobody on a node that is still to hear of it.
    pub membership: Membership,
    /// What those are called and where they are reached.
    pub members: Members,
    /// The clients and their last requests.
    pub sessions: Sessions,
}

/// An empty store stands here, so that 0 can mean "latest" and "does not exist".
pub(super) const FIRST_REVISION: Revision = 1;

impl Default for State {
    fn default() -> Self {
        State {
            applied: LogPosition::default(),
            revision: FIRST_REVISION,
            floor: FIRST_REVISION,
            hash: 0,
            membership: Membership::default(),
            members: Members::default(),
            sessions: Sessions::default(),
        }
    }
}

impl State {
    /// Takes note of the entry at `at`, of its content, and of the bytes of what it came to. Panics
    /// if the entry does not follow the last one.
    pub fn advance(&mut self, at: LogPosition, data: &[u8], outcome: &[u8]) {
        self.assert_next(at);
        self.applied = at;
        // The outcome is in the chain because the log alone is what Raft agrees on already: a
        // replica whose *store* differs shows itself with the first answer that depends on it.
        let hash = mix(mix(self.hash, at.term), at.index);
        self.hash = mix_bytes(mix_bytes(hash, data), outcome);
    }

    /// Panics if `at` is not the position of an entry that may follow the last one: a log that
    /// skips or repeats an entry is a contradiction of our own.
    pub fn assert_next(&self, at: LogPosition) {
        assert!(
            at.index == self.applied.index + 1 && at.term >= self.applied.term,
            "entry {at} does not follow {}",
            self.applied
        );
    }
}

/// One step of the chain: for each word a bijection of the hash, for each hash one of the words, so
/// that no difference is ever lost in a step.
fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word)
        .wrapping_add(0x9e37_79b9_7f4a_7c15)
        .wrapping_mul(0xd6e8_feb8_6659_fd93);
    product ^ (product >> 32)
}

/// The length first, so that where one piece ends and the next begins is part of the hash.
fn mix_bytes(hash: u64, bytes: &[u8]) -> u64 {
    let hash = mix(hash, bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    let hash = words.by_ref().fold(hash, |hash, word| {
        mix(
            hash,
            u64::from_le_bytes(word.try_into().expect("eight bytes")),
        )
    });
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    mix(hash, u64::from_le_bytes(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(entries: &[(u64, &[u8], &[u8])]) -> u64 {
        let mut state = State::default();
        for (term, data, outcome) in entries {
            let at = LogPosition {
                term: *term,
                index: state.applied.index + 1,
            };
            state.advance(at, data, outcome);
        }
        state.hash
    }

    #[test]
    fn the_chain_is_frozen() {
        // Replicas of different builds compare it.
        assert_eq!(
            hash_of(&[(1, b"", b""), (2, b"a command", b"reply")]),
            FROZEN
        );
    }

    const FROZEN: u64 = 0xb4f2d7b2bc969ac4;

    #[test]
    fn every_part_of_an_entry_counts() {
        let hashes = [
            hash_of(&[(1, b"ab", b"c")]),
            hash_of(&[(1, b"a", b"bc")]),
            hash_of(&[(2, b"ab", b"c")]),
            hash_of(&[(1, b"ab\0", b"c")]),
            hash_of(&[(1, b"ab", b"")]),
            hash_of(&[(1, b"ab", b"c"), (1, b"", b"")]),
        ];
        for (n, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..n].contains(hash), "hash {n}");
        }
    }

    #[test]
    #[should_panic(expected = "entry 3@1 does not follow 1@1")]
    fn an_entry_may_not_be_skipped() {
        let mut state = State::default();
        state.advance(LogPosition { term: 1, index: 1 }, b"", b"");
        state.advance(LogPosition { term: 1, index: 3 }, b"", b"");
    }
}
