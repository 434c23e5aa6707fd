//! Schedules drawn at random: who takes the next step, which message arrives, what is lost.
//!
//! A schedule is a row of phases. Each draws its weather anew: who is cut off from whom, whose clock
//! stands, what the network loses, delays, repeats and reorders, how slow the disks are; and for
//! some the phase begins with a loss of power. It is the change of weather that finds mistakes: a
//! leader that is cut off, deposed, and comes back with its old messages still under way. After the
//! last phase comes peace, in which the cluster must find a leader, commit a command, and bring
//! every replica to the same end.

use std::collections::BTreeSet;

use bytes::Bytes;
use sisyphus::raft::{Body, Message, RoleName};
use sisyphus::rng::Rng;
use sisyphus::types::NodeId;

use crate::cluster::{Cluster, Replica};
use crate::oracle::Tally;

/// Phases of a schedule before peace, and the most rounds of one.
const PHASES: usize = 12;
const ROUNDS_MAX: u64 = 20;
/// Rounds of peace in which a cluster must have recovered.
const PEACE_ROUNDS: usize = 300;
/// The network holds no more messages: the oldest are lost.
const NETWORK_MAX: usize = 200;

/// What a phase is like: probabilities per round and replica, or per message.
struct Weather {
    /// Those whose clock stands: they lead on when others have given them up.
    asleep: BTreeSet<NodeId>,
    /// Messages between the sides of a partition wait for its end instead of being lost.
    hold: bool,
    lose: f64,
    /// Loses entries beyond that: leaders are elected and get nowhere, as in figure 8.
    lose_entries: f64,
    delay: f64,
    repeat: f64,
    persist: f64,
    propose: f64,
    read: f64,
    flush: f64,
    transfer: f64,
}

impl Weather {
    fn draw(rng: &mut Rng, ids: &[NodeId]) -> Self {
        let mut one_of = |choices: &[f64]| *rng.pick(choices);
        Weather {
            lose: one_of(&[0.0, 0.0, 0.1, 0.4]),
            lose_entries: one_of(&[0.0, 0.0, 0.0, 0.8]),
            delay: one_of(&[0.0, 0.0, 0.2, 0.7]),
            repeat: one_of(&[0.0, 0.0, 0.3]),
            persist: one_of(&[1.0, 0.8, 0.2]),
            propose: one_of(&[0.0, 0.1, 0.5]),
            read: one_of(&[0.0, 0.1, 0.5]),
            flush: one_of(&[0.0, 0.0, 0.2]),
            transfer: one_of(&[0.1, 0.5]),
            hold: rng.chance(0.5),
            asleep: ids.iter().copied().filter(|_| rng.chance(0.2)).collect(),
        }
    }
}

/// A cluster under a schedule.
struct Run {
    cluster: Cluster,
    rng: Rng,
    weather: Weather,
    commands: u64,
}

impl Run {
    fn new(voters: u64, seed: u64) -> Self {
        let mut rng = Rng::new(seed).fork("schedule");
        let (append_bytes_max, inflight_max) = (rng.below(200), rng.between(1, 4));
        let uncommitted_bytes_max = rng.between(100, 1000);
        let mut cluster = Cluster::new(voters, seed, |config| {
            config.append_bytes_max = append_bytes_max as usize;
            config.inflight_max = inflight_max as usize;
            config.uncommitted_bytes_max = uncommitted_bytes_max as usize;
        });
        cluster.ids().into_iter().for_each(|id| cluster.start(id));
        Run {
            weather: Weather::draw(&mut rng, &[]),
            cluster,
            rng,
            commands: 0,
        }
    }

    fn phase(&mut self) {
        let ids = self.cluster.ids();
        self.weather = Weather::draw(&mut self.rng, &ids);
        self.cluster.sides.clear();
        match self.rng.below(4) {
            0 => self.split(&ids),
            1 => self.cut_off_a_leader(),
            _ => {}
        }
        for id in &ids {
            if self.rng.chance(0.08) {
                let written = self.rng.chance(0.5).then(|| self.rng.below(4) as usize);
                self.cluster.crash(*id, written);
            } else if self.rng.chance(0.7) {
                self.cluster.start(*id);
            }
        }
        for _ in 0..self.rng.between(1, ROUNDS_MAX) {
            self.round(&ids);
        }
    }

    fn split(&mut self, ids: &[NodeId]) {
        for id in ids {
            self.cluster.sides.insert(*id, self.rng.below(2) as u8);
        }
    }

    /// The most fruitful trouble: a leader that does not know that it is none any more.
    fn cut_off_a_leader(&mut self) {
        let leaders = self.cluster.leaders();
        if !leaders.is_empty() {
            let leader = *self.rng.pick(&leaders);
            self.cluster.sides.insert(leader, 1);
            if self.rng.chance(0.5) {
                self.weather.asleep = BTreeSet::from([leader]);
            }
        }
    }

    fn round(&mut self, ids: &[NodeId]) {
        for id in ids {
            if !self.weather.asleep.contains(id) {
                self.cluster.tick(*id);
            }
            self.clients(*id);
            if self.rng.chance(self.weather.flush) {
                let kept = self.rng.below(6);
                self.cluster.flush(*id, kept);
            }
            self.pump(*id);
            if self.rng.chance(self.weather.persist) {
                self.cluster.persisted(*id);
                self.pump(*id);
            }
        }
        for message in self.arriving() {
            let to = message.to;
            self.cluster.deliver(message);
            self.pump(to);
        }
        if self.rng.chance(self.weather.transfer) {
            self.end_transfer();
        }
    }

