//! Coups: one leader after the other is taken away, and each comes back about when the next one goes.
//!
//! A leader that is cut off together with the clients beside it has a long log that nobody else has;
//! its successor has a short one with entries that count. Then the successor goes, and the
//! two meet again without it. Whether what was committed survives that, is figure 8 of Raft §5.4 and the rule of
//! §5.4.1; and whoever still waits at the first leader hears what became of his request.

use sisyphus::types::NodeId;

use super::{Cut, Fault, Moment, Until, What, When, Who, faults::Draws, swarm::Kind};
use crate::draw::log_uniform;

impl Draws {
    /// Coups until the time is over; the patience of the nodes is `election_ms`.
    pub(super) fn coups(mut self, election_ms: u64) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.rng.chance(0.4) {
            faults.push(self.bad_weather());
        }
        let mut ms = election_ms * 2;
        while ms < self.safety_ms {
            let length = log_uniform(&mut self.rng, election_ms, election_ms * 5);
            let when = self.occasion(ms);
            if self.rng.chance(0.2) {
                faults.push(self.crowd((ms + length / 4).min(self.safety_ms)));
            }
            if self.rng.chance(0.25) {
                faults.push(estrangement(ms, length));
            }
            if self.rng.chance(0.3) {
                faults.push(self.stumble(when.clone()));
            }
            if self.rng.chance(0.2) {
                faults.push(self.reshuffle(ms));
            }
            faults.push(Fault {
                when,
                what: self.fall(),
                until: Until::After { ms: length },
            });
            // From well before its return to a little after.
            ms += length * self.rng.between(4, 12) / 10;
        }
        faults
    }

    /// Links that are bad all the while, so that much is sent again.
    fn bad_weather(&mut self) -> Fault {
        Fault {
            when: When::At { ms: 0 },
            what: self.what(Kind::Links, Who::All),
            until: Until::Healed,
        }
    }

    /// At a time; or when the next leader has just been elected, or has got something done.
    fn occasion(&mut self, ms: u64) -> When {
        let event = match self.rng.below(4) {
            0 => Moment::Leader,
            1 => *self.rng.pick(&[Moment::Committed, Moment::Persisted]),
            _ => return When::At { ms },
        };
        When::Event {
            node: None,
            event,
            nth: match event {
                Moment::Leader => 1,
                _ => log_uniform(&mut self.rng, 1, 20),
            },
            from_ms: ms,
        }
    }

    /// How a leader goes. Mostly it goes on, and does not know.
    fn fall(&mut self) -> What {
        let who = Who::Leader;
        match self.rng.below(8) {
            0 => What::Crash { who },
            1 => What::PowerLoss { who },
            2 => What::Pause { who },
            3 => What::Partition {
                cut: Cut::Mute { side: who },
            },
            4 => What::Partition {
                cut: Cut::Deaf { side: who },
            },
            _ => What::Partition {
                cut: Cut::Split { side: who },
            },
        }
    }

    /// Another node starts again in the same moment, and may have forgotten what it has promised.
    fn stumble(&mut self, when: When) -> Fault {
        let nodes = self.nodes;
        let who = Who::Nodes(vec![NodeId(self.rng.between(1, nodes))]);
        Fault {
            when,
            what: What::Crash { who },
            until: Until::After {
                ms: self.rng.between(2, 60),
            },
        }
    }

    /// An operator changes the members as soon as there is a new leader, which may not know yet of a
    /// change that the one before had begun.
    fn reshuffle(&mut self, from_ms: u64) -> Fault {
        let who = Who::Nodes(vec![NodeId(self.rng.between(1, self.nodes))]);
        let what = match self.rng.chance(0.5) {
            true => What::Grow,
            false => What::Shrink { who },
        };
        Fault {
            when: When::Event {
                node: None,
                event: Moment::Leader,
                nth: 1,
                from_ms,
            },
            what,
            until: Until::Healed,
        }
    }

    /// Clients that come in the middle of it.
    fn crowd(&mut self, ms: u64) -> Fault {
        Fault {
            when: When::At { ms },
            what: What::Burst {
                clients: log_uniform(&mut self.rng, 1, 16),
                operations: self.rng.between(2, 10),
            },
            until: Until::Healed,
        }
    }
}

/// One of the others loses its leader before the rest do.
fn estrangement(ms: u64, length: u64) -> Fault {
    let side = Who::Leader;
    Fault {
        when: When::At {
            ms: ms.saturating_sub(length / 2),
        },
        what: What::Partition {
            cut: Cut::Single { side },
        },
        until: Until::After { ms: length },
    }
}
