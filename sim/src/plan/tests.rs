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

    let json: String = plans.iter().map(Plan::to_json).collect();
    for kind in [
        "crash",
        "power-loss",
        "pause",
        "links",
        "disks",
        "clock",
        "failing",
        "resign",
        "replace",
    ] {
        assert!(json.contains(&format!("\"kind\": \"{kind}\"")), "{kind}");
    }
    for shape in ["split", "mute", "deaf"] {
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
fn half_of_all_crashes_wait_for_an_event() {
    let (mut on_time, mut on_event) = (0_u32, 0_u32);
    for fault in (0..1_000).flat_map(|seed| Plan::draw(seed).faults) {
        match (fault.what, fault.when) {
            (What::Crash { .. } | What::PowerLoss { .. }, When::At { .. }) => on_time += 1,
            (What::Crash { .. } | What::PowerLoss { .. }, When::Event { .. }) => on_event += 1,
            _ => {}
        }
    }
    assert!(on_time.abs_diff(on_event) < (on_time + on_event) / 10);
}

#[test]
fn what_is_not_a_plan_is_refused_with_a_reason() {
    let plan = Plan::draw(1);
    let newer = plan.to_json().replace("\"version\": 1", "\"version\": 2");
    assert!(Plan::parse(&newer).unwrap_err().contains("version 2"));
    let empty = Plan {
        nodes: 0,
        ..plan.clone()
    }
    .to_json();
    assert!(Plan::parse(&empty).unwrap_err().contains("`nodes` is 0"));
    let clock = What::Clock {
        who: Who::All,
        offset_ms: 0,
        drift_ppm: -500_000,
    };
    let mut lying = plan.clone();
    lying.faults = vec![Fault {
        when: When::At { ms: 1 },
        what: clock,
        until: Until::Healed,
    }];
    lying.limits.lease_reads = true;
    assert_eq!(lying.drift_ppm_max(), 1_000_000, "twice as fast");
    assert!(
        Plan::parse(&lying.to_json())
            .unwrap_err()
            .contains("trusts clocks")
    );
    let misspelt = plan.to_json().replace("safety_ms", "safty_ms");
    assert!(Plan::parse(&misspelt).unwrap_err().contains("safty_ms"));
}
