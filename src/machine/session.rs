//! Sessions: a request that is in the log twice is applied once.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Bounds, Outcome, Refusal, decode_outcome, encode_outcome};
use crate::types::{Index, RequestId, Revision};

/// What is known of the clients that number their requests: of each its last one, and what that
/// came to. Part of the replicated state; changed by applying entries, by nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sessions {
    by_client: BTreeMap<u64, Session>,
    /// The same sessions by the entry that last used them: an entry uses one at most.
    by_use: BTreeMap<Index, u64>,
}

/// The last request of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// The request's sequence number.
    pub sequence: u64,
    /// The last entry that carried a request of this client, a repetition included.
    pub used: Index,
    /// What the request came to, encoded.
    pub outcome: Bytes,
}

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is new: apply it, then [`Sessions::record`] its outcome.
    First,
    /// It was applied before, or may have been: this is the answer.
    Answered(Outcome),
}

impl Sessions {
    /// Whether `request` is to be applied.
    pub fn admit(&self, request: RequestId) -> Admission {
        let Some(session) = self.by_client.get(&request.client) else {
            // Only a session's first request may begin it: any other of an unknown client may be
            // the repetition of one that was applied before the session was forgotten.
            return match request.sequence {
                1 => Admission::First,
                _ => Admission::Answered(Err(Refusal::SessionExpired(request))),
            };
        };
        match request.sequence.cmp(&session.sequence) {
            std::cmp::Ordering::Greater => Admission::First,
            std::cmp::Ordering::Equal => Admission::Answered(session.outcome()),
            std::cmp::Ordering::Less => Admission::Answered(Err(Refusal::StaleRequest(request))),
        }
    }

    /// Remembers that `request`, applied at entry `index`, came to `outcome` (encoded) and left the
    /// store at `revision`. Forgets the sessions that were used longest ago, if there are too many.
    pub fn record(
        &mut self,
        bounds: &Bounds,
        request: RequestId,
        index: Index,
        outcome: Bytes,
        revision: Revision,
    ) {
        let outcome = if outcome.len() <= bounds.session_outcome_bytes_max {
            outcome
        } else {
            encode_outcome(&Err(Refusal::ReplyNotKept { request, revision })).into()
        };
        let session = Session {
            sequence: request.sequence,
            used: index,
            outcome,
        };
        self.insert(request.client, session);
        while self.by_client.len() > bounds.sessions_max {
            let Some((_, client)) = self.by_use.pop_first() else {
                unreachable!("a session without a use");
            };
            self.by_client.remove(&client);
        }
    }

    /// Remembers that the entry at `index` carried a request of `client` that was applied before:
    /// a client that repeats itself is alive.
    pub fn touch(&mut self, client: u64, index: Index) {
        if let Some(session) = self.by_client.get_mut(&client) {
            self.by_use.remove(&session.used);
            session.used = index;
            self.by_use.insert(index, client);
        }
    }

    /// All sessions, by client.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, &Session)> + DoubleEndedIterator {
        self.by_client
            .iter()
            .map(|(client, session)| (*client, session))
    }

    /// Puts a session in its place, and answers whether the entry that used it was used by no other.
    pub fn insert(&mut self, client: u64, session: Session) -> bool {
        let used = session.used;
        if let Some(before) = self.by_client.insert(client, session) {
            self.by_use.remove(&before.used);
        }
        self.by_use.insert(used, client).is_none()
    }
}

impl Session {
    fn outcome(&self) -> Outcome {
        // Encoded by ourselves, or decoded once before when the note was read.
        decode_outcome(self.outcome.clone()).expect("a session holds an outcome")
    }
}
