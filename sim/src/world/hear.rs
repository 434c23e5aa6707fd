//! What clients ask the world, and what they tell it.

use sisyphus::{
    env::rare,
    machine::Txn,
    types::{NodeId, RequestId, Revision},
};

use super::{World, record::End};
use crate::oracle::asked::{Answered, Stood};

impl World {
    /// The greatest revision that any client has heard of.
    pub fn floor(&self) -> Revision {
        self.hub.lock().panel.clients.floor()
    }

    /// How `node` stands, as its events tell.
    pub fn stood(&self, node: NodeId) -> Stood {
        self.hub.lock().panel.clients.stood(node)
    }

    /// A client was answered.
    pub fn answered(&self, answered: &Answered<'_>) {
        let now = self.now_us();
        let mut hub = self.hub.lock();
        hub.rare.answered(answered);
        if !hub.beyond
            && let Err(violation) = hub.panel.clients.answered(answered)
        {
            hub.accuse(now, violation);
        }
    }

    /// A client was told that a write is not done.
    pub fn not_done(&self, txn: &Txn, request: Option<RequestId>) {
        self.hub.lock().panel.clients.not_done(txn, request);
    }

    /// An operation of a client ended like this.
    pub fn count(&self, end: End) {
        self.hub.lock().tally.count(end);
    }

    /// Something rare has happened to a client.
    pub fn saw(&self, name: &'static str) {
        self.hub.lock().rare.saw(name);
    }

    /// Servers do the unlikely no more: what never succeeds because of it may succeed.
    pub(super) fn calm(&self) {
        let mut hub = self.hub.lock();
        rare::seen().into_keys().for_each(|name| hub.rare.saw(name));
        rare::begin(None);
    }
}
