//! Leaving out what can be left out of a list.

use std::ops::Range;

use serde_json::Value;

use super::{
    bench::{BLOCK, Bench},
    freeze::in_orders,
};
use crate::plan::{Fault, Plan, Script, Step};

/// The smallest part of a script that is left out at first.
const STRETCH: usize = 8;

/// So many faults are few enough.
const FAULTS_FEW: usize = 4;

/// An operation in a script: its client and the step.
type Operation = (u64, Step);

impl Bench<'_> {
    /// Faults, halves first.
    pub(super) fn sweep_faults(&mut self) {
        let faults = self.plan.faults.clone();
        self.sweep(faults, usize::MAX, with_faults);
    }

    /// Clients, with all that they do.
    pub(super) fn sweep_clients(&mut self) {
        let Some(script) = self.plan.script.clone() else {
            return self.smaller_workload();
        };
        let clients: Vec<u64> = script.clients().collect();
        self.sweep(clients, usize::MAX, |plan, clients| {
            let of_them = script
                .steps()
                .filter(|(client, _)| clients.contains(client));
            with_script(plan, of_them.collect())
        });
    }

    /// Operations, halves of the time first, and no parts smaller than some.
    pub(super) fn sweep_stretches(&mut self) {
        let operations = self.operations();
        self.sweep_to(operations, usize::MAX, STRETCH, with_operations);
    }

    /// Operations, halves of the time first.
    pub(super) fn sweep_operations(&mut self) {
        let operations = self.operations();
        self.sweep(operations, usize::MAX, with_operations);
    }

    /// Faults of which none can go, if they are still many, in other orders of ready tasks.
    pub(super) fn sweep_stubborn_faults(&mut self) {
        let mut place = 0;
        while place < self.plan.faults.len() && self.plan.faults.len() > FAULTS_FEW {
            let mut fewer = self.plan.clone();
            fewer.faults.remove(place);
            if self.adopt_first(in_orders(&fewer)).is_none() {
                place += 1;
            }
        }
    }

    /// Single faults and operations, until none can go. Answers whether one could.
    pub(super) fn sweep_singles(&mut self) -> bool {
        let size = |plan: &Plan| (plan.faults.len(), plan.operations_max());
        let before = size(&self.plan);
        let faults = self.plan.faults.clone();
        self.sweep(faults, 1, with_faults);
        let operations = self.operations();
        self.sweep(operations, 1, with_operations);
        let is_smaller = size(&self.plan) != before;
        // Operations that are not written down cannot go one by one.
        let is_written = self.plan.script.is_some() || self.plan.operations_max() == 0;
        self.is_minimal = is_written && !is_smaller && !self.is_spent();
        is_smaller
    }

    /// Fewer nodes: the ones with the highest numbers go.
    pub(super) fn fewer_nodes(&mut self) {
        for nodes in 1..self.plan.nodes {
            let mut faults: Vec<Fault> = self.plan.faults.clone();
            faults
                .iter_mut()
                .for_each(|fault| without_above(fault, nodes));
            let fewer = Plan {
                nodes,
                faults,
                ..self.plan.clone()
            };
            if self.adopt_first(in_orders(&fewer)).is_some() {
                return;
            }
        }
    }

    /// Without a script, only the numbers of clients and operations can be made smaller.
    fn smaller_workload(&mut self) {
        let numbers: [fn(&mut Plan) -> &mut u64; 2] = [
            |plan| &mut plan.workload.clients,
            |plan| &mut plan.workload.operations,
        ];
        for number in numbers {
            while *number(&mut self.plan.clone()) > 1 {
                let mut smaller = self.plan.clone();
                *number(&mut smaller) /= 2;
                if self.adopt_first(vec![smaller]).is_none() {
                    break;
                }
            }
        }
    }

    /// All operations of the script, by time.
    pub(super) fn operations(&self) -> Vec<Operation> {
        let steps = self.plan.script.iter().flat_map(Script::steps);
        let mut operations: Vec<Operation> = steps.collect();
        operations.sort_by_key(|(client, step)| (step.ms, *client));
        operations
    }

    /// Leaves out parts of a list, of at most this size at first and singles in the end, until none can
    /// go; `with` makes a plan of what is left.
    pub(super) fn sweep<T: Clone>(
        &mut self,
        items: Vec<T>,
        size: usize,
        with: impl Fn(&Plan, &[T]) -> Plan,
    ) {
        self.sweep_to(items, size, 1, with);
    }

    /// As [`Self::sweep`], with parts of at least this size.
    fn sweep_to<T: Clone>(
        &mut self,
        items: Vec<T>,
        size: usize,
        least: usize,
        with: impl Fn(&Plan, &[T]) -> Plan,
    ) {
        let mut items = items;
        let mut size = size.min(items.len()).max(1);
        while !items.is_empty() && size >= least && !self.is_spent() {
            let before = items.len();
            self.round(&mut items, size, &with);
            match size {
                1 if items.len() == before => return,
                _ => size = size.div_ceil(2).min(items.len().max(1)),
            }
        }
    }

    /// Tries every part of this size once, a block of parts at a time.
    fn round<T: Clone>(
        &mut self,
        items: &mut Vec<T>,
        size: usize,
        with: impl Fn(&Plan, &[T]) -> Plan,
    ) {
        let mut at = 0;
        while at < items.len() && !self.is_spent() {
            let starts = (at..items.len()).step_by(size).take(BLOCK);
            let parts: Vec<Range<usize>> = starts
                .map(|start| start..(start + size).min(items.len()))
                .collect();
            let end = parts.last().map_or(at, |part| part.end);
            let gone = self.leave_out(items, &parts, &with);
            at = end - gone;
        }
    }

    /// Leaves out as many of these parts as it can: all that can go alone, or else the first of them.
    /// Answers how many items went.
    fn leave_out<T: Clone>(
        &mut self,
        items: &mut Vec<T>,
        parts: &[Range<usize>],
        with: impl Fn(&Plan, &[T]) -> Plan,
    ) -> usize {
        let without = |parts: &[&Range<usize>]| -> Vec<T> {
            let stays = |place: &usize| !parts.iter().any(|part| part.contains(place));
            let places = (0..items.len()).filter(stays);
            places.map(|place| items[place].clone()).collect()
        };
        let each: Vec<Vec<T>> = parts.iter().map(|part| without(&[part])).collect();
        let plans: Vec<Plan> = each.iter().map(|rest| with(&self.plan, rest)).collect();
        let verdicts = self.try_all(&plans);
        let verdicts = verdicts.into_iter().enumerate();
        let good = verdicts.filter_map(|(place, verdict)| Some((place, verdict?)));
        let mut good: Vec<_> = good.collect();
        let before = items.len();
        if good.len() > 1 {
            let parts: Vec<_> = good.iter().map(|(place, _)| &parts[*place]).collect();
            let rest = without(&parts);
            let plan = with(&self.plan, &rest);
            if self.adopt_first(vec![plan]).is_some() {
                *items = rest;
                return before - items.len();
            }
        }
        if !good.is_empty() {
            let (place, outcome) = good.swap_remove(0);
            self.adopt(plans[place].clone(), outcome);
            *items = each[place].clone();
        }
        before - items.len()
    }
}

fn with_faults(plan: &Plan, faults: &[Fault]) -> Plan {
    Plan {
        faults: faults.to_vec(),
        ..plan.clone()
    }
}

fn with_operations(plan: &Plan, operations: &[Operation]) -> Plan {
    with_script(plan, operations.iter().copied().collect())
}

fn with_script(plan: &Plan, script: Script) -> Plan {
    Plan {
        script: Some(script),
        ..plan.clone()
    }
}

/// The fault, as far as it is about the first so many nodes.
fn without_above(fault: &mut Fault, nodes: u64) {
    let mut value = serde_json::to_value(&*fault).expect("a plan is plain data");
    each_list(&mut value, &mut |list| {
        list.retain(|node| node.as_u64().is_none_or(|node| node <= nodes));
    });
    *fault = serde_json::from_value(value).expect("a shorter list of nodes is one");
}

/// All lists of nodes in a fault, whatever its kind.
pub(super) fn each_list(value: &mut Value, change: &mut dyn FnMut(&mut Vec<Value>)) {
    match value {
        Value::Array(list) => change(list),
        Value::Object(map) => map.values_mut().for_each(|value| each_list(value, change)),
        _ => {}
    }
}
