//! The small state as bytes: the storage engine's note, and the head of a snapshot.
//!
//! ```text
//! note      format u8 = 1 | term varint | index varint | revision varint | floor varint | hash u64
//!           | membership | members bytes | sessions varint | session*
//! session   client u64 | sequence varint | used varint | outcome bytes     ascending by client
//! ```
//!
//! `raft/membership` draws the membership, `members` the list of members. Whoever stores or sends a note has a checksum over it. An engine that has no note yet belongs to
//! a machine that has applied nothing.

use bytes::Bytes;

use super::{
    MachineError, Members, decode_outcome,
    session::{Session, Sessions},
    state::{FIRST_REVISION, State},
};
use crate::{
    codec::{DecodeError, Decoder, put_bytes, put_varint},
    raft::Membership,
    types::LogPosition,
};

/// The format that is written, and the only one that is read.
const NOTE_FORMAT: u8 = 1;

impl State {
    /// The state as a note.
    pub fn encode(&self) -> Bytes {
        let sessions = self.sessions.iter();
        let mut out = Vec::with_capacity(64 + 48 * sessions.len());
        out.push(NOTE_FORMAT);
        put_varint(&mut out, self.applied.term);
        put_varint(&mut out, self.applied.index);
        put_varint(&mut out, self.revision);
        put_varint(&mut out, self.floor);
        out.extend_from_slice(&self.hash.to_le_bytes());
        self.membership.encode(&mut out);
        put_bytes(&mut out, &self.members.encode());
        put_varint(&mut out, sessions.len() as u64);
        for (client, session) in sessions {
            out.extend_from_slice(&client.to_le_bytes());
            put_varint(&mut out, session.sequence);
            put_varint(&mut out, session.used);
            put_bytes(&mut out, &session.outcome);
        }
        out.into()
    }

    /// Reads a note back; the empty note is the state before the first entry.
    pub fn decode(note: Bytes) -> Result<State, DecodeError> {
        if note.is_empty() {
            return Ok(State::default());
        }
        let mut input = Decoder::new(note);
        let mut state = State {
            applied: applied(&mut input)?,
            revision: input.varint("a revision")?,
            floor: input.varint("a floor")?,
            hash: input.u64("a hash")?,
            membership: Membership::decode(&mut input)?,
            members: members(&mut input)?,
            sessions: Sessions::default(),
        };
        if !(FIRST_REVISION..=state.revision).contains(&state.floor) {
            return Err(input.error("a floor that is no revision of the store"));
        }
        for _ in 0..input.varint("a number of sessions")? {
            session(&mut input, &mut state)?;
        }
        input.finish()?;
        Ok(state)
    }
}

/// The last entry that is in the data with which `note` is stored.
pub(super) fn position(note: &Bytes) -> Result<LogPosition, MachineError> {
    if note.is_empty() {
        return Ok(LogPosition::default());
    }
    applied(&mut Decoder::new(note.clone())).map_err(bad_note)
}

/// The note is not one.
pub(super) fn bad_note(error: DecodeError) -> MachineError {
    MachineError::Record {
        what: "note".to_owned(),
        error,
    }
}

fn applied(input: &mut Decoder) -> Result<LogPosition, DecodeError> {
    if input.u8("the format of a note")? != NOTE_FORMAT {
        return Err(input.error("a note of an unknown format"));
    }
    Ok(LogPosition {
        term: input.varint("a term")?,
        index: input.varint("an index")?,
    })
}

fn members(input: &mut Decoder) -> Result<Members, DecodeError> {
    let begin = input.offset();
    let bytes = input.bytes("a list of members")?;
    Members::decode(bytes).map_err(|error| DecodeError {
        offset: begin + error.offset,
        ..error
    })
}

fn session(input: &mut Decoder, state: &mut State) -> Result<(), DecodeError> {
    let client = input.u64("a client")?;
    let session = Session {
        sequence: input.varint("a sequence")?,
        used: input.varint("an index")?,
        // Copied, or one session would keep the whole note in memory.
        outcome: Bytes::copy_from_slice(&input.bytes("an outcome")?),
    };
    if decode_outcome(session.outcome.clone()).is_err() {
        return Err(input.error("a session without an outcome"));
    }
    if state
        .sessions
        .iter()
        .next_back()
        .is_some_and(|(last, _)| last >= client)
    {
        return Err(input.error("sessions out of order"));
    }
    if session.used > state.applied.index || !state.sessions.insert(client, session) {
        return Err(input.error("a session that no entry used"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        machine::{Bounds, Refusal, encode_outcome},
        types::{NodeId, RequestId},
    };

    /// A state after some entries, of which each may carry a client's request.
    fn state(clients: &[Option<u64>]) -> State {
        let mut state = State::default();
        for (index, client) in (1..).zip(clients) {
            state.advance(LogPosition { term: 1, index }, &[], &[]);
            state.revision += 1;
            state.membership = Membership::of_voters([NodeId(index)]);
            // Who refuses a name that is taken changes nothing.
            let _ = state
                .members
                .add(&format!("n{}", index % 5), &format!("p:{index}"));
            if let Some(client) = *client {
                let request = RequestId {
                    client,
                    sequence: index,
                };
                let outcome = encode_outcome(&Err(Refusal::StaleRequest(request)));
                let bounds = Bounds::test_min();
                state
                    .sessions
                    .record(&bounds, request, index, outcome.into(), state.revision);
            }
        }
        state
    }

    proptest! {
        #[test]
        fn a_note_is_read_back(clients in vec(proptest::option::of(0..6_u64), 0..20)) {
            let state = state(&clients);
            let note = state.encode();
            prop_assert_eq!(position(&note).unwrap(), state.applied);
            prop_assert_eq!(State::decode(note), Ok(state));
        }

        #[test]
        fn a_damaged_note_is_refused_or_is_another(
            clients in vec(proptest::option::of(0..6_u64), 0..20),
            at: prop::sample::Index,
            byte: u8,
        ) {
            let mut note = state(&clients).encode().to_vec();
            *at.get_mut(&mut note) = byte;
            if let Ok(other) = State::decode(note.clone().into()) {
                prop_assert_eq!(other.encode(), note);
            }
        }

        #[test]
        fn a_cut_note_is_refused(
            clients in vec(proptest::option::of(0..6_u64), 0..20),
            at: prop::sample::Index,
        ) {
            let note = state(&clients).encode();
            // Nothing at all is a note: of a machine that has applied nothing.
            let cut = 1 + at.index(note.len() - 1);
            prop_assert!(State::decode(note.slice(..cut)).is_err());
        }
    }

    #[test]
    fn the_format_is_frozen() {
        let mut state = state(&[None, Some(7)]);
        state.hash = 0x0807_0605_0403_0201;
        // Its own format is frozen where it is drawn.
        state.members = Members::default();
        state.membership = Membership::default();
        let golden = [
            &[1, 1, 2, 3, 1, 1, 2, 3, 4, 5, 6, 7, 8][..],
            &[0, 0, 0],
            &[3, 1, 0, 0],
            &[1, 7, 0, 0, 0, 0, 0, 0, 0, 2, 2],
            &[11, 1, 1, 7, 0, 0, 0, 0, 0, 0, 0, 2],
        ]
        .concat();
        assert_eq!(state.encode(), golden);
    }
}
