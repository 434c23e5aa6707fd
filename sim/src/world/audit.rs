//! Looking nodes over: how much they hold, whether their disks would back them if the power failed
//! now, and in the end whether their stores are what the commands came to.
//!
//! A look at a disk takes an image of what a loss of power might leave, in the very moment, and judges it a
//! little later, where no process is disturbed. It is the price of these looks that makes them few. Drives that
//! were damaged are not looked at: what they owe is not for sure. What a server answers from one is: it may
//! refuse and name the file, and it must not answer wrongly.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use sisyphus::{
    gateway::SHARD,
    lsm,
    machine::{KeyRange, Query, RangeEnd},
    node::{Event, Host, Status},
    raft::Body,
    types::{NodeId, Revision},
};

use super::World;
use crate::{
    disk::Drive,
    draw::{Stream, draw},
    oracle::{Sample, Violation, aud},
};

/// How often nodes are looked over, in milliseconds.
const EVERY_MS: u64 = 250;

/// The directories of a node.
const LOG_DIR: &str = "log";
const STORE_DIR: &str = "shard-0";

/// The number of the images of stores; those of crashes count from 1.
const STORE_IMAGE: u64 = 0;

/// Which moments are looked at.
const LOOK: Stream = Stream::new("look");

/// How often disks are looked at.
struct Care {
    /// One promise of so many is compared with the disk, and not more than so many in a run.
    logs_one_in: u64,
    logs_max: u64,
    /// One applied entry of so many has the store's files looked at, and not more than so many in a run.
    stores_one_in: u64,
    stores_max: u64,
}

/// Now and then.
const USUAL: Care = Care {
    logs_one_in: 200,
    logs_max: 4,
    stores_one_in: 300,
    stores_max: 3,
};

/// After every few promises, for a plan that asks for it.
const CLOSE: Care = Care {
    logs_one_in: 2,
    logs_max: 200,
    stores_one_in: 2,
    stores_max: 100,
};

/// Revisions of the past that are compared with the commands, for each node.
const PAST_REVISIONS: u64 = 2;

/// A part of a node's disk that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Log,
    Store,
}

/// Decides which moments are looked at.
pub(super) struct Looks {
    care: Care,
    moments: u64,
    logs: u64,
    stores: u64,
}

/// A look that was taken of a store.
pub(super) struct Look {
    node: NodeId,
    drive: Drive,
}

impl Looks {
    /// Decides for a run in which disks are looked at closely, or not.
    pub fn new(closely: bool) -> Self {
        Looks {
            care: if closely { CLOSE } else { USUAL },
            moments: 0,
            logs: 0,
            stores: 0,
        }
    }

    /// Whether to look at the disk of a node at this event of it.
    pub fn wants(&mut self, seed: u64, event: &Event<'_>) -> Option<Part> {
        let (part, one_in) = match event {
            Event::Sent { message } => match message.body {
                Body::Vote { .. }
                | Body::VoteReply { granted: true }
                | Body::AppendAccepted { .. } => (Part::Log, self.care.logs_one_in),
                _ => return None,
            },
            Event::Applied { .. } => (Part::Store, self.care.stores_one_in),
            Event::Installed { .. } => (Part::Store, 2),
            _ => return None,
        };
        self.moments += 1;
        let (count, most) = match part {
            Part::Log => (&mut self.logs, self.care.logs_max),
            Part::Store => (&mut self.stores, self.care.stores_max),
        };
        let is_drawn = draw(seed, LOOK, self.moments).below(one_in) == 0;
        let looks = is_drawn && *count < most;
        *count += u64::from(looks);
        looks.then_some(part)
    }
}

/// How often a store is read again because something was applied meanwhile. By now no client asks for
/// anything: what comes has been on its way.
const LATE_MAX: u32 = 20;

impl World {
    /// Takes an image of a part of a node's disk.
    pub(super) fn look(&self, node: NodeId, part: Part) {
        match part {
            // With the promises of the log, and whatever else a start needs.
            Part::Log => self.develop(node),
            Part::Store if self.is_sound(node) => {
                let drive = self.drives[&node].image(STORE_IMAGE);
                self.looks.lock().push(Look { node, drive });
            }
            Part::Store => {}
        }
    }

    /// Looks nodes over until the run ends. Runs on a node that never fails.
    pub(super) async fn oversee(self: Arc<Self>) {
        while !self.is_over() && !self.plan.beyond {
            tokio::time::sleep(Duration::from_millis(EVERY_MS)).await;
            if let Err(violation) = self.look_over().await {
                self.accuse(violation);
            }
        }
    }

