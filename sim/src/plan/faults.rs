//! Drawing the faults of a run: when they strike, whom, and for how long.

use sisyphus::{config::Limits, rng::Rng, types::NodeId};

use super::{Condition, Fault, Moment, Until, What, When, Who, swarm::Kind};
use crate::draw::log_uniform;

/// What the faults of one kind are drawn with.
pub(super) struct Draws {
    pub rng: Rng,
    pub nodes: u64,
    pub safety_ms: u64,
    /// Whom most faults of the run strike, if it has a victim.
    pub victim: Option<Who>,
    /// The limits that the servers begin with.
    pub limits: Limits,
}

/// Kinds that may come along with another one.
const COMPANIONS: [Kind; 7] = [
    Kind::Pause,
    Kind::Split,
    Kind::OneWay,
    Kind::Links,
    Kind::Disks,
    Kind::Clock,
    Kind::Stuck,
];

/// Half of all runs have a victim: machines have bad days, on which clock, disk and network go wrong
/// together, and a leader has more to break than others.
pub(super) fn victim(rng: &mut Rng, nodes: u64) -> Option<Who> {
    match rng.below(4) {
        0 => Some(Who::Leader),
        1 => Some(Who::Nodes(vec![NodeId(rng.between(1, nodes))])),
        _ => None,
    }
}

impl Draws {
    /// A fault of this kind, in one of four cases with another one of another kind that strikes the
    /// same nodes for the same time: machines seldom have one trouble alone.
    pub fn faults(&mut self, kind: Kind) -> Vec<Fault> {
        let ms = self.rng.below(self.safety_ms);
        let when = self.when(kind, ms);
        let until = self.until(kind);
        self.strike(kind, when, until)
    }

    /// As [`Self::faults`], at this time unless it waits for an event, and for so long, both in
    /// milliseconds.
    pub fn spell(&mut self, kind: Kind, ms: u64, length: u64) -> Vec<Fault> {
        let when = self.when(kind, ms);
        self.strike(kind, when, Until::After { ms: length })
    }

    fn strike(&mut self, kind: Kind, when: When, until: Until) -> Vec<Fault> {
        let who = self.who(kind, !matches!(when, When::At { .. }));
        let mut kinds = vec![kind];
        if self.rng.chance(0.25) {
            kinds.push(*self.rng.pick(&COMPANIONS));
        }
        kinds.dedup();
        let fault = |kind| Fault {
            when: when.clone(),
            what: self.what(kind, who.clone()),
            until,
        };
        let mut faults: Vec<Fault> = kinds.into_iter().map(fault).collect();
        match kind {
            Kind::Failing => faults.extend(self.power_loss_after(&when, &who)),
            Kind::Wipe => faults.extend(self.outage_around(&faults[0])),
            _ => {}
        }
        faults
    }

    /// Whoever comes back with an empty disk asks the others who it is. Often nobody is there to answer: all others
    /// have been down since, and stay down for a while.
    fn outage_around(&mut self, wipe: &Fault) -> Option<Fault> {
        let What::Wipe {
            who: Who::Nodes(lost),
            ..
        } = &wipe.what
        else {
            return None;
        };
        let (&When::At { ms }, &Until::After { ms: down_ms }) = (&wipe.when, &wipe.until) else {
            return None;
        };
        let others = (1..=self.nodes).map(NodeId);
        let others: Vec<NodeId> = others.filter(|node| !lost.contains(node)).collect();
        let longer_ms = log_uniform(&mut self.rng, 400, 2_000);
        let is_drawn = self.rng.chance(0.6) && !others.is_empty();
        is_drawn.then(|| Fault {
            // They had to be there to know whose disk it was.
            when: When::At { ms: ms + 1 },
            what: What::Crash {
                who: Who::Nodes(others),
            },
            until: Until::After {
                ms: down_ms + longer_ms,
            },
        })
    }

    /// What a failed sync has dropped from the page cache is missed only when the power goes, too: mostly it
    /// does, a little later.
    fn power_loss_after(&mut self, when: &When, who: &Who) -> Option<Fault> {
        let &When::At { ms } = when else {
            return None;
        };
        let rng = &mut self.rng;
        let later_ms = log_uniform(rng, 2, 1_000);
        let at_sync = When::Event {
            node: None,
            event: Moment::Synced,
            nth: log_uniform(rng, 1, 100),
            from_ms: ms,
        };
        let at_time = When::At { ms: ms + later_ms };
        let (is_drawn, waits) = (rng.chance(0.7), rng.chance(0.5));
        is_drawn.then(|| Fault {
            when: if waits { at_sync } else { at_time },
            what: What::PowerLoss { who: who.clone() },
            until: Until::After { ms: later_ms },
        })
    }

