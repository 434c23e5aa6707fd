//! KEEP, promises of time (thesis §6.4.1): who has answered a leader's heartbeat helps nobody to replace it for as
//! long as the answer said, by its own clock, whatever it forgets meanwhile. Leaders that read by leases count on it.
//!
//! What helps is to tell somebody who asks around that it would get the vote: nobody stands without that, except
//! whom its leader has called. A stale read is what may come of it, if a leader is cut off, an election is quick and
//! somebody reads in between; the broken promise is seen without all that.
//!
//! Only runs that trust clocks are judged: in the others clocks leap.

use std::collections::BTreeMap;

use sisyphus::{
    node::Event,
    raft::Body,
    types::{NodeId, ShardId},
};

use super::{Oracle, Violation};
use crate::plan::Plan;

/// Remembers until when each node is bound at least.
#[derive(Debug, Default)]
pub struct Keep {
    /// By how many millionths clocks may be wrong; none if nobody trusts them.
    drift_ppm_max: Option<u64>,
    /// Microseconds since the run began.
    now_us: u64,
    /// When each promise surely ends, on the world's clock, in microseconds.
    bound_until_us: BTreeMap<(ShardId, NodeId), u64>,
}

impl Keep {
    /// The oracle of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        let drift_ppm_max = u64::from(plan.limits.clock_drift_ppm_max);
        Keep {
            drift_ppm_max: plan.limits.lease_reads.then_some(drift_ppm_max),
            ..Keep::default()
        }
    }

    /// What is shown from now on happens at this time, in microseconds.
    pub fn tell_time(&mut self, now_us: u64) {
        self.now_us = now_us;
    }

    /// The drive of `node` was emptied: what comes back is somebody else.
    pub fn forget(&mut self, node: NodeId) {
        self.bound_until_us.retain(|(_, other), _| *other != node);
    }
}

impl Oracle for Keep {
    fn event(&mut self, node: NodeId, shard: ShardId, event: &Event<'_>) -> Result<(), Violation> {
        let (Some(drift_ppm), Event::Sent { message }) = (self.drift_ppm_max, event) else {
            return Ok(());
        };
        let bound_until_us = self.bound_until_us.entry((shard, node)).or_default();
        match message.body {
            Body::HeartbeatReply { promise_us, .. } => {
                // A clock that is too fast by so much is at the end this much earlier.
                let least_us = promise_us - promise_us.min(promise_us * drift_ppm / 1_000_000 + 1);
                *bound_until_us = (*bound_until_us).max(self.now_us + least_us);
                Ok(())
            }
            Body::PreVoteReply { granted: true } if self.now_us < *bound_until_us => {
                let what = format!(
                    "{node} would help {} to lead, and has promised another leader not to for {} µs more",
                    message.to,
                    *bound_until_us - self.now_us
                );
                Err(Violation::new("KEEP", what))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::testing::*;

    /// Whether n2 may say that it would vote for n3, so long after it has promised n1 a second of a clock that
    /// is wrong by a tenth at most.
    fn passes(later_us: u64, restarts: bool) -> bool {
        let mut keep = Keep {
            drift_ppm_max: Some(100_000),
            ..Keep::default()
        };
        let answer = Body::HeartbeatReply {
            round: 1,
            last: 0,
            priority: 3,
            promise_us: 1_000_000,
        };
        show(&mut keep, 2, sent(&message(2, 1, 4, answer))).unwrap();
        if restarts {
            show(&mut keep, 2, restored(4, 0, &[], (0, 0), 0)).unwrap();
        }
        keep.tell_time(later_us);
        let helps = message(2, 3, 5, Body::PreVoteReply { granted: true });
        show(&mut keep, 2, sent(&helps)).is_ok()
    }

    #[test]
    fn who_helps_another_one_before_its_promise_ends_is_seen_even_if_it_has_restarted() {
        assert!(!passes(890_000, false));
        assert!(!passes(890_000, true));
        assert!(passes(900_000, false), "its clock may be that fast");
    }

    #[test]
    fn nobody_is_judged_where_clocks_are_not_trusted() {
        let plans = (0..50).map(Plan::draw);
        let distrustful = plans.filter(|plan| !plan.limits.lease_reads);
        for plan in distrustful {
            assert_eq!(Keep::new(&plan).drift_ppm_max, None);
        }
    }
}
