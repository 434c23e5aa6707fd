//! Drawing what a fault does.

use sisyphus::{config::Limits, rng::Rng};

use super::{
    Cut, Damage, DiskModel, LinkModel, Way, What, Who,
    faults::Draws,
    swarm::{Kind, limits},
};
use crate::draw::log_uniform;

impl Draws {
    /// A fault of this kind.
    pub(super) fn what(&mut self, kind: Kind, who: Who) -> What {
        match kind {
            Kind::Crash => What::Crash { who },
            Kind::PowerLoss | Kind::Blackout => What::PowerLoss { who },
            Kind::Pause => What::Pause { who },
            Kind::Split => What::Partition {
                cut: Cut::Split { side: who },
            },
            Kind::OneWay => What::Partition {
                cut: match self.rng.chance(0.5) {
                    true => Cut::Mute { side: who },
                    false => Cut::Deaf { side: who },
                },
            },
            Kind::Links => self.bad_links(who),
            Kind::Disks => What::Disks {
                who,
                disk: self.slow_disk(),
            },
            Kind::Shape => What::Partition {
                cut: self.shape(who),
            },
            Kind::Corrupt => What::Links {
                who,
                link: self.corrupting_link(),
                way: Way::Both,
            },
            Kind::Failing => self.failing(who),
            Kind::WriteErrors => What::Failing {
                who,
                failed_sync_ppm: 0,
                keeps_dirty: false,
                failed_write_ppm: self.error_rate(),
                failed_read_ppm: 0,
                room_bytes: None,
            },
            Kind::ReadErrors => What::Failing {
                who,
                failed_sync_ppm: 0,
                keeps_dirty: false,
                failed_write_ppm: 0,
                failed_read_ppm: self.error_rate(),
                room_bytes: None,
            },
            Kind::Stuck => What::Stuck {
                who,
                syncs_only: self.rng.chance(0.5),
            },
            Kind::Rot => {
                let how = *self
                    .rng
                    .pick(&[Damage::Flip, Damage::Flip, Damage::Garbage]);
                self.damage(who, how)
            }
            Kind::Lost => self.damage(who, Damage::Lost),
            Kind::Misdirected => self.damage(who, Damage::Misdirected),
            Kind::Wipe => What::Wipe {
                who,
                directory: (*self.rng.pick(&["", "", "log", "shard-0"])).to_owned(),
            },
            Kind::Resign => What::Resign { who },
            Kind::Lead => What::Lead { who },
            Kind::Replace => What::Replace { who },
            Kind::Members => match self.rng.chance(0.6) {
                true => What::Grow,
                false => What::Shrink { who },
            },
            Kind::Reconfigure => What::Reconfigure {
                who,
                limits: Box::new(self.other_limits()),
            },
            Kind::Burst => What::Burst {
                clients: log_uniform(&mut self.rng, 1, 16),
                operations: self.rng.between(2, 20),
            },
            Kind::Clock => What::Clock {
                who,
                offset_ms: self.rng.between(0, 20_000) as i64 - 10_000,
                drift_ppm: self.drift(),
                leap_ms: self.leap(),
            },
        }
    }

    fn damage(&mut self, who: Who, how: Damage) -> What {
        let prefix = *self.rng.pick(&["", "log/", "shard-", "shard-"]);
        What::Damage {
            who,
            how,
            prefix: prefix.to_owned(),
        }
    }

    /// Limits as another release may have them. How patient nodes are is something that they go by
    /// together.
    fn other_limits(&mut self) -> Limits {
        let Limits {
            tick_ms,
            heartbeat_ticks,
            election_ticks,
            ..
        } = self.limits;
        Limits {
            tick_ms,
            heartbeat_ticks,
            election_ticks,
            ..limits(&mut self.rng)
        }
    }

    fn error_rate(&mut self) -> u32 {
        log_uniform(&mut self.rng, 1_000, 300_000) as u32
    }

