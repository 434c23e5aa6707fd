//! Stories: schedules written by hand, whose file name is the sentence that they tell.
//!
//! A replica's disk finishes what it writes at once, and its state machine applies what it is
//! given, unless the disk is held. Messages wait until they are delivered. After each command
//! stands what was sent, and every replica that looks different now: its role and term, its log as
//! `base..[index@term ...]` with the entries that say who takes part marked, how far that log is
//! durable, committed and applied, the members if they are not the founders any more, and of a
//! leader how far each peer has come, `matched→next`.
//!
//! A command in parentheses is not shown: what a story begins with has been told by another.

mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::PathBuf;

use bytes::Bytes;
use goldenscript::{Context, Runner};
use sisyphus::raft::Message;
use sisyphus::types::NodeId;

use crate::cluster::{Cluster, TICK_US, Transfer};
use crate::show;
use line::Line;

/// A cluster that settles within fewer deliveries or never.
const DELIVERIES_MAX: usize = 1000;

/// The world of a script.
#[derive(Default)]
pub struct Story {
    cluster: Option<Cluster>,
    /// Those whose disk finishes nothing by itself.
    held: BTreeSet<NodeId>,
    /// Those whose state machine takes nothing.
    full: BTreeSet<NodeId>,
    /// What replicas count on of each other's clocks.
    drift_percent: u32,
    /// How each replica looked last.
    shown: BTreeMap<NodeId, String>,
    out: String,
}

impl Runner for Story {
    type Command = Line;

    fn run(&mut self, line: &Line, _: &Context) -> Result<String, Box<dyn Error>> {
        match line {
            Line::Cluster { .. } => self.begin(line),
            Line::Elect { id } => {
                self.cluster()?.campaign(NodeId(*id));
                self.settle()?;
                self.out.clear();
                if !self.cluster()?.leaders().contains(&NodeId(*id)) {
                    return Err("it was not elected".into());
                }
            }
            Line::Campaign { id } => self.cluster()?.campaign(NodeId(*id)),
            Line::Tick { ids, times } => {
                for _ in 0..times.unwrap_or(1) {
                    for id in ids {
                        self.cluster()?.tick(NodeId(*id));
                        self.pump()?;
                    }
                }
            }
            Line::Wait { ms } => self.cluster()?.now_us += 1_000 * ms,
            Line::Clock { id, fast, slow } => {
                let percent = fast.unwrap_or(0) - slow.unwrap_or(0);
                let lies = percent.unsigned_abs() > u64::from(self.drift_percent);
                let cluster = self.cluster()?;
                cluster.oracle.clocks_lie |= lies;
                let now_us = cluster.now_us;
                let replica = cluster.replicas.get_mut(&NodeId(*id)).ok_or("no replica")?;
                replica.clock.pace(now_us, 10_000 * percent);
            }
            Line::Propose { id, data } => self.propose(NodeId(*id), data)?,
            Line::Change { id, wishes } => self.change(NodeId(*id), wishes)?,
            Line::HandOver { id, to } => self.hand_over(NodeId(*id), to.map(NodeId))?,
            Line::Read { id } => self.read(NodeId(*id))?,
            Line::Deliver {
                from,
                to,
                only,
                reverse,
            } => {
                let mut arriving = self.take(*from, *to, only.as_deref(), false)?;
                if *reverse == Some(true) {
                    arriving.reverse();
                }
                for message in arriving {
                    self.cluster()?.deliver(message);
                    self.pump()?;
                }
            }
            Line::Repeat { to } => {
                let again = self.cluster()?.network.clone();
                self.cluster()?
                    .network
                    .extend(again.into_iter().filter(|m| m.to.0 == *to));
            }
            Line::Lose { from, to, only } => {
                self.take(*from, *to, only.as_deref(), true)?;
            }
            Line::Settle => self.settle()?,
            Line::Cut { ids } => {
                let cut = ids.iter().map(|id| (NodeId(*id), 1));
                self.cluster()?.sides = cut.collect();
            }
            Line::Heal => self.cluster()?.sides.clear(),
            Line::HoldDisk { id } => {
                self.held.insert(NodeId(*id));
            }
            Line::Sync { id } => self.cluster()?.persisted(NodeId(*id)),
            Line::FreeDisk { id } => {
                self.held.remove(&NodeId(*id));
                self.cluster()?.persisted(NodeId(*id));
            }
            Line::HoldApply { id } => {
                self.full.insert(NodeId(*id));
            }
            Line::FreeApply { id } => {
                self.full.remove(&NodeId(*id));
            }
            Line::Crash { id, written } => self.cluster()?.crash(NodeId(*id), *written),
            Line::Damage { id, entries } => self.cluster()?.damage(NodeId(*id), *entries),
            Line::Restart { id } => self.cluster()?.start(NodeId(*id)),
            Line::Flush { id, keep } => self.cluster()?.flush(NodeId(*id), keep.unwrap_or(0)),
            Line::Transfer { outcome, from } => {
                let transfers = &mut self.cluster()?.transfers;
                let ends = |t: &mut Transfer| from.is_none_or(|from| t.from.0 == from);
                let ending: Vec<Transfer> = transfers.extract_if(.., ends).collect();
                for transfer in ending {
                    self.cluster()?.end_transfer(transfer, outcome == "ok");
                }
            }
            Line::Show { ids } => ids.iter().for_each(|id| {
                self.shown.remove(&NodeId(*id));
            }),
        }
        self.pump()?;
        self.show_changes();
        Ok(std::mem::take(&mut self.out))
    }
}

