//! From a seed to a plan.

use sisyphus::{config::Limits, rng::Rng, types::NodeId};

use super::{
    Cut, DiskModel, Fault, LinkModel, Moment, Plan, Until, VERSION, What, When, Who, Workload,
};
use crate::draw::{Stream, draw, log_uniform};

/// Each part of a plan is drawn on its own: a new kind of fault does not change the workloads of old seeds.
const PLAN: Stream = Stream::new("plan");

/// A kind of fault that a run has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Crash,
    PowerLoss,
    Blackout,
    Pause,
    Split,
    OneWay,
    Links,
    Disks,
    Clock,
}

const KINDS: [Kind; 9] = [
    Kind::Crash,
    Kind::PowerLoss,
    Kind::Blackout,
    Kind::Pause,
    Kind::Split,
    Kind::OneWay,
    Kind::Links,
    Kind::Disks,
    Kind::Clock,
];

/// The most faults of one kind in a run.
const FAULTS_PER_KIND_MAX: u64 = 8;

pub(super) fn plan(seed: u64) -> Plan {
    let part = |number| draw(seed, PLAN, number);
    let mut shape = part(0);
    let nodes = *shape.pick(&[1, 2, 3, 3, 3, 3, 3, 3, 4, 5, 5]);
    let safety_ms = shape.between(1_500, 3_500);
    let mut plan = Plan {
        version: VERSION,
        seed,
        nodes,
        limits: limits(&mut part(1)),
        disk: disk(&mut part(2)),
        link: link(&mut part(3)),
        workload: workload(&mut part(4)),
        safety_ms,
        liveness_ms: 5_000,
        faults: Vec::new(),
    };
    for kind in kinds(&mut part(5)) {
        let mut rng = part(16 + kind as u64);
        for _ in 0..log_uniform(&mut rng, 1, FAULTS_PER_KIND_MAX) {
            plan.faults.push(fault(kind, &plan, &mut rng));
        }
    }
    plan
}

/// Which kinds of faults the run has: none in one run of five, a single one in one of ten.
fn kinds(rng: &mut Rng) -> Vec<Kind> {
    match rng.below(10) {
        0 | 1 => Vec::new(),
        2 => vec![*rng.pick(&KINDS)],
        _ => KINDS.into_iter().filter(|_| rng.chance(0.5)).collect(),
    }
}

/// Tiny bounds, so that what is rare in production happens several times a second.
fn limits(rng: &mut Rng) -> Limits {
    Limits {
        memtable_bytes: log_uniform(rng, 1 << 10, 16 << 10) as usize,
        table_bytes: log_uniform(rng, 1 << 10, 16 << 10) as usize,
        level0_tables_max: rng.between(2, 4) as usize,
        segment_bytes: log_uniform(rng, 4 << 10, 64 << 10) as usize,
        log_entries_kept: log_uniform(rng, 5, 200),
        append_bytes_max: log_uniform(rng, 512, 16 << 10) as usize,
        ..Limits::test_min()
    }
}

fn disk(rng: &mut Rng) -> DiskModel {
    let sync_us_max = log_uniform(rng, 500, 8_000);
    DiskModel {
        sync_us_min: sync_us_max / *rng.pick(&[1, 2, 10]),
        sync_us_max,
        stall_ppm: *rng.pick(&[0, 0, 1_000, 20_000]),
        stall_us_max: log_uniform(rng, 1_000, 20_000),
    }
}

/// A link that does nothing bad on purpose.
fn link(rng: &mut Rng) -> LinkModel {
    let delay_us_max = log_uniform(rng, 500, 10_000);
    LinkModel {
        delay_us_min: delay_us_max / *rng.pick(&[1, 2, 10]),
        delay_us_max,
        loss_ppm: 0,
        duplicate_ppm: 0,
        detour_ppm: 0,
        detour_us_max: 0,
    }
}

fn workload(rng: &mut Rng) -> Workload {
    let clients = rng.between(1, 8);
    let total = rng.between(80, 200);
    Workload {
        clients,
        operations: total / clients,
        keys: log_uniform(rng, 1, 20),
        puts: rng.between(1, 5),
        gets: rng.between(1, 5),
        deletes: rng.between(0, 2),
        swaps: rng.between(0, 3),
        value_bytes_max: log_uniform(rng, 16, 512),
        think_ms_max: log_uniform(rng, 5, 100),
        timeout_ms: log_uniform(rng, 100, 1_000),
        lost_answer_ppm: *rng.pick(&[0, 10_000, 100_000]),
        retries: rng.between(0, 3),
    }
}

