//! What is refused at the door: requests that no node could carry out, with the bound they break.

use bytes::Bytes;

use crate::{
    config::Limits,
    machine::{KeyRange, Op, Query, RangeEnd, Target, Txn},
    node::RequestError,
};

/// Comparisons and operations of one transaction, as in etcd.
const OPERATIONS_MAX: usize = 128;

/// What a command may weigh beside its largest value, in bytes: keys, small values, lengths.
const COMMAND_OVERHEAD: usize = 1 << 20;

/// Checks a transaction, part by part.
pub(super) fn txn(txn: &Txn, limits: &Limits) -> Result<(), RequestError> {
    for (name, count) in [
        ("compare", txn.compares.len()),
        ("success", txn.success.len()),
        ("failure", txn.failure.len()),
    ] {
        at_most(
            &format!("operations in `{name}`"),
            count,
            OPERATIONS_MAX,
            "the bound is fixed",
        )?;
    }
    for compare in &txn.compares {
        key(&compare.key, limits)?;
        if let Target::Value(bytes) = &compare.target {
            value(bytes, limits)?;
        }
    }
    txn.success
        .iter()
        .chain(&txn.failure)
        .try_for_each(|op| operation(op, limits))
}

/// Checks a read.
pub(super) fn query(query: &Query, limits: &Limits) -> Result<(), RequestError> {
    range(&query.keys, limits)
}

/// Checks the weight of an encoded command.
pub(super) fn command(command: &Bytes, limits: &Limits) -> Result<(), RequestError> {
    let most = limits.value_bytes_max + COMMAND_OVERHEAD;
    at_most(
        "bytes in the transaction",
        command.len(),
        most,
        "`limits.value_bytes_max`",
    )
}

fn operation(op: &Op, limits: &Limits) -> Result<(), RequestError> {
    match op {
        Op::Put {
            key: bytes,
            value: content,
            ..
        } => {
            key(bytes, limits)?;
            value(content, limits)
        }
        Op::Delete { keys, .. } => range(keys, limits),
        Op::Range(read) => query(read, limits),
    }
}

fn range(keys: &KeyRange, limits: &Limits) -> Result<(), RequestError> {
    match &keys.end {
        RangeEnd::Before(end) => {
            at_most(
                "bytes in the range's end",
                end.len(),
                limits.key_bytes_max,
                KEY_LIMIT,
            )?;
            at_most(
                "bytes in the key",
                keys.start.len(),
                limits.key_bytes_max,
                KEY_LIMIT,
            )
        }
        RangeEnd::Unbounded => at_most(
            "bytes in the key",
            keys.start.len(),
            limits.key_bytes_max,
            KEY_LIMIT,
        ),
        RangeEnd::Single => key(&keys.start, limits),
    }
}

const KEY_LIMIT: &str = "`limits.key_bytes_max`";

fn key(key: &Bytes, limits: &Limits) -> Result<(), RequestError> {
    if key.is_empty() {
        return Err(RequestError::Invalid(
            "the key is empty: a key has at least one byte".into(),
        ));
    }
    at_most(
        "bytes in the key",
        key.len(),
        limits.key_bytes_max,
        KEY_LIMIT,
    )
}

fn value(value: &Bytes, limits: &Limits) -> Result<(), RequestError> {
    let most = limits.value_bytes_max;
    at_most(
        "bytes in the value",
        value.len(),
        most,
        "`limits.value_bytes_max`",
    )
}

fn at_most(what: &str, found: usize, most: usize, set_by: &str) -> Result<(), RequestError> {
    if found <= most {
        return Ok(());
    }
    let text = format!("{found} {what}, at most {most} are taken ({set_by})");
    Err(RequestError::Invalid(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key_bytes: usize, value_bytes: usize) -> Txn {
        let op = Op::Put {
            key: vec![b'k'; key_bytes].into(),
            value: vec![b'v'; value_bytes].into(),
            want_previous: false,
        };
        Txn {
            success: vec![op],
            ..Txn::default()
        }
    }

    #[test]
    fn sizes_are_taken_up_to_their_bound_and_refused_beyond_it_by_name() {
        let limits = Limits::default();
        let (key_max, value_max) = (limits.key_bytes_max, limits.value_bytes_max);
        assert_eq!(txn(&put(key_max, value_max), &limits), Ok(()));
        assert_eq!(
            txn(&put(1, 0), &limits),
            Ok(()),
            "an empty value is a value"
        );
        for (bad, field) in [
            (put(key_max + 1, 0), "limits.key_bytes_max"),
            (put(1, value_max + 1), "limits.value_bytes_max"),
            (put(0, 1), "key is empty"),
        ] {
            let error = txn(&bad, &limits).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn too_many_operations_are_refused() {
        let op = put(1, 1).success.remove(0);
        let many = Txn {
            success: vec![op; OPERATIONS_MAX + 1],
            ..Txn::default()
        };
        assert!(txn(&many, &Limits::default()).is_err());
    }
}