impl Story {
    fn begin(&mut self, line: &Line) {
        let Line::Cluster {
            count,
            inflight,
            append_bytes,
            uncommitted_bytes,
            election,
            spare,
            unwilling,
            lease_drift,
        } = line
        else {
            unreachable!("the caller looked");
        };
        let mut cluster = Cluster::new(*count, spare.unwrap_or(0), 1, |config| {
            config.inflight_max = inflight.unwrap_or(4);
            config.inflight_bytes_max = 1 << 20;
            config.append_bytes_max = append_bytes.unwrap_or(1000);
            if *unwilling == Some(config.id.0) {
                config.priority = 0;
            }
            config.election_ticks = election.unwrap_or(config.election_ticks);
            config.uncommitted_bytes_max = uncommitted_bytes.unwrap_or(10_000);
            if let Some(percent) = lease_drift {
                config.lease_drift_ppm = Some(10_000 * percent);
                config.promise_us = u64::from(config.election_ticks - 1) * TICK_US;
            }
        });
        self.drift_percent = lease_drift.unwrap_or_default();
        cluster.ids().into_iter().for_each(|id| cluster.start(id));
        for (id, replica) in &cluster.replicas {
            let line = show::replica(*id, replica.raft.as_ref(), &cluster.founders);
            self.shown.insert(*id, line);
        }
        self.cluster = Some(cluster);
    }

