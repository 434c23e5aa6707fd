//! A quorum is enough: sometimes only as many nodes get well as it takes, and the others stay away or make
//! trouble. The cluster owes the same then (Raft §2: "fully functional as long as any majority of the
//! servers are operational and can communicate").

use std::collections::BTreeSet;

use sisyphus::types::NodeId;

use super::World;
use crate::draw::{Stream, draw};

/// Who stays away, and how.
const LEFT_OUT: Stream = Stream::new("left out");

/// How nodes that are left out behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Absence {
    /// Their processes do not run.
    Down,
    /// They and the others do not hear each other.
    CutOff,
    /// They hear nobody, and everybody hears them: they stand for election again and again.
    Deaf,
    /// Nobody hears them, and they hear everybody.
    Mute,
}

/// Nodes that are left out while a quorum is well.
pub(super) struct LeftOut {
    absence: Absence,
    nodes: BTreeSet<NodeId>,
}

impl World {
    /// Leaves a minority out, in half of the runs in which all who vote are known, none of them was
    /// damaged, and they could do without.
    pub(super) fn leave_out(&self) -> Option<LeftOut> {
        let mut rng = draw(self.plan.seed, LEFT_OUT, 0);
        let nodes: BTreeSet<NodeId> = self.node_ids().into_iter().collect();
        let most = (nodes.len() as u64).saturating_sub(1) / 2;
        let is_drawn = rng.chance(0.5) && !self.plan.beyond && most > 0;
        if !is_drawn || !self.could_do_without(&nodes) {
            return None;
        }
        let mut others: Vec<NodeId> = nodes.into_iter().collect();
        let mut left_out = BTreeSet::new();
        for _ in 0..rng.between(1, most) {
            left_out.insert(others.swap_remove(rng.below(others.len() as u64) as usize));
        }
        let absences = [Absence::Down, Absence::CutOff, Absence::Deaf, Absence::Mute];
        let left_out = LeftOut {
            absence: *rng.pick(&absences),
            nodes: left_out,
        };
        self.send_away(&left_out);
        Some(left_out)
    }

    /// Whether these nodes and no others vote, and nobody will have to be replaced.
    fn could_do_without(&self, nodes: &BTreeSet<NodeId>) -> bool {
        let is_whole = |node: &NodeId| self.drives[node].damaged().is_empty();
        !self.is_restaffing()
            && self.settled_voters().as_ref() == Some(nodes)
            && nodes.iter().all(is_whole)
            && self
                .rosters()
                .iter()
                .all(|roster| roster.membership.voters == *nodes)
    }

    fn send_away(&self, left_out: &LeftOut) {
        match left_out.absence {
            Absence::Down => left_out.nodes.iter().for_each(|node| self.hold_down(*node)),
            _ => (self.links_of(left_out).iter()).for_each(|(from, to)| self.net.cut(*from, *to)),
        }
    }

    /// Those that were left out come back.
    pub(super) fn let_in(&self, left_out: &LeftOut) {
        match left_out.absence {
            Absence::Down => left_out.nodes.iter().for_each(|node| self.let_up(*node)),
            _ => (self.links_of(left_out).iter()).for_each(|(from, to)| self.net.mend(*from, *to)),
        }
    }

    fn links_of(&self, left_out: &LeftOut) -> Vec<(NodeId, NodeId)> {
        let out = &left_out.nodes;
        let others = self
            .node_ids()
            .into_iter()
            .filter(|node| !out.contains(node));
        let pairs = others.flat_map(|other| out.iter().map(move |node| (*node, other)));
        let links = pairs.flat_map(|(node, other)| match left_out.absence {
            Absence::Mute => vec![(node, other)],
            Absence::Deaf => vec![(other, node)],
            _ => vec![(node, other), (other, node)],
        });
        links.collect()
    }

    /// The places of the nodes that are well although others are left out.
    pub(super) fn well(&self, left_out: Option<&LeftOut>) -> Vec<NodeId> {
        let is_out = |place: &NodeId| {
            let node = self.stand_in(*place);
            left_out.is_some_and(|out| out.nodes.contains(&node))
        };
        let places = self.places().into_iter();
        places.filter(|place| !is_out(place)).collect()
    }
}
