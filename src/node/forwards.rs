//! Requests on their way to another node's log, and the memory that keeps a duplicated frame from
//! being proposed twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::{
    fate::{Fate, Waiter},
    requests::Request,
};
use crate::{
    env::{rare, task::oneshot},
    types::{NodeId, Term},
};

/// Requests that wait for a leader to appear; more are turned away.
const PARKED_MAX: usize = 4_096;

/// Requests on their way to a leader; more are turned away.
const SENT_MAX: usize = 16_384;

/// Numbers of forwarded requests that are remembered for each process they come from.
const WINDOW: usize = 16_384;

/// Processes whose numbers are remembered.
const ORIGINS_MAX: usize = 256;

/// Forwarding, both ends of it.
#[derive(Debug)]
pub(super) struct Forwards {
    /// Names this process among all that ran on this node.
    incarnation: u64,
    next: u64,
    /// By number: the term whose leader was asked, and who waits.
    sent: BTreeMap<u64, (Term, oneshot::Sender<Fate>)>,
    parked: VecDeque<Request>,
    /// What was taken from each process of each node.
    taken: BTreeMap<(NodeId, u64), Window>,
    /// Of requests for leaders of terms up to this one, nothing is known: they may have been taken
    /// before this process began.
    ignorant_up_to: Term,
    route: (Term, Option<NodeId>),
}

/// The numbers that were taken from one process: all up to `floor` count as taken.
#[derive(Debug, Default)]
struct Window {
    floor: u64,
    above: BTreeSet<u64>,
}

impl Forwards {
    /// Forwarding by the process `incarnation`, which began in `term`.
    pub(super) fn new(incarnation: u64, term: Term) -> Self {
        Forwards {
            incarnation,
            next: 0,
            sent: BTreeMap::new(),
            parked: VecDeque::new(),
            taken: BTreeMap::new(),
            ignorant_up_to: term,
            route: (0, None),
        }
    }

    /// Numbers a request for the leader of `term`: (number, incarnation). Gives the waiter back if
    /// too many are on their way.
    pub(super) fn register(
        &mut self,
        term: Term,
        waiter: oneshot::Sender<Fate>,
    ) -> Result<(u64, u64), oneshot::Sender<Fate>> {
        if self.sent.len() >= SENT_MAX || rare::buggify("forward nothing") {
            return Err(waiter);
        }
        self.next += 1;
        self.sent.insert(self.next, (term, waiter));
        Ok((self.next, self.incarnation))
    }

    /// A leader answered. Answers to an earlier process, repeated and broken ones come to nothing.
    pub(super) fn replied(&mut self, origin: u64, number: u64, fate: Bytes) {
        if origin != self.incarnation {
            return;
        }
        match Fate::decode(fate) {
            Ok(fate) => {
                if let Some((_, waiter)) = self.sent.remove(&number) {
                    // A request that timed out has dropped its end.
                    let _ = waiter.send(fate);
                }
            }
            Err(error) => tracing::warn!("a leader's answer cannot be understood: {error}"),
        }
    }

    /// Sets a request aside until there is a leader. Gives it back if too many wait.
    pub(super) fn park(&mut self, request: Request) -> Option<Request> {
        if self.parked.len() >= PARKED_MAX {
            return Some(request);
        }
        self.parked.push_back(request);
        None
    }

    /// Everything that was set aside.
    pub(super) fn unpark(&mut self) -> VecDeque<Request> {
        std::mem::take(&mut self.parked)
    }

    /// Whether term or leader differ from the last call.
    pub(super) fn route_changed(&mut self, route: (Term, Option<NodeId>)) -> bool {
        std::mem::replace(&mut self.route, route) != route
    }

    /// The waiters whose leader has been succeeded: its answer may be lost with it.
    pub(super) fn orphans(&mut self, term: Term) -> Vec<Waiter> {
        let old: Vec<u64> = self
            .sent
            .iter()
            .filter(|(_, (asked, _))| *asked < term)
            .map(|(n, _)| *n)
            .collect();
        let waiters = old.iter().filter_map(|number| self.sent.remove(number));
        waiters.map(|(_, waiter)| Waiter::Local(waiter)).collect()
    }

    /// The last term of which this process does not know what its node took.
    pub(super) fn ignorant_up_to(&self) -> Term {
        self.ignorant_up_to
    }

    /// Whether this is the first time that this request arrives; remembers it.
    pub(super) fn is_first(&mut self, from: NodeId, origin: u64, number: u64, now: Term) -> bool {
        if self.taken.len() >= ORIGINS_MAX && !self.taken.contains_key(&(from, origin)) {
            // Forgetting is sound if it is owned up to.
            self.taken.clear();
            self.ignorant_up_to = now;
        }
        self.taken.entry((from, origin)).or_default().insert(number)
    }

    /// Forgets those who gave up waiting, and answers the writes that were aside until their time
    /// ran out: of them it is certain that they were not done, if they are told in time.
    pub(super) fn sweep(&mut self, now_us: u64) -> Vec<oneshot::Sender<Fate>> {
        self.sent.retain(|_, (_, waiter)| !waiter.is_closed());
        let mut expired = Vec::new();
        for request in std::mem::take(&mut self.parked) {
            match request {
                Request::Write {
                    waiter, expires_us, ..
                } if expires_us <= now_us => {
                    expired.push(waiter);
                }
                request if request.is_gone() => {}
                request => self.parked.push_back(request),
            }
        }
        expired
    }
}

impl Window {
    fn insert(&mut self, number: u64) -> bool {
        if number <= self.floor || !self.above.insert(number) {
            return false;
        }
        if self.above.len() > WINDOW {
            self.floor = self.above.pop_first().unwrap_or(self.floor);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_taken_once_in_any_order() {
        let mut window = Window::default();
        assert!([3, 1, 2].into_iter().all(|number| window.insert(number)));
        assert!([1, 2, 3].into_iter().all(|number| !window.insert(number)));
    }

    #[test]
    fn what_fell_out_of_the_window_counts_as_taken() {
        let mut window = Window::default();
        for number in 1..=WINDOW as u64 + 1 {
            assert!(window.insert(number));
        }
        assert!(
            !window.insert(1),
            "it was forgotten, so it must not be taken again"
        );
    }

    #[test]
    fn the_orphans_of_a_leader_are_those_that_asked_it() {
        let mut forwards = Forwards::new(9, 0);
        let (old, _old) = oneshot::channel();
        let (new, _new) = oneshot::channel();
        forwards.register(1, old).unwrap();
        forwards.register(2, new).unwrap();
        assert_eq!(forwards.orphans(2).len(), 1);
        assert_eq!(forwards.orphans(2).len(), 0);
    }
}
