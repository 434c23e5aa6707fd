//! ELS, Election Safety (Raft §5.2, figure 3): at most one leader can be elected in a given term.

use std::collections::BTreeMap;

use sisyphus::{
    node::Event,
    raft::Body,
    types::{NodeId, ShardId, Term},
};

use super::{Oracle, Violation};

/// Remembers who led which term. A node leads by saying so, and by speaking as a leader.
#[derive(Debug, Default)]
pub struct Els {
    leaders: BTreeMap<(ShardId, Term), NodeId>,
}

impl Oracle for Els {
    fn event(&mut self, node: NodeId, shard: ShardId, event: &Event<'_>) -> Result<(), Violation> {
        let term = match event {
            Event::Leader { term } => *term,
            Event::Sent { message } => match message.body {
                Body::Append { .. } | Body::Heartbeat { .. } | Body::TimeoutNow => message.term,
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        let leader = *self.leaders.entry((shard, term)).or_insert(node);
        if leader == node {
            return Ok(());
        }
        let what = format!("{leader} and {node} both lead term {term} of {shard}");
        Err(Violation::new("ELS", what))
    }
}

#[cfg(test)]
mod tests {
    use sisyphus::types::LogPosition;

    use super::*;
    use crate::oracle::testing::*;

    #[test]
    fn two_leaders_of_one_term_are_seen() {
        let mut els = Els::default();
        assert_eq!(show(&mut els, 1, Event::Leader { term: 1 }), Ok(()));
        assert_eq!(show(&mut els, 1, Event::Leader { term: 1 }), Ok(()));
        assert_eq!(show(&mut els, 2, Event::Leader { term: 2 }), Ok(()));
        let seen = show(&mut els, 2, Event::Leader { term: 1 }).unwrap_err();
        assert_eq!(seen.what, "n1 and n2 both lead term 1 of s0");
    }

    #[test]
    fn a_node_that_only_speaks_like_a_leader_is_seen_too() {
        let mut els = Els::default();
        assert_eq!(show(&mut els, 1, Event::Leader { term: 1 }), Ok(()));
        let (commit, round) = (LogPosition::default(), 0);
        let message = message(2, 1, 1, Body::Heartbeat { commit, round });
        assert!(show(&mut els, 2, Event::Sent { message: &message }).is_err());
    }
}
