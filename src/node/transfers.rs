//! The snapshots that this replica is sending as a leader: who is to get one, who is to wait after a
//! failure, who gets which acknowledgements, and which part of the log is kept for whom.
//!
//! A transfer that fails leaves what arrived at the receiver. The next one, of whichever leader,
//! asks for it first, and goes on there if its log still follows that snapshot: else the receiver
//! would need another one at once.

use std::{collections::BTreeMap, mem, time::Duration};

use super::outgoing::Outgoing;
use crate::{
    env::task::{Sender, channel},
    rpc::{SnapshotAck, SnapshotWord},
    types::{Index, LogPosition, NodeId, Term},
};

/// Acknowledgements that wait for the sending task. Each tells all that those before it told, but
/// for repetitions, and one that is dropped is like one that is lost.
const ACKS: usize = 64;

/// The pause after a transfer that failed before any chunk was taken; it doubles every time.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// For so long after its last sign a peer is remembered: how long it is to wait, and that the log is
/// kept for it.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// The transfers of a leader.
#[derive(Debug)]
pub(super) struct Transfers {
    next: u64,
    peers: BTreeMap<NodeId, Peer>,
}

/// A peer that needs a snapshot, or needed one lately.
#[derive(Debug)]
struct Peer {
    phase: Phase,
    /// It will need the entries behind this index.
    needs: Index,
    /// The pause after the next failure.
    pause: Duration,
    /// The last transfer failed, and the next one begins no earlier than then.
    not_before_us: u64,
    /// When there was a sign of it.
    seen_us: u64,
}

#[derive(Debug)]
enum Phase {
    /// Nothing is to be sent.
    Idle,
    /// Raft asked for a snapshot.
    Wanted,
    /// One is under way.
    Running { id: u64, acks: Sender<SnapshotAck> },
}

impl Transfers {
    /// No transfers. Ids count up from `start`, which differs from process to process, so that a
    /// late frame of an earlier one is not taken for ours.
    pub(super) fn new(start: u64) -> Self {
        Transfers {
            // Far from the end of the numbers: receivers compare them.
            next: start >> 1,
            peers: BTreeMap::new(),
        }
    }

    /// Raft asks for a snapshot to `peer`; the log begins behind `base`. A transfer under way goes
    /// on, unless it would end before the log begins.
    pub(super) fn want(&mut self, peer: NodeId, base: Index, now_us: u64) {
        let peer = self.peers.entry(peer).or_insert(Peer {
            phase: Phase::Idle,
            needs: base,
            pause: PAUSE_MIN,
            not_before_us: now_us,
            seen_us: now_us,
        });
        let is_of_use = matches!(peer.phase, Phase::Running { .. }) && peer.needs >= base;
        if !is_of_use {
            peer.phase = Phase::Wanted;
            peer.needs = peer.needs.max(base);
            peer.seen_us = now_us;
        }
    }

    /// Who is to get a snapshot now.
    pub(super) fn due(&self, now_us: u64) -> Vec<NodeId> {
        let is_due =
            |peer: &Peer| matches!(peer.phase, Phase::Wanted) && peer.not_before_us <= now_us;
        let due = self.peers.iter().filter(|(_, peer)| is_due(peer));
        due.map(|(id, _)| *id).collect()
    }

    /// Begins a transfer to a peer that wants one, of a snapshot at `applied` or later.
    pub(super) fn begin(&mut self, peer: NodeId, term: Term, applied: Index) -> Outgoing {
        self.next += 1;
        let (sender, acks) = channel(ACKS);
        let place = self.peers.get_mut(&peer);
        let place = place.expect("only who wants a snapshot gets one");
        place.needs = applied;
        place.phase = Phase::Running {
            id: self.next,
            acks: sender,
        };
        Outgoing {
            peer,
            id: self.next,
            term,
            acks,
        }
    }

