//! What several oracles go by: every replica's durable log, who leads, who counts, what is committed.
//! Kept once; each event is taken in before those oracles look at it.

use std::collections::{BTreeMap, BTreeSet};

use sisyphus::{
    node::Event,
    raft::{Body, Membership, Message},
    types::{Index, LogPosition, NodeId, ShardId, Term},
};

use super::log::DurableLog;

/// What is known of all replicas.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    replicas: BTreeMap<(ShardId, NodeId), Replica>,
    /// How far the leader of each term has committed, in entries of its own term.
    committed: BTreeMap<(ShardId, Term), Index>,
    /// The last entry that anybody called committed.
    reached: BTreeMap<ShardId, Index>,
    /// Logs of nodes whose drives were emptied. What they acknowledged before may be counted later.
    lost: BTreeMap<(ShardId, NodeId), DurableLog>,
    /// The last entry that anybody was told of, as done or by a read.
    told: BTreeMap<ShardId, Index>,
}

/// What is known of one replica.
#[derive(Debug, Default)]
pub(super) struct Replica {
    /// What its disk vouches for.
    pub log: DurableLog,
    /// The term that it leads, as far as it has not heard of a newer one.
    pub leads: Option<Term>,
    /// Up to here it knows, since it started, that entries are committed.
    pub commit: Index,
    /// Who counts for it.
    pub membership: Membership,
    /// Who counted before, if that changed in the very step that is being told: what the step
    /// committed it may have committed before or after the change.
    former: Option<Membership>,
}

impl Evidence {
    /// Takes an event in.
    pub fn event(&mut self, node: NodeId, shard: ShardId, event: &Event<'_>) {
        let replica = self.replicas.entry((shard, node)).or_default();
        if !matches!(event, Event::Members { .. } | Event::Committed { .. }) {
            replica.former = None;
        }
        match *event {
            Event::Restored {
                hard_state,
                base,
                entries,
                ..
            } => {
                *replica = Replica {
                    log: DurableLog::restored(hard_state, base, entries),
                    ..Replica::default()
                }
            }
            Event::Persisted {
                hard_state,
                reset,
                entries,
            } => replica.log.persisted(hard_state, reset, entries),
            Event::Installed { at, .. } => replica.log.installed(at.index),
            Event::Leader { term } => replica.leads = Some(term),
            Event::Members { membership } => {
                let former = std::mem::replace(&mut replica.membership, membership.clone());
                replica.former = Some(former);
            }
            Event::Sent { message } => replica.speaks(message),
            Event::Received { message } => {
                replica.log.heard(message);
                replica.speaks(message);
            }
            Event::Acknowledged { at } => self.tell(shard, at.index),
            Event::Committed { index } => {
                replica.commit = index;
                self.commit(node, shard, index);
            }
            Event::Applied { .. } | Event::ChunkSent { .. } => {}
        }
    }

    /// The drive of `node` was emptied.
    pub fn forget(&mut self, node: NodeId) {
        let shards = self.replicas.keys().filter(|(_, one)| *one == node);
        let shards: Vec<ShardId> = shards.map(|(shard, _)| *shard).collect();
        for shard in shards {
            let Some(replica) = self.replicas.remove(&(shard, node)) else {
                continue;
            };
            // The one that it lost first is the one that others have heard of.
            self.lost.entry((shard, node)).or_insert(replica.log);
        }
    }

    fn commit(&mut self, node: NodeId, shard: ShardId, index: Index) {
        let reached = self.reached.entry(shard).or_default();
        *reached = index.max(*reached);
        if let Some(term) = self.replicas[&(shard, node)].leads {
            let last = self.committed.entry((shard, term)).or_default();
            *last = index.max(*last);
        }
    }

    /// Somebody outside was told of the entry at `index`, or of a state with it.
    pub fn tell(&mut self, shard: ShardId, index: Index) {
        let told = self.told.entry(shard).or_default();
        *told = index.max(*told);
    }

    /// A replica, as far as anything is known of it.
    pub fn replica(&self, node: NodeId, shard: ShardId) -> Option<&Replica> {
        self.replicas.get(&(shard, node))
    }

    /// The replicas of a shard, gone ones included.
    pub fn replicas(&self, shard: ShardId) -> impl Iterator<Item = (NodeId, &Replica)> {
        let range = (shard, NodeId(0))..=(shard, NodeId(u64::MAX));
        let replicas = self.replicas.range(range);
        replicas.map(|((_, node), replica)| (*node, replica))
    }

