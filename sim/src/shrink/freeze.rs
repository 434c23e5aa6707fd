//! Writing down what happened, at the times at which it did.

use std::collections::BTreeMap;

use super::bench::Bench;
use crate::{
    plan::{Fault, Plan, Script, Step, When},
    world::{Outcome, Strike},
};

/// How many orders of ready tasks are tried where much changes at once.
const ORDERS: u64 = 8;

/// What is left of the time in which faults strike after the failure was seen, in milliseconds.
const AFTER_MS: u64 = 20;

impl Bench<'_> {
    /// Only what happened before the failure, at its times. If the failure does not survive that at
    /// once, then piece by piece.
    pub(super) fn freeze(&mut self) {
        let all = freeze_operations(&self.without_idle_faults(), &self.outcome);
        if self.adopt_first(in_orders(&all)).is_some() {
            return;
        }
        self.adopt_first(vec![self.without_idle_faults()]);
        let scripted = freeze_operations(&self.plan, &self.outcome);
        self.adopt_first(in_orders(&scripted));
    }

    /// Without the operations that begin after the failure was seen: with other settings that is earlier than
    /// it was.
    pub(super) fn cut(&mut self) {
        let cut = freeze_operations(&self.plan, &self.outcome);
        if self.plan.script.is_some() && cut.operations_max() < self.plan.operations_max() {
            self.adopt_first(in_orders(&cut));
        }
    }

    /// Tries once more to write the operations down, if they are not yet.
    pub(super) fn freeze_again(&mut self) {
        if self.plan.script.is_none() {
            self.freeze();
        }
    }

    /// The plan without faults that did not strike; what waited for an event waits for the same one,
    /// counted from just before it.
    fn without_idle_faults(&self) -> Plan {
        let strikes = self.outcome.strikes.iter();
        let strikes: BTreeMap<usize, &Strike> =
            strikes.map(|strike| (strike.place, strike)).collect();
        let faults = self.plan.faults.iter().enumerate();
        Plan {
            faults: faults
                .filter_map(|(place, fault)| Some(anchored(fault, strikes.get(&place)?)))
                .collect(),
            ..self.plan.clone()
        }
    }
}

/// The fault, waiting for the same event or state of affairs not before the millisecond of its strike.
pub(super) fn anchored(fault: &Fault, strike: &Strike) -> Fault {
    let mut fault = fault.clone();
    match &mut fault.when {
        When::At { .. } => {}
        When::State { from_ms, .. } => *from_ms = strike.at_ms,
        When::Event { nth, from_ms, .. } => {
            *nth = strike.nth;
            *from_ms = strike.at_ms;
        }
    }
    fault
}

/// The plan with a script of the operations that began before the failure was seen; the rest of the
/// time is cut off, if the failure was seen while faults struck.
fn freeze_operations(plan: &Plan, outcome: &Outcome) -> Plan {
    let until = outcome.violated_ms.unwrap_or(u64::MAX);
    let began = outcome.begun.iter().filter(|begun| begun.at_ms <= until);
    let script: Script = began
        .map(|begun| {
            let step = Step {
                operation: begun.operation,
                ms: begun.at_ms,
            };
            (begun.client, step)
        })
        .collect();
    Plan {
        script: Some(script),
        safety_ms: plan.safety_ms.min(until.saturating_add(AFTER_MS)),
        ..plan.clone()
    }
}

/// The plan with several orders of ready tasks, its own first.
pub(super) fn in_orders(plan: &Plan) -> Vec<Plan> {
    let orders = [plan.order].into_iter().chain((1..ORDERS).map(Some));
    let with = |order| Plan {
        order,
        ..plan.clone()
    };
    orders.map(with).collect()
}