    fn clients(&mut self, id: NodeId) {
        if self.rng.chance(self.weather.propose) {
            self.commands += 1;
            let data = Bytes::from(format!("command {}", self.commands));
            self.cluster.propose(id, data);
        }
        if self.rng.chance(self.weather.read) {
            self.cluster.read(id);
        }
    }

    /// A node that is busy takes what is ready only now and then.
    fn pump(&mut self, id: NodeId) {
        if self.rng.chance(0.9) {
            let apply_bytes = self.rng.below(200) as usize;
            self.cluster.pump(id, apply_bytes);
        }
    }

    /// The messages that arrive in this round; those that do not and are not lost stay.
    fn arriving(&mut self) -> Vec<Message> {
        let mut arriving = Vec::new();
        for message in std::mem::take(&mut self.cluster.network) {
            let connected = self.cluster.is_connected(message.from, message.to);
            if (!connected && self.weather.hold) || self.rng.chance(self.weather.delay) {
                self.cluster.network.push(message);
            } else if connected && !self.is_lost(&message) {
                if self.rng.chance(self.weather.repeat) {
                    self.cluster.network.push(message.clone());
                }
                arriving.push(message);
            }
        }
        let excess = self.cluster.network.len().saturating_sub(NETWORK_MAX);
        self.cluster.network.drain(..excess);
        if self.rng.chance(0.3) {
            self.rng.shuffle(&mut arriving);
        }
        arriving
    }

    fn is_lost(&mut self, message: &Message) -> bool {
        let has_entries = match &message.body {
            Body::Append { entries, .. } => !entries.is_empty(),
            _ => false,
        };
        let lose_entries = self.rng.chance(self.weather.lose_entries);
        self.rng.chance(self.weather.lose) || has_entries && lose_entries
    }

    fn end_transfer(&mut self) {
        let count = self.cluster.transfers.len() as u64;
        if count > 0 {
            let at = self.rng.below(count) as usize;
            let transfer = self.cluster.transfers.swap_remove(at);
            let ok = self.rng.chance(0.7);
            self.cluster.end_transfer(transfer, ok);
        }
    }

    /// One round of peace: everything works, and everybody has time.
    fn round_of_peace(&mut self) {
        for id in self.cluster.ids() {
            self.cluster.start(id);
            self.cluster.tick(id);
            self.cluster.pump(id, 1000);
            self.cluster.persisted(id);
            self.cluster.pump(id, 1000);
        }
        for message in std::mem::take(&mut self.cluster.network) {
            self.cluster.deliver(message);
        }
        for transfer in std::mem::take(&mut self.cluster.transfers) {
            self.cluster.end_transfer(transfer, true);
        }
    }

    /// Whether all replicas have applied all that there is.
    fn is_settled(&mut self) -> bool {
        let status = |r: &Replica| Some(r.raft.as_ref()?.status());
        let all: Option<Vec<_>> = self.cluster.replicas.values().map(status).collect();
        let Some(all) = all else { return false };
        let leads = all.iter().any(|s| s.role == RoleName::Leader);
        let end = self.cluster.oracle.committed();
        leads && all.iter().all(|s| s.applied == end && s.last.index == end)
    }

    /// Liveness: when the trouble is over, a command gets through and everybody has it.
    fn peace(&mut self) {
        self.cluster.sides.clear();
        let mut proposed = false;
        for _ in 0..PEACE_ROUNDS {
            self.round_of_peace();
            if !proposed && self.is_settled() {
                for id in self.cluster.ids() {
                    let taken = self.cluster.propose(id, Bytes::from("peace"));
                    proposed |= matches!(taken, Some(Ok(_)));
                }
            } else if proposed && self.is_settled() {
                return;
            }
        }
        let replicas = self.cluster.replicas.values();
        for raft in replicas.filter_map(|r| r.raft.as_ref()) {
            eprintln!("{:?}", raft.status());
        }
        panic!("the cluster does not recover");
    }
}

fn run(voters: u64, seed: u64) -> Tally {
    let mut run = Run::new(voters, seed);
    (0..PHASES).for_each(|_| run.phase());
    run.peace();
    run.cluster.oracle.tally
}

/// Names the schedule when a test dies in it.
struct Named(u64, u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Named(voters, seed) = self;
            eprintln!("schedule {seed} of {voters} voters failed: run({voters}, {seed})");
        }
    }
}

/// Runs schedules, and checks that they were not idle.
fn schedules(voters: u64, count: u64) {
    let mut all = Tally::default();
    for seed in 0..count {
        let _named = Named(voters, seed);
        all.add(&run(voters, seed));
    }
    eprintln!("{voters} voters: {all:?}");
    assert!(all.committed > 5 * count, "{all:?}");
    assert!(all.reads > 3 * count, "{all:?}");
}

#[test]
fn one_or_two_voters_survive_random_schedules() {
    schedules(1, 200);
    schedules(2, 300);
}

#[test]
fn three_voters_survive_random_schedules() {
    schedules(3, 3000);
}

#[test]
fn five_voters_survive_random_schedules() {
    schedules(5, 1000);
}
