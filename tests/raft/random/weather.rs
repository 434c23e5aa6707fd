//! The weather of a phase.

use std::collections::BTreeSet;

use sisyphus::rng::Rng;
use sisyphus::types::NodeId;

use crate::cluster::TICK_US;

/// Of which kinds it matters when they arrive.
const SLOW: [&str; 9] = [
    "pre-vote-reply",
    "vote-reply",
    "append",
    "append-accepted",
    "append-rejected",
    "heartbeat-reply",
    "timeout-now",
    "recover-reply",
    "read-index-reply",
];

/// What a phase is like: probabilities per round and replica, or per message.
pub struct Weather {
    /// Those whose clock stands: they lead on when others have given them up.
    pub asleep: BTreeSet<NodeId>,
    /// The most time that a round takes, in microseconds: a tick's, or far less, as if processes were
    /// woken too often, or more.
    pub round_us: u64,
    /// Messages between the sides of a partition wait for its end instead of being lost.
    pub hold: bool,
    pub lose: f64,
    /// Loses entries beyond that: leaders are elected and get nowhere, as in figure 8.
    pub lose_entries: f64,
    pub delay: f64,
    /// Messages of this kind are late, far more often than others: votes that arrive when the
    /// election is over, confirmations of what nobody asks any more.
    pub slow: Option<&'static str>,
    pub repeat: f64,
    pub persist: f64,
    pub propose: f64,
    pub read: f64,
    pub flush: f64,
    /// A snapshot arrives or fails.
    pub transfer: f64,
    /// Members are changed.
    pub change: f64,
    /// Leadership is handed over.
    pub hand_over: f64,
}

impl Weather {
    /// What the weather of the next phase is.
    pub fn draw(rng: &mut Rng, ids: &[NodeId]) -> Self {
        let slow = rng.chance(0.3).then(|| *rng.pick(&SLOW));
        let round_us = *rng.pick(&[TICK_US / 10, TICK_US, 2 * TICK_US, 2 * TICK_US]);
        let mut one_of = |choices: &[f64]| *rng.pick(choices);
        Weather {
            slow,
            round_us,
            lose: one_of(&[0.0, 0.0, 0.1, 0.4]),
            lose_entries: one_of(&[0.0, 0.0, 0.0, 0.8]),
            delay: one_of(&[0.0, 0.0, 0.2, 0.7]),
            repeat: one_of(&[0.0, 0.0, 0.3]),
            persist: one_of(&[1.0, 0.8, 0.2]),
            propose: one_of(&[0.0, 0.1, 0.5]),
            read: one_of(&[0.0, 0.1, 0.5]),
            flush: one_of(&[0.0, 0.0, 0.2]),
            transfer: one_of(&[0.1, 0.5]),
            change: one_of(&[0.0, 0.0, 0.1, 0.5]),
            hand_over: one_of(&[0.0, 0.0, 0.1]),
            hold: rng.chance(0.5),
            asleep: ids.iter().copied().filter(|_| rng.chance(0.2)).collect(),
        }
    }

    /// Nothing goes wrong but what has gone wrong already, and there is much to do.
    pub fn serve_everybody(&mut self) {
        (self.lose, self.lose_entries, self.delay) = (0.0, 0.0, 0.0);
        (self.persist, self.propose, self.read) = (1.0, 0.5, 0.9);
        self.asleep.clear();
    }
}
