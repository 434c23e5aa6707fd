//! What all gRPC services share.

use std::time::Duration;

use tonic::{Status, metadata::MetadataMap};

use super::errors;
use crate::{
    config::Limits,
    gateway::Gateway,
    node::Behind,
    rpc::etcd::{BEHIND_ENTRIES, CLIENT_ID, LEADER_HEARD_MS, MIN_REVISION, SEQUENCE, Stamp},
    service::request_id,
    types::{NodeId, RequestId, Revision, Term},
};

/// The part of a client's deadline that is kept for the answer to travel, at most
/// [`TRAVEL_MAX`]: a client that hears "unknown, because" is better off than one that hears nothing.
const TRAVEL_SHARE: u32 = 20;

/// The most of a deadline that is kept for the answer to travel.
const TRAVEL_MAX: Duration = Duration::from_millis(50);

/// A gateway as the gRPC services use it, with what stands in every header.
#[derive(Clone)]
pub struct Face {
    /// The way to the store.
    pub(super) gateway: Gateway,
    cluster: u64,
    node: NodeId,
    timeout: Duration,
}

impl Face {
    /// The face of `node` of `cluster`. Requests that name no deadline get the limits' one.
    pub fn new(gateway: Gateway, cluster: u64, node: NodeId, limits: &Limits) -> Self {
        let timeout = Duration::from_millis(limits.request_timeout_ms);
        Face {
            gateway,
            cluster,
            node,
            timeout,
        }
    }

    /// What stands in a header.
    pub(super) fn stamp(&self, revision: Revision, term: Term) -> Stamp {
        Stamp {
            cluster: self.cluster,
            node: self.node,
            revision,
            term,
        }
    }

    /// What stands in a header of an answer that does not touch the store: this node's own state.
    pub(super) fn now(&self) -> Stamp {
        let status = self.gateway.status();
        let shard = status.shards.first();
        self.stamp(
            shard.map_or(0, |s| s.revision),
            shard.map_or(0, |s| s.raft.term),
        )
    }

    /// How long the request may take: as long as its client waits, but no longer than the limit.
    pub(super) fn timeout(&self, metadata: &MetadataMap) -> Duration {
        match metadata
            .get("grpc-timeout")
            .and_then(|value| parse_timeout(value.to_str().ok()?))
        {
            Some(asked) => self
                .timeout
                .min(asked - (asked / TRAVEL_SHARE).min(TRAVEL_MAX)),
            None => self.timeout,
        }
    }
}

/// The exactly-once identity in a request's metadata.
pub(super) fn identity(metadata: &MetadataMap) -> Result<Option<RequestId>, Status> {
    let text = |key| match metadata.get(key) {
        // What is no text is no number either: the check names the key.
        Some(value) => Some(value.to_str().unwrap_or("(bytes)")),
        None => None,
    };
    request_id(text(CLIENT_ID), text(SEQUENCE)).map_err(|reason| errors::invalid(&reason))
}

/// The least revision that an answer must be of, if the request names one.
pub(super) fn min_revision(metadata: &MetadataMap) -> Result<Option<Revision>, Status> {
    let Some(value) = metadata.get(MIN_REVISION) else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    let reason = || errors::invalid(&format!("{MIN_REVISION} must be a whole number"));
    number.map(Some).ok_or_else(reason)
}

/// Says how old an answer may be that was allowed to be.
pub(super) fn tell_age(metadata: &mut MetadataMap, behind: Option<Behind>) {
    let Some(behind) = behind else {
        return;
    };
    metadata.insert(BEHIND_ENTRIES, behind.entries.into());
    if let Some(ms) = behind.leader_heard_ms {
        metadata.insert(LEADER_HEARD_MS, ms.into());
    }
}

/// The value of a `grpc-timeout` header: up to 8 digits and a unit. None if it is not one.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let all_digits = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let amount: u64 = digits.parse().ok().filter(|_| all_digits)?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        for (text, ms) in [
            ("1H", 3_600_000),
            ("2M", 120_000),
            ("3S", 3_000),
            ("40m", 40),
            ("5000u", 5),
            ("7000000n", 7),
        ] {
            assert_eq!(
                parse_timeout(text),
                Some(Duration::from_millis(ms)),
                "{text}"
            );
        }
        for wrong in ["", "S", "1", "+1S", "123456789S", "1.5S", "1ß", "1s"] {
            assert_eq!(parse_timeout(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_a_timeout_or_none(text: String) {
            let _ = parse_timeout(&text);
        }
    }
}
