//! How far one peer has come, and what it may be sent next.
//!
//! ```text
//!                        rejected
//!          ┌────────────────────────────────────┐
//!          ▼            accepted                │
//!        Probe ────────────────────────────▶ Replicate
//!         ▲ │                                 ▲   │
//!    ended│ │beyond                   accepted│   │beyond
//!         │ │the log                   at last│   │the log
//!         │ ▼                                 │   ▼
//!        Snapshot ────────────────────────────┴ ──┘
//! ```
//!
//! Messages get lost, and a lost append has no answer. A peer that answers heartbeats, but leaves an
//! append unanswered from one periodic heartbeat to the next, is asked where it stands by an append
//! without entries: it costs little when the peer's disk was merely slow, and its answer tells what
//! was lost. When its disk has entries that it did not vouch for, the answer was lost, and it is
//! asked at once.

use super::PeerState;
use super::status::PeerStatus;
use super::window::{Window, WindowMax};
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
    /// Until then, on the leader's clock, it surely votes for nobody else; 0 if it may at any time.
    bound_until_us: u64,
    /// What was unanswered at the last periodic heartbeat.
    unanswered_then: Option<Index>,
    /// It was unanswered at the heartbeat before, too.
    overdue: bool,
    /// Whether it was heard since the last check of the quorum.
    active: bool,
    /// Its priority, as it said last.
    priority: u8,
    pace: Pace,
}

#[derive(Debug)]
enum Pace {
    Probe(Probe),
    Replicate {
        /// The appends with entries that are under way.
        window: Window,
        /// It is to be asked where it stands.
        ask: bool,
    },
    /// A snapshot that reaches at least this far is on its way.
    Snapshot(Index),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// May be asked with entries: if `next` is right they need not be sent twice.
    Fresh,
    /// Was asked, and owes an answer.
    Asked,
    /// To be asked again, without entries: they may still be on their way to its disk.
    Overdue,
}