fn fault(kind: Kind, plan: &Plan, rng: &mut Rng) -> Fault {
    let on_event = match kind {
        Kind::Crash | Kind::PowerLoss | Kind::Blackout => rng.chance(0.5),
        Kind::Pause | Kind::Split | Kind::OneWay => rng.chance(0.25),
        Kind::Links | Kind::Disks | Kind::Clock => false,
    };
    let when = if on_event {
        event(plan, rng)
    } else {
        When::At {
            ms: rng.below(plan.safety_ms),
        }
    };
    let what = what(kind, plan, on_event, rng);
    Fault {
        when,
        what,
        until: until(kind, rng),
    }
}

fn event(plan: &Plan, rng: &mut Rng) -> When {
    let event = *rng.pick(&Moment::ALL);
    let often = match event {
        Moment::Leader | Moment::SnapshotInstalled => 3,
        Moment::VoteSent | Moment::Renamed | Moment::DirSynced => 20,
        _ => 200,
    };
    When::Event {
        node: rng.chance(0.5).then(|| node(plan, rng)),
        event,
        nth: log_uniform(rng, 1, often),
    }
}

fn what(kind: Kind, plan: &Plan, on_event: bool, rng: &mut Rng) -> What {
    match kind {
        Kind::Crash => What::Crash {
            who: one(plan, on_event, rng),
        },
        Kind::PowerLoss => What::PowerLoss {
            who: one(plan, on_event, rng),
        },
        Kind::Blackout => What::PowerLoss {
            who: several(plan, rng),
        },
        Kind::Pause => What::Pause {
            who: one(plan, on_event, rng),
        },
        Kind::Split => What::Partition {
            cut: Cut::Split {
                side: side(plan, on_event, rng),
            },
        },
        Kind::OneWay => {
            let side = side(plan, on_event, rng);
            What::Partition {
                cut: match rng.chance(0.5) {
                    true => Cut::Mute { side },
                    false => Cut::Deaf { side },
                },
            }
        }
        Kind::Links => What::Links {
            who: several(plan, rng),
            link: bad_link(rng),
        },
        Kind::Disks => What::Disks {
            who: one(plan, on_event, rng),
            disk: slow_disk(rng),
        },
        Kind::Clock => What::Clock {
            who: one(plan, on_event, rng),
            offset_ms: rng.between(0, 20_000) as i64 - 10_000,
            drift_ppm: rng.between(0, 400_000) as i64 - 200_000,
        },
    }
}

/// One node: mostly the one where it happens or the leader, because there is most to break.
fn one(plan: &Plan, on_event: bool, rng: &mut Rng) -> Who {
    match rng.below(4) {
        0 | 1 if on_event => Who::Struck,
        0 => Who::Leader,
        _ => Who::Nodes(vec![node(plan, rng)]),
    }
}

/// All nodes, or each with p = 1/2.
fn several(plan: &Plan, rng: &mut Rng) -> Who {
    if rng.chance(0.5) {
        return Who::All;
    }
    Who::Nodes(plan.node_ids().filter(|_| rng.chance(0.5)).collect())
}

/// One side of a cut.
fn side(plan: &Plan, on_event: bool, rng: &mut Rng) -> Who {
    match rng.chance(0.5) {
        true => one(plan, on_event, rng),
        false => Who::Nodes(plan.node_ids().filter(|_| rng.chance(0.5)).collect()),
    }
}

fn node(plan: &Plan, rng: &mut Rng) -> NodeId {
    NodeId(rng.between(1, plan.nodes))
}

fn bad_link(rng: &mut Rng) -> LinkModel {
    let rate = |rng: &mut Rng| match rng.chance(0.5) {
        true => log_uniform(rng, 500, 500_000) as u32,
        false => 0,
    };
    let delay_us_max = log_uniform(rng, 1_000, 150_000);
    LinkModel {
        delay_us_min: delay_us_max / *rng.pick(&[1, 10, 1_000]),
        delay_us_max,
        loss_ppm: rate(rng),
        duplicate_ppm: rate(rng),
        detour_ppm: rate(rng),
        detour_us_max: log_uniform(rng, 2_000, 500_000),
    }
}

fn slow_disk(rng: &mut Rng) -> DiskModel {
    let sync_us_max = log_uniform(rng, 10_000, 1_000_000);
    DiskModel {
        sync_us_min: sync_us_max / *rng.pick(&[1, 10, 100]),
        sync_us_max,
        stall_ppm: *rng.pick(&[0, 20_000, 200_000]),
        stall_us_max: log_uniform(rng, 1_000, 100_000),
    }
}

fn until(kind: Kind, rng: &mut Rng) -> Until {
    let longest = match kind {
        Kind::Crash | Kind::PowerLoss | Kind::Blackout => 800,
        Kind::Pause => 1_000,
        Kind::Split | Kind::OneWay => 1_500,
        Kind::Links | Kind::Disks | Kind::Clock => 2_000,
    };
    match rng.chance(0.1) {
        true => Until::Healed,
        false => Until::After {
            ms: log_uniform(rng, 2, longest),
        },
    }
}
