//! Errors as etcd's clients know them.
//!
//! | what happened | code | the request is |
//! |---|---|---|
//! | the request is wrong | INVALID_ARGUMENT, NOT_FOUND (lease), UNIMPLEMENTED | not done |
//! | a revision that is not readable | OUT_OF_RANGE | not done |
//! | an order about members that cannot be carried out | NOT_FOUND, FAILED_PRECONDITION | not done |
//! | too many keys or bytes for one answer | RESOURCE_EXHAUSTED | not done |
//! | no leader, too busy, stopping | UNAVAILABLE | not done |
//! | an identity whose answer is no longer kept | FAILED_PRECONDITION | done, or unknown |
//! | no answer in time, or the leader lost | DEADLINE_EXCEEDED | unknown |
//! | this node is broken | INTERNAL | unknown |
//!
//! "Not done" is also marked in the status' metadata, because the same codes come from broken
//! connections, where they mean less. Where etcd has words for an error, they are used to the letter:
//! its clients compare them.

use tonic::Status;

use crate::{
    machine::Refusal,
    node::{Refused, RequestError, Why},
    rpc::etcd::{Unfit, not_done},
};

/// The status of a request that the gateway did not answer.
pub(super) fn of_request(error: RequestError) -> Status {
    match error {
        RequestError::Invalid(reason) => invalid(&reason),
        RequestError::Refused(refusal) => of_refusal(&refusal),
        RequestError::Order(refused) => not_done(of_order(&refused)),
        RequestError::Unavailable(reason) => {
            not_done(Status::unavailable(format!("etcdserver: {reason}")))
        }
        RequestError::Unknown(reason) => Status::deadline_exceeded(format!(
            "etcdserver: request timed out; whether it was done is unknown: {reason}"
        )),
        RequestError::Failed(reason) => Status::internal(format!(
            "etcdserver: this node is broken, ask another; whether the request was done is unknown: {reason}"
        )),
    }
}

/// The status of a request that cannot be done as it stands.
pub(super) fn of_unfit(unfit: Unfit) -> Status {
    let text = format!("etcdserver: {unfit}");
    let status = match unfit {
        Unfit::EmptyKey | Unfit::TooManyOperations | Unfit::Invalid(_) => {
            Status::invalid_argument(text)
        }
        Unfit::NoSuchLease => Status::not_found(text),
        Unfit::Unserved(_) => Status::unimplemented(text),
        Unfit::TooManyKeys => Status::resource_exhausted(text),
        // Found out when the answer was there: the earlier request of this identity was done.
        Unfit::AnotherRequest => return Status::failed_precondition(text),
    };
    not_done(status)
}

/// The status of a request that is wrong for `reason`.
pub(super) fn invalid(reason: &str) -> Status {
    not_done(Status::invalid_argument(format!("etcdserver: {reason}")))
}

fn of_order(refused: &Refused) -> Status {
    let text = format!("etcdserver: {refused}");
    match refused.why {
        Why::NotFound => Status::not_found(text),
        Why::Exists
        | Why::NotLearner
        | Why::NotReady
        | Why::Unhealthy
        | Why::Impossible
        | Why::BadTransferee => Status::failed_precondition(text),
    }
}

fn of_refusal(refusal: &Refusal) -> Status {
    match refusal {
        Refusal::DuplicateKey(_) => invalid("duplicate key given in txn request"),
        Refusal::BadRevision { asked, floor, .. } => {
            let which = if asked < floor {
                "required revision has been compacted"
            } else {
                "required revision is a future revision"
            };
            not_done(Status::out_of_range(format!("etcdserver: mvcc: {which}")))
        }
        Refusal::ReplyTooLarge { .. } | Refusal::TooManyChanges { .. } => {
            not_done(Status::resource_exhausted(format!("etcdserver: {refusal}")))
        }
        Refusal::StaleRequest(_) | Refusal::SessionExpired(_) | Refusal::ReplyNotKept { .. } => {
            Status::failed_precondition(format!("etcdserver: {refusal}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::{rpc::etcd::is_not_done, types::RequestId};

    fn bad_revision(asked: u64) -> RequestError {
        Refusal::BadRevision {
            asked,
            floor: 5,
            latest: 9,
        }
        .into()
    }

    #[test]
    fn etcds_own_words_are_used_to_the_letter() {
        let cases = [
            (
                of_unfit(Unfit::EmptyKey),
                Code::InvalidArgument,
                "etcdserver: key is not provided",
            ),
            (
                of_unfit(Unfit::TooManyOperations),
                Code::InvalidArgument,
                "etcdserver: too many operations in txn request",
            ),
            (
                of_unfit(Unfit::NoSuchLease),
                Code::NotFound,
                "etcdserver: requested lease not found",
            ),
            (
                of_request(bad_revision(4)),
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted",
            ),
            (
                of_request(bad_revision(10)),
                Code::OutOfRange,
                "etcdserver: mvcc: required revision is a future revision",
            ),
            (
                of_request(Refusal::DuplicateKey("k".into()).into()),
                Code::InvalidArgument,
                "etcdserver: duplicate key given in txn request",
            ),
            (
                of_request(RequestError::Unavailable("no leader".into())),
                Code::Unavailable,
                "etcdserver: no leader",
            ),
        ];
        for (status, code, message) in cases {
            assert_eq!((status.code(), status.message()), (code, message));
            assert!(is_not_done(&status), "{message}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_never_marked_as_not_done() {
        let id = RequestId {
            client: 1,
            sequence: 2,
        };
        for error in [
            RequestError::Unknown("the leader was lost".into()),
            RequestError::Failed("the disk is gone".into()),
            Refusal::StaleRequest(id).into(),
            Refusal::SessionExpired(id).into(),
        ] {
            let status = of_request(error.clone());
            assert!(!is_not_done(&status), "{error}");
            assert_ne!(status.code(), Code::Unavailable, "{error}");
        }
        assert!(!is_not_done(&of_unfit(Unfit::AnotherRequest)));
    }
}