    /// `peer` needs no snapshot any more.
    pub(super) fn unwant(&mut self, peer: NodeId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.phase = Phase::Idle;
        }
    }

    /// An acknowledgement arrived. What the peer has of a snapshot is of use only if `follows` says
    /// that the log follows it.
    pub(super) fn acknowledged(
        &mut self,
        from: NodeId,
        mut ack: SnapshotAck,
        follows: impl Fn(LogPosition) -> bool,
        now_us: u64,
    ) {
        let Some(peer) = self.peers.get_mut(&from) else {
            return;
        };
        let Phase::Running { id, acks } = &peer.phase else {
            return;
        };
        if *id != ack.transfer {
            return;
        }
        match &mut ack.word {
            SnapshotWord::Welcome { standing } => {
                *standing = standing.take().filter(|standing| follows(standing.at));
                if let Some(standing) = standing {
                    peer.needs = standing.at.index;
                }
            }
            // It makes progress: a failure will not be the peer's.
            SnapshotWord::Next { sequence, .. } if *sequence > 0 => peer.pause = PAUSE_MIN,
            _ => {}
        }
        peer.seen_us = now_us;
        let _ = acks.try_send(ack);
    }

    /// A transfer is over. False if it had been given up before.
    pub(super) fn end(&mut self, peer: NodeId, id: u64, ok: bool, now_us: u64) -> bool {
        let Some(peer) = self.peers.get_mut(&peer) else {
            return false;
        };
        if !matches!(&peer.phase, Phase::Running { id: running, .. } if *running == id) {
            return false;
        }
        peer.phase = Phase::Idle;
        peer.not_before_us = now_us;
        if !ok {
            let doubled = (peer.pause * 2).min(PAUSE_MAX);
            peer.not_before_us += mem::replace(&mut peer.pause, doubled).as_micros() as u64;
        }
        true
    }

    /// Whether nobody needs a snapshot, nor needed one lately.
    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// This replica leads no more: all transfers end, and nothing is kept for anybody.
    pub(super) fn clear(&mut self) {
        self.peers.clear();
    }

    /// Behind which index the log is needed by peers that take a snapshot, or took one and have not
    /// caught up to `kept` yet. `matched` says how far a peer's log has come.
    pub(super) fn held(
        &mut self,
        kept: Index,
        matched: impl Fn(NodeId) -> Index,
        now_us: u64,
    ) -> Option<Index> {
        self.peers.retain(|id, peer| {
            peer.needs = peer.needs.max(matched(*id));
            let is_idle = matches!(peer.phase, Phase::Idle);
            !is_idle || now_us <= peer.seen_us + REMEMBERED_FOR.as_micros() as u64
        });
        let needs = self.peers.values().map(|peer| peer.needs);
        needs.filter(|needs| *needs < kept).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId(2);

    fn ms(ms: u64) -> u64 {
        ms * 1_000
    }

    fn ack(transfer: u64, word: SnapshotWord) -> SnapshotAck {
        SnapshotAck { transfer, word }
    }

    #[test]
    fn a_peer_that_fails_waits_longer_and_longer() {
        let mut transfers = Transfers::new(0);
        let mut now_us = 0;
        let mut pauses = Vec::new();
        for _ in 0..10 {
            transfers.want(PEER, 5, now_us);
            let asked_us = now_us;
            while transfers.due(now_us).is_empty() {
                now_us += ms(1);
            }
            pauses.push((now_us - asked_us) / ms(1));
            let id = transfers.begin(PEER, 1, 9).id;
            assert!(transfers.due(now_us).is_empty());
            assert!(transfers.end(PEER, id, false, now_us));
            assert!(!transfers.end(PEER, id, false, now_us), "only once");
        }
        let doubling = [0, 50, 100, 200, 400, 800, 1600, 2000, 2000, 2000];
        assert_eq!(pauses, doubling);
    }

    #[test]
    fn a_transfer_that_got_somewhere_is_tried_again_soon() {
        let mut transfers = Transfers::new(0);
        for _ in 0..5 {
            transfers.want(PEER, 5, 0);
            let id = transfers.begin(PEER, 1, 9).id;
            let sequence = 1;
            let missing = false;
            let next = SnapshotWord::Next { sequence, missing };
            transfers.acknowledged(PEER, ack(id, next), |_| true, 0);
            transfers.end(PEER, id, false, 0);
        }
        transfers.want(PEER, 5, 0);
        assert!(transfers.due(ms(49)).is_empty());
        assert_eq!(transfers.due(ms(50)), [PEER]);
    }

    #[test]
    fn a_transfer_under_way_goes_on_while_the_log_follows_it() {
        let mut transfers = Transfers::new(0);
        transfers.want(PEER, 5, 0);
        let mut first = transfers.begin(PEER, 1, 9);
        transfers.want(PEER, 9, 0);
        assert!(transfers.due(0).is_empty(), "the one under way will do");
        transfers.want(PEER, 10, 0);
        assert_eq!(transfers.due(0), [PEER], "it would end before the log");
        assert!(first.acks.try_recv().is_err());
        assert!(!transfers.end(PEER, first.id, true, 0), "it was given up");
    }

    #[test]
    fn the_log_is_held_for_a_peer_until_it_has_caught_up() {
        let mut transfers = Transfers::new(0);
        let nothing = |_| 0;
        assert_eq!(transfers.held(100, nothing, 0), None);
        transfers.want(PEER, 5, 0);
        let id = transfers.begin(PEER, 1, 50).id;
        assert_eq!(transfers.held(100, nothing, 0), Some(50));
        transfers.end(PEER, id, true, 0);
        assert_eq!(transfers.held(100, |_| 70, 0), Some(70));
        let later_us = REMEMBERED_FOR.as_micros() as u64;
        assert_eq!(transfers.held(100, |_| 70, later_us), Some(70));
        assert_eq!(transfers.held(100, |_| 100, later_us), None);

        transfers.want(PEER, 5, 0);
        let id = transfers.begin(PEER, 1, 50).id;
        transfers.end(PEER, id, false, 0);
        assert_eq!(transfers.held(100, nothing, later_us + 1), None, "silent");
    }
}
