//! A schedule from its seed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sisyphus::raft::{Aim, Body, Change, Membership, Message, PRIORITY_MAX, Raft, RoleName};
use sisyphus::rng::Rng;
use sisyphus::types::NodeId;

use super::weather::Weather;
use crate::cluster::{Cluster, TICK_US};
use crate::oracle::Tally;

/// Phases of a schedule before peace, and the most rounds of one.
const PHASES: usize = 12;
const ROUNDS_MAX: u64 = 20;
/// Rounds of peace in which a cluster must have recovered.
const PEACE_ROUNDS: usize = 300;
/// Rounds after that, in which nothing may happen: more than a replica of the lowest priority waits.
const CALM_ROUNDS: usize = 12;
/// How often a message of a slow kind stays another round.
const SLOWNESS: f64 = 0.85;
/// The network holds no more messages: the oldest are lost.
const NETWORK_MAX: usize = 200;

/// How many voters a schedule has: what three cannot show, five do; one and two are edges.
const VOTERS: [u64; 20] = [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 5, 5, 4, 2, 2, 1];

/// What the replicas of half of the schedules believe of clocks: off by a tenth at most, in millionths.
const DRIFT_PPM: u32 = 100_000;

/// How wrong clocks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clocks {
    /// Within the bound that replicas count on.
    Sound,
    /// Up to five times too fast or twenty times too slow, and every leader uses leases.
    Lying,
}

/// Runs the schedule of `seed`; `aloud` says on the way what happens.
pub fn run(seed: u64, clocks: Clocks, aloud: bool) -> Tally {
    let mut run = Run::new(seed, clocks, aloud);
    (0..PHASES).for_each(|_| run.phase());
    run.peace();
    run.cluster.oracle.tally
}

/// A cluster under a schedule.
struct Run {
    cluster: Cluster,
    rng: Rng,
    weather: Weather,
    commands: u64,
    /// Whether members change in this schedule.
    changing: bool,
    clocks: Clocks,
}

impl Run {
    fn new(seed: u64, clocks: Clocks, aloud: bool) -> Self {
        let mut rng = Rng::new(seed).fork("schedule");
        let voters = *rng.pick(&VOTERS);
        let (append_bytes_max, inflight_max) = (rng.below(200), rng.between(1, 4));
        let uncommitted_bytes_max = rng.between(100, 1000);
        let inflight_bytes_max = rng.between(1, 400);
        // Half of the schedules are about a fixed group.
        let spare = rng.below(2) * rng.between(1, 3);
        let unwilling = rng.chance(0.2);
        let mut willing = rng.fork("priority");
        let leases = clocks == Clocks::Lying || rng.fork("leases").chance(0.5);
        let mut cluster = Cluster::new(voters, spare, seed, |config| {
            config.append_bytes_max = append_bytes_max as usize;
            config.inflight_max = inflight_max as usize;
            config.inflight_bytes_max = inflight_bytes_max as usize;
            config.uncommitted_bytes_max = uncommitted_bytes_max as usize;
            if leases {
                config.lease_drift_ppm = Some(DRIFT_PPM);
                config.promise_us = u64::from(config.election_ticks - 1) * TICK_US;
            }
            if unwilling {
                config.priority = willing.between(0, u64::from(PRIORITY_MAX)) as u8;
            }
        });
        cluster.aloud = aloud.then(BTreeMap::new);
        cluster.oracle.clocks_lie = clocks == Clocks::Lying;
        cluster.ids().into_iter().for_each(|id| cluster.start(id));
        Run {
            weather: Weather::draw(&mut rng, &[]),
            cluster,
            rng,
            commands: 0,
            changing: spare > 0,
            clocks,
        }
    }

