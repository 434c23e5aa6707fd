//! From a seed to a plan.

use sisyphus::{config::Limits, rng::Rng};

use super::{
    DiskModel, Fault, LinkModel, Plan, VERSION, What, Workload,
    faults::{Draws, victim},
};
use crate::draw::{Stream, draw, log_uniform};

/// Each part of a plan is drawn on its own: a new kind of fault does not change the workloads of old seeds.
const PLAN: Stream = Stream::new("plan");

/// A kind of fault that a run has or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Crash,
    PowerLoss,
    Blackout,
    Pause,
    Split,
    OneWay,
    Links,
    Disks,
    Clock,
    Failing,
    Resign,
    Replace,
    Shape,
    Corrupt,
    WriteErrors,
    ReadErrors,
    Stuck,
    Rot,
    Lost,
    Misdirected,
    Lead,
    Members,
    Reconfigure,
    Burst,
    Wipe,
}

const KINDS: [Kind; 25] = [
    Kind::Crash,
    Kind::PowerLoss,
    Kind::Blackout,
    Kind::Pause,
    Kind::Split,
    Kind::OneWay,
    Kind::Links,
    Kind::Disks,
    Kind::Clock,
    Kind::Failing,
    Kind::Resign,
    Kind::Replace,
    Kind::Shape,
    Kind::Corrupt,
    Kind::WriteErrors,
    Kind::ReadErrors,
    Kind::Stuck,
    Kind::Rot,
    Kind::Lost,
    Kind::Misdirected,
    Kind::Lead,
    Kind::Members,
    Kind::Reconfigure,
    Kind::Burst,
    Kind::Wipe,
];

/// The kinds that destroy.
const DESTRUCTIVE: [Kind; 3] = [Kind::Rot, Kind::Lost, Kind::Misdirected];

/// About as many operations as a run is to have; more of them make the checker search longer, and
/// find little that fewer in a shorter time do not.
const OPERATIONS_MAX: u64 = 2_000;

/// The share of runs whose clients do not speak gRPC, which is dear.
const DIRECT: f64 = 0.875;

/// The most faults of one kind in a run.
const FAULTS_PER_KIND_MAX: u64 = 12;

pub(super) fn plan(seed: u64) -> Plan {
    let part = |number| draw(seed, PLAN, number);
    let mut shape = part(0);
    let nodes = *shape.pick(&[1, 2, 3, 3, 3, 3, 3, 3, 4, 5, 5]);
    let safety_ms = shape.between(3_000, 6_000);
    let mut plan = Plan {
        version: VERSION,
        seed,
        order: None,
        nodes,
        limits: limits(&mut part(1)),
        disk: disk(&mut part(2)),
        link: link(&mut part(3)),
        workload: workload(&mut part(4), safety_ms),
        script: None,
        safety_ms,
        liveness_ms: 5_000,
        beyond: part(11).chance(0.02),
        images: *part(12).pick(&[0, 0, 0, 0, 1, 1, 2, 4]),
        closely: false,
        faults: Vec::new(),
        // A quarter of the places are active in such a run.
        buggify: part(11).chance(0.5),
        reseed: None,
    };
    let victim = victim(&mut part(6), nodes);
    let draws = |number| Draws {
        rng: part(number),
        nodes,
        safety_ms,
        victim: victim.clone(),
        limits: plan.limits.clone(),
    };
    plan.workload.direct = part(15).chance(DIRECT);
    let mut kinds = kinds(&mut part(5));
    if plan.beyond {
        kinds.retain(|kind| !DESTRUCTIVE.contains(kind));
        kinds.extend(DESTRUCTIVE);
    }
    let election_ms = plan.limits.tick_ms * u64::from(plan.limits.election_ticks);
    plan.faults = match part(7).chance(0.5) {
        _ if nodes >= 3 && !kinds.is_empty() && part(13).chance(0.15) => {
            draws(14).coups(election_ms)
        }
        true => spells(draws(8), &kinds, election_ms),
        false => storm(draws, &kinds),
    };
    if part(9).chance(0.5) {
        read_by_leases(&mut plan);
    }
    plan
}

/// Half of the runs trust clocks. In them clocks are wrong by a tenth of what they are elsewhere, never leap, and
/// the nodes are told by how much they are wrong; the time of day may be anything.
fn read_by_leases(plan: &mut Plan) {
    for fault in &mut plan.faults {
        if let What::Clock {
            drift_ppm, leap_ms, ..
        } = &mut fault.what
        {
            *drift_ppm /= 10;
            *leap_ms = 0;
        }
    }
    plan.limits.lease_reads = true;
    plan.limits.clock_drift_ppm_max = plan.drift_ppm_max() as u32;
}

/// Faults of all kinds at any time, over and in each other.
fn storm(draws: impl Fn(u64) -> Draws, kinds: &[Kind]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for kind in kinds {
        let mut draws = draws(16 + *kind as u64);
        for _ in 0..log_uniform(&mut draws.rng, 1, FAULTS_PER_KIND_MAX) {
            faults.extend(draws.faults(*kind));
        }
    }
    faults
}

