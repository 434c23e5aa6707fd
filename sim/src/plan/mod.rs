//! A plan is everything that a run depends on, as plain data: the cluster and its limits, how disks
//! and links behave, what clients do, and which faults strike when. The seed draws a plan; from then
//! on only the plan counts. So a plan can be saved as JSON, read, edited by hand, shrunk, and run
//! again long after the code that drew it has changed.
//!
//! * [`fault`]: what may strike, and when. *When* is a time, or the n-th event of a kind on a node:
//!   a crash at a random time hardly ever falls into the moment between a write and its sync, so
//!   half of all crashes wait for such a moment.
//! * [`model`]: how the disks, the links and the clients behave while nothing strikes.
//! * [`swarm`] and [`faults`]: how a seed becomes a plan. Each kind of fault is on with p = 1/2,
//!   because a run in which everything happens at once hides bugs that need one thing to happen often.
//!   Half of the runs are *storms*, with faults over and in each other; in the others trouble comes in
//!   *spells*, with rest between: in a storm the cluster is often down, and what is down does nothing
//!   wrong that anybody sees.
//!
//! A number that a plan does not spell out (the fate of the 17th frame from n1 to n2) is drawn from
//! the plan's seed under a name of its own: see [`draw`](crate::draw).
//!
//! Rates are in millionths (`ppm`) and times in whole micro- or milliseconds: integers survive JSON
//! exactly.

mod fault;
mod faults;
mod model;
mod swarm;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use sisyphus::{config::Limits, types::NodeId};

pub use fault::{Cut, Fault, Moment, Until, What, When, Who};
pub use model::{DiskModel, LinkModel, Workload};

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
    /// How long faults may strike, in milliseconds; then everything is healed.
    pub safety_ms: u64,
    /// How long the healed cluster may take to serve again and to agree, in milliseconds.
    pub liveness_ms: u64,
    /// What strikes.
    pub faults: Vec<Fault>,
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

impl Plan {
    /// The plan of `seed`.
    pub fn draw(seed: u64) -> Self {
        swarm::plan(seed)
    }

    /// Reads a plan from JSON. The error says what is wrong with it.
    pub fn parse(json: &str) -> Result<Self, String> {
        let plan: Plan = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if plan.version != VERSION {
            return Err(format!(
                "the plan has version {}, this simulator reads version {VERSION}",
                plan.version
            ));
        }
        if !(1..=NODES_MAX).contains(&plan.nodes) {
            return Err(format!(
                "`nodes` is {}: it must be 1 to {NODES_MAX}",
                plan.nodes
            ));
        }
        let Workload {
            clients,
            puts,
            gets,
            deletes,
            swaps,
            ..
        } = plan.workload;
        let (limits, drift_ppm) = (&plan.limits, plan.drift_ppm_max());
        if limits.lease_reads && drift_ppm > u64::from(limits.clock_drift_ppm_max) {
            return Err(format!(
                "`limits.lease_reads` trusts clocks to {} ppm, and there is one that is off by {drift_ppm}",
                limits.clock_drift_ppm_max
            ));
        }
        if clients > CLIENTS_MAX {
            return Err(format!(
                "`clients` is {clients}: it must be at most {CLIENTS_MAX}"
            ));
        }
        if puts + gets + deletes + swaps == 0 || plan.workload.keys == 0 {
            return Err("the workload needs a key and an operation of some weight".to_owned());
        }
        Ok(plan)
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

    /// The plan as JSON, one field a line, for eyes and for files.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan is plain data") + "\n"
    }

    /// All nodes.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.nodes).map(NodeId)
    }
}
