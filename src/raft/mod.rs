//! Raft: how replicas agree on one log, as a pure value.
//!
//! A [`Raft`] is one replica of one shard. It awaits nothing and owns no clock, disk, socket or
//! random source: its node tells it the time, calls [`tick`](Raft::tick), [`step`](Raft::step),
//! [`propose`](Raft::propose) and [`read`](Raft::read), then takes a [`Ready`] and does what it
//! says. The same calls in the same order give the same answers, on any machine and any day.
//!
//! This page tells the protocol from its beginning, in the order in which it can be understood, and
//! names the file that does it. "§" is a section of Ongaro and Ousterhout, *In Search of an
//! Understandable Consensus Algorithm*; "thesis" is Ongaro's.
//!
//! # What it is for
//!
//! Replicas that begin alike and take the same commands in the same order stay alike. So all there
//! is to agree on is a list of commands, the *log*, of which every replica has a copy (`log.rs`). Some
//! replicas may be down, slow or cut off, messages may be lost, repeated and reordered, and power
//! may fail between any two syncs of a disk; a majority that works and can talk is enough to go on, and
//! nothing that was ever promised is lost. What Raft does not stand is a replica that lies, or a
//! disk that forgets what it has synced.
//!
//! The idea is to elect one replica that decides, and to make the election such that whoever wins
//! has everything that was decided before. Two majorities of the same set share a member: that
//! member is what carries a decision from one leader to the next, and all proofs end at it.
//!
//! # The way of a command
//!
//! **Terms** (§5.1). Time is cut into terms, each with one leader at most; they number everything,
//! so that old and new can be told apart without clocks. Whoever hears of a later term enters it and
//! follows; who is told something of an older term answers with its own, so that it cannot linger.
//! `step.rs` does this before any role sees a message, and drops there what no correct replica can
//! have sent.
//!
//! **Roles** (`role.rs`). In its term a replica follows, asks around, stands, or leads. What lives
//! only as long as a role lives in that role's value (`follower.rs`, `candidate.rs`, `leader.rs`) and
//! dies with it, what outlives it in `shared.rs`; one function performs every change of role.
//!
//! **Elections** (§5.2, `election.rs`, `candidate.rs`). A follower that has not heard its leader for
//! a random time first asks around (thesis §9.6): would you vote for me? Asking changes nobody's
//! term, so a replica that was cut off cannot depose a leader by coming back. When a quorum would, it
//! enters the next term, votes for itself and asks in earnest. Everybody votes once in a term, so
//! two cannot both have a majority. Nobody helps to replace a leader that it has heard within the
//! shortest timeout (thesis §4.2.3), and nobody votes for a log that is less up to date than its own
//! (§5.4.1): whose last entry is of an older term, or of the same and shorter. A leader that a quorum
//! has not answered for as long steps down: it may have been replaced, and clients should not wait
//! for it. Replicas of a lower priority wait longer before they stand, but not without end.
//!
//! **Replication** (§5.3, `leader.rs`, `sending.rs`, `progress.rs`, `follower.rs`). The leader appends to its own
//! log and sends what each peer lacks: in `Ready`, so that what was proposed meanwhile travels
//! together, and several appends at once, so that the wire is never idle. Each append names the
//! entry before its first one; a peer that does not have that entry refuses, and so two logs that
//! have the same entry are the same up to there. The refusal brings a hint that skips whole terms;
//! then the leader probes, one append at a time, until it is accepted, and what differs at the
//! peer is overwritten.
//!
//! **Commitment** (§5.4, `quorum.rs`). What a quorum holds durably is committed if it is of the
//! leader's own term, and everything before it with it: a later leader got a vote from that quorum,
//! from a replica that has the entry, and so has it too. For an entry of an *older* term this does not
//! hold, since a log with a later last term can win against it (figure 8). Therefore a term begins
//! with an entry that says nothing. The leader is one of the quorum only as far as its own disk has
//! come; its appends may leave before that, so the disks of all work at the same time. Committed
//! entries go to the state machine once they are durable here too. Followers hear of a commit with the
//! next append, with the answer to a read of theirs, or when the node says that it is time
//! ([`Room::tell`]): nobody else waits for that news, and as an append of its own it would cost as much as
//! the entries.
//!
//! **Reads** (§8, thesis §6.4, `reads.rs`). A read needs no entry in the log, but two proofs: that
//! the leader still leads (a quorum answers a heartbeat that was sent after the read began), and that
//! it knows how far its predecessors committed (its own first entry is committed). A follower asks
//! its leader for the index and then serves the read itself.
//!
//! **Leases** (thesis §6.4.1, `lease.rs`), if they are asked for, save reads that round at the price of
//! trusting clocks. Whoever answers a heartbeat promises to help nobody else to lead for some time; as
//! long as a quorum surely keeps such a promise nobody else can lead, and the first proof is there
//! already. This is the one place where time decides what is right and not only what is soon, so the
//! core is told the time with everything that is handed to it. `lease.rs` says what is assumed.
//!
//! **Snapshots** (§7). The log is cut below what the state machine holds durably. A peer that needs
//! what was cut is named in [`Ready::snapshots`]; the node carries the state over by its own ways
//! and says [`install`](Raft::install) there and [`snapshot_ended`](Raft::snapshot_ended) here.
//!
//! # Who takes part
//!
//! A [`Membership`] (`membership.rs`) says who votes and who learns. It lies in the log like a
//! command, but is in force from the moment when it is *in* a log, not when it is committed (thesis
//! §4.1): a leader has to count by the new rule while it makes it. So it can be lost again with
//! its entry, and the log keeps the one before. What a log begins with carries the membership as of
//! there ([`Base`]); so does every snapshot. A new shard begins with its founders, a node that is to
//! join begins with nobody and waits to be spoken to, since messages are taken from anybody, whereas
//! votes and acknowledgements count only from members.
//!
//! **Changes** (thesis §4.1, §4.3, `change.rs`, `reconfigure.rs`). If the voters change by one, any
//! majority of the old shares a member with any of the new, and the change takes one entry. If they
//! change by more, the old and the new could each decide without the other; so the log goes through a
//! *joint* membership, in which elections, commits, reads and the leader's own check need a majority
//! of both. As soon as that is committed nobody can decide by the old alone, and the leader, or
//! whoever leads then, ends it with an entry of the new alone. A replacement is such a change: the
//! group never has one voter more or less than it should.
//!
//! One change at a time, and none before the leader has committed an entry of its own term. This last
//! rule came after the thesis: without it, two leaders that do not know of each other's change of one
//! voter could each find a majority (`tests::members` tells how it is kept).
//!
//! **Learners** (thesis §4.2.1) receive everything, serve reads, and are counted nowhere. A new
//! voter that lacks the whole log would only be a hole in the quorum, so it learns first; when a
//! round of replication has taken less than an election timeout the leader makes a voter of it, if
//! that is its [`Aim`].
//!
//! **Going** (thesis §4.2.2). A leader that is not among the voters any more leads until that is
//! committed, counting others only, and then hands over. Who was removed is still sent what it
//! lacks for an election timeout, so that it learns of it. If it does not it asks around, and is
//! refused by all who hear a leader or have a longer log: it disturbs nobody. The core would have it ask
//! for ever, as it cannot tell a member that left from one that is to come; its node can, whose lists
//! remember every number that was ever given, and tells it, so that it stops. A
//! replica that finds itself removed by an entry that may not be committed *does* stand: it may be
//! the only one whose log wins.
//!
//! **Handing over** (thesis §3.10, `transfer.rs`). The leader takes no more commands, waits until
//! its successor has all of the log, and tells it to stand at once. That request for votes says that
//! the leader wished it, and is not refused because the leader is heard. The shard is without a
//! leader for one round of votes instead of for a timeout.
//!
//! # Promises and the disk
//!
//! A vote, a request for votes and the acceptance of an append are promises: the sender must still
//! know of them after a loss of power. The core itself keeps them back until
//! [`persisted`](Raft::persisted) says that the batch behind them is on disk. It could instead hand
//! out a second list, to be sent after persisting, and trust the node; but then every node, test and
//! simulation would have to get that right, and a promise that waited in such a list could leave
//! after its term was over. Here a promise is no message that waits: what may be said is computed
//! from the role and from what is durable at the moment when something became durable, and when the
//! role ends it was never said. The entries of a batch may be overwritten by a new leader while they
//! are being written; `persist.rs` tells what of the batch still counts.
//!
//! A disk that loses what it has synced is beyond Raft, which then loses what it has promised: the
//! replica's log is shorter than the one it vouched for, and it may vote for somebody who lacks
//! what it lost. But a disk that *knows* ([`Restored::damaged`]) can be helped. The replica neither
//! votes nor stands; it asks its leader where that one's log ends, follows, and is whole when it
//! has come so far (`follower.rs` says why). Its leader forgets what it vouched for. If too few are
//! left to elect a leader, the shard waits: nobody guesses. And a disk that does *not* know is found
//! out as long as the leader that was told more still leads: its heartbeats say up to where the replica
//! vouched for what is committed, and one that has not that very entry treats its log as damaged from then on.
//!
//! # What must hold
//!
//! `tests/raft` checks these after every step of thousands of random schedules:
//!
//! * Election safety: a term has one leader at most; a replica votes once in a term, over all crashes.
//! * Log matching: two logs that have the same position have the same entries up to there.
//! * Leader completeness: what was committed is in the log of every leader of a later term.
//! * State machine safety: what is committed at an index never changes, and is applied in order, once.
//! * A committed entry is on a quorum of disks from the first moment on.
//! * A promise that leaves is backed by the sender's disk at that moment.
//! * Term, commit and applied index of a process never go back.
//! * A read sees everything that was committed when it began; with leases, as long as clocks keep to
//!   their bound.
//! * When the trouble ends, a command gets through and the logs of all members become equal; and from
//!   then on nobody disturbs the leader.
//!
//! And of memberships:
//!
//! * In a log, a membership and the one before it differ by one voter, or one of them is joint and has
//!   the other for a half. At most one of them is not committed.
//! * A replica goes by the last membership of its log, even when that log is cut back.
//! * Whoever leads has the votes of a quorum of its own membership.
//! * A joint membership is left, whoever leads; a learner that is to vote does in the end.
//!
//! Contradictions of our own are asserted and stop the process. What others say is believed only as
//! far as the protocol allows: nonsense is dropped and never panics.
//!
//! # Bounds
//!
//! The log in memory: a leader refuses commands beyond `uncommitted_bytes_max` that are not applied,
//! and a follower takes no entries while its state machine is as far behind; what is applied and not
//! yet cut is the node's to bound by [`compact`](Raft::compact). What is under way to a peer
//! (`window.rs`): `inflight_max` appends and `inflight_bytes_max` bytes, so that one that is slow or gone costs that
//! and no more, and then heartbeats alone. Members: [`MEMBERS_MAX`]. A transfer: an election timeout.
//! Reads and questions: constants in `reads.rs` and `follower.rs`. One batch on its way to the disk at
//! a time: what queues up meanwhile is the next.
//!
//! # What is left out
//!
//! * **Leases that outlive a failed transfer.** Once somebody was told to stand, the leader of that
//!   term takes rounds for its reads: when the call will be forgotten nobody knows.
//! * **Repeating requests for votes.** A candidate whose requests were lost asks anew after its
//!   timeout, which is as short.
//! * **Giving up leadership when the own disk stalls.** The core does not know how long a batch may
//!   take; the node does, and hands over.
//! * **Making up for a lost vote.** Entries can be had again from others; whom a replica voted for,
//!   nobody else knows. One that has lost its term or vote has to be replaced, under another id.
//! * **Refusing a change that the present quorum would not survive**, such as a voter added while
//!   others are down. The core does what it is told; a learner with an aim is the safe way in.
//! * **Taking leadership back for a higher priority.** Priorities decide between candidates, not
//!   against a leader that works: every change of leader costs the clients something.
//! * **Witnesses**, who vote without a log: for two sites with a third that is small.

mod candidate;
mod change;
mod config;
mod election;
mod follower;
mod leader;
mod lease;
mod log;
mod membership;
mod message;
mod persist;
mod progress;
mod quorum;
mod reads;
mod ready;
mod reconfigure;
mod replica;
mod role;
mod sending;
mod shared;
mod status;
mod step;
mod transfer;
mod window;

pub use change::Change;
pub use config::{Config, MembershipError, NotLeader, PRIORITY_MAX, ProposeError, TransferError};
pub use membership::{Aim, MEMBERS_MAX, Membership, NewMembership};
pub use message::{Body, Entry, Message, Payload};
pub use ready::{Base, HardState, Persist, Ready, Restored, Room};
pub use replica::Raft;
pub use status::{PeerState, PeerStatus, RoleName, Status};

#[cfg(test)]
mod tests;
