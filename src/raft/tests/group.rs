//! A group of replicas whose disks work at once and whose messages arrive at once, unless somebody is
//! cut off: enough to tell what they decide together. What delay, loss and crashes do is told and
//! tried in `tests/raft`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::super::{
    Change, Config, Entry, HardState, Membership, Message, Raft, Restored, RoleName, Status,
};
use super::{ROOM, config, founded};
use crate::rng::Rng;
use crate::types::NodeId;

/// Deliveries after which a group that still talks will never be quiet.
const DELIVERIES_MAX: usize = 10_000;

pub struct Group {
    rafts: BTreeMap<NodeId, Raft>,
    /// Those that hear nobody and are heard by nobody.
    pub cut: BTreeSet<NodeId>,
    /// Which messages get lost.
    pub lose: fn(&Message) -> bool,
    /// Whose log was marked by a batch, and whether as damaged or as whole.
    pub marks: Vec<(NodeId, bool)>,
    /// Every message that was sent.
    pub sent: Vec<Message>,
}

impl Group {
    /// Voters from 1 on that founded the group, and after them so many that are still to join.
    pub fn new(voters: u64, joining: u64) -> Self {
        Group::with(voters, joining, |_| {})
    }

    /// The same with settings of one's own.
    pub fn with(voters: u64, joining: u64, configure: impl Fn(&mut Config)) -> Self {
        let raft = |id: u64| {
            let mut config = config();
            config.id = NodeId(id);
            configure(&mut config);
            let restored = match id > voters {
                true => Restored::default(),
                false => founded(voters),
            };
            (NodeId(id), Raft::new(config, restored, Rng::new(id), 0))
        };
        Group {
            rafts: (1..=voters + joining).map(raft).collect(),
            cut: BTreeSet::new(),
            lose: |_| false,
            marks: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Starts a replica again on a disk that has lost its last `lost` entries, and knows it if
    /// `damaged`.
    pub fn restart(&mut self, id: u64, lost: usize, damaged: bool) {
        let mut entries = self.entries(id);
        entries.truncate(entries.len() - lost);
        self.restart_with(id, entries, damaged);
    }

    /// Starts a replica again on a disk that holds these entries behind its base.
    pub fn restart_with(&mut self, id: u64, entries: Vec<Entry>, damaged: bool) {
        let status = self.status(id);
        let raft = self.raft(id);
        let restored = Restored {
            hard_state: HardState {
                term: status.term,
                vote: status.vote,
            },
            base: raft.base_at(status.first - 1).expect("its base"),
            applied: status.first - 1,
            entries,
            damaged,
        };
        let mut config = config();
        config.id = NodeId(id);
        // Another process draws other numbers.
        let rng = Rng::new(id).fork(&format!("after {} messages", self.sent.len()));
        *self.raft(id) = Raft::new(config, restored, rng, 0);
    }

    pub fn raft(&mut self, id: u64) -> &mut Raft {
        self.rafts.get_mut(&NodeId(id)).expect("a replica")
    }

    pub fn entries(&mut self, id: u64) -> Vec<Entry> {
        self.raft(id).entries().cloned().collect()
    }

    pub fn status(&mut self, id: u64) -> Status {
        self.raft(id).status()
    }

    pub fn membership(&mut self, id: u64) -> Membership {
        self.raft(id).membership().clone()
    }

    /// The one that leads the latest term.
    pub fn leader(&mut self) -> Option<u64> {
        let leads = |raft: &&Raft| raft.brief().role == RoleName::Leader;
        let leaders = self.rafts.values().filter(leads);
        let latest = leaders.max_by_key(|raft| raft.term());
        latest.map(|raft| raft.brief().id.0)
    }

    /// Makes one lead.
    pub fn elect(&mut self, id: u64) {
        self.raft(id).campaign(0);
        self.settle();
        assert_eq!(self.leader(), Some(id));
    }

    pub fn propose(&mut self, id: u64) {
        let command = Bytes::from("x");
        self.raft(id).propose(command).expect("a leader with room");
        self.settle();
    }

    /// Changes the members by a leader's word.
    pub fn change(&mut self, id: u64, changes: &[Change]) {
        let changed = self.raft(id).propose_membership(changes, Bytes::new());
        changed.expect("a change that may be made");
        self.settle();
    }

    /// Time passes for all.
    pub fn tick(&mut self, times: u32) {
        for _ in 0..times {
            self.rafts.values_mut().for_each(|raft| raft.tick(0));
            self.settle();
        }
    }

    /// Lets everything happen that happens without time.
    pub fn settle(&mut self) {
        for _ in 0..DELIVERIES_MAX {
            let mut messages = Vec::new();
            for (id, raft) in &mut self.rafts {
                let (said, marks) = step(raft);
                messages.extend(said);
                self.marks.extend(marks.into_iter().map(|mark| (*id, mark)));
            }
            if messages.is_empty() {
                return;
            }
            messages.into_iter().for_each(|m| self.deliver(m));
        }
        panic!("the group is never quiet");
    }

    fn deliver(&mut self, message: Message) {
        let Message { from, to, .. } = message;
        self.sent.push(message.clone());
        let cut = self.cut.contains(&from) || self.cut.contains(&to);
        let heard = !cut && !(self.lose)(&message);
        if let (true, Some(raft)) = (heard, self.rafts.get_mut(&to)) {
            raft.step(message, 0);
        }
    }
}

/// Does what is ready. Returns what is to be sent, and how batches marked the log.
fn step(raft: &mut Raft) -> (Vec<Message>, Vec<bool>) {
    let (mut said, mut marks) = (Vec::new(), Vec::new());
    loop {
        let ready = raft.ready(ROOM, 0);
        said.extend(ready.send);
        if let Some(last) = ready.apply.last() {
            raft.applied(last.at.index);
        }
        match ready.persist {
            Some(batch) => {
                marks.extend(batch.damaged);
                raft.persisted(batch.ticket);
            }
            None if ready.apply.is_empty() => return (said, marks),
            None => {}
        }
    }
}
