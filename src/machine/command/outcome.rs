//! Outcomes to bytes and back. The drawing is in the folder's essay.

use bytes::Bytes;

use super::{
    FLAG, KeyValue, OUTCOME_FORMAT, OpResult, Outcome, Page, Refusal, Reply,
    decode::{flags, list},
};
use crate::{
    codec::{DecodeError, Decoder, put_bytes, put_varint},
    types::RequestId,
};

/// The outcome as a session keeps it.
pub fn encode_outcome(outcome: &Outcome) -> Vec<u8> {
    let mut out = vec![OUTCOME_FORMAT];
    match outcome {
        Ok(reply) => {
            out.push(0);
            put_reply(&mut out, reply);
        }
        Err(refusal) => put_refusal(&mut out, refusal),
    }
    out
}

/// Reads an outcome back. Fails on anything that [`encode_outcome`] does not write.
pub fn decode_outcome(bytes: Bytes) -> Result<Outcome, DecodeError> {
    let mut input = Decoder::new(bytes);
    if input.u8("the format of an outcome")? != OUTCOME_FORMAT {
        return Err(input.error("an outcome of an unknown format"));
    }
    let outcome = match input.u8("the kind of an outcome")? {
        0 => Ok(reply(&mut input)?),
        kind => Err(refusal(&mut input, kind)?),
    };
    input.finish()?;
    Ok(outcome)
}

fn put_reply(out: &mut Vec<u8>, reply: &Reply) {
    out.push(u8::from(reply.succeeded) * FLAG);
    put_varint(out, reply.revision);
    put_varint(out, reply.results.len() as u64);
    reply
        .results
        .iter()
        .for_each(|result| put_result(out, result));
}

fn put_result(out: &mut Vec<u8>, result: &OpResult) {
    match result {
        OpResult::Put(previous) => {
            out.extend_from_slice(&[1, u8::from(previous.is_some()) * FLAG]);
            previous.iter().for_each(|kv| put_kv(out, kv));
        }
        OpResult::Delete { deleted, previous } => {
            out.push(2);
            put_varint(out, *deleted);
            put_kvs(out, previous);
        }
        OpResult::Range(page) => {
            out.extend_from_slice(&[3, u8::from(page.more) * FLAG]);
            put_varint(out, page.count);
            put_kvs(out, &page.kvs);
        }
    }
}

fn put_kvs(out: &mut Vec<u8>, kvs: &[KeyValue]) {
    put_varint(out, kvs.len() as u64);
    kvs.iter().for_each(|kv| put_kv(out, kv));
}

fn put_kv(out: &mut Vec<u8>, kv: &KeyValue) {
    put_bytes(out, &kv.key);
    put_varint(out, kv.create_revision);
    put_varint(out, kv.mod_revision);
    put_varint(out, kv.version);
    put_bytes(out, &kv.value);
}

fn put_refusal(out: &mut Vec<u8>, refusal: &Refusal) {
    match refusal {
        Refusal::StaleRequest(request) => put_request(out, 1, request),
        Refusal::SessionExpired(request) => put_request(out, 2, request),
        Refusal::ReplyNotKept { request, revision } => {
            put_request(out, 3, request);
            put_varint(out, *revision);
        }
        Refusal::BadRevision {
            asked,
            floor,
            latest,
        } => {
            out.push(4);
            for revision in [asked, floor, latest] {
                put_varint(out, *revision);
            }
        }
        Refusal::DuplicateKey(key) => {
            out.push(5);
            put_bytes(out, key);
        }
        Refusal::ReplyTooLarge { bytes_max } => {
            out.push(6);
            put_varint(out, *bytes_max);
        }
        Refusal::TooManyChanges { keys_max } => {
            out.push(7);
            put_varint(out, *keys_max);
        }
    }
}

fn put_request(out: &mut Vec<u8>, kind: u8, request: &RequestId) {
    out.push(kind);
    out.extend_from_slice(&request.client.to_le_bytes());
    put_varint(out, request.sequence);
}

fn reply(input: &mut Decoder) -> Result<Reply, DecodeError> {
    Ok(Reply {
        succeeded: flags(input, FLAG)? == FLAG,
        revision: input.varint("a revision")?,
        results: list(input, result)?,
    })
}

fn result(input: &mut Decoder) -> Result<OpResult, DecodeError> {
    match input.u8("a result")? {
        1 => Ok(OpResult::Put(match flags(input, FLAG)? {
            0 => None,
            _ => Some(kv(input)?),
        })),
        2 => Ok(OpResult::Delete {
            deleted: input.varint("a number of deleted keys")?,
            previous: list(input, kv)?,
        }),
        3 => Ok(OpResult::Range(Page {
            more: flags(input, FLAG)? == FLAG,
            count: input.varint("a number of keys")?,
            kvs: list(input, kv)?,
        })),
        _ => Err(input.error("an unknown result")),
    }
}

fn kv(input: &mut Decoder) -> Result<KeyValue, DecodeError> {
    Ok(KeyValue {
        key: input.bytes("a key")?,
        create_revision: input.varint("a create revision")?,
        mod_revision: input.varint("a mod revision")?,
        version: input.varint("a version")?,
        value: input.bytes("a value")?,
    })
}

fn refusal(input: &mut Decoder, kind: u8) -> Result<Refusal, DecodeError> {
    Ok(match kind {
        1 => Refusal::StaleRequest(request(input)?),
        2 => Refusal::SessionExpired(request(input)?),
        3 => Refusal::ReplyNotKept {
            request: request(input)?,
            revision: input.varint("a revision")?,
        },
        4 => Refusal::BadRevision {
            asked: input.varint("a revision")?,
            floor: input.varint("a revision")?,
            latest: input.varint("a revision")?,
        },
        5 => Refusal::DuplicateKey(input.bytes("a key")?),
        6 => Refusal::ReplyTooLarge {
            bytes_max: input.varint("a bound")?,
        },
        7 => Refusal::TooManyChanges {
            keys_max: input.varint("a bound")?,
        },
        _ => return Err(input.error("an unknown refusal")),
    })
}

fn request(input: &mut Decoder) -> Result<RequestId, DecodeError> {
    Ok(RequestId {
        client: input.u64("the client of a request")?,
        sequence: input.varint("the sequence of a request")?,
    })
}