    /// At this time, in milliseconds, or at an event.
    fn when(&mut self, kind: Kind, ms: u64) -> When {
        let on_event = match kind {
            Kind::Crash | Kind::PowerLoss | Kind::Blackout => self.rng.chance(0.5),
            Kind::Links
            | Kind::Disks
            | Kind::Clock
            | Kind::Failing
            | Kind::WriteErrors
            | Kind::ReadErrors
            | Kind::Corrupt
            | Kind::Burst => false,
            _ => self.rng.chance(0.25),
        };
        match on_event {
            true if self.rng.chance(0.2) => self.state(ms),
            true => self.event(),
            false => When::At { ms },
        }
    }

    /// From this time on, in milliseconds, as soon as things stand badly.
    fn state(&mut self, ms: u64) -> When {
        let rng = &mut self.rng;
        let condition = match rng.below(4) {
            0 => Condition::Lagging {
                entries: log_uniform(rng, 1, 50),
            },
            1 => Condition::Snapshot,
            2 => Condition::TwoLeaders,
            _ => Condition::Membership,
        };
        let from_ms = ms / 2;
        When::State { condition, from_ms }
    }

    fn event(&mut self) -> When {
        let event = *self.rng.pick(&Moment::ALL);
        let often = match event {
            Moment::Leader | Moment::SnapshotInstalled | Moment::MembershipPersisted => 3,
            Moment::VoteSent
            | Moment::Renamed
            | Moment::DirSynced
            | Moment::ChunkSent
            | Moment::SegmentMade
            | Moment::SegmentRemoved
            | Moment::TableMade
            | Moment::TableSynced
            | Moment::ManifestWrote
            | Moment::ManifestSynced
            | Moment::ManifestRenamed
            | Moment::TableRemoved => 20,
            _ => 200,
        };
        When::Event {
            node: self.rng.chance(0.5).then(|| self.node()),
            event,
            nth: log_uniform(&mut self.rng, 1, often),
            from_ms: 0,
        }
    }

    fn who(&mut self, kind: Kind, on_event: bool) -> Who {
        match kind {
            Kind::Links if self.rng.chance(0.33) => self.one(on_event),
            Kind::Blackout | Kind::Links | Kind::Corrupt if self.rng.chance(0.5) => Who::All,
            Kind::Reconfigure => Who::All,
            Kind::Blackout | Kind::Links | Kind::Corrupt => self.some(),
            // Whoever it is that strikes at the moment is not the one that is to lead next.
            Kind::Lead => Who::Nodes(vec![self.node()]),
            Kind::Split | Kind::OneWay if self.rng.chance(0.5) => self.some(),
            _ => self.one(on_event),
        }
    }

    /// One node: the run's victim if it has one; else mostly the one where it happens or the leader.
    fn one(&mut self, on_event: bool) -> Who {
        if let Some(victim) = &self.victim
            && self.rng.chance(0.75)
        {
            return victim.clone();
        }
        match self.rng.below(6) {
            0..3 if on_event => Who::Struck,
            0..3 => Who::Leader,
            _ => Who::Nodes(vec![self.node()]),
        }
    }

    /// Each node with p = 1/2.
    fn some(&mut self) -> Who {
        let (rng, nodes) = (&mut self.rng, 1..=self.nodes);
        Who::Nodes(nodes.map(NodeId).filter(|_| rng.chance(0.5)).collect())
    }

    fn node(&mut self) -> NodeId {
        NodeId(self.rng.between(1, self.nodes))
    }

    /// A moment, about an election, or a good part of the run: each a third. A fault that is over
    /// before anybody's patience is at its end shows other things than one that outlasts a leader.
    /// Clocks that are wrong mostly stay wrong.
    fn until(&mut self, kind: Kind) -> Until {
        let rng = &mut self.rng;
        let for_good = if kind == Kind::Clock { 0.5 } else { 0.1 };
        if rng.chance(for_good) {
            return Until::Healed;
        }
        let ms = match rng.below(3) {
            0 => rng.between(2, 50),
            1 => rng.between(50, 400),
            _ => rng.between(400, 2_000),
        };
        Until::After { ms }
    }
}