    fn phase(&mut self) {
        let ids = self.cluster.ids();
        self.weather = Weather::draw(&mut self.rng, &ids);
        self.cluster.sides.clear();
        match self.rng.below(6) {
            0 => self.split(&ids),
            1 => self.cut_off_a_leader(),
            2 => self.crash_a_leader(),
            _ => {}
        }
        self.set_clocks(&ids);
        for id in &ids {
            if self.rng.chance(0.02) && self.may_damage() {
                let count = self.rng.below(5) as usize;
                self.cluster.damage(*id, count);
            } else if self.rng.chance(0.08) {
                self.crash(*id);
            } else if self.rng.chance(0.7) {
                self.cluster.start(*id);
            }
        }
        for _ in 0..self.rng.between(1, ROUNDS_MAX) {
            self.round(&ids);
        }
        self.cluster.observe_all();
    }

    /// Some clocks go by another pace from now on.
    fn set_clocks(&mut self, ids: &[NodeId]) {
        let now_us = self.cluster.now_us;
        let bound = i64::from(DRIFT_PPM);
        let paces = match self.clocks {
            Clocks::Sound => [-bound, -bound / 3, 0, bound / 2, bound],
            Clocks::Lying => [-950_000, 0, 1_000_000, 4_000_000, 4_000_000],
        };
        for id in ids {
            if self.rng.chance(0.5) {
                let pace = *self.rng.pick(&paces);
                let replica = self.cluster.replicas.get_mut(id);
                replica.expect("a replica").clock.pace(now_us, pace);
            }
        }
    }

    /// Whether a disk may lose entries. One at a time, and in a group that stays as it is: if a
    /// majority is not whole, or becomes so by a change, nobody may ever lead again.
    fn may_damage(&self) -> bool {
        let replicas = &self.cluster.replicas;
        let whole = replicas.values().all(|replica| !replica.image.damaged);
        whole && !self.changing && replicas.len() >= 3
    }

    fn split(&mut self, ids: &[NodeId]) {
        for id in ids {
            self.cluster.sides.insert(*id, self.rng.below(2) as u8);
        }
    }

    /// The most fruitful trouble: a leader that does not know that it is none any more.
    fn cut_off_a_leader(&mut self) {
        if let Some(leader) = self.draw_leader() {
            self.cluster.sides.insert(leader, 1);
            if self.rng.chance(0.5) {
                // Its clients and those of its successor would notice what it does not know.
                self.weather.serve_everybody();
            }
            if self.rng.chance(0.5) {
                self.weather.asleep = BTreeSet::from([leader]);
            }
        }
    }

    /// What it sent is still under way, and some of it is on fewer disks than it should be.
    fn crash_a_leader(&mut self) {
        if let Some(leader) = self.draw_leader() {
            self.crash(leader);
        }
    }

    fn draw_leader(&mut self) -> Option<NodeId> {
        let leaders = self.cluster.leaders();
        (!leaders.is_empty()).then(|| *self.rng.pick(&leaders))
    }

    fn crash(&mut self, id: NodeId) {
        let written = self.rng.chance(0.5).then(|| self.rng.below(4) as usize);
        self.cluster.crash(id, written);
    }