/// What a peer may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing.
    Nothing,
    /// An append of the entries from `next` on, if there are any, of at most this many bytes.
    Append(u64),
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
            bound_until_us: 0,
            unanswered_then: None,
            overdue: false,
            active: true,
            priority: 0,
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

    /// Until when, on the leader's clock, the peer surely votes for nobody else.
    pub fn bound_until_us(&self) -> u64 {
        self.bound_until_us
    }

    /// The peer has promised not to vote for anybody else, at least until then.
    pub fn bind(&mut self, until_us: u64) {
        self.bound_until_us = self.bound_until_us.max(until_us);
    }

    /// The peer was heard.
    pub fn heard(&mut self) {
        self.active = true;
    }

    /// Whether the peer was heard since the watch began.
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Begins to watch whether the peer is heard.
    pub fn begin_watch(&mut self) {
        self.active = false;
    }

    /// How willingly the peer would lead, as far as it has said.
    pub fn priority(&self) -> u8 {
        self.priority
    }

    /// The peer says how willingly it would lead.
    pub fn wishes(&mut self, priority: u8) {
        self.priority = priority;
    }

    /// Whether the peer takes appends as they come.
    pub fn is_streaming(&self) -> bool {
        matches!(self.pace, Pace::Replicate { .. })
    }

    /// What to send, given the first and the last entry of the log and the window.
    pub fn due(&self, first: Index, last: Index, max: WindowMax) -> Due {
        let due = match &self.pace {
            Pace::Probe(Probe::Fresh) => Due::Append(max.bytes),
            Pace::Probe(Probe::Overdue) | Pace::Replicate { ask: true, .. } => Due::Question,
            Pace::Replicate { window, .. } if self.next <= last => {
                window.room(max).map_or(Due::Nothing, Due::Append)
            }
            _ => Due::Nothing,
        };
        match due {
            Due::Append(_) | Due::Question if self.next >= first => due,
            // A snapshot is work: only for a peer that is there to take it.
            Due::Append(_) | Due::Question if self.active => Due::Snapshot,
            _ => Due::Nothing,
        }
    }

    /// An append with `count` entries from `next` on that weigh `bytes`, or without any, was sent.
    pub fn sent(&mut self, count: usize, bytes: u64) {
        match &mut self.pace {
            Pace::Probe(probe) => *probe = Probe::Asked,
            Pace::Replicate { window, ask } => {
                *ask = false;
                if count > 0 {
                    self.next += count as u64;
                    window.push(self.next - 1, bytes);
                }
            }
            Pace::Snapshot(_) => unreachable!("nothing is sent beside a snapshot"),
        }
    }

    /// The peer is being told that everything up to `commit` is committed.
    pub fn tell(&mut self, commit: Index) {
        self.told = self.told.max(commit);
    }

    /// Whether the peer was not told yet that everything up to `commit` is committed.
    pub fn is_news(&self, commit: Index) -> bool {
        commit > self.told
    }

    /// A snapshot that reaches at least to `base` was asked for.
    pub fn await_snapshot(&mut self, base: Index) {
        self.pace = Pace::Snapshot(base);
    }

    /// The peer vouches for its log up to `matched`.
    pub fn accepted(&mut self, matched: Index) {
        self.matched = self.matched.max(matched);
        self.next = self.next.max(self.matched + 1);
        match &mut self.pace {
            Pace::Replicate { window, .. } => window.answered(self.matched),
            // Not the answer that is waited for: that one will reach further.
            Pace::Snapshot(awaited) if self.matched < *awaited => {}
            Pace::Probe(_) if self.matched < self.next - 1 => {}
            Pace::Snapshot(_) | Pace::Probe(_) => {
                self.next = self.matched + 1;
                self.pace = Pace::Replicate {
                    window: Window::default(),
                    ask: false,
                };
            }
        }
    }

    /// The peer lacks the entry `prev`; it may agree up to `agreed`. Late answers to questions that
    /// were answered otherwise since are ignored.
    pub fn rejected(&mut self, prev: Index, agreed: Index) {
        let current = match self.pace {
            Pace::Probe(_) => prev == self.next - 1,
            Pace::Replicate { .. } => prev > self.matched && prev < self.next,
            Pace::Snapshot(_) => false,
        };
        if current {
            // At least one entry back, whatever the hint: so probing always ends.
            self.next = (agreed + 1).min(prev).max(self.matched + 1);
            self.pace = Pace::Probe(Probe::Fresh);
            // What the refused append told of commits was not heard either.
            self.told = self.told.min(self.matched);
        }
    }

    /// The peer has lost everything that it vouched for beyond `last`. What was committed by its
    /// help stays committed; it is not counted on until it has it again.
    pub fn lost_beyond(&mut self, last: Index) {
        if self.matched <= last {
            return;
        }
        self.matched = 0;
        self.next = last + 1;
        self.told = 0;
        if !matches!(self.pace, Pace::Snapshot(_)) {
            self.pace = Pace::Probe(Probe::Fresh);
        }
    }

    /// A periodic heartbeat is sent: takes note of what was unanswered at the one before.
    pub fn note_unanswered(&mut self) {
        let unanswered = self.unanswered();
        self.overdue = unanswered.is_some() && unanswered == self.unanswered_then;
        self.unanswered_then = unanswered;
    }

    /// The peer answered a heartbeat; its durable log ends at `last`.
    pub fn answered(&mut self, round: u64, last: Index) {
        self.active = true;
        self.round = self.round.max(round);
        let overdue = std::mem::take(&mut self.overdue);
        let overdue = overdue && self.unanswered() == self.unanswered_then;
        match &mut self.pace {
            Pace::Probe(probe) if overdue => *probe = Probe::Overdue,
            Pace::Replicate { window, ask } => {
                *ask |= overdue || window.front().is_some_and(|end| end <= last);
            }
            _ => {}
        }
    }

    /// The end of the first append that is unanswered.
    fn unanswered(&self) -> Option<Index> {
        match &self.pace {
            Pace::Probe(Probe::Asked) => Some(self.next),
            Pace::Replicate { window, .. } => window.front(),
            _ => None,
        }
    }

    /// The snapshot was installed or given up. In the first case the peer is asked where it stands;
    /// in the second it is left alone until it is overdue: to try again at once would be a busy
    /// loop while it cannot be reached.
    pub fn snapshot_ended(&mut self, ok: bool) {
        if let Pace::Snapshot(awaited) = self.pace {
            let agreed = if ok { awaited } else { self.matched };
            self.next = agreed.max(self.matched) + 1;
            self.pace = Pace::Probe(if ok { Probe::Overdue } else { Probe::Asked });
        }
    }

    /// For the eye.
    pub fn status(&self) -> PeerStatus {
        PeerStatus {
            matched: self.matched,
            next: self.next,
            state: match self.pace {
                Pace::Probe(_) => PeerState::Probe,
                Pace::Replicate { .. } => PeerState::Replicate,
                Pace::Snapshot(_) => PeerState::Snapshot,
            },
            active: self.is_active(),
        }
    }
}
