//! What is said while a snapshot travels.

use bytes::Bytes;

use super::{Result, check, position_in, position_out, require, term_in};
use crate::{
    machine::Standing,
    rpc::{
        SnapshotAck, SnapshotChunk, SnapshotOffer, SnapshotWord,
        proto::peer::{self, snapshot_ack::Word},
    },
    types::{LogPosition, Term},
};

pub(super) fn offer_out(offer: &SnapshotOffer) -> peer::SnapshotOffer {
    peer::SnapshotOffer {
        transfer: offer.transfer,
        term: offer.term,
        at: position_out(offer.at),
    }
}

pub(super) fn offer_in(offer: peer::SnapshotOffer) -> Result<SnapshotOffer> {
    let term = term_in(offer.term, "snapshot_offer.term")?;
    Ok(SnapshotOffer {
        transfer: offer.transfer,
        term,
        at: entry_in(term, offer.at, "snapshot_offer.at")?,
    })
}

pub(super) fn chunk_out(chunk: &SnapshotChunk) -> peer::SnapshotChunk {
    peer::SnapshotChunk {
        transfer: chunk.transfer,
        term: chunk.term,
        at: position_out(chunk.at),
        sequence: chunk.sequence,
        resumed: chunk.resumed,
        last: chunk.last,
        bytes: chunk.bytes.clone(),
    }
}

pub(super) fn chunk_in(chunk: peer::SnapshotChunk) -> Result<SnapshotChunk> {
    let term = term_in(chunk.term, "snapshot_chunk.term")?;
    let at = entry_in(term, chunk.at, "snapshot_chunk.at")?;
    check(!chunk.bytes.is_empty(), "snapshot_chunk.bytes", "empty")?;
    Ok(SnapshotChunk {
        transfer: chunk.transfer,
        term,
        at,
        sequence: chunk.sequence,
        resumed: chunk.resumed,
        last: chunk.last,
        bytes: chunk.bytes,
    })
}

pub(super) fn ack_out(ack: &SnapshotAck) -> peer::SnapshotAck {
    let word = match &ack.word {
        SnapshotWord::Welcome { standing } => Word::Welcome(peer::SnapshotWelcome {
            standing: standing.as_ref().map_or_else(Bytes::new, Standing::encode),
        }),
        SnapshotWord::Next { sequence, missing } => Word::Next(peer::SnapshotNext {
            sequence: *sequence,
            missing: *missing,
        }),
        SnapshotWord::Refused => Word::Refused(peer::SnapshotRefused {}),
        SnapshotWord::Installed => Word::Installed(peer::SnapshotInstalled {}),
    };
    peer::SnapshotAck {
        transfer: ack.transfer,
        word: Some(word),
    }
}

pub(super) fn ack_in(ack: peer::SnapshotAck) -> Result<SnapshotAck> {
    let word = match require(ack.word, "snapshot_ack.word")? {
        Word::Welcome(welcome) => SnapshotWord::Welcome {
            standing: standing_in(welcome.standing)?,
        },
        Word::Next(next) => SnapshotWord::Next {
            sequence: next.sequence,
            missing: next.missing,
        },
        Word::Refused(_) => SnapshotWord::Refused,
        Word::Installed(_) => SnapshotWord::Installed,
    };
    Ok(SnapshotAck {
        transfer: ack.transfer,
        word,
    })
}

/// No bytes are no standing.
fn standing_in(bytes: Bytes) -> Result<Option<Standing>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let standing = Standing::decode(bytes).ok();
    check(
        standing.is_some(),
        "snapshot_welcome.standing",
        "not a standing",
    )?;
    Ok(standing)
}

fn entry_in(term: Term, at: Option<peer::Position>, field: &'static str) -> Result<LogPosition> {
    let at = position_in(term, at, field)?;
    check(at.index != 0, field, "before the first entry")?;
    Ok(at)
}
