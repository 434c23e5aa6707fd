//! A leader's view of a peer against the truth: a peer with a log, behind a network that loses,
//! repeats and reorders.

use proptest::prelude::*;

use super::super::progress::{Due, Progress};
use super::super::window::WindowMax;
use crate::types::Index;

/// Entries weigh a byte here; appends of two fit three times by number, and twice and a half by weight.
const WINDOW: WindowMax = WindowMax {
    appends: 3,
    bytes: 5,
};
/// Rounds without loss in which any peer catches up.
const ROUNDS: usize = 40;

/// A message either way.
#[derive(Clone, Copy, Debug)]
enum Message {
    Append { prev: Index, count: u64 },
    Accepted { matched: Index },
    Rejected { prev: Index, agreed: Index },
    HeartbeatReply { round: u64, last: Index },
}

/// What happens next; numbers pick among the messages under way.
#[derive(Clone, Debug)]
enum Event {
    Send,
    Arrive(usize),
    Repeat(usize),
    Lose(usize),
    Heartbeat,
    Propose(u64),
    Compact(u64),
    SnapshotEnds(bool),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Send),
        8 => any::<usize>().prop_map(Event::Arrive),
        1 => any::<usize>().prop_map(Event::Repeat),
        2 => any::<usize>().prop_map(Event::Lose),
        2 => Just(Event::Heartbeat),
        2 => (1_u64..4).prop_map(Event::Propose),
        1 => (0_u64..5).prop_map(Event::Compact),
        1 => any::<bool>().prop_map(Event::SnapshotEnds),
    ]
}

/// A leader's log from `first` to `last`, and a peer whose log agrees with it up to `agrees`.
struct Pair {
    progress: Progress,
    first: Index,
    last: Index,
    agrees: Index,
    snapshot: Option<Index>,
    round: u64,
    network: Vec<Message>,
}

impl Pair {
    fn new(last: Index, agrees: Index) -> Self {
        Pair {
            progress: Progress::new(last + 1),
            first: 1,
            last: last + 1,
            agrees: agrees.min(last),
            snapshot: None,
            round: 0,
            network: Vec::new(),
        }
    }

    fn send(&mut self) {
        loop {
            let prev = self.progress.next() - 1;
            let count = match self.progress.due(self.first, self.last, WINDOW) {
                Due::Nothing => return,
                Due::Snapshot => {
                    self.snapshot = Some(self.first - 1);
                    self.progress.await_snapshot(self.first - 1);
                    continue;
                }
                Due::Question => 0,
                Due::Append(room) => (self.last - prev).min(2).min(room.max(1)),
            };
            assert!(prev + 1 >= self.first, "what is sent is in the log");
            self.network.push(Message::Append { prev, count });
            self.progress.sent(count as usize, count);
        }
    }

    fn arrive(&mut self, message: Message) {
        match message {
            Message::Append { prev, .. } if prev > self.agrees => {
                let agreed = self.agrees;
                self.network.push(Message::Rejected { prev, agreed });
            }
            Message::Append { prev, count } => {
                let matched = prev + count;
                self.agrees = self.agrees.max(matched);
                self.network.push(Message::Accepted { matched });
            }
            Message::Accepted { matched } => self.progress.accepted(matched),
            Message::Rejected { prev, agreed } => self.progress.rejected(prev, agreed),
            Message::HeartbeatReply { round, last } => self.progress.answered(round, last),
        }
    }

    fn heartbeat(&mut self) {
        self.round += 1;
        self.progress.note_unanswered();
        let (round, last) = (self.round, self.agrees);
        self.network.push(Message::HeartbeatReply { round, last });
    }

    fn end_snapshot(&mut self, ok: bool) {
        if let Some(base) = self.snapshot.take() {
            if ok {
                self.agrees = self.agrees.max(base);
            }
            self.progress.snapshot_ended(ok);
        }
    }

    fn happen(&mut self, event: &Event) {
        let under_way = self.network.len().max(1);
        match event {
            Event::Send => self.send(),
            Event::Arrive(_) | Event::Repeat(_) | Event::Lose(_) if self.network.is_empty() => {}
            Event::Arrive(at) => {
                let message = self.network.remove(at % under_way);
                self.arrive(message);
            }
            Event::Repeat(at) => self.network.push(self.network[at % under_way]),
            Event::Lose(at) => drop(self.network.remove(at % under_way)),
            Event::Heartbeat => self.heartbeat(),
            Event::Propose(count) => self.last += count,
            Event::Compact(count) => self.first = (self.first + count).min(self.last),
            Event::SnapshotEnds(ok) => self.end_snapshot(*ok),
        }
    }

    fn round_of_peace(&mut self) {
        self.send();
        self.heartbeat();
        for message in std::mem::take(&mut self.network) {
            self.arrive(message);
        }
        self.end_snapshot(true);
    }
}

proptest! {
    #[test]
    fn a_leader_never_believes_too_much_and_every_peer_catches_up(
        (last, agrees) in (0_u64..10, 0_u64..10),
        events in prop::collection::vec(event(), 0..80),
    ) {
        let mut pair = Pair::new(last, agrees);
        for event in &events {
            pair.happen(event);
            prop_assert!(pair.progress.matched() <= pair.agrees);
            prop_assert!(pair.progress.next() > pair.progress.matched());
            prop_assert!(pair.progress.next() <= pair.last + 1);
        }
        for _ in 0..ROUNDS {
            pair.round_of_peace();
        }
        prop_assert_eq!(pair.progress.matched(), pair.last);
    }
}

#[test]
fn a_peer_that_vouches_for_a_snapshot_is_sent_entries_before_the_transfer_is_over() {
    let mut progress = Progress::new(10);
    progress.rejected(9, 2);
    assert_eq!(progress.due(6, 9, WINDOW), Due::Snapshot);
    progress.await_snapshot(5);
    progress.accepted(4);
    assert_eq!(progress.due(6, 9, WINDOW), Due::Nothing, "not yet");
    progress.accepted(5);
    assert_eq!(progress.due(6, 9, WINDOW), Due::Append(5));
    assert_eq!(progress.next(), 6);
}
