//! The log against a dumb twin: a vector that forgets nothing.

use bytes::Bytes;
use proptest::prelude::*;

use super::super::log::{Log, weight};
use super::super::{Base, Entry, Membership, Payload};
use crate::types::{LogPosition, NodeId};

/// What is done to both.
#[derive(Clone, Debug)]
enum Action {
    /// Append an entry of a term so much later, with so many bytes.
    Append(u64, usize),
    /// Append the membership of this one voter.
    Reconfigure(u64),
    /// Truncate and compact at such a part of what there is, in hundredths.
    Truncate(u64),
    Compact(u64),
}

/// Multiples of what an empty entry weighs, so that limits are often met exactly.
fn sizes(count: usize) -> impl Strategy<Value = usize> {
    (0..count).prop_map(|times| times * weight(&Payload::Noop) as usize)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0_u64..3, sizes(3)).prop_map(|(terms, bytes)| Action::Append(terms, bytes)),
        1 => (1_u64..9).prop_map(Action::Reconfigure),
        1 => (1_u64..=100).prop_map(Action::Truncate),
        1 => (0_u64..=100).prop_map(Action::Compact),
    ]
}

/// The twin: every entry since the first, and the index up to which they count as forgotten.
#[derive(Default)]
struct Twin {
    entries: Vec<Entry>,
    forgotten: u64,
}

impl Twin {
    fn position(&self, index: u64) -> LogPosition {
        match index {
            0 => LogPosition::default(),
            _ => self.entries[index as usize - 1].at,
        }
    }

    fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The entry so many hundredths of the way from the base to the last.
    fn part(&self, hundredths: u64) -> u64 {
        self.forgotten + (self.last() - self.forgotten) * hundredths / 100
    }

    fn bytes(&self, after: u64, to: u64) -> u64 {
        let (after, to) = (after.max(self.forgotten), to.min(self.last()));
        let entries = self.entries.iter();
        let within = entries.filter(|e| e.at.index > after && e.at.index <= to);
        within.map(|e| weight(&e.payload)).sum()
    }

    fn reach_back(&self, to: u64, bytes_max: u64) -> u64 {
        let mut kept = self.forgotten..=self.last();
        let fits = kept.find(|after| self.bytes(*after, to) <= bytes_max);
        fits.expect("nothing weighs nothing")
    }

    fn slice(&self, from: u64, to: u64, bytes_max: usize) -> Vec<Entry> {
        let mut slice: Vec<Entry> = Vec::new();
        let mut left = bytes_max as u64;
        let entries = self.entries.iter();
        for entry in entries.filter(|e| e.at.index >= from && e.at.index <= to) {
            let weight = weight(&entry.payload);
            if weight > left && !slice.is_empty() {
                break;
            }
            left = left.saturating_sub(weight);
            slice.push(entry.clone());
        }
        slice
    }

    /// The last membership at or before `index`, and where it stands.
    fn membership(&self, index: u64) -> (u64, Membership) {
        let entries = self.entries[..index as usize].iter().rev();
        let mut found = entries.filter_map(|e| Some((e.at.index, e.payload.membership()?.clone())));
        found.next().unwrap_or_default()
    }

    fn newest_at_most(&self, index: u64, term: u64) -> LogPosition {
        let kept = (self.forgotten..=self.last()).map(|i| self.position(i));
        let mut fitting = kept.filter(|at| at.index <= index && at.term <= term);
        fitting.next_back().unwrap_or(self.position(self.forgotten))
    }
}

fn append(terms: u64, payload: Payload, log: &mut Log, twin: &mut Twin) {
    let last = twin.position(twin.last());
    let at = LogPosition {
        term: last.term + terms,
        index: last.index + 1,
    };
    let entry = Entry { at, payload };
    twin.entries.push(entry.clone());
    log.append(entry);
}

fn apply(action: &Action, log: &mut Log, twin: &mut Twin) {
    match action {
        Action::Append(terms, bytes) => {
            let payload = Payload::of_command(Bytes::from(vec![7; *bytes]));
            append(*terms, payload, log, twin);
        }
        Action::Reconfigure(voter) => {
            let membership = Membership::of_voters([NodeId(*voter)]);
            let payload = Payload::of_membership(membership, Bytes::new());
            append(0, payload, log, twin);
        }
        Action::Truncate(hundredths) => {
            let from = twin.part(*hundredths).max(twin.forgotten + 1);
            twin.entries.truncate(from as usize - 1);
            log.truncate(from);
        }
        Action::Compact(hundredths) => {
            twin.forgotten = twin.part(*hundredths);
            log.compact(twin.forgotten);
        }
    }
}

proptest! {
    #[test]
    fn the_log_is_its_twin(
        actions in prop::collection::vec(action(), 0..40),
        (a, b, term, bytes_max) in (0_u64..50, 0_u64..50, 0_u64..40, sizes(20)),
    ) {
        let (mut log, mut twin) = (Log::new(Base::default(), Vec::new()), Twin::default());
        for action in &actions {
            apply(action, &mut log, &mut twin);
        }
        prop_assert_eq!(log.base(), twin.position(twin.forgotten));
        prop_assert_eq!(log.last(), twin.position(twin.last()));
        for index in 0..twin.last() + 3 {
            let kept = index >= twin.forgotten && index <= twin.last();
            let expected = kept.then(|| twin.position(index).term);
            prop_assert_eq!(log.term_at(index), expected);
            prop_assert_eq!(log.has(LogPosition { term, index }), expected == Some(term));
            let base = kept.then(|| Base {
                at: twin.position(index),
                membership: twin.membership(index).1,
            });
            prop_assert_eq!(log.base_at(index), base);
        }
        let (index, membership) = twin.membership(twin.last());
        prop_assert_eq!(log.membership(), &membership);
        prop_assert_eq!(log.membership_index(), index.max(twin.forgotten));
        prop_assert_eq!(log.bytes_between(a, b), twin.bytes(a, b));
        let most = bytes_max as u64;
        prop_assert_eq!(log.reach_back(b, most), twin.reach_back(b, most));
        prop_assert_eq!(log.newest_at_most(a, term), twin.newest_at_most(a, term));
        let from = a.max(twin.forgotten + 1);
        prop_assert_eq!(log.slice(from, b, bytes_max), twin.slice(from, b, bytes_max));
        let kept = &twin.entries[twin.forgotten as usize..];
        prop_assert!(log.iter().eq(kept));
    }
}
