//! How keys and their versions lie in the storage engine.
//!
//! ```text
//! key       'k' u8 | the user's key
//! seq       the revision that wrote this version
//! value     format u8 = 1 | create_revision varint | version varint | the user's value
//! ```
//!
//! A deletion is a tombstone of the engine at its revision. The byte before the key leaves room for
//! keyspaces of the machine's own beside the users'. The value's mod revision is the seq, and is
//! not repeated.

use std::ops::Range;

use bytes::Bytes;

use super::{KeyRange, KeyValue, MachineError, RangeEnd};
use crate::{
    codec::{DecodeError, Decoder, put_varint},
    lsm::Found,
};

/// The keyspace of the users' keys.
const USER: u8 = b'k';
/// The format of values.
const RECORD_FORMAT: u8 = 1;

/// Where the engine has `key`.
pub(super) fn stored_key(key: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(1 + key.len());
    stored.push(USER);
    stored.extend_from_slice(key);
    stored
}

/// The user's key of a key of the engine. Fails on one of another keyspace.
pub(super) fn user_key(stored: &Bytes) -> Result<Bytes, DecodeError> {
    match stored.first() {
        Some(&USER) => Ok(stored.slice(1..)),
        _ => Err(DecodeError {
            what: "a key of an unknown keyspace",
            offset: 0,
        }),
    }
}

/// Where a range of keys begins and ends in the engine; `None` if it holds no key whatever is
/// stored.
pub(super) fn stored_range(keys: &KeyRange) -> Option<Range<Vec<u8>>> {
    let end = match &keys.end {
        // The key that follows is the same with a zero behind it.
        RangeEnd::Single => [&stored_key(&keys.start)[..], &[0]].concat(),
        RangeEnd::Before(end) if *end <= keys.start => return None,
        RangeEnd::Before(end) => stored_key(end),
        RangeEnd::Unbounded => vec![USER + 1],
    };
    Some(stored_key(&keys.start)..end)
}

/// The value that the engine keeps for `kv`.
pub(super) fn encode_record(kv: &KeyValue) -> Vec<u8> {
    let mut out = Vec::with_capacity(kv.value.len() + 12);
    out.push(RECORD_FORMAT);
    put_varint(&mut out, kv.create_revision);
    put_varint(&mut out, kv.version);
    out.extend_from_slice(&kv.value);
    out
}

/// What the engine found for the user's `key`; the value shares its buffer.
pub(super) fn decode_record(key: Bytes, found: Found) -> Result<KeyValue, MachineError> {
    let mod_revision = found.seq;
    match record(found.value) {
        Ok((create_revision, version, value)) => Ok(KeyValue {
            key,
            create_revision,
            mod_revision,
            version,
            value,
        }),
        Err(error) => Err(MachineError::record(&key, mod_revision, error)),
    }
}

/// Create revision, version and value of a stored value.
pub(super) fn record(stored: Bytes) -> Result<(u64, u64, Bytes), DecodeError> {
    let mut input = Decoder::new(stored);
    if input.u8("the format of a record")? != RECORD_FORMAT {
        return Err(input.error("a record of an unknown format"));
    }
    let create_revision = input.varint("a create revision")?;
    let version = input.varint("a version")?;
    let value = input.take(input.remaining(), "a value")?;
    Ok((create_revision, version, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kv(value: &[u8]) -> KeyValue {
        KeyValue {
            key: Bytes::from_static(b"key"),
            create_revision: 300,
            mod_revision: 301,
            version: 2,
            value: Bytes::copy_from_slice(value),
        }
    }

    #[test]
    fn the_format_is_frozen() {
        assert_eq!(stored_key(b"key"), b"kkey");
        assert_eq!(encode_record(&kv(b"value")), b"\x01\xac\x02\x02value");
    }

    #[test]
    fn a_range_without_keys_has_no_place() {
        let range = |start: &'static [u8], end: &'static [u8]| KeyRange {
            start: Bytes::from_static(start),
            end: RangeEnd::Before(Bytes::from_static(end)),
        };
        assert_eq!(stored_range(&range(b"b", b"a")), None);
        assert_eq!(stored_range(&range(b"a", b"a")), None);
        assert!(stored_range(&range(b"a", b"b")).is_some());
    }

    proptest! {
        #[test]
        fn a_record_is_read_back(value: Vec<u8>) {
            let kv = kv(&value);
            let found = Found { seq: kv.mod_revision, value: encode_record(&kv).into() };
            prop_assert_eq!(decode_record(kv.key.clone(), found).unwrap(), kv);
        }

        #[test]
        fn any_bytes_are_a_record_or_refused(bytes: Vec<u8>) {
            let _ = record(bytes.into());
        }
    }
}
