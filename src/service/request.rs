//! What requests have in common on every face.

use crate::{
    rpc::etcd::{CLIENT_ID, SEQUENCE},
    types::RequestId,
};

/// The identity under which a write is done once: both parts, or none. Says what is wrong
/// otherwise.
pub fn request_id(
    client: Option<&str>,
    sequence: Option<&str>,
) -> Result<Option<RequestId>, String> {
    match (client, sequence) {
        (None, None) => Ok(None),
        (Some(client), Some(sequence)) => Ok(Some(RequestId {
            client: number(CLIENT_ID, client, 0)?,
            sequence: number(SEQUENCE, sequence, 1)?,
        })),
        (Some(_), None) => Err(format!(
            "{CLIENT_ID} comes without {SEQUENCE}: send both or none"
        )),
        (None, Some(_)) => Err(format!(
            "{SEQUENCE} comes without {CLIENT_ID}: send both or none"
        )),
    }
}

fn number(name: &str, text: &str, least: u64) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number >= least => Ok(number),
        _ => Err(format!(
            "{name} is {text:?}: send a whole number from {least} to {}",
            u64::MAX
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_whole_or_absent() {
        assert_eq!(request_id(None, None), Ok(None));
        let whole = RequestId {
            client: 0,
            sequence: 1,
        };
        assert_eq!(request_id(Some("0"), Some("1")), Ok(Some(whole)));
        assert!(request_id(Some("7"), None).unwrap_err().contains(SEQUENCE));
        assert!(request_id(None, Some("7")).unwrap_err().contains(CLIENT_ID));
        for wrong in ["", "x", "-1", "18446744073709551616"] {
            assert!(request_id(Some(wrong), Some("1")).is_err(), "{wrong}");
        }
        assert!(
            request_id(Some("1"), Some("0")).is_err(),
            "sequences count from 1"
        );
    }
}
