//! Which links a cut takes away.

use std::collections::BTreeSet;

use sisyphus::types::NodeId;

use super::{Struck, Task};
use crate::{
    plan::{Cut, Way, What},
    world::World,
};

/// A link, from one node to another.
type Pair = (NodeId, NodeId);

impl World {
    /// The cut at `place` of the plan begins.
    pub(super) fn cut(&self, place: usize, cut: &Cut, side: &[NodeId]) {
        let links = self.links(cut, side);
        links.iter().for_each(|(from, to)| self.net.cut(*from, *to));
        if let Some(struck) = self.nemesis.state.lock().active.get_mut(&place) {
            (struck.links, struck.is_cut) = (links, true);
        }
        if let Cut::Flapping { period_ms, .. } = cut {
            let due = self.now_us() + period_ms.max(&1) * 1_000;
            self.nemesis.schedule(Task::Flap(place), due);
        }
    }

    /// A cut that comes and goes does so, unless it is over.
    pub(super) fn flap(&self, place: usize) {
        let What::Partition {
            cut: Cut::Flapping { period_ms, .. },
        } = self.plan.faults[place].what
        else {
            return;
        };
        let mut state = self.nemesis.state.lock();
        let Some(struck) = state.active.get_mut(&place) else {
            return;
        };
        struck.is_cut = !struck.is_cut;
        let struck = struck.clone();
        drop(state);
        for (from, to) in &struck.links {
            match struck.is_cut {
                true => self.net.cut(*from, *to),
                false => self.net.mend(*from, *to),
            }
        }
        let due = self.now_us() + period_ms.max(1) * 1_000;
        self.nemesis.schedule(Task::Flap(place), due);
    }

    /// A cut is over.
    pub(super) fn uncut(&self, struck: &Struck) {
        if struck.is_cut {
            let links = struck.links.iter();
            links.for_each(|(from, to)| self.net.mend(*from, *to));
        }
    }

    /// The links that a cut around `side` takes away.
    fn links(&self, cut: &Cut, side: &[NodeId]) -> Vec<Pair> {
        let inside: BTreeSet<NodeId> = side.iter().copied().collect();
        let nodes = self.node_ids();
        let is_lost = |(from, to): &Pair| {
            let (from_inside, to_inside) = (inside.contains(from), inside.contains(to));
            match cut {
                Cut::Split { .. } | Cut::Flapping { .. } => from_inside != to_inside,
                Cut::Mute { .. } => from_inside && !to_inside,
                Cut::Deaf { .. } => !from_inside && to_inside,
                Cut::Single { .. } => are_next(&nodes, side[0], *from, *to),
                Cut::Bridge { .. } => {
                    !from_inside && !to_inside && are_in_two_halves(&nodes, &inside, *from, *to)
                }
                Cut::Ring => are_apart(&nodes, *from, *to),
            }
        };
        self.pairs().filter(is_lost).collect()
    }

    /// The links of `nodes` in these directions.
    pub(super) fn all_links(&self, nodes: &[NodeId], way: Way) -> Vec<Pair> {
        let touches = |(from, to): &Pair| {
            let (leaves, arrives) = (nodes.contains(from), nodes.contains(to));
            (leaves && way != Way::In) || (arrives && way != Way::Out)
        };
        self.pairs().filter(touches).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = Pair> + use<'_> {
        let nodes = || self.drives.keys().copied();
        nodes()
            .flat_map(move |from| nodes().map(move |to| (from, to)))
            .filter(|(from, to)| from != to)
    }
}

fn place(nodes: &[NodeId], node: NodeId) -> Option<usize> {
    nodes.iter().position(|other| *other == node)
}

/// Whether these are `node` and the one behind it.
fn are_next(nodes: &[NodeId], node: NodeId, from: NodeId, to: NodeId) -> bool {
    let Some(at) = place(nodes, node) else {
        return false;
    };
    let next = nodes[(at + 1) % nodes.len()];
    (from, to) == (node, next) || (from, to) == (next, node)
}

/// Whether these are in different halves of the nodes that are not `bridge`.
fn are_in_two_halves(
    nodes: &[NodeId],
    bridge: &BTreeSet<NodeId>,
    from: NodeId,
    to: NodeId,
) -> bool {
    let others: Vec<NodeId> = nodes
        .iter()
        .filter(|node| !bridge.contains(node))
        .copied()
        .collect();
    let half = |node| place(&others, node).map(|at| 2 * at < others.len());
    matches!((half(from), half(to)), (Some(a), Some(b)) if a != b)
}

/// Whether these are no neighbours on the ring of all nodes.
fn are_apart(nodes: &[NodeId], from: NodeId, to: NodeId) -> bool {
    let (Some(from), Some(to)) = (place(nodes, from), place(nodes, to)) else {
        return false;
    };
    let distance = from.abs_diff(to);
    distance > 1 && distance < nodes.len() - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u64) -> Vec<NodeId> {
        (1..=count).map(NodeId).collect()
    }

    fn lost(count: u64, is_lost: impl Fn(&[NodeId], NodeId, NodeId) -> bool) -> Vec<(u64, u64)> {
        let nodes = nodes(count);
        let pairs = nodes
            .iter()
            .flat_map(|from| nodes.iter().map(move |to| (*from, *to)));
        let lost = pairs.filter(|(from, to)| from < to && is_lost(&nodes, *from, *to));
        lost.map(|(from, to)| (from.0, to.0)).collect()
    }

    #[test]
    fn on_a_ring_everybody_hears_two_others() {
        assert_eq!(lost(3, are_apart), []);
        assert_eq!(lost(4, are_apart), [(1, 3), (2, 4)]);
        assert_eq!(lost(5, are_apart).len(), 5);
    }

    #[test]
    fn a_bridge_is_the_only_way_between_two_halves() {
        let bridge = BTreeSet::from([NodeId(3)]);
        let halves = |nodes: &[NodeId], from, to| are_in_two_halves(nodes, &bridge, from, to);
        assert_eq!(lost(5, halves), [(1, 4), (1, 5), (2, 4), (2, 5)]);
    }

    #[test]
    fn a_single_link_is_that_to_the_next_node() {
        let next = |nodes: &[NodeId], from, to| are_next(nodes, NodeId(3), from, to);
        assert_eq!(lost(3, next), [(1, 3)]);
        assert_eq!(lost(4, next), [(3, 4)]);
    }
}
