//! Who this client is to the cluster: the key of exactly-once.

use crate::{rng::Rng, types::RequestId};

/// The identity of the next write.
#[derive(Debug)]
pub(super) struct Session {
    /// Where client ids come from; `None` if writes carry no identity.
    rng: Option<Rng>,
    /// The identity of the next write.
    next: RequestId,
}

/// What a write came to, as far as its identity is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Used {
    /// It was done under its identity: count on.
    Done,
    /// It was certainly not proposed: the number is still free.
    No,
    /// The cluster may remember the number with an answer to this request, or may have lost the
    /// session: begin a new one.
    Perhaps,
}

impl Session {
    pub fn new(mut rng: Rng) -> Session {
        let next = first(&mut rng);
        let rng = Some(rng);
        Session { rng, next }
    }

    pub fn none() -> Session {
        let next = RequestId {
            client: 0,
            sequence: 0,
        };
        Session { rng: None, next }
    }

    /// The identity for a write, if writes have one.
    pub fn identity(&self) -> Option<RequestId> {
        self.rng.as_ref().map(|_| self.next)
    }

    /// The write under [`Session::identity`] is over.
    pub fn ended(&mut self, used: Used) {
        match (&mut self.rng, used) {
            (None, _) | (_, Used::No) => {}
            (Some(_), Used::Done) => self.next.sequence += 1,
            (Some(rng), Used::Perhaps) => self.next = first(rng),
        }
    }
}

/// A session begins with its first request; the cluster knows it by that number.
fn first(rng: &mut Rng) -> RequestId {
    RequestId {
        client: rng.next_u64(),
        sequence: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_used_for_two_requests() {
        let mut session = Session::new(Rng::new(1));
        let first = session.identity().expect("has one");
        assert_eq!(first.sequence, 1);
        session.ended(Used::No);
        assert_eq!(session.identity(), Some(first));
        session.ended(Used::Done);
        let second = session.identity().expect("has one");
        assert_eq!((second.client, second.sequence), (first.client, 2));
        session.ended(Used::Perhaps);
        let third = session.identity().expect("has one");
        assert_ne!(third.client, first.client);
        assert_eq!(third.sequence, 1);
        assert_eq!(Session::none().identity(), None);
    }
}