/// One trouble after the other, with rest between. In a storm there is often no leader at all and
/// clients get nothing done; here the cluster gets over each trouble before the next, and what went
/// wrong meanwhile is seen. Times are measured by the patience of the nodes: some troubles pass
/// unnoticed, most last for an election, some for several.
fn spells(mut draws: Draws, kinds: &[Kind], election_ms: u64) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut ms = election_ms * 2;
    while !kinds.is_empty() && ms < draws.safety_ms {
        let kind = *draws.rng.pick(kinds);
        let length = log_uniform(&mut draws.rng, election_ms / 2, election_ms * 6);
        faults.extend(draws.spell(kind, ms, length));
        ms += length + log_uniform(&mut draws.rng, election_ms / 2, election_ms * 4);
    }
    faults
}

/// Which kinds of faults the run has: none in one run of five, a single one in one of ten, else each with
/// p = 1/2 or 1/5: there are many, and with half of them at once little gets done.
fn kinds(rng: &mut Rng) -> Vec<Kind> {
    let share = *rng.pick(&[0.5, 0.2, 0.2]);
    match rng.below(10) {
        0 | 1 => Vec::new(),
        2 => vec![*rng.pick(&KINDS)],
        _ => KINDS.into_iter().filter(|_| rng.chance(share)).collect(),
    }
}

/// Tiny bounds, so that what is rare in production happens several times a second; and patience of
/// all lengths, because some bugs need leaders that change often and some need one that lingers.
pub(super) fn limits(rng: &mut Rng) -> Limits {
    let tick_ms = *rng.pick(&[10, 25, 25, 50]);
    let election_ticks = log_uniform(rng, 100, 500).div_ceil(tick_ms).max(4);
    Limits {
        tick_ms,
        heartbeat_ticks: rng.between(1, 2) as u32,
        election_ticks: election_ticks as u32,
        memtable_bytes: log_uniform(rng, 1 << 10, 16 << 10) as usize,
        table_bytes: log_uniform(rng, 1 << 10, 16 << 10) as usize,
        level0_tables_max: rng.between(2, 4) as usize,
        segment_bytes: log_uniform(rng, 4 << 10, 64 << 10) as usize,
        log_entries_kept: log_uniform(rng, 1, 200),
        log_bytes_kept: log_uniform(rng, 1 << 10, 64 << 10),
        append_bytes_max: log_uniform(rng, 1 << 10, 16 << 10) as usize,
        // What is in memory is not read again, and nobody sees what has become of it on the drive.
        cache_bytes: *rng.pick(&[0, 0, 16 << 10, 64 << 20]),
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
        corrupt_ppm: 0,
    }
}

/// Clients that stay busy until the time is over, if nothing holds them up.
fn workload(rng: &mut Rng, safety_ms: u64) -> Workload {
    // Rather more than fewer: some are always held up.
    let clients = rng.between(1, 8).max(rng.between(1, 8));
    // In some runs little is asked: logs that have not grown for a while are equal, and whoever has one may be elected.
    let think_ms_max = match rng.chance(0.15) {
        true => log_uniform(rng, 200, 2_000),
        false => log_uniform(rng, 2, 50).max(clients * safety_ms / OPERATIONS_MAX),
    };
    let registers = Workload {
        clients,
        operations: 2 * OPERATIONS_MAX / clients,
        keys: log_uniform(rng, 1, 20),
        puts: rng.between(1, 5),
        gets: rng.between(1, 5),
        deletes: rng.between(0, 2),
        swaps: rng.between(0, 3),
        value_bytes_max: log_uniform(rng, 16, 1_024),
        think_ms_max,
        timeout_ms: log_uniform(rng, 50, 800),
        readers_percent: *rng.pick(&[0, 25, 50, 50]),
        lost_answer_ppm: *rng.pick(&[0, 10_000, 100_000]),
        retries: rng.between(0, 3),
        ..Workload::default()
    };
    parts(rng, registers)
}

/// What clients do besides working on registers: nothing in two runs of five, else each thing with p = 1/2.
/// The weight of registers is about 9.
fn parts(rng: &mut Rng, registers: Workload) -> Workload {
    let only_registers = rng.chance(0.4);
    let mut weight = |most| match rng.chance(0.5) && !only_registers {
        true => rng.between(1, most),
        false => 0,
    };
    let (scans, stale) = (weight(4), weight(40));
    let (appends, rotations, transfers) = (weight(8), weight(8), weight(8));
    let bundles = weight(8);
    Workload {
        bundles,
        bundled: rng.between(2, 6),
        scans,
        stale_percent: stale,
        appends,
        lists: rng.between(1, 6),
        rotations,
        ring: rng.between(3, 8),
        transfers,
        accounts: rng.between(2, 6),
        ..registers
    }
}
