//! What a client does next. All draws are keyed by the number of the operation: a client that got
//! stuck longer, or once less, asks the same questions.

use sisyphus::{
    rng::Rng,
    types::{NodeId, Revision},
};

use super::{
    bank::Bank,
    bundle::Bundles,
    list::Lists,
    part::{Part, Step, Turn},
    register::Registers,
    ring::Ring,
    scan::Scans,
};
use crate::{
    draw::{Seed, Stream, draw},
    oracle::{
        Violation,
        asked::{Answer, Freshness},
    },
    plan::{Plan, Workload},
};

const THINK: Stream = Stream::new("think");
const CALL: Stream = Stream::new("call");
const PART: Stream = Stream::new("part");
const FRESHNESS: Stream = Stream::new("freshness");
const ATTEMPT: Stream = Stream::new("attempt");
const TRIP: Stream = Stream::new("trip");
const HABIT: Stream = Stream::new("habit");

/// Decides for one client.
pub(super) struct Chooser {
    seed: Seed,
    nodes: u64,
    workload: Workload,
    client: u64,
    /// The parts that the workload has, with their weights.
    parts: Vec<(u64, Box<dyn Part>)>,
    /// The greatest revision that the client has heard of.
    seen: Revision,
}

impl Chooser {
    pub fn new(plan: &Plan, seed: Seed, client: u64) -> Self {
        let mut chooser = Chooser {
            seed,
            nodes: plan.nodes,
            workload: plan.workload.clone(),
            client,
            parts: Vec::new(),
            seen: 0,
        };
        let workload = &chooser.workload;
        let registers = Registers::new(workload, chooser.is_reader());
        let parts: [(u64, Box<dyn Part>); 6] = [
            (workload.registers(), Box::new(registers)),
            (workload.scans, Box::new(Scans)),
            (workload.appends, Box::new(Lists::new(workload.lists))),
            (workload.rotations, Box::new(Ring::new(workload.ring))),
            (workload.transfers, Box::new(Bank::new(workload.accounts))),
            (workload.bundles, Box::new(Bundles::new(workload.bundled))),
        ];
        chooser.parts = parts
            .into_iter()
            .filter(|(weight, _)| *weight > 0)
            .collect();
        chooser
    }

    /// Whether the client gives its writes an identity. Three of four do.
    pub fn has_identity(&self) -> bool {
        self.rng(HABIT, 0).chance(0.75)
    }

    /// Whether it only reads, as a share of them does: nothing holds up a client that never waits for a
    /// commit, so it is the first to notice a node that lives in the past.
    fn is_reader(&self) -> bool {
        self.rng(HABIT, 2).below(100) < self.workload.readers_percent
    }

    /// How long it waits before this operation, in milliseconds.
    pub fn think(&self, operation: u64) -> u64 {
        self.rng(THINK, operation)
            .between(0, self.workload.think_ms_max)
    }

    /// What it asks, and the part that asks it.
    pub fn step(&mut self, operation: u64) -> (usize, Step) {
        let part = self.part(operation);
        let mut turn = Turn {
            rng: self.rng(CALL, operation),
            tag: format!("{}.{operation}", self.client),
            freshness: self.freshness(operation),
            seen: self.seen,
        };
        (part, self.parts[part].1.next(&mut turn))
    }

    fn part(&self, operation: u64) -> usize {
        let total = self.parts.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.rng(PART, operation).below(total);
        let found = self.parts.iter().position(|(weight, _)| {
            let here = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            here
        });
        found.expect("a number below the sum of the weights")
    }

    fn freshness(&self, operation: u64) -> Freshness {
        let mut rng = self.rng(FRESHNESS, operation);
        match rng.below(100) < self.workload.stale_percent {
            false => Freshness::Linearizable,
            true if rng.chance(0.5) => Freshness::Stale,
            true => Freshness::AtLeast(self.seen),
        }
    }

    /// Whom this attempt of an operation goes to, and whether its answer gets lost. A client
    /// with a home mostly asks that first.
    pub fn attempt(&self, operation: u64, attempt: u64) -> (NodeId, bool) {
        let stream = ATTEMPT.at(self.client).at(operation);
        let mut rng = draw(self.seed.get(), stream, attempt);
        let mut node = NodeId(rng.between(1, self.nodes));
        let lost = rng.below(1_000_000) < u64::from(self.workload.lost_answer_ppm);
        if let Some(home) = self.home()
            && attempt == 0
            && rng.chance(0.8)
        {
            node = home;
        }
        (node, lost)
    }

    /// What the times are drawn from that this attempt is on its way.
    pub fn trip(&self, operation: u64, attempt: u64) -> Rng {
        let stream = TRIP.at(self.client).at(operation);
        draw(self.seed.get(), stream, attempt)
    }

    /// The node beside which the client lives, as half of them do.
    pub fn home(&self) -> Option<NodeId> {
        let mut rng = self.rng(HABIT, 1);
        let home = NodeId(rng.between(1, self.nodes));
        rng.chance(0.5).then_some(home)
    }

    /// Lets a part learn what it was answered.
    pub fn learn(&mut self, part: usize, step: &Step, answer: &Answer) -> Result<(), Violation> {
        self.seen = self.seen.max(answer.revision());
        self.parts[part].1.learn(step, answer)
    }

    fn rng(&self, stream: Stream, operation: u64) -> Rng {
        draw(self.seed.get(), stream.at(self.client), operation)
    }
}
