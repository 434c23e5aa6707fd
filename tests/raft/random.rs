//! Schedules drawn at random: who takes the next step, which message arrives, what is lost.
//!
//! A seed draws first how a schedule is tempered (how often the network loses and repeats, how slow
//! the disks are, how often power fails), then its steps. After the steps comes peace, in which the
//! cluster must find a leader, commit a command, and bring every replica to the same end.

use bytes::Bytes;
use sisyphus::raft::RoleName;
use sisyphus::rng::Rng;
use sisyphus::types::NodeId;

use crate::cluster::Cluster;
use crate::oracle::Tally;

/// Steps of a schedule before peace.
const STEPS: usize = 1200;
/// Rounds of peace in which a cluster must have recovered.
const PEACE_ROUNDS: usize = 300;
/// The network holds no more messages: the oldest are lost.
const NETWORK_MAX: usize = 60;

/// How a schedule is tempered: relative weights of the steps, and probabilities.
struct Temper {
    weights: [(Step, u64); 10],
    lose: f64,
    repeat: f64,
    reorder: f64,
}

/// The kinds of steps.
#[derive(Clone, Copy, Debug)]
enum Step {
    Deliver,
    Tick,
    Propose,
    Read,
    Persist,
    Flush,
    Crash,
    Start,
    Partition,
    Transfer,
}

impl Temper {
    fn draw(rng: &mut Rng) -> Self {
        // Each kind of trouble is absent from half of the schedules.
        let mut trouble = |most: u64| {
            if rng.chance(0.5) {
                rng.below(most) + 1
            } else {
                0
            }
        };
        let (crash, partition) = (trouble(8), trouble(6));
        let (lose, repeat) = (trouble(30), trouble(30));
        let weights = [
            (Step::Deliver, 300),
            (Step::Tick, rng.between(20, 200)),
            (Step::Propose, rng.between(5, 60)),
            (Step::Read, rng.between(5, 30)),
            (Step::Persist, rng.between(30, 300)),
            (Step::Flush, rng.below(30)),
            (Step::Crash, crash),
            (Step::Start, 20),
            (Step::Partition, partition),
            (Step::Transfer, 10),
        ];
        Temper {
            weights,
            lose: lose as f64 / 100.0,
            repeat: repeat as f64 / 100.0,
            reorder: rng.unit(),
        }
    }

    fn step(&self, rng: &mut Rng) -> Step {
        let total = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut left = rng.below(total);
        for (step, weight) in self.weights {
            match left.checked_sub(weight) {
                Some(rest) => left = rest,
                None => return step,
            }
        }
        unreachable!("the draw is below the sum of the weights")
    }
}

/// A cluster under a schedule.
struct Run {
    cluster: Cluster,
    rng: Rng,
    temper: Temper,
    commands: u64,
}

impl Run {
    fn new(voters: u64, seed: u64) -> Self {
        let mut rng = Rng::new(seed).fork("schedule");
        let mut cluster = Cluster::new(voters, seed, |_| {});
        cluster.ids().into_iter().for_each(|id| cluster.start(id));
        Run {
            cluster,
            temper: Temper::draw(&mut rng),
            rng,
            commands: 0,
        }
    }

    fn step(&mut self) {
        let ids = self.cluster.ids();
        let step = self.temper.step(&mut self.rng);
        let mut id = *self.rng.pick(&ids);
        if matches!(step, Step::Propose | Step::Read) && self.rng.chance(0.7) {
            id = self.cluster.some_leader().unwrap_or(id);
        }
        match step {
            Step::Deliver => self.deliver(),
            Step::Tick => self.cluster.tick(id),
            Step::Propose => self.propose(id),
            Step::Read => {
                self.cluster.read(id);
            }
            Step::Persist => self.cluster.persisted(id),
            Step::Flush => {
                let kept = self.rng.below(6);
                self.cluster.flush(id, kept);
            }
            Step::Crash => {
                let written = self.rng.chance(0.5).then(|| self.rng.below(5) as usize);
                self.cluster.crash(id, written);
            }
            Step::Start => self.cluster.start(id),
            Step::Partition => self.partition(),
            Step::Transfer => self.end_transfer(),
        }
        // A busy node comes to take what is ready only now and then.
        if self.rng.chance(0.8) {
            let apply_bytes = self.rng.below(200) as usize;
            let pumped = *self.rng.pick(&ids);
            self.cluster.pump(pumped, apply_bytes);
            self.cluster.pump(id, apply_bytes);
        }
        let excess = self.cluster.network.len().saturating_sub(NETWORK_MAX);
        self.cluster.network.drain(..excess);
    }

    fn deliver(&mut self) {
        let waiting = self.cluster.network.len() as u64;
        if waiting == 0 {
            return;
        }
        let reorder = self.rng.chance(self.temper.reorder);
        let at = if reorder { self.rng.below(waiting) } else { 0 };
        let message = self.cluster.network.remove(at as usize);
        if self.rng.chance(self.temper.repeat) {
            self.cluster.network.push(message.clone());
        }
        let to = message.to;
        if !self.rng.chance(self.temper.lose) {
            self.cluster.deliver(message);
            self.cluster.pump(to, 100);
        }
    }

    fn propose(&mut self, id: NodeId) {
        self.commands += 1;
        let data = Bytes::from(format!("command {}", self.commands));
        self.cluster.propose(id, data);
    }

    fn partition(&mut self) {
        self.cluster.sides.clear();
        if self.rng.chance(0.7) {
            for id in self.cluster.ids() {
                self.cluster.sides.insert(id, self.rng.below(2) as u8);
            }
        }
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
        let status = |r: &crate::cluster::Replica| Some(r.raft.as_ref()?.status());
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
    (0..STEPS).for_each(|_| run.step());
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
    assert!(all.committed > 8 * count, "{all:?}");
    assert!(all.reads > 4 * count, "{all:?}");
}

#[test]
fn one_or_two_voters_survive_random_schedules() {
    schedules(1, 200);
    schedules(2, 300);
}

#[test]
fn three_voters_survive_random_schedules() {
    schedules(3, 2000);
}

#[test]
fn five_voters_survive_random_schedules() {
    schedules(5, 800);
}