    fn round(&mut self, ids: &[NodeId]) {
        for id in ids {
            // In what happens to one replica after the other, time passes.
            let step_us = self.weather.round_us / ids.len() as u64;
            self.cluster.now_us += self.rng.between(0, step_us);
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
        if self.changing && self.rng.chance(self.weather.change) {
            let changes = self.draw_changes(id);
            self.cluster.change(id, &changes);
        }
        if self.rng.chance(self.weather.hand_over) {
            let to = self.rng.chance(0.5).then(|| self.draw_id());
            self.cluster.hand_over(id, to);
        }
    }

    fn draw_id(&mut self) -> NodeId {
        let count = self.cluster.replicas.len() as u64;
        NodeId(self.rng.between(1, count))
    }

    /// One change or several at once, as a replica might be asked for; some make no sense.
    fn draw_changes(&mut self, id: NodeId) -> Vec<Change> {
        let raft = self.cluster.raft(id);
        let membership = raft.map(|raft| raft.membership().clone());
        let membership = membership.unwrap_or_default();
        let count = self.rng.between(1, 3);
        (0..count).map(|_| self.draw_change(&membership)).collect()
    }

    fn draw_change(&mut self, membership: &Membership) -> Change {
        let id = self.draw_id();
        let choice = self.rng.below(5);
        if membership.voters.contains(&id) {
            return match choice {
                0 => Change::Demote(id),
                _ => Change::Remove(id),
            };
        }
        match choice {
            0 => Change::AddLearner(id, Aim::Replace(self.draw_id())),
            1 => Change::AddLearner(id, Aim::Stay),
            2 => Change::AddLearner(id, Aim::Vote),
            3 => Change::Remove(id),
            _ => Change::AddVoter(id),
        }
    }

    /// A node that is busy takes what is ready only now and then.
    fn pump(&mut self, id: NodeId) {
        if self.rng.chance(0.9) {
            let apply_bytes = self.rng.below(200) as usize;
            let tell = self.rng.chance(0.3);
            self.cluster.pump(id, apply_bytes, tell);
        }
    }

    /// The messages that arrive in this round; those that do not and are not lost stay.
    fn arriving(&mut self) -> Vec<Message> {
        let mut arriving = Vec::new();
        for message in std::mem::take(&mut self.cluster.network) {
            let connected = self.cluster.is_connected(message.from, message.to);
            if (!connected && self.weather.hold) || self.is_late(&message) {
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

    fn is_late(&mut self, message: &Message) -> bool {
        let slow = self.weather.slow == Some(message.body.kind());
        self.rng.chance(self.weather.delay) || slow && self.rng.chance(SLOWNESS)
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
        self.cluster.now_us += TICK_US;
        for id in self.cluster.ids() {
            self.cluster.start(id);
            self.cluster.tick(id);
            self.cluster.pump(id, 1000, false);
            self.cluster.persisted(id);
            self.cluster.pump(id, 1000, false);
        }
        for message in std::mem::take(&mut self.cluster.network) {
            self.cluster.deliver(message);
        }
        for transfer in std::mem::take(&mut self.cluster.transfers) {
            self.cluster.end_transfer(transfer, true);
        }
    }

    /// Whether all members have applied all that there is, and nothing is left to change.
    fn is_settled(&mut self) -> bool {
        let end = self.cluster.oracle.committed();
        let replicas = &self.cluster.replicas;
        let leads = |raft: &&Raft| raft.brief().role == RoleName::Leader;
        let mut leaders = replicas
            .values()
            .filter_map(|r| r.raft.as_ref().filter(leads));
        let (Some(leader), None) = (leaders.next(), leaders.next()) else {
            return false;
        };
        let membership = leader.membership();
        let has_all = |id: NodeId| {
            let status = replicas[&id].raft.as_ref().map(Raft::brief);
            status.is_some_and(|s| s.applied == end && s.last.index == end)
        };
        let wishes = |aim: &Aim| *aim != Aim::Stay;
        !leader.is_handing_over()
            && !membership.is_joint()
            && !membership.learners.values().any(wishes)
            && membership.voters.contains(&leader.brief().id)
            && membership.members().into_iter().all(has_all)
    }

    /// Liveness: when the trouble is over, a command gets through and every member has it.
    fn peace(&mut self) {
        self.cluster.say(|| "peace".into());
        self.cluster.sides.clear();
        let now_us = self.cluster.now_us;
        for replica in self.cluster.replicas.values_mut() {
            replica.clock.pace(now_us, 0);
        }
        let mut proposed = false;
        for _ in 0..PEACE_ROUNDS {
            self.round_of_peace();
            if !proposed && self.is_settled() {
                for id in self.cluster.ids() {
                    let taken = self.cluster.propose(id, Bytes::from("peace"));
                    proposed |= matches!(taken, Some(Ok(_)));
                }
            } else if proposed && self.is_settled() {
                return self.calm();
            }
        }
        let replicas = self.cluster.replicas.values();
        for raft in replicas.filter_map(|r| r.raft.as_ref()) {
            eprintln!("{:?}", raft.status());
        }
        panic!("the cluster does not recover");
    }

    /// Nobody deposes a leader that everybody hears, least of all who is no member any more.
    fn calm(&mut self) {
        let leaders = self.cluster.leaders();
        (0..CALM_ROUNDS).for_each(|_| self.round_of_peace());
        assert_eq!(self.cluster.leaders(), leaders, "a leader is disturbed");
    }
}
