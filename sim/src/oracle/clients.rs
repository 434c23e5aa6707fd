//! What clients hear, brought before the oracles that it concerns.

use std::collections::BTreeMap;

use sisyphus::{
    machine::Txn,
    node::Event,
    types::{NodeId, RequestId, Revision, ShardId},
};

use super::{
    Violation,
    asked::{Answer, Answered, Asked, Freshness, Stood},
    lin::Lin,
    snap, stale,
    truth::Truth,
    xo::Xo,
};

/// The oracles of answers: XO, SNAP, STALE, and LIN by revision. One shard.
#[derive(Debug, Default)]
pub struct Clients {
    truth: Truth,
    xo: Xo,
    lin: Lin,
    stood: BTreeMap<NodeId, Stood>,
}

impl Clients {
    /// Takes a replica's event in.
    pub(super) fn event(
        &mut self,
        node: NodeId,
        _: ShardId,
        event: &Event<'_>,
    ) -> Result<(), Violation> {
        let stood = self.stood.entry(node).or_default();
        match *event {
            Event::Restored { applied, .. } => {
                let starts = stood.starts + 1;
                *stood = Stood {
                    starts,
                    applied: applied.index,
                    commit: applied.index,
                };
            }
            Event::Committed { index } => stood.commit = index,
            Event::Installed { at, .. } => stood.applied = stood.applied.max(at.index),
            Event::Applied { at, data, .. } => {
                stood.applied = at.index;
                let applied = self.truth.apply(at, data);
                return applied.map_err(|what| Violation::new("XO", what));
            }
            _ => {}
        }
        Ok(())
    }

    /// What the applied commands come to.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The greatest revision that anybody has heard of.
    pub fn floor(&self) -> Revision {
        self.lin.floor()
    }

    /// How a node stands.
    pub fn stood(&self, node: NodeId) -> Stood {
        self.stood.get(&node).copied().unwrap_or_default()
    }

    /// A client was answered.
    pub fn answered(&mut self, answered: &Answered<'_>) -> Result<(), Violation> {
        let truth = &self.truth;
        let made = match (answered.asked, answered.answer) {
            (
                Asked::Read { query, freshness },
                Answer::Read {
                    page,
                    revision,
                    age,
                },
            ) => {
                snap::check_page(truth, answered.node, query, *revision, page)?;
                if *freshness != Freshness::Linearizable {
                    let now = self.stood(answered.node);
                    stale::check_age(truth, answered, *freshness, *revision, *age, now)?;
                }
                false
            }
            (Asked::Write(txn), Answer::Write(reply)) => {
                Xo::done(truth, answered, txn, reply)?;
                let change = truth.change(reply.revision);
                change.is_some_and(|change| change.is(txn, answered.request, reply))
            }
            (asked, answer) => unreachable!("{asked} answered by {answer}"),
        };
        self.lin.answered(answered, made)
    }

    /// A client was told that a write is not done and never will be.
    pub fn not_done(&mut self, txn: &Txn, request: Option<RequestId>) {
        self.xo.not_done(txn, request);
    }

    /// The history is complete.
    pub fn end(&self) -> Result<(), Violation> {
        self.xo.end(&self.truth)
    }
}
