//! The moments of a node's life that a fault may wait for.

use serde::{Deserialize, Serialize};

/// Kinds of events that a fault may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The node became leader.
    Leader,
    /// It granted somebody its vote.
    VoteSent,
    /// As a leader, it sent entries.
    AppendSent,
    /// It acknowledged an append.
    AppendAcked,
    /// It sent a piece of a snapshot.
    ChunkSent,
    /// A batch of its log became durable.
    Persisted,
    /// So did one with a change of who takes part.
    MembershipPersisted,
    /// Its commit index advanced.
    Committed,
    /// It applied an entry.
    Applied,
    /// It told a client that a write is done.
    Acknowledged,
    /// It installed a snapshot.
    SnapshotInstalled,
    /// Bytes went into its page cache.
    Wrote,
    /// A sync has begun.
    Syncing,
    /// A sync is done, and the process does not know it yet.
    Synced,
    /// A name was made, changed or removed.
    Renamed,
    /// A directory's sync is done.
    DirSynced,
    /// Bytes of its log went into the page cache.
    LogWrote,
    /// A sync of its log is done, and the process does not know it yet.
    LogSynced,
    /// A segment of its log got its name.
    SegmentMade,
    /// A segment of its log lost its name.
    SegmentRemoved,
    /// The file of a table was made: a flush, a compaction or a snapshot begins to write.
    TableMade,
    /// A table was synced: what is merged is complete.
    TableSynced,
    /// Bytes of the manifest went into the page cache.
    ManifestWrote,
    /// The manifest was synced: what was merged counts.
    ManifestSynced,
    /// A manifest that was written anew got its name.
    ManifestRenamed,
    /// A table was removed: what was merged away goes.
    TableRemoved,
}

impl Moment {
    /// All of them.
    pub const ALL: [Moment; 26] = [
        Moment::Leader,
        Moment::VoteSent,
        Moment::AppendSent,
        Moment::AppendAcked,
        Moment::ChunkSent,
        Moment::Persisted,
        Moment::MembershipPersisted,
        Moment::Committed,
        Moment::Applied,
        Moment::Acknowledged,
        Moment::SnapshotInstalled,
        Moment::Wrote,
        Moment::Syncing,
        Moment::Synced,
        Moment::Renamed,
        Moment::DirSynced,
        Moment::LogWrote,
        Moment::LogSynced,
        Moment::SegmentMade,
        Moment::SegmentRemoved,
        Moment::TableMade,
        Moment::TableSynced,
        Moment::ManifestWrote,
        Moment::ManifestSynced,
        Moment::ManifestRenamed,
        Moment::TableRemoved,
    ];
}
