//! How far one peer has come, and what it may be sent next.
//!
//! ```text
//!              rejected, or a tail went missing
//!         ┌───────────────────────────────────────┐
//!         ▼            accepted                   │
//!      Probe ─────────────────────────────▶ Replicate
//!        │ ▲                                   ▲  │
//!  beyond│ │ the snapshot ended        accepted│  │beyond the log
//! the log│ │                           at last │  │
//!        └─┴────────────▶ Snapshot ────────────┴──┘
//! ```

use std::collections::VecDeque;

use super::PeerState;
use super::status::PeerStatus;
use crate::types::Index;

/// A peer as its leader sees it.
#[derive(Debug)]
pub(super) struct Progress {
    /// The peer's log agrees durably up to here.
    matched: Index,
    /// The entry that it is sent next.
    next: Index,
    /// Up to here it was told, with some luck, what is committed.
    told: Index,
    /// The last heartbeat round that it answered.
    round: u64,
    /// The end of its durable log as of its last answer to a heartbeat.
    last: Index,
    /// Whether it was heard since the last check of the quorum.
    active: bool,
    pace: Pace,
}

#[derive(Debug)]
enum Pace {
    Probe(Probe),
    /// The last index of each append with entries that is under way.
    Replicate(VecDeque<Index>),
    /// A snapshot that reaches at least this far is on its way.
    Snapshot(Index),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// May be asked with entries: if `next` is right they need not be sent twice.
    Fresh,
    /// Was asked; wait for an answer or for a sign of life.
    Asked,
    /// Gave a sign of life but no answer: may be asked again, without entries, as they may still
    /// be on their way to its disk.
    Silent,
}

/// What a peer may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// An append of entries from `next` on, if there are any, or else without.
    Append,
    /// An append without entries.
    Question,
    /// A snapshot: the log no longer holds what it needs.
    Snapshot,
}

impl Progress {
    /// A peer of which nothing is known but that it may lack the entries from `next` on.
    pub fn new(next: Index) -> Self {
        Progress {
            matched: 0,
            next,
            told: 0,
            round: 0,
            last: 0,
            active: true,
            pace: Pace::Probe(Probe::Fresh),
        }
    }

    /// The peer's log agrees durably up to here.
    pub fn matched(&self) -> Index {
        self.matched
    }

    /// The entry that it is sent next.
    pub fn next(&self) -> Index {
        self.next
    }

    /// The last heartbeat round that it answered.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// The peer was heard.
    pub fn heard(&mut self) {
        self.active = true;
    }

    /// Whether the peer was heard since this was last asked.
    pub fn take_active(&mut self) -> bool {
        std::mem::take(&mut self.active)
    }

    /// What to send, given the first and the last entry of the log and the window.
    pub fn due(&self, first: Index, last: Index, inflight_max: usize) -> Due {
        let idle = match &self.pace {
            Pace::Probe(probe) => *probe == Probe::Asked,
            Pace::Replicate(window) => self.next > last || window.len() >= inflight_max,
            Pace::Snapshot(_) => true,
        };
        match &self.pace {
            _ if idle => Due::Nothing,
            // A snapshot is work: only for a peer that is there to take it.
            _ if self.next < first && self.active => Due::Snapshot,
            _ if self.next < first => Due::Nothing,
            Pace::Probe(Probe::Silent) => Due::Question,
            _ => Due::Append,
        }
    }

    /// An append with `count` entries from `next` on, or without any, was sent.
    pub fn sent(&mut self, count: usize) {
        match &mut self.pace {
            Pace::Probe(probe) => *probe = Probe::Asked,
            Pace::Replicate(window) if count > 0 => {
                self.next += count as u64;
                window.push_back(self.next - 1);
            }
            Pace::Replicate(_) => {}
            Pace::Snapshot(_) => unreachable!("nothing is sent beside a snapshot"),
        }
    }

    /// The peer is being told that everything up to `commit` is committed. False if it was before.
    pub fn tell(&mut self, commit: Index) -> bool {
        let news = commit > self.told;
        self.told = self.told.max(commit);
        news
    }

    /// Whether the peer takes appends as they come.
    pub fn is_streaming(&self) -> bool {
        matches!(self.pace, Pace::Replicate(_))
    }

    /// A snapshot that reaches at least to `base` was asked for.
    pub fn await_snapshot(&mut self, base: Index) {
        self.pace = Pace::Snapshot(base);
    }

    /// The peer vouches for its log up to `matched`.
    pub fn accepted(&mut self, matched: Index) {
        self.matched = self.matched.max(matched);
        match &mut self.pace {
            Pace::Replicate(window) => {
                self.next = self.next.max(self.matched + 1);
                while window.front().is_some_and(|end| *end <= self.matched) {
                    window.pop_front();
                }
            }
            // Not the answer that is waited for: that one will reach further.
            Pace::Snapshot(awaited) if self.matched < *awaited => {}
            Pace::Probe(_) if self.matched < self.next - 1 => {}
            Pace::Snapshot(_) | Pace::Probe(_) => {
                self.next = self.matched + 1;
                self.pace = Pace::Replicate(VecDeque::new());
            }
        }
    }

    /// The peer lacks the entry `prev`; it may agree up to `agreed`. Late answers to questions that
    /// were answered otherwise since are ignored.
    pub fn rejected(&mut self, prev: Index, agreed: Index) {
        let current = match self.pace {
            Pace::Probe(_) => prev == self.next - 1,
            Pace::Replicate(_) => prev > self.matched && prev < self.next,
            Pace::Snapshot(_) => false,
        };
        if current {
            // At least one entry back, whatever the hint: so probing always ends.
            self.next = (agreed + 1).min(prev).max(self.matched + 1);
            self.pace = Pace::Probe(Probe::Fresh);
        }
    }

    /// The peer answered a heartbeat; its durable log ends at `last`. If appends are unanswered and
    /// its disk is not catching up with them either, they or their answers were lost: it is asked.
    pub fn answered(&mut self, round: u64, last: Index) {
        self.active = true;
        self.round = self.round.max(round);
        let moving = last > self.last;
        self.last = last;
        match &self.pace {
            Pace::Probe(Probe::Asked) => self.pace = Pace::Probe(Probe::Silent),
            Pace::Replicate(window) if !window.is_empty() && !moving => {
                self.pace = Pace::Probe(Probe::Silent);
            }
            _ => {}
        }
    }

    /// The snapshot was taken over or given up. In both cases the peer is asked where it stands,
    /// once it gives a sign of life: at once would be a busy loop when it cannot be reached.
    pub fn snapshot_ended(&mut self, ok: bool) {
        if let Pace::Snapshot(awaited) = self.pace {
            let agreed = if ok { awaited } else { self.matched };
            self.next = agreed.max(self.matched) + 1;
            self.pace = Pace::Probe(if ok { Probe::Silent } else { Probe::Asked });
        }
    }

    /// For the eye.
    pub fn status(&self) -> PeerStatus {
        PeerStatus {
            matched: self.matched,
            next: self.next,
            state: match self.pace {
                Pace::Probe(_) => PeerState::Probe,
                Pace::Replicate(_) => PeerState::Replicate,
                Pace::Snapshot(_) => PeerState::Snapshot,
            },
        }
    }
}
