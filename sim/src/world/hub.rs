//! Where all events meet: the journal, the oracles, and the faults that wait for a moment.

use serde_json::json;
use sisyphus::{
    node::Event,
    raft::Body,
    types::{NodeId, ShardId, Term},
};

use super::vigil::Vigil;
use crate::{
    disk::DiskEvent,
    oracle::{Panel, Violation},
    plan::{Moment, Plan},
    trace::{Journal, Lines, Source, Told},
};

/// The ear of the world.
pub(super) struct Hub {
    pub journal: Journal,
    pub panel: Panel,
    pub violation: Option<Violation>,
    /// When that was, in microseconds.
    pub violated_us: Option<u64>,
    /// Faults that wait for an event.
    pub vigil: Vigil,
    /// Who became leader of the highest term.
    leader: Option<(Term, NodeId)>,
}

impl Hub {
    pub fn new(plan: &Plan, lines: Option<Lines>) -> Self {
        Hub {
            journal: Journal::new(lines),
            panel: Panel::default(),
            violation: None,
            violated_us: None,
            vigil: Vigil::new(plan),
            leader: None,
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
        if let Err(violation) = self.panel.event(node, shard, event) {
            self.accuse(now_us, violation);
        }
        moment(event).map_or(Vec::new(), |moment| self.vigil.count(now_us, node, moment))
    }

    /// Takes a disk's event; answers which faults strike now.
    pub fn disk(&mut self, now_us: u64, node: NodeId, event: DiskEvent) -> Vec<usize> {
        let (name, moment) = match event {
            DiskEvent::Wrote => ("wrote", Moment::Wrote),
            DiskEvent::Syncing => ("syncing", Moment::Syncing),
            DiskEvent::Synced => ("synced", Moment::Synced),
            DiskEvent::Renamed => ("renamed", Moment::Renamed),
            DiskEvent::DirSynced => ("dir-synced", Moment::DirSynced),
        };
        (self.journal).note(now_us, Source::Node(node), name, &[], || json!({}));
        self.vigil.count(now_us, node, moment)
    }

    /// The verdict, unless there is one already.
    pub fn accuse(&mut self, now_us: u64, violation: Violation) {
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

/// What a fault may wait for in an event.
fn moment(event: &Event<'_>) -> Option<Moment> {
    Some(match event {
        Event::Leader { .. } => Moment::Leader,
        Event::Sent { message } => match &message.body {
            Body::VoteReply { granted: true } => Moment::VoteSent,
            Body::Append { .. } => Moment::AppendSent,
            Body::AppendAccepted { .. } => Moment::AppendAcked,
            _ => return None,
        },
        Event::Persisted { .. } => Moment::Persisted,
        Event::Committed { .. } => Moment::Committed,
        Event::Applied { .. } => Moment::Applied,
        Event::Acknowledged { .. } => Moment::Acknowledged,
        Event::Installed { .. } => Moment::SnapshotInstalled,
        Event::Restored { .. } | Event::Received { .. } => return None,
    })
}
