//! Which moments an event is.

use sisyphus::{node::Event, raft::Body};

use crate::{disk::DiskEvent, plan::Moment};

/// What a fault may wait for in a replica's event: the kind, and a special case of it.
pub(super) fn of_replica(event: &Event<'_>) -> [Option<Moment>; 2] {
    let (kind, special) = match event {
        Event::Leader { .. } => (Moment::Leader, None),
        Event::Sent { message } => match &message.body {
            Body::VoteReply { granted: true } => (Moment::VoteSent, None),
            Body::Append { .. } => (Moment::AppendSent, None),
            Body::AppendAccepted { .. } => (Moment::AppendAcked, None),
            _ => return [None; 2],
        },
        Event::Persisted { entries, .. } => {
            let mut changes = entries
                .iter()
                .filter(|entry| entry.payload.membership().is_some());
            let special = changes.next().map(|_| Moment::MembershipPersisted);
            (Moment::Persisted, special)
        }
        Event::Committed { .. } => (Moment::Committed, None),
        Event::Applied { .. } => (Moment::Applied, None),
        Event::Acknowledged { .. } => (Moment::Acknowledged, None),
        Event::Installed { .. } => (Moment::SnapshotInstalled, None),
        Event::ChunkSent { .. } => (Moment::ChunkSent, None),
        Event::Restored { .. } | Event::Received { .. } | Event::Members { .. } => {
            return [None; 2];
        }
    };
    [Some(kind), special]
}

/// The name of a disk's event, and what a fault may wait for in it: the kind, and the stage of the
/// log's or the tables' work that the file's name tells.
pub(super) fn of_disk(event: DiskEvent, path: &str) -> (&'static str, [Option<Moment>; 2]) {
    let is_spare = path.ends_with(".spare");
    let is_log = path.starts_with("log/");
    let is_table = path.ends_with(".table");
    let is_manifest = path.ends_with("/manifest");
    let of = |cases: [(bool, Moment); 3]| {
        let case = cases.into_iter().find(|(applies, _)| *applies);
        case.map(|(_, moment)| moment)
    };
    let never = (false, Moment::Renamed);
    let (name, kind, special) = match event {
        DiskEvent::Wrote => {
            let special = [
                (is_log, Moment::LogWrote),
                (is_manifest, Moment::ManifestWrote),
                never,
            ];
            ("wrote", Moment::Wrote, of(special))
        }
        DiskEvent::Syncing => ("syncing", Moment::Syncing, None),
        DiskEvent::Synced => {
            let special = [
                (is_log, Moment::LogSynced),
                (is_table, Moment::TableSynced),
                (is_manifest, Moment::ManifestSynced),
            ];
            ("synced", Moment::Synced, of(special))
        }
        DiskEvent::Created => {
            let special = [
                (is_log && !is_spare, Moment::SegmentMade),
                (is_table, Moment::TableMade),
                never,
            ];
            ("created", Moment::Renamed, of(special))
        }
        DiskEvent::Renamed => {
            let special = [
                (is_log && is_spare, Moment::SegmentRemoved),
                (is_manifest, Moment::ManifestRenamed),
                never,
            ];
            ("renamed", Moment::Renamed, of(special))
        }
        DiskEvent::Removed => {
            let special = [
                (is_log && !is_spare, Moment::SegmentRemoved),
                (is_table, Moment::TableRemoved),
                never,
            ];
            ("removed", Moment::Renamed, of(special))
        }
        DiskEvent::DirSynced => ("dir-synced", Moment::DirSynced, None),
    };
    (name, [Some(kind), special])
}
