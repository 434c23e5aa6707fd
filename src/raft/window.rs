//! The window of a peer: how much may be under way to it.
//!
//! A peer that is slow, or gone without anybody knowing yet, would otherwise be sent all that is
//! written meanwhile, and everything between here and there would have to hold it. Both bounds
//! matter: many small appends cost by their number, a few large ones by their size.

use std::collections::VecDeque;

use crate::types::Index;

/// The appends with entries that are under way to a peer.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The last index of each, and what its entries weigh.
    appends: VecDeque<(Index, u64)>,
    /// What all of them weigh.
    bytes: u64,
}

/// How much may be under way to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WindowMax {
    /// Appends with entries.
    pub appends: usize,
    /// Bytes of their entries.
    pub bytes: u64,
}

impl Window {
    /// The bytes that may still be sent; none if nothing may.
    pub fn room(&self, max: WindowMax) -> Option<u64> {
        let left = max.bytes.saturating_sub(self.bytes);
        let has_room = self.appends.is_empty() || (self.appends.len() < max.appends && left > 0);
        has_room.then_some(left)
    }

    /// The end of the oldest append.
    pub fn front(&self) -> Option<Index> {
        self.appends.front().map(|(end, _)| *end)
    }

    /// An append was sent that ends at `end`.
    pub fn push(&mut self, end: Index, bytes: u64) {
        self.appends.push_back((end, bytes));
        self.bytes += bytes;
    }

    /// Everything up to `matched` has arrived.
    pub fn answered(&mut self, matched: Index) {
        while let Some((_, bytes)) = self.appends.front().filter(|(end, _)| *end <= matched) {
            self.bytes -= bytes;
            self.appends.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: WindowMax = WindowMax {
        appends: 3,
        bytes: 10,
    };

    proptest! {
        #[test]
        fn a_window_is_as_full_as_what_is_unanswered(
            steps in prop::collection::vec(prop_oneof![
                (1..12_u64).prop_map(Some),
                Just(None),
            ], 0..40),
        ) {
            let (mut window, mut next) = (Window::default(), 1);
            let mut twin: Vec<(Index, u64)> = Vec::new();
            for (rank, step) in steps.into_iter().enumerate() {
                let room = window.room(MAX);
                match (step, room) {
                    // An entry that is larger than all the room is sent only alone.
                    (Some(bytes), Some(room)) if bytes <= room || twin.is_empty() => {
                        window.push(next, bytes);
                        twin.push((next, bytes));
                        next += 1;
                    }
                    (Some(_), _) => {}
                    (None, _) => {
                        let matched = next.saturating_sub(rank as u64 % 3);
                        window.answered(matched);
                        twin.retain(|(end, _)| *end > matched);
                    }
                }
                let bytes: u64 = twin.iter().map(|(_, bytes)| bytes).sum();
                prop_assert!(twin.len() <= MAX.appends);
                prop_assert!(bytes <= MAX.bytes || twin.len() == 1);
                let full = twin.len() == MAX.appends || bytes >= MAX.bytes;
                let room = (twin.is_empty() || !full).then(|| MAX.bytes.saturating_sub(bytes));
                prop_assert_eq!(window.room(MAX), room);
                prop_assert_eq!(window.front(), twin.first().map(|(end, _)| *end));
            }
        }
    }
}
