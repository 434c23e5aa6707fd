//! Events made up for the tests of oracles.

use bytes::Bytes;
use sisyphus::{
    node::Event,
    raft::{Body, Entry, HardState, Message, Payload},
    types::{Index, LogPosition, NodeId, ShardId, Term},
};

use super::{Oracle, Violation};

/// Shows `event` of `node` to `oracle`.
pub fn show(oracle: &mut dyn Oracle, node: u64, event: Event<'_>) -> Result<(), Violation> {
    oracle.event(NodeId(node), ShardId(0), &event)
}

/// An entry.
pub fn entry(index: Index, term: Term, data: &'static str) -> Entry {
    Entry {
        at: LogPosition { term, index },
        payload: Payload::of_command(Bytes::from_static(data.as_bytes())),
    }
}

/// A message.
pub fn message(from: u64, to: u64, term: Term, body: Body) -> Message {
    Message {
        from: NodeId(from),
        to: NodeId(to),
        term,
        body,
    }
}

/// The event of sending it.
pub fn sent(message: &Message) -> Event<'_> {
    Event::Sent { message }
}

/// Entries became durable.
pub fn persisted(entries: &[Entry]) -> Event<'_> {
    Event::Persisted {
        hard_state: None,
        reset: None,
        entries,
    }
}

/// A term and vote became durable.
pub fn hard_state(hard_state: HardState) -> Event<'static> {
    Event::Persisted {
        hard_state: Some(hard_state),
        reset: None,
        entries: &[],
    }
}

static NOTHING: Bytes = Bytes::new();

/// An entry was applied.
pub fn applied(index: Index, term: Term, hash: u64) -> Event<'static> {
    Event::Applied {
        at: LogPosition { term, index },
        hash,
        data: &NOTHING,
    }
}

/// A node starts in `term` with a log after `base` and a machine at `applied` (index, term).
pub fn restored(
    term: Term,
    base: Index,
    entries: &[Entry],
    applied: (Index, Term),
    hash: u64,
) -> Event<'_> {
    let base = LogPosition {
        term: if base == 0 { 0 } else { applied.1 },
        index: base,
    };
    Event::Restored {
        hard_state: HardState { term, vote: None },
        base,
        entries,
        applied: LogPosition {
            term: applied.1,
            index: applied.0,
        },
        hash,
    }
}
