//! The lanes of nodes: who was what in which term, how far each log had come, when disks synced.
//!
//! Servers tell what they do, not what they are. That a node is a candidate shows in what it sends,
//! that it follows in whom it answers; between two such signs it is taken to be what it was.

use std::collections::BTreeMap;

use serde::Serialize;

use super::line::Line;

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    /// Its process is not there.
    Down,
    /// It has started and has not read its disk yet.
    Starting,
    /// It follows, or does not know whom.
    Follower,
    /// It stands for election, or asks whether it should.
    Candidate,
    /// It leads, or thinks so.
    Leader,
}

/// A stretch of time in which a node was one thing in one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Span {
    /// Its begin, in microseconds.
    pub from: u64,
    /// Its end.
    pub to: u64,
    /// What it was.
    pub role: Role,
    /// Its term, as far as it showed.
    pub term: u64,
}

/// How far a node had come: time, last durable index, commit index, applied index.
type Step = (u64, u64, u64, u64);

/// One node's time.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Lane {
    /// Its number.
    pub node: u64,
    /// What it was, from begin to end.
    pub spans: Vec<Span>,
    /// Its progress, a step each time that something moved.
    pub steps: Vec<Step>,
    /// Its syncs: begin and end, equal ones for a directory's.
    pub syncs: Vec<(u64, u64)>,
    /// The tables of its store: when one was made (true) or removed because it had been merged into
    /// others (false), and which.
    pub tables: Vec<(u64, bool, String)>,
}

/// The lanes of all nodes that a trace knows of, up to `end`.
pub(super) fn lanes(lines: &[Line], nodes: u64, end: u64) -> Vec<Lane> {
    let mut stories: BTreeMap<u64, Story> = (1..=nodes)
        .map(|node| (node, Story::new(node, 0)))
        .collect();
    for line in lines {
        if let Some(node) = line.node() {
            let story = stories
                .entry(node)
                .or_insert_with(|| Story::new(node, line.us));
            story.take(line);
        }
    }
    stories.into_values().map(|story| story.end(end)).collect()
}

/// A lane on the way.
struct Story {
    lane: Lane,
    now: Span,
    last: u64,
    commit: u64,
    applied: u64,
    syncing: Vec<u64>,
}

impl Story {
    fn new(node: u64, from: u64) -> Self {
        Story {
            lane: Lane {
                node,
                spans: Vec::new(),
                steps: Vec::new(),
                syncs: Vec::new(),
                tables: Vec::new(),
            },
            now: Span {
                from,
                to: from,
                role: Role::Starting,
                term: 0,
            },
            last: 0,
            commit: 0,
            applied: 0,
            syncing: Vec::new(),
        }
    }

    fn take(&mut self, line: &Line) {
        let us = line.us;
        match line.what.as_str() {
            "stopped" => self.turn(us, Role::Down, self.now.term),
            "started" => self.turn(us, Role::Starting, self.now.term),
            "restored" => self.restored(line),
            "leader" => self.turn(us, Role::Leader, line.number("term").unwrap_or(0)),
            "sent" => self.sent(line),
            "received" => self.received(line),
            "persisted" => self.persisted(line),
            "syncing" => self.syncing.push(us),
            "synced" if !self.syncing.is_empty() => {
                let from = self.syncing.remove(0);
                self.lane.syncs.push((from, us));
            }
            "dir-synced" => self.lane.syncs.push((us, us)),
            "created" | "removed" => {
                let path = line.text("path");
                if path.ends_with(".table") {
                    let is_made = line.what == "created";
                    self.lane.tables.push((us, is_made, path.to_owned()));
                }
            }
            _ => {}
        }
        self.progress(line);
    }

    fn turn(&mut self, us: u64, role: Role, term: u64) {
        if (role, term) == (self.now.role, self.now.term) {
            return;
        }
        if role == Role::Down {
            // What was under way when the process ended is seen as broken off.
            let open = std::mem::take(&mut self.syncing);
            self.lane
                .syncs
                .extend(open.into_iter().map(|from| (from, us)));
        }
        self.now.to = us;
        if self.now.to > self.now.from {
            self.lane.spans.push(self.now);
        }
        self.now = Span {
            from: us,
            to: us,
            role,
            term,
        };
    }

    fn restored(&mut self, line: &Line) {
        let term = line.number("term").unwrap_or(0);
        self.turn(line.us, Role::Follower, term);
        self.last = line.pair("last").map_or(0, |last| last.0);
        self.applied = line.pair("at").map_or(0, |at| at.0);
        self.commit = self.applied;
        self.step(line.us);
    }

    fn sent(&mut self, line: &Line) {
        let term = line.number("term").unwrap_or(0);
        match line.text("kind") {
            "pre-vote" => self.turn(line.us, Role::Candidate, self.now.term),
            "vote" => self.turn(line.us, Role::Candidate, term),
            "pre-vote-reply" => {}
            _ if term > self.now.term => self.turn(line.us, Role::Follower, term),
            _ => {}
        }
    }

    fn received(&mut self, line: &Line) {
        let term = line.number("term").unwrap_or(0);
        let of_leader = matches!(line.text("kind"), "append" | "heartbeat");
        let binds = of_leader || matches!(line.text("kind"), "append-rejected" | "heartbeat-reply");
        let is_newer = binds && term > self.now.term;
        if is_newer || (of_leader && term == self.now.term && self.now.role == Role::Candidate) {
            self.turn(line.us, Role::Follower, term);
        }
    }

    fn persisted(&mut self, line: &Line) {
        let Some(term) = line.number("term").filter(|term| *term > self.now.term) else {
            return;
        };
        let own = line.number("vote") == Some(self.lane.node);
        let role = if own { Role::Candidate } else { Role::Follower };
        self.turn(line.us, role, term);
    }

    /// What an event says about how far the node has come.
    fn progress(&mut self, line: &Line) {
        match line.what.as_str() {
            "persisted" => {
                let reset = line.pair("reset").map(|at| at.0);
                let last = line.log().map(|(_, last)| last.0);
                self.last = last.or(reset).unwrap_or(self.last);
            }
            "committed" => self.commit = line.number("index").unwrap_or(self.commit),
            "applied" => self.applied = line.pair("at").map_or(self.applied, |at| at.0),
            "installed" => {
                let at = line.pair("at").map_or(0, |at| at.0);
                (self.applied, self.last) = (at, self.last.max(at));
                self.commit = self.commit.max(at);
            }
            _ => return,
        }
        self.step(line.us);
    }

    fn step(&mut self, us: u64) {
        let step = (us, self.last, self.commit, self.applied);
        match self.lane.steps.last_mut() {
            Some(last) if last.0 == us => *last = step,
            Some(last) if (last.1, last.2, last.3) == (step.1, step.2, step.3) => {}
            _ => self.lane.steps.push(step),
        }
    }

    fn end(mut self, end: u64) -> Lane {
        self.now.to = end.max(self.now.from);
        self.lane.spans.push(self.now);
        self.lane
    }
}

impl Lane {
    /// What the node was at a moment.
    pub fn at(&self, us: u64) -> Option<Span> {
        let after = self.spans.partition_point(|span| span.from <= us);
        Some(self.spans[after.checked_sub(1)?])
    }
}
