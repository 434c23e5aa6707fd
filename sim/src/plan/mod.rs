//! A plan is everything that a run depends on, as plain data: the cluster and its limits, how disks
//! and links behave, what clients do, and which faults strike when. The seed draws a plan; from then
//! on only the plan counts. So a plan can be saved as JSON, read, edited by hand, shrunk, and run
//! again long after the code that drew it has changed.
//!
//! * [`fault`], [`what`], [`moment`]: what may strike, and when. *When* is a time, or the n-th event of a
//!   kind on a node: a crash at a random time hardly ever falls into the moment between a write and its sync, so
//!   half of all crashes wait for such a moment. Or it is as soon as something holds that is bad
//!   enough already: a follower that lags, two leaders, a change of the membership under way.
//! * [`model`]: how the disks, the links and the clients behave while nothing strikes.
//! * [`swarm`], [`faults`] and [`harm`]: how a seed becomes a plan. Each kind of fault is on with p = 1/2 or 1/5,
//!   because a run in which everything happens at once hides bugs that need one thing to happen often.
//!   Half of the runs are *storms*, with faults over and in each other; in the others trouble comes in
//!   *spells*, with rest between: in a storm the cluster is often down, and what is down does nothing
//!   wrong that anybody sees. In a few runs one leader after the other is taken away ([`coups`]).
//!
//! * [`script`]: which operations clients do and when, if not all of the workload. A plan that was
//!   shrunk has one; so times stay what they were, although most operations are gone.
//! * [`mod@file`]: plans as JSON, with errors that name the field.
//! * [`words`] and [`difference()`]: a plan for the eye, and what two of them do not have in common.
//!
//! A number that a plan does not spell out (the fate of the 17th frame from n1 to n2) is drawn from
//! the plan's seed under a name of its own: see [`draw`](crate::draw).
//!
//! Rates are in millionths (`ppm`) and times in whole micro- or milliseconds: integers survive JSON
//! exactly.

mod coups;
mod difference;
mod fault;
mod faults;
mod file;
mod harm;
mod model;
mod moment;
mod script;
mod swarm;
mod what;
mod words;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sisyphus::{config::Limits, types::NodeId};

pub use difference::difference;
pub use fault::{Condition, Fault, Until, When};
pub use model::{DiskModel, LinkModel, Workload};
pub use moment::Moment;
pub use script::{Script, Step};
pub use what::{Cut, Damage, Way, What, Who};
pub use words::{kind, show, variety};

/// The version of the format; another one is refused.
pub const VERSION: u32 = 1;

/// The most clients of a run: each has an address in one subnet.
pub const CLIENTS_MAX: u64 = 100;

/// The most nodes of a run, for the same reason.
pub const NODES_MAX: u64 = 100;

/// One run, wholly described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The format: [`VERSION`].
    pub version: u32,
    /// What everything is drawn from that is not spelled out here, task order included.
    pub seed: u64,
    /// What the order of tasks that are ready in the same moment is drawn from; the seed if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u64>,
    /// The number of nodes, all of them voters: n1, n2, …
    pub nodes: u64,
    /// The bounds that the servers run with.
    pub limits: Limits,
    /// How disks behave.
    pub disk: DiskModel,
    /// How links between peers behave.
    pub link: LinkModel,
    /// What clients do.
    pub workload: Workload,
    /// Which of the workload's operations are done, and when; all of them, one after the other, if it
    /// is not said. With a script, faults strike until their time is over, though clients are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
    /// How long faults may strike, in milliseconds; then everything is healed.
    pub safety_ms: u64,
    /// How long the healed cluster may take to serve again and to agree, in milliseconds.
    pub liveness_ms: u64,
    /// Whether faults may destroy more than the cluster can bear. Then it may lose what it had
    /// acknowledged, or refuse to go on, and all that is demanded is that nobody is told anything that
    /// was never written.
    #[serde(default)]
    pub beyond: bool,
    /// How many disk images are recovered beside each loss of power or end of a process, to see what
    /// else it might have left.
    #[serde(default)]
    pub images: u64,
    /// Whether disks are compared with what was promised after every few promises, and not now and then. That
    /// is dear, and sees at once what else is seen by luck: the shrinker's means.
    #[serde(default, skip_serializing_if = "is_false")]
    pub closely: bool,
    /// What strikes.
    pub faults: Vec<Fault>,
    /// Whether servers do, here and there, what is legal and unlikely.
    #[serde(default)]
    pub buggify: bool,
    /// When chance begins to fall otherwise, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseed: Option<Reseed>,
}

/// Up to a moment the run goes as its plan has it; from then on everything that is not spelled out is
/// drawn anew. Runs that differ in the salt alone say what else could have come of that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reseed {
    /// The moment, in milliseconds since the clients began.
    pub at_ms: u64,
    /// What the new seed is made of, together with the old one.
    pub salt: u64,
}

/// Most plans do not say what they do not do.
fn is_false(told: &bool) -> bool {
    !told
}

impl Plan {
    /// The plan of `seed`.
    pub fn draw(seed: u64) -> Self {
        swarm::plan(seed)
    }

    /// How many operations clients begin at most.
    pub fn operations_max(&self) -> u64 {
        match &self.script {
            Some(script) => script.len() as u64,
            None => self.workload.clients * self.workload.operations,
        }
    }

    /// By how many millionths, at most, the pace of a clock is wrong, rounded up. A second that is
    /// shorter by a half makes a clock twice as fast.
    pub fn drift_ppm_max(&self) -> u64 {
        let off = |fault: &Fault| match fault.what {
            What::Clock { drift_ppm, .. } => {
                let (wrong, second) = (drift_ppm.unsigned_abs(), 1_000_000 + drift_ppm);
                (wrong * 1_000_000).div_ceil(second.max(1) as u64)
            }
            _ => 0,
        };
        self.faults.iter().map(off).max().unwrap_or_default()
    }

    /// The numbers of the clients that do something.
    pub fn clients(&self) -> Vec<u64> {
        match &self.script {
            Some(script) => script.clients().collect(),
            None => (1..=self.workload.clients).collect(),
        }
    }

    /// What `client` does, in order: the numbers of its operations, each with its time if that is
    /// given, in milliseconds since the clients began.
    pub fn agenda(&self, client: u64) -> Vec<(u64, Option<u64>)> {
        let Some(script) = &self.script else {
            return (1..=self.workload.operations).map(|n| (n, None)).collect();
        };
        let steps = script.of(client).iter();
        steps.map(|step| (step.operation, Some(step.ms))).collect()
    }

    /// The kinds of its faults, and their varieties where there are several, sorted, each once.
    pub fn fault_kinds(&self) -> Vec<String> {
        let names = |fault: &Fault| [kind(&fault.what), variety(&fault.what)];
        let kinds: BTreeSet<String> = self.faults.iter().flat_map(names).collect();
        kinds.into_iter().collect()
    }

    /// All nodes.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.nodes).map(NodeId)
    }
}
