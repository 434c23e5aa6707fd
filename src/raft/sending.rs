//! What a leader sends to one peer of its log.

use super::progress::{Due, Progress};
use super::shared::Shared;
use super::{Body, Entry};
use crate::types::{Index, LogPosition, NodeId};

/// Sends what is due until nothing is.
pub(super) fn send_due(shared: &mut Shared, id: NodeId, peer: &mut Progress) {
    loop {
        let (base, last) = (shared.log.base().index, shared.log.last().index);
        match peer.due(base + 1, last, shared.config.window_max()) {
            Due::Nothing => return,
            // Who is leaving is told so if that is cheap.
            Due::Snapshot if !shared.membership().contains(id) => return,
            Due::Snapshot => {
                peer.await_snapshot(base);
                shared.out.snapshots.push(id);
            }
            Due::Question => {
                let prev = peer.next() - 1;
                send_append(shared, id, peer, prev, Vec::new());
                peer.sent(0, 0);
            }
            Due::Append(room) => {
                let bytes_max = room.min(shared.config.append_bytes_max as u64);
                let entries = shared.log.slice(peer.next(), last, bytes_max as usize);
                let (prev, count) = (peer.next() - 1, entries.len());
                let bytes = shared.log.bytes_between(prev, prev + count as u64);
                send_append(shared, id, peer, prev, entries);
                peer.sent(count, bytes);
            }
        }
    }
}

/// Lets a peer know of a commit that no append carried, before the next heartbeat: whoever waits there
/// for a revision waits for it.
/// One that says nothing is told nothing: what it is known to have does not grow.
pub(super) fn tell_commit(shared: &mut Shared, id: NodeId, peer: &mut Progress) {
    let matched = peer.matched();
    let news = peer.is_news(matched.min(shared.commit));
    if news && peer.is_streaming() && matched >= shared.log.base().index {
        send_append(shared, id, peer, matched, Vec::new());
    }
}

fn send_append(
    shared: &mut Shared,
    to: NodeId,
    peer: &mut Progress,
    prev: Index,
    entries: Vec<Entry>,
) {
    let term = shared.log.term_at(prev);
    let term = term.expect("whom the log does not reach gets a snapshot");
    let commit = shared.commit;
    peer.tell(commit.min(prev + entries.len() as u64));
    let prev = LogPosition { term, index: prev };
    let body = Body::Append {
        prev,
        entries,
        commit,
    };
    shared.send(to, body);
}
