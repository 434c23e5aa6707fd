use super::*;

#[test]
fn a_plan_survives_json_and_depends_on_its_seed_alone() {
    for seed in 0..200 {
        let plan = Plan::draw(seed);
        assert_eq!(Plan::parse(&plan.to_json()), Ok(plan.clone()));
        assert_eq!(Plan::draw(seed), plan);
    }
    assert_ne!(Plan::draw(1).faults, Plan::draw(2).faults);
}

#[test]
fn the_swarm_has_quiet_runs_and_every_kind_of_fault_and_moment() {
    let plans: Vec<Plan> = (0..2_000).map(Plan::draw).collect();
    let quiet = plans.iter().filter(|plan| plan.faults.is_empty()).count();
    assert!(
        (300..500).contains(&quiet),
        "{quiet} of 2000 without faults"
    );
    let grpc = plans.iter().filter(|plan| !plan.workload.direct).count();
    assert!((200..300).contains(&grpc), "{grpc} of 2000 over gRPC");

    let json: String = plans.iter().map(Plan::to_json).collect();
    for kind in [
        "crash",
        "power-loss",
        "pause",
        "links",
        "disks",
        "clock",
        "failing",
        "stuck",
        "damage",
        "resign",
        "lead",
        "replace",
        "grow",
        "shrink",
        "reconfigure",
        "burst",
    ] {
        assert!(json.contains(&format!("\"kind\": \"{kind}\"")), "{kind}");
    }
    for how in ["flip", "garbage", "lost", "misdirected"] {
        assert!(json.contains(&format!("\"how\": \"{how}\"")), "{how}");
    }
    for shape in [
        "split", "mute", "deaf", "single", "bridge", "ring", "flapping",
    ] {
        assert!(json.contains(&format!("\"shape\": \"{shape}\"")), "{shape}");
    }
    for moment in Moment::ALL {
        let waits =
            |fault: &Fault| matches!(fault.when, When::Event { event, .. } if event == moment);
        assert!(
            plans.iter().any(|plan| plan.faults.iter().any(waits)),
            "{moment:?}"
        );
    }
}

#[test]
fn half_of_the_runs_read_by_leases_and_their_clocks_keep_to_the_bound() {
    let plans: Vec<Plan> = (0..1_000).map(Plan::draw).collect();
    let leases = |plan: &&Plan| plan.limits.lease_reads;
    let leasing: Vec<&Plan> = plans.iter().filter(leases).collect();
    assert!((400..600).contains(&leasing.len()), "{}", leasing.len());
    for plan in &leasing {
        let bound = u64::from(plan.limits.clock_drift_ppm_max);
        assert!(plan.drift_ppm_max() <= bound && bound <= 112_000, "{bound}");
        assert!(plan.limits.check().is_ok());
    }
    let wrong = leasing.iter().filter(|plan| plan.drift_ppm_max() > 10_000);
    assert!(wrong.count() > 100, "clocks are wrong in some of them");
}

#[test]
fn half_of_all_crashes_wait_for_an_event_or_a_condition() {
    let (mut on_time, mut on_event, mut on_condition) = (0_u32, 0_u32, 0_u32);
    for fault in (0..1_000).flat_map(|seed| Plan::draw(seed).faults) {
        if matches!(fault.what, What::Crash { .. } | What::PowerLoss { .. }) {
            match fault.when {
                When::At { .. } => on_time += 1,
                When::Event { .. } => on_event += 1,
                When::State { .. } => on_condition += 1,
            }
        }
    }
    let (all, waits) = (on_time + on_event + on_condition, on_event + on_condition);
    assert!(on_time.abs_diff(waits) < all / 10);
    assert!((waits / 12..waits / 3).contains(&on_condition));
}

#[test]
fn every_condition_is_waited_for() {
    let faults = (0..500).flat_map(|seed| Plan::draw(seed).faults);
    let waited: std::collections::BTreeSet<String> = faults
        .filter_map(|fault| match fault.when {
            When::State { condition, .. } => Some(format!("{condition:?}")),
            _ => None,
        })
        .map(|text| text.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    let names = ["Lagging", "Membership", "Snapshot", "TwoLeaders"];
    assert_eq!(waited, names.map(str::to_owned).into());
}

#[test]
fn in_some_runs_one_leader_after_the_other_is_taken_away() {
    let is_coup = |fault: &&Fault| fault.what.who() == Some(&Who::Leader);
    let is_split = |fault: &&Fault| matches!(fault.what, What::Partition { .. });
    let plans = (0..1_000).map(Plan::draw);
    let coups = plans.filter(|plan| {
        let splits = plan.faults.iter().filter(is_split).filter(is_coup).count();
        plan.nodes >= 3 && splits >= 4
    });
    let count = coups.count();
    assert!((40..300).contains(&count), "{count} of 1000");
}

#[test]
fn what_is_not_a_plan_is_refused_with_the_name_of_the_field() {
    let plan = (0..).map(Plan::draw).find(|plan| !plan.faults.is_empty());
    let plan = plan.unwrap();
    let refused = |from: &str, to: &str, reason: &str| {
        let json = plan.to_json();
        assert!(json.contains(from), "{from}");
        let error = Plan::parse(&json.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(reason), "{error}");
    };
    refused("\"version\": 1", "\"version\": 2", "`version` is 2");
    let nodes = format!("\"nodes\": {}", plan.nodes);
    refused(&nodes, "\"nodes\": 0", "`nodes` is 0");
    refused("safety_ms", "safty_ms", "safty_ms");
    refused("\"until\": {", "\"until\": { \"x\": 1,", "faults[0].until");
    refused("\"tick_ms\": ", "\"tick_ms\": -", "limits.tick_ms");
    refused("{\n  \"version\"", "{} {\n  \"version\"", "missing field");
    let error = Plan::parse(&format!("{} x", plan.to_json())).unwrap_err();
    assert!(error.contains("trailing"), "{error}");
}

#[test]
fn a_plan_that_trusts_clocks_more_than_they_deserve_is_refused() {
    let plan = Plan::draw(1);
    let clock = What::Clock {
        who: Who::All,
        offset_ms: 0,
        drift_ppm: -500_000,
        leap_ms: 0,
    };
    let mut lying = plan;
    lying.faults = vec![Fault {
        when: When::At { ms: 1 },
        what: clock,
        until: Until::Healed,
    }];
    lying.limits.lease_reads = true;
    assert_eq!(lying.drift_ppm_max(), 1_000_000, "twice as fast");
    let refused = |plan: &Plan| Plan::parse(&plan.to_json()).unwrap_err();
    assert!(refused(&lying).contains("trusts clocks to"));
    if let What::Clock {
        drift_ppm, leap_ms, ..
    } = &mut lying.faults[0].what
    {
        (*drift_ppm, *leap_ms) = (0, 7);
    }
    assert!(refused(&lying).contains("one that leaps"));
}

#[test]
fn without_a_script_clients_do_all_of_the_workload() {
    let mut plan = Plan::draw(1);
    plan.workload.operations = 3;
    assert_eq!(plan.agenda(1), [(1, None), (2, None), (3, None)]);
    let step = Step {
        operation: 2,
        ms: 70,
    };
    plan.script = Some([(1, step)].into_iter().collect());
    assert_eq!(plan.agenda(1), [(2, Some(70))]);
    assert!(plan.agenda(2).is_empty());
    assert_eq!(Plan::parse(&plan.to_json()), Ok(plan));
}