    fn cluster(&mut self) -> Result<&mut Cluster, &'static str> {
        self.cluster.as_mut().ok_or("begin with a cluster")
    }

    fn say(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn propose(&mut self, id: NodeId, data: &[String]) -> Result<(), Box<dyn Error>> {
        for data in data {
            let data = Bytes::from(data.clone());
            match self.cluster()?.propose(id, data).ok_or("it is down")? {
                Ok(at) => self.say(&format!("proposed as {at}")),
                Err(error) => self.say(&format!("refused: {error}")),
            }
        }
        Ok(())
    }

    fn change(&mut self, id: NodeId, wishes: &[String]) -> Result<(), Box<dyn Error>> {
        let changes: Result<Vec<_>, _> = wishes.iter().map(|wish| line::change(wish)).collect();
        match self.cluster()?.change(id, &changes?).ok_or("it is down")? {
            Ok(at) => self.say(&format!("proposed as {at}")),
            Err(error) => self.say(&format!("refused: {error}")),
        }
        Ok(())
    }

    fn hand_over(&mut self, id: NodeId, to: Option<NodeId>) -> Result<(), Box<dyn Error>> {
        match self.cluster()?.hand_over(id, to).ok_or("it is down")? {
            Ok(to) => self.say(&format!("{id} hands over to {to}")),
            Err(error) => self.say(&format!("refused: {error}")),
        }
        Ok(())
    }

    fn read(&mut self, id: NodeId) -> Result<(), Box<dyn Error>> {
        match self.cluster()?.read(id).ok_or("it is down")? {
            Ok(read) => self.say(&format!("read {read} begins at {id}")),
            Err(error) => self.say(&format!("refused: {error}")),
        }
        Ok(())
    }

    /// Takes the waiting messages that fit, those across a partition only if asked for.
    fn take(
        &mut self,
        from: Option<u64>,
        to: Option<u64>,
        only: Option<&str>,
        across: bool,
    ) -> Result<Vec<Message>, &'static str> {
        let cluster = self.cluster()?;
        let fits = |message: &Message| {
            from.is_none_or(|from| message.from.0 == from)
                && to.is_none_or(|to| message.to.0 == to)
                && only.is_none_or(|only| message.body.kind() == only)
        };
        let all = std::mem::take(&mut cluster.network);
        let passes = |m: &Message| fits(m) && (across || cluster.is_connected(m.from, m.to));
        let (taken, left) = all.into_iter().partition(passes);
        cluster.network = left;
        Ok(taken)
    }

    fn settle(&mut self) -> Result<(), Box<dyn Error>> {
        for _ in 0..DELIVERIES_MAX {
            self.pump()?;
            let cluster = self.cluster()?;
            let waiting = cluster.network.iter();
            let mut passing = waiting
                .enumerate()
                .filter(|(_, m)| cluster.is_connected(m.from, m.to));
            let Some((at, _)) = passing.next() else {
                return Ok(());
            };
            let message = cluster.network.remove(at);
            cluster.deliver(message);
        }
        Err("the cluster never settles".into())
    }

    /// Does what is ready everywhere, and says what was sent.
    fn pump(&mut self) -> Result<(), &'static str> {
        let (held, full) = (self.held.clone(), self.full.clone());
        let cluster = self.cluster()?;
        let waiting = cluster.network.len();
        let answers = cluster.reads_ended.len();
        for id in cluster.ids() {
            let apply_bytes = if full.contains(&id) { 0 } else { usize::MAX };
            while cluster.pump(id, apply_bytes, true) {
                if !held.contains(&id) {
                    cluster.persisted(id);
                }
            }
        }
        let sent: Vec<String> = cluster.network[waiting..]
            .iter()
            .map(show::message)
            .collect();
        let ended = cluster.reads_ended[answers..].iter().map(show::read_end);
        let lines: Vec<String> = sent.into_iter().chain(ended).collect();
        lines.iter().for_each(|line| self.say(line));
        Ok(())
    }

    fn show_changes(&mut self) {
        let Some(cluster) = &self.cluster else { return };
        let mut lines = Vec::new();
        for (id, replica) in &cluster.replicas {
            let line = show::replica(*id, replica.raft.as_ref(), &cluster.founders);
            if self.shown.insert(*id, line.clone()).as_ref() != Some(&line) {
                lines.push(line);
            }
        }
        lines.iter().for_each(|line| self.say(line));
    }
}

#[test]
fn every_story_is_as_it_was_told() {
    let scripts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/raft/scripts");
    let mut paths: Vec<_> = scripts
        .read_dir()
        .expect("the folder of scripts")
        .map(|entry| entry.expect("an entry of the folder").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 60, "stories went missing: {paths:?}");
    // A difference panics: the rest is told all the same, to see how much a change has changed.
    let differs = |path: &&PathBuf| {
        let told = || goldenscript::run(&mut Story::default(), path);
        let told = std::panic::catch_unwind(told);
        if let Ok(Err(error)) = &told {
            eprintln!("{}: {error}", path.display());
        }
        !matches!(told, Ok(Ok(())))
    };
    let differing: Vec<&PathBuf> = paths.iter().filter(differs).collect();
    assert!(differing.is_empty(), "told otherwise: {differing:#?}");
}