    /// Judges how much nodes hold, and the images that were taken.
    pub(super) async fn look_over(&self) -> Result<(), Violation> {
        for node in self.node_ids() {
            if let Some(sample) = self.host(node).and_then(|host| self.sample(node, &host)) {
                self.bounds.check(node, &sample)?;
            }
        }
        let looks = std::mem::take(&mut *self.looks.lock());
        for look in looks {
            self.judge_look(look).await?;
        }
        Ok(())
    }

    fn sample(&self, node: NodeId, host: &Host) -> Option<Sample> {
        let status = host.status();
        let shard = status.shards.first()?;
        let drive = &self.drives[&node];
        Some(Sample {
            entries: (shard.raft.last.index + 1).saturating_sub(shard.raft.first),
            log: drive.usage(LOG_DIR),
            memtables: shard.lsm.memtable_bytes,
            tables: shard.lsm.num_sstables,
            table_bytes: shard.lsm.level_bytes.iter().sum(),
            versions: shard.lsm.table_entries + shard.lsm.table_range_tombstones,
            store: drive.usage(STORE_DIR),
        })
    }

    async fn judge_look(&self, look: Look) -> Result<(), Violation> {
        let Look { node, drive } = look;
        let report = lsm::verify(drive.boot(), STORE_DIR).await;
        let report = report.map_err(|error| unreadable(node, &error))?;
        aud::check_files(node, "if it lost power now", &report)
    }

    /// Compares every store with what the commands come to, then stops the nodes and checks their files.
    pub(super) async fn audit(&self) -> Result<(), Violation> {
        let nodes = self.node_ids();
        for node in &nodes {
            if let Some(host) = self.host(*node) {
                self.audit_store(*node, &host).await?;
            }
        }
        let sound = nodes.into_iter().filter(|node| self.is_sound(*node));
        for node in sound.collect::<Vec<_>>() {
            self.stop(node);
            let report = lsm::verify(self.drives[&node].boot(), STORE_DIR).await;
            let report = report.map_err(|error| unreadable(node, &error))?;
            aud::check_files(node, "in the end", &report)?;
        }
        Ok(())
    }

    /// Compares whom the nodes name as those who take part. They must have applied the same.
    pub(super) fn audit_members(&self, statuses: Vec<Status>) -> Result<(), Violation> {
        let rosters = statuses.into_iter().flat_map(|status| {
            let shards = status.shards.into_iter();
            shards.map(move |shard| (status.node, shard.roster))
        });
        aud::check_members(&rosters.collect::<Vec<_>>())
    }

    /// Compares the store of `node` with what the commands come to. One that is damaged may say so, and must
    /// not answer wrongly.
    async fn audit_store(&self, node: NodeId, host: &Host) -> Result<(), Violation> {
        let reader = host
            .stale(SHARD)
            .map_err(|error| unreadable(node, &error))?;
        let mut rng = draw(self.plan.seed, LOOK.of(node), 0);
        let past = (0..PAST_REVISIONS).map(|_| rng.between(1, reader.revision()));
        for at in [0].into_iter().chain(past) {
            let query = everything(at);
            for attempt in 0.. {
                let (revision, page) = match reader.query(&query).await {
                    Ok(answer) => answer,
                    Err(error) if self.may_be_unreadable(node, &error.to_string()) => return Ok(()),
                    Err(error) => return Err(unreadable(node, &error)),
                };
                let is_latest = revision == self.hub.lock().panel.clients.truth().latest();
                if is_latest || attempt == LATE_MAX {
                    let hub = self.hub.lock();
                    let truth = hub.panel.clients.truth();
                    aud::check_store(truth, node, &query, revision, &page)?;
                    break;
                }
                // A request that was long on its way has just been applied, here or elsewhere.
                self.agree(self.deadline()).await?;
            }
        }
        Ok(())
    }
}

fn unreadable(node: NodeId, error: &dyn std::fmt::Display) -> Violation {
    Violation::new(
        "AUD",
        format!("the store of {node} cannot be read: {error}"),
    )
}

/// All keys at a revision; 0 is the latest.
fn everything(revision: Revision) -> Query {
    Query {
        keys: KeyRange {
            start: Bytes::from_static(&[0]),
            end: RangeEnd::Unbounded,
        },
        revision,
        limit: 0,
        count_only: false,
        keys_only: false,
    }
}
