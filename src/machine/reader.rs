//! Reading while entries are applied.

use super::{
    Bounds, MachineError, Page, Query, QueryError,
    cursor::{Cursor, Overlay},
    page,
    state::State,
    txn::readable,
};
use crate::{
    env::task::watch,
    lsm::{self, Db},
    types::Revision,
};

/// Reads one shard's data, as of a revision that is wholly there. Clones are cheap.
#[derive(Clone)]
pub struct Reader {
    db: Db,
    view: watch::Receiver<View>,
    bounds: Bounds,
}

/// What readers may see.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// The latest revision all of whose changes are in the engine.
    pub revision: Revision,
    /// The oldest readable revision.
    pub floor: Revision,
    /// Counts up when a snapshot begins to replace the engine's content, and again when it has:
    /// while it is odd, nothing can be said of what a read finds.
    pub installs: u64,
}

impl View {
    /// All that `state` lets be seen.
    pub fn of(state: &State) -> Self {
        View {
            revision: state.revision,
            floor: state.floor,
            installs: 0,
        }
    }

    fn is_steady(&self) -> bool {
        self.installs.is_multiple_of(2)
    }
}

impl Reader {
    pub(super) fn new(db: Db, view: watch::Receiver<View>, bounds: Bounds) -> Self {
        Reader { db, view, bounds }
    }

    /// The latest revision that can be read.
    pub fn revision(&self) -> Revision {
        self.view.borrow().revision
    }

    /// Waits until [`Self::revision`] is at least this, for ever if it never is; false if the machine
    /// is gone and did not come to it.
    pub async fn reached(&self, revision: Revision) -> bool {
        let mut view = self.view.clone();
        view.wait_for(|view| view.revision >= revision)
            .await
            .is_ok()
    }

    /// How the storage engine does.
    pub fn stats(&self) -> lsm::Stats {
        self.db.stats()
    }

    /// Answers `query`, and says at which revision the store stood. A page ends at the server's own
    /// bound, even if the query has none.
    pub async fn query(&self, query: &Query) -> Result<(Revision, Page), QueryError> {
        // Every further turn is paid for by a whole snapshot that was installed meanwhile, or ends
        // in a refusal because the floor rose over the revision.
        loop {
            let view = self.steady().await;
            let at = readable(query.revision, view.floor, view.revision)
                .map_err(QueryError::BadRevision)?;
            let page = self.page(query, at).await;
            let after = *self.view.borrow();
            if after.installs == view.installs && after.floor <= at {
                return Ok((view.revision, page?));
            }
        }
    }

    /// The view, as soon as no snapshot is just taking its place.
    async fn steady(&self) -> View {
        let mut view = self.view.clone();
        match view.wait_for(View::is_steady).await {
            Ok(view) => *view,
            // The machine is gone, and with it whoever would change the view.
            Err(_) => *self.view.borrow(),
        }
    }

    async fn page(&self, query: &Query, at: Revision) -> Result<Page, MachineError> {
        let nothing = Overlay::new();
        let cursor = Cursor::open(&self.db, &nothing, &query.keys, at).await?;
        page::collect(cursor, query, &self.bounds).await
    }
}