    /// The last entry that the leader of a term before `term` committed.
    pub fn committed_before(&self, shard: ShardId, term: Term) -> Option<LogPosition> {
        let terms = self.committed.range((shard, 0)..(shard, term));
        let positions = terms.map(|((_, term), index)| LogPosition {
            term: *term,
            index: *index,
        });
        positions.max()
    }

    /// The last index that anybody called committed.
    pub fn committed(&self, shard: ShardId) -> Index {
        self.reached.get(&shard).copied().unwrap_or(0)
    }

    /// The last index that somebody outside was told of.
    pub fn told(&self, shard: ShardId) -> Index {
        self.told.get(&shard).copied().unwrap_or(0)
    }

    /// Whether so many of `nodes` have the same durable entry at `index`, or have it behind them in
    /// their state machines.
    pub fn is_held(
        &self,
        shard: ShardId,
        index: Index,
        nodes: &BTreeSet<NodeId>,
        count: usize,
    ) -> bool {
        let logs = nodes.iter().filter_map(|node| self.replica(*node, shard));
        let logs = logs.map(|replica| &replica.log);
        let (compacted, open): (Vec<&DurableLog>, Vec<&DurableLog>) =
            logs.partition(|log| log.is_compacted(index));
        let mut terms: BTreeMap<Term, usize> = BTreeMap::new();
        for term in open.iter().filter_map(|log| log.term(index)) {
            *terms.entry(term).or_default() += 1;
        }
        let most = terms.values().max().copied().unwrap_or(0);
        compacted.len() + most >= count
    }

    /// Who has or had the entry `at` on disk, or a snapshot beyond it.
    pub fn holders(&self, shard: ShardId, at: LogPosition) -> BTreeSet<NodeId> {
        let replicas = self.replicas(shard);
        let holders = replicas.filter(|(_, replica)| replica.log.holds(at));
        let lost = (self.lost.iter()).filter(|((of, _), log)| *of == shard && log.holds(at));
        let holders = holders.map(|(node, _)| node);
        holders.chain(lost.map(|((_, node), _)| *node)).collect()
    }
}

impl Replica {
    /// A leader is one no longer when it hears or speaks of a newer term; a term that is only being
    /// considered does not count.
    fn speaks(&mut self, message: &Message) {
        let is_idea = matches!(
            message.body,
            Body::PreVote { .. } | Body::PreVoteReply { .. }
        );
        self.leads = self.leads.filter(|term| is_idea || message.term <= *term);
    }

    /// Whether `nodes` are as many as it takes, of those who count or who counted until just now.
    pub fn is_quorum(&self, nodes: &BTreeSet<NodeId>) -> bool {
        let memberships = [Some(&self.membership), self.former.as_ref()];
        let mut memberships = memberships.into_iter().flatten();
        memberships.any(|membership| agree(membership, nodes))
    }
}

/// Whether `nodes` hold a majority of each half (thesis §4.3). Counted by hand, as a check on the
/// product's own arithmetic.
fn agree(membership: &Membership, nodes: &BTreeSet<NodeId>) -> bool {
    let majority = |half: &BTreeSet<NodeId>| {
        let count = half.iter().filter(|node| nodes.contains(node)).count();
        2 * count > half.len()
    };
    let Membership {
        voters, outgoing, ..
    } = membership;
    majority(voters) && (outgoing.is_empty() || majority(outgoing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{Lc, judge::Alone, testing::*};

    fn ids(ids: &[u64]) -> BTreeSet<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn both_halves_of_a_joint_membership_count() {
        let joint = Membership {
            voters: ids(&[1, 2, 4]),
            outgoing: ids(&[1, 2, 3]),
            ..Membership::default()
        };
        assert!(agree(&joint, &ids(&[1, 2])));
        assert!(!agree(&joint, &ids(&[1, 4])));
        assert!(!agree(&joint, &ids(&[3, 4])));
        assert!(!agree(&Membership::default(), &ids(&[1])), "nobody counts");
    }

    #[test]
    fn what_is_committed_has_to_be_held_by_enough() {
        let mut known = Alone::<Lc>::default();
        let nodes = BTreeSet::from([NodeId(1), NodeId(2), NodeId(3)]);
        show(&mut known, 1, persisted(&[entry(1, 1, "a")])).unwrap();
        show(&mut known, 2, persisted(&[entry(1, 2, "b")])).unwrap();
        assert!(
            !known.known.is_held(ShardId(0), 1, &nodes, 2),
            "they differ"
        );
        let at = LogPosition { term: 2, index: 7 };
        show(&mut known, 3, Event::Installed { at, hash: 0 }).unwrap();
        assert!(known.known.is_held(ShardId(0), 1, &nodes, 2));
        assert!(!known.known.is_held(ShardId(0), 1, &nodes, 3));
    }
}
