//! Where all events meet: the journal, the oracles, and the faults that wait for a moment.

use std::collections::BTreeSet;

use serde_json::json;
use sisyphus::{
    gateway::SHARD,
    node::Event,
    types::{Index, NodeId, ShardId, Term},
};

use super::{
    Tally,
    audit::{Looks, Part},
    moments,
    vigil::Vigil,
};
use crate::{
    coverage,
    disk::DiskEvent,
    oracle::{Panel, Violation},
    plan::Plan,
    trace::{Journal, Lines, Source, Told},
};

/// The ear of the world.
pub(super) struct Hub {
    pub journal: Journal,
    pub panel: Panel,
    pub violation: Option<Violation>,
    /// When that was, in microseconds.
    pub violated_us: Option<u64>,
    /// How clients' operations ended.
    pub tally: Tally,
    /// The rare things that happen.
    pub rare: coverage::Watch,
    looks: Looks,
    seed: u64,
    /// Faults that wait for an event.
    pub vigil: Vigil,
    /// Who became leader of the highest term.
    leader: Option<(Term, NodeId)>,
    /// How far anybody committed.
    committed: Index,
    /// More may be destroyed than the cluster can bear: then nothing is promised along the way.
    /// More may be destroyed than the budget allows: no oracle looks at events and answers.
    pub beyond: bool,
}

impl Hub {
    pub fn new(plan: &Plan, lines: Option<Lines>) -> Self {
        Hub {
            journal: Journal::new(lines),
            panel: Panel::new(plan),
            violation: None,
            violated_us: None,
            tally: Tally::default(),
            rare: coverage::Watch::default(),
            looks: Looks::new(plan.closely),
            seed: plan.seed,
            vigil: Vigil::new(plan),
            leader: None,
            committed: 0,
            beyond: plan.beyond,
        }
    }

    /// Takes a replica's event; answers which faults strike now.
    pub fn replica(
        &mut self,
        now_us: u64,
        node: NodeId,
        shard: ShardId,
        event: &Event<'_>,
    ) -> Vec<usize> {
        let told = Told::new(event);
        let source = Source::Node(node);
        (self.journal).note(now_us, source, told.kind, &told.numbers, || told.detail());
        if let Event::Leader { term } = event {
            self.leader = self.leader.max(Some((*term, node)));
        }
        self.rare.event(node, event);
        self.panel.tell_time(now_us);
        if !self.beyond
            && let Err(violation) = self.panel.event(node, shard, event)
        {
            self.accuse(now_us, violation);
        }
        if let Event::Committed { index } = event {
            self.committed = self.committed.max(*index);
        }
        let mut struck = Vec::new();
        for moment in moments::of_replica(event).into_iter().flatten() {
            struck.extend(self.vigil.count(now_us, node, moment));
        }
        struck
    }

    /// The part of the node's disk that is to be looked at in this event, if any.
    pub fn looks_at(&mut self, event: &Event<'_>) -> Option<Part> {
        self.looks.wants(self.seed, event)
    }

    /// Takes a disk's event; answers which faults strike now.
    pub fn disk(&mut self, now_us: u64, node: NodeId, event: DiskEvent, path: &str) -> Vec<usize> {
        let (name, moments) = moments::of_disk(event, path);
        let detail = || json!({ "path": path });
        (self.journal).note(now_us, Source::Node(node), name, &[], detail);
        let mut struck = Vec::new();
        for moment in moments.into_iter().flatten() {
            struck.extend(self.vigil.count(now_us, node, moment));
        }
        struck
    }

    /// Whether all that is committed is durable, and the same, on so many of these nodes.
    pub fn is_committed_on(&self, nodes: &BTreeSet<NodeId>, count: usize) -> bool {
        self.panel.is_held(SHARD, self.committed, nodes, count)
    }

    /// The verdict, unless there is one already.
    pub fn accuse(&mut self, now_us: u64, violation: Violation) {
        if !violation.counts() {
            return;
        }
        let Violation { oracle, what } = &violation;
        let detail = || json!({ "oracle": oracle, "what": what });
        (self.journal).note(now_us, Source::World, "violation", &[], detail);
        self.violated_us.get_or_insert(now_us);
        self.violation.get_or_insert(violation);
    }

    /// Who leads, as far as anybody knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader.map(|(_, node)| node)
    }
}
