//! Times: shorter, earlier, and without waiting for events where a time does as well.

use super::{bench::Bench, sweep::each_list};
use crate::plan::{Fault, Plan, Script, Step, Until, When};

/// What is left of the safety phase after the last thing in it, in milliseconds.
const REST_MS: u64 = 200;

/// Nothing begins before this time: the cluster has to have elected somebody. In milliseconds.
const START_MS: u64 = 200;

impl Bench<'_> {
    /// Each simplification that the failure survives. Answers whether there was one.
    pub(super) fn simple_times(&mut self) -> bool {
        let mut found = false;
        for place in 0..self.plan.faults.len() {
            let simpler = self.simpler_faults(place);
            found |= self.adopt_first(simpler).is_some();
        }
        let shorter = shorter(&self.plan);
        if shorter != self.plan {
            found |= self.adopt_first(vec![shorter]).is_some();
        }
        found |= self.earlier();
        found
    }

    /// The plan with the fault at `place` made simpler in several ways, the simplest first.
    fn simpler_faults(&self, place: usize) -> Vec<Plan> {
        let fault = &self.plan.faults[place];
        let strikes = &self.outcome.strikes;
        let struck = strikes.iter().find(|strike| strike.place == place);
        let mut simpler = Vec::new();
        if let (Some(strike), When::Event { .. } | When::State { .. }) = (struck, &fault.when) {
            let mut at = fault.clone();
            at.when = When::At { ms: strike.at_ms };
            simpler.push(at);
        }
        simpler.extend(fewer_nodes(fault));
        let with = |fault| {
            let mut plan = self.plan.clone();
            plan.faults[place] = fault;
            plan
        };
        simpler.into_iter().map(with).collect()
    }

    /// Everything earlier: what led to nothing is cut off at the front.
    fn earlier(&mut self) -> bool {
        let first = times(&self.plan).min().unwrap_or(0);
        let by = first.saturating_sub(START_MS);
        let steps = [by, by / 2, by / 4].into_iter().filter(|ms| *ms >= 50);
        let moved = steps.map(|ms| shifted(&self.plan, ms)).collect();
        self.adopt_first(moved).is_some()
    }
}

/// The fault on one node fewer, for each of its nodes.
fn fewer_nodes(fault: &Fault) -> Vec<Fault> {
    let value = serde_json::to_value(fault).expect("a plan is plain data");
    let mut count = 0;
    each_list(&mut value.clone(), &mut |list| {
        count = count.max(list.len())
    });
    if count < 2 {
        return Vec::new();
    }
    let without = |place: usize| {
        let mut value = value.clone();
        each_list(&mut value, &mut |list| {
            if place < list.len() {
                list.remove(place);
            }
        });
        serde_json::from_value(value).expect("a shorter list of nodes is one")
    };
    (0..count).map(without).collect()
}

/// All times in a plan at which something begins or ends, in milliseconds.
fn times(plan: &Plan) -> impl Iterator<Item = u64> + '_ {
    let faults = plan.faults.iter().map(begins);
    let steps = plan.script.iter().flat_map(Script::steps);
    faults.chain(steps.map(|(_, step)| step.ms))
}

/// The time from which on a fault may strike.
pub(super) fn begins(fault: &Fault) -> u64 {
    match fault.when {
        When::At { ms } => ms,
        When::Event { from_ms, .. } | When::State { from_ms, .. } => from_ms,
    }
}

/// The plan without the time after its last operation, and after its last fault has struck.
fn shorter(plan: &Plan) -> Plan {
    let ends = plan.faults.iter().map(|fault| {
        let lasts = match fault.until {
            Until::After { ms } => ms,
            Until::Healed => 0,
        };
        begins(fault) + lasts
    });
    let last = ends.chain(times(plan)).max().unwrap_or(0);
    Plan {
        safety_ms: plan.safety_ms.min(last + REST_MS),
        ..plan.clone()
    }
}

/// The plan with everything so many milliseconds earlier.
fn shifted(plan: &Plan, by_ms: u64) -> Plan {
    let mut plan = plan.clone();
    for fault in &mut plan.faults {
        match &mut fault.when {
            When::At { ms: time } => *time = time.saturating_sub(by_ms),
            When::Event { from_ms: time, .. } | When::State { from_ms: time, .. } => {
                *time = time.saturating_sub(by_ms);
            }
        }
    }
    plan.script = plan.script.map(|script| {
        let earlier = |step: Step| Step {
            ms: step.ms.saturating_sub(by_ms),
            ..step
        };
        script
            .steps()
            .map(|(client, step)| (client, earlier(step)))
            .collect()
    });
    plan.safety_ms = plan.safety_ms.saturating_sub(by_ms).max(1);
    plan
}
