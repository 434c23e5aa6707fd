//! Oracles that look at the common evidence.

use sisyphus::{
    node::Event,
    types::{NodeId, ShardId},
};

use super::{Violation, evidence::Evidence};

/// An oracle that goes by the [`Evidence`] of all events, the present one included.
pub(super) trait Judge: Send {
    /// Judges an event; the error says what it contradicts.
    fn judge(
        &mut self,
        known: &Evidence,
        node: NodeId,
        shard: ShardId,
        event: &Event<'_>,
    ) -> Result<(), Violation>;
}

/// A judge with evidence of its own, for tests.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Alone<J> {
    pub known: Evidence,
    pub judge: J,
}

#[cfg(test)]
impl<J: Judge> super::Oracle for Alone<J> {
    fn event(&mut self, node: NodeId, shard: ShardId, event: &Event<'_>) -> Result<(), Violation> {
        self.known.event(node, shard, event);
        self.judge.judge(&self.known, node, shard, event)
    }
}
