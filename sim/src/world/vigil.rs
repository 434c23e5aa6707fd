//! Faults that wait for the n-th event of a kind.

use std::collections::BTreeMap;

use sisyphus::types::NodeId;

use crate::plan::{Moment, Plan, When};

/// Those that wait, and how the wait of the others ended.
#[derive(Debug, Default)]
pub(super) struct Vigil {
    /// By (node or any, kind of event).
    waiting: BTreeMap<(Option<NodeId>, Moment), Vec<Waiting>>,
    /// Of the faults that have struck, by their places in the plan: which event of its kind theirs was
    /// in its millisecond. "The first sync from 1,203 ms on" stays true when events before it are
    /// gone from the plan; "the 150th" does not.
    ended: BTreeMap<usize, u64>,
}

/// A fault that waits.
#[derive(Debug)]
struct Waiting {
    /// Its place in the plan.
    place: usize,
    from_us: u64,
    /// How many events are to come, the last one included.
    left: u64,
    /// The millisecond of the last event, and how many there were in it.
    latest: (u64, u64),
}

impl Vigil {
    pub fn new(plan: &Plan) -> Self {
        let mut vigil = Vigil::default();
        for (place, fault) in plan.faults.iter().enumerate() {
            if let When::Event {
                node,
                event,
                nth,
                from_ms,
            } = fault.when
            {
                let waiting = Waiting {
                    place,
                    from_us: from_ms * 1_000,
                    left: nth,
                    latest: (0, 0),
                };
                vigil
                    .waiting
                    .entry((node, event))
                    .or_default()
                    .push(waiting);
            }
        }
        vigil
    }

    /// An event happened; answers which faults strike now, by their places in the plan.
    pub fn count(&mut self, now_us: u64, node: NodeId, moment: Moment) -> Vec<usize> {
        let mut struck = Vec::new();
        for who in [Some(node), None] {
            let Some(waiting) = self.waiting.get_mut(&(who, moment)) else {
                continue;
            };
            for one in waiting.iter_mut().filter(|one| one.from_us <= now_us) {
                let (ms, before) = one.latest;
                let now_ms = now_us / 1_000;
                one.latest = (now_ms, if ms == now_ms { before + 1 } else { 1 });
                one.left = one.left.saturating_sub(1);
            }
            for one in waiting.extract_if(.., |one| one.left == 0) {
                self.ended.insert(one.place, one.latest.1);
                struck.push(one.place);
            }
        }
        struck
    }

    /// Which event of its kind in its millisecond it was that the fault at `place` struck at.
    pub fn nth(&self, place: usize) -> Option<u64> {
        self.ended.get(&place).copied()
    }

    /// No fault waits any more.
    pub fn disarm(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Fault, Until, What, Who};

    fn waits(node: Option<u64>, nth: u64, from_ms: u64) -> Fault {
        Fault {
            when: When::Event {
                node: node.map(NodeId),
                event: Moment::Synced,
                nth,
                from_ms,
            },
            what: What::Crash { who: Who::Struck },
            until: Until::Healed,
        }
    }

    #[test]
    fn faults_strike_at_their_event_on_their_node_from_their_time_on() {
        let mut plan = Plan::draw(1);
        plan.faults = vec![
            waits(Some(1), 2, 0),
            waits(None, 2, 0),
            waits(Some(1), 1, 5),
        ];
        let mut vigil = Vigil::new(&plan);
        let mut count = |us, node| vigil.count(us, NodeId(node), Moment::Synced);
        assert!(count(4_100, 2).is_empty());
        assert_eq!(count(4_200, 1), [1]);
        assert_eq!(count(5_000, 1), [0, 2]);
        assert!(count(9_000, 1).is_empty());
        let nth = [0, 1, 2].map(|place| vigil.nth(place));
        assert_eq!(nth, [Some(1), Some(2), Some(1)]);
    }
}