    /// A cut that leaves some pairs of nodes connected.
    fn shape(&mut self, side: Who) -> Cut {
        match self.rng.below(4) {
            0 => Cut::Single { side },
            1 => Cut::Bridge { side },
            2 => Cut::Ring,
            _ => Cut::Flapping {
                side,
                period_ms: log_uniform(&mut self.rng, 2, 400),
            },
        }
    }

    /// A quick link that changes bits.
    fn corrupting_link(&mut self) -> LinkModel {
        let rng = &mut self.rng;
        let delay_us_max = log_uniform(rng, 1_000, 10_000);
        LinkModel {
            delay_us_min: delay_us_max / 2,
            delay_us_max,
            loss_ppm: 0,
            duplicate_ppm: 0,
            detour_ppm: 0,
            detour_us_max: 0,
            corrupt_ppm: log_uniform(rng, 500, 500_000) as u32,
        }
    }

    /// Links that are bad in both directions, or in one alone: there they may be slower than elections are.
    fn bad_links(&mut self, who: Who) -> What {
        let way = *self.rng.pick(&[Way::Both, Way::Both, Way::In, Way::Out]);
        let slowest_us = if way == Way::Both { 150_000 } else { 500_000 };
        let link = self.bad_link(slowest_us);
        What::Links { who, link, way }
    }

    fn bad_link(&mut self, slowest_us: u64) -> LinkModel {
        let rng = &mut self.rng;
        let rate = |rng: &mut Rng| match rng.chance(0.5) {
            true => log_uniform(rng, 500, 500_000) as u32,
            false => 0,
        };
        let delay_us_max = log_uniform(rng, 1_000, slowest_us);
        LinkModel {
            delay_us_min: delay_us_max / *rng.pick(&[1, 10, 1_000]),
            delay_us_max,
            loss_ppm: rate(rng),
            // Few messages decide an election: what doubles one in a hundred hardly ever meets them.
            duplicate_ppm: 10 * rate(rng).min(50_000),
            detour_ppm: rate(rng),
            detour_us_max: log_uniform(rng, 2_000, 500_000),
            corrupt_ppm: 0,
        }
    }

    fn slow_disk(&mut self) -> DiskModel {
        let rng = &mut self.rng;
        let sync_us_max = log_uniform(rng, 10_000, 1_000_000);
        DiskModel {
            sync_us_min: sync_us_max / *rng.pick(&[1, 10, 100]),
            sync_us_max,
            stall_ppm: *rng.pick(&[0, 20_000, 200_000]),
            stall_us_max: log_uniform(rng, 1_000, 100_000),
        }
    }

    /// A drive that fails some syncs, or one that has little room left.
    fn failing(&mut self, who: Who) -> What {
        let rng = &mut self.rng;
        let (rate, room) = (
            log_uniform(rng, 5_000, 300_000) as u32,
            log_uniform(rng, 1, 256 << 10),
        );
        let is_full = rng.chance(0.4);
        What::Failing {
            who,
            failed_sync_ppm: if is_full { 0 } else { rate },
            keeps_dirty: rng.chance(0.3),
            failed_write_ppm: 0,
            failed_read_ppm: 0,
            room_bytes: is_full.then_some(room),
        }
    }

    /// A clock that is told how long its machine was suspended; half of them were not.
    fn leap(&mut self) -> u64 {
        match self.rng.chance(0.5) {
            true => log_uniform(&mut self.rng, 1, 10_000),
            false => 0,
        }
    }

    /// A clock that is a little wrong, much too slow, as that of a machine that is starved of time, or
    /// much too fast.
    fn drift(&mut self) -> i64 {
        let rng = &mut self.rng;
        match rng.below(3) {
            0 => log_uniform(rng, 100, 100_000) as i64,
            1 => rng.between(100_000, 1_000_000) as i64,
            _ => -(rng.between(100, 500_000) as i64),
        }
    }
}
