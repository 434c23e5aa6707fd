//! What is common to requests: parameters, conditions, identity, deadline.

use std::{collections::BTreeMap, time::Duration};

use axum::http::{HeaderMap, HeaderName, header};
use bytes::Bytes;

use super::{
    bytes::unescape,
    error::{Answer, Problem},
};
use crate::{
    gateway::Consistency,
    machine::{Compare, KeyRange, Op, Query, RangeEnd, Relation, Target, Txn},
    rpc::etcd::{CLIENT_ID, SEQUENCE},
    service::request_id,
    types::RequestId,
};

/// How long a request may take, in milliseconds; never longer than the configured limit.
const TIMEOUT: HeaderName = HeaderName::from_static("sisyphus-timeout-ms");

/// The parameters after the question mark; the last of several with one name counts.
#[derive(Debug, Default)]
pub(super) struct Params(BTreeMap<Bytes, Bytes>);

impl Params {
    pub(super) fn parse(query: Option<&str>) -> Answer<Params> {
        let pairs = query.unwrap_or_default().split('&');
        let pairs = pairs.filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(name, true)?, unescape(value, true)?))
        });
        let params = pairs.collect::<Option<_>>().map(Params);
        params.ok_or_else(|| Problem::bad_request("a parameter has a broken percent-escape"))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Bytes> {
        self.0.get(name.as_bytes())
    }

    /// The key, which must be there and not be empty.
    pub(super) fn key(&self) -> Answer<Bytes> {
        match self.get("key") {
            Some(key) if !key.is_empty() => Ok(key.clone()),
            _ => Err(Problem::bad_request("name a key: ?key=…")),
        }
    }

    /// A whole number, 0 if it is not there.
    pub(super) fn number(&self, name: &str) -> Answer<u64> {
        let Some(value) = self.get(name) else {
            return Ok(0);
        };
        let number = std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse().ok());
        number.ok_or_else(|| Problem::bad_request(format!("{name} must be a whole number")))
    }

    /// How fresh the answer must be.
    pub(super) fn consistency(&self) -> Answer<Consistency> {
        let least = self.number("min_revision")?;
        match self.get("stale").map(|value| &value[..]) {
            None | Some(b"false") if least == 0 => Ok(Consistency::Linearizable),
            None | Some(b"true" | b"") => Ok(Consistency::Stale(least)),
            Some(b"false") => Err(Problem::bad_request(
                "min_revision reads what this node has: leave stale=false out, or min_revision",
            )),
            Some(_) => Err(Problem::bad_request("stale must be true or false")),
        }
    }
}

/// The key in a path that begins with `prefix`.
pub(super) fn key_in_path(path: &str, prefix: &str) -> Answer<Bytes> {
    let escaped = path.strip_prefix(prefix).unwrap_or_default();
    let key = unescape(escaped, false)
        .ok_or_else(|| Problem::bad_request("the key has a broken percent-escape"))?;
    if key.is_empty() {
        return Err(Problem::bad_request("name a key: /v1/kv/{key}"));
    }
    Ok(key)
}

/// How long a request may take: what it says, but no longer than `limit`.
pub(super) fn timeout(headers: &HeaderMap, limit: Duration) -> Answer<Duration> {
    let Some(value) = headers.get(TIMEOUT) else {
        return Ok(limit);
    };
    let ms = value.to_str().ok().and_then(|text| text.parse().ok());
    let asked = ms.map(Duration::from_millis);
    let asked =
        asked.ok_or_else(|| Problem::bad_request(format!("{TIMEOUT} must be a whole number")));
    Ok(asked?.min(limit))
}

/// The exactly-once identity in the headers.
pub(super) fn identity(headers: &HeaderMap) -> Answer<Option<RequestId>> {
    // What is no text is no number either: the check names the header.
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("(bytes)"))
    };
    request_id(text(CLIENT_ID), text(SEQUENCE)).map_err(Problem::bad_request)
}

/// The conditions on `key` in the headers, all of which must hold.
pub(super) fn conditions(headers: &HeaderMap, key: &Bytes) -> Answer<Vec<Compare>> {
    let mut compares = Vec::new();
    if let Some(value) = headers.get(header::IF_MATCH) {
        compares.push(match revision(value.as_bytes()) {
            Some(None) => compare(key, Relation::NotEqual, Target::Version(0)),
            Some(Some(revision)) => compare(key, Relation::Equal, Target::ModRevision(revision)),
            None => return Err(Problem::bad_request("If-Match must be an ETag or *")),
        });
    }
    if let Some(value) = headers.get(header::IF_NONE_MATCH) {
        compares.push(match revision(value.as_bytes()) {
            Some(None) => compare(key, Relation::Equal, Target::Version(0)),
            Some(Some(revision)) => compare(key, Relation::NotEqual, Target::ModRevision(revision)),
            None => return Err(Problem::bad_request("If-None-Match must be an ETag or *")),
        });
    }
    Ok(compares)
}

fn compare(key: &Bytes, relation: Relation, target: Target) -> Compare {
    Compare {
        key: key.clone(),
        target,
        relation,
    }
}

/// An ETag: a revision, in quotes or not, or `*` (`Some(None)`). None if it is neither.
fn revision(tag: &[u8]) -> Option<Option<u64>> {
    let text = std::str::from_utf8(tag).ok()?.trim();
    if text == "*" {
        return Some(None);
    }
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    quoted.unwrap_or(text).parse().ok().map(Some)
}

/// The read of one key.
pub(super) fn one(key: Bytes, revision: u64) -> Query {
    Query {
        keys: KeyRange {
            start: key,
            end: RangeEnd::Single,
        },
        revision,
        limit: 0,
        count_only: false,
        keys_only: false,
    }
}

/// A transaction that does `op` if the conditions hold, and tells the key's revision if they do not.
pub(super) fn guarded(compares: Vec<Compare>, op: Op, key: Bytes) -> Txn {
    let failure = match compares.is_empty() {
        true => vec![],
        false => vec![Op::Range(Query {
            keys_only: true,
            ..one(key, 0)
        })],
    };
    Txn {
        compares,
        success: vec![op],
        failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_bytes() {
        let params = Params::parse(Some("key=a%00b&val=&limit=7&key=%ff+")).unwrap();
        assert_eq!(params.key().unwrap(), &b"\xff "[..], "the last one counts");
        assert_eq!(params.get("val").unwrap(), "");
        assert_eq!(params.get("other"), None);
        assert_eq!(params.number("limit"), Ok(7));
        assert_eq!(params.number("other"), Ok(0));
        assert!(params.number("val").is_err());
        assert!(Params::parse(Some("key=%f")).is_err());
        assert!(Params::parse(None).unwrap().key().is_err());
    }

    #[test]
    fn tags_are_revisions_or_anything() {
        assert_eq!(revision(b"\"17\""), Some(Some(17)));
        assert_eq!(revision(b" 17 "), Some(Some(17)));
        assert_eq!(revision(b"*"), Some(None));
        for wrong in [&b"\"x\""[..], b"", b"W/\"1\"", b"\xff", b"1,2"] {
            assert_eq!(revision(wrong), None);
        }
    }
}
