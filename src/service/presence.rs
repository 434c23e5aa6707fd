//! What a node that runs does about its membership: keeps its peers' addresses as the replicated list
//! says, says its own, looks for a leader that it has not heard of, and ends when it hears that it was removed
//! or has lost its disk. And what it starts with, once it is known which member it is.
//!
//! A node that was away while the members changed may know nobody of those who lead now, and listens to
//! nobody whom it does not know. So the replicated list cannot reach it, and it has to ask for it.

use std::time::Duration;

use super::entry::{Entry, ask_members};
use crate::{
    config::{self, Config},
    env::{
        Clock,
        task::{Tasks, select},
    },
    gateway::{Gateway, SHARD},
    machine::{Member, Members},
    node::{Announced, Host, Order, Roster, Settings},
    rng::Rng,
    rpc::{Directory, Me},
    types::NodeId,
};

/// How long one attempt to say something to the cluster may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// After so many milliseconds without a word of its leader a node asks others who belongs to the cluster.
const SILENCE_MS: u64 = 1_000;

/// What a node starts its host with.
pub fn settings(config: &Config, entry: &Entry) -> Settings {
    Settings {
        cluster: config.cluster_id(),
        node: entry.node,
        name: config.member().name,
        mark: entry.mark,
        founders: entry.founders.clone(),
        limits: config.limits.clone(),
    }
}

/// What a node starts its directory of peers with.
pub fn me(config: &Config, entry: &Entry) -> Me {
    Me {
        cluster: config.cluster_id(),
        node: entry.node,
        mark: entry.mark,
        agreement: match entry.founders.is_empty() {
            true => 0,
            false => config.agreement(),
        },
        members: entry.members.clone(),
        expected: Members::default(),
        told: match entry.founders.is_empty() {
            true => entry.members.clone(),
            false => Members::default(),
        },
        strangers: Vec::new(),
    }
}

/// A node that takes part in its cluster, and what it does that with.
#[derive(Clone)]
pub struct Presence {
    /// The node.
    pub host: Host,
    /// Where it gives its orders.
    pub gateway: Gateway,
    /// Its peers.
    pub directory: Directory,
    /// What it was configured with.
    pub config: Config,
    /// Which member it is.
    pub entry: Entry,
    /// Its clock.
    pub clock: Clock,
    /// Its randomness.
    pub rng: Rng,
}

impl Presence {
    /// Starts what has to be done for as long as the node runs.
    pub fn begin(self, tasks: &mut Tasks) {
        let (host, directory) = (self.host.clone(), self.directory.clone());
        tasks.spawn(follow_members(host.clone(), directory.clone()));
        tasks.spawn(hear_of_dismissal(host, directory));
        tasks.spawn(self.clone().look_for_leader());
        tasks.spawn(self.introduce());
    }

    /// Sees to it that the list of members says of this node what its configuration does; until the
    /// list is there, asks others for theirs: a node that joins refuses whom it does not know.
    async fn introduce(self) {
        let Presence {
            gateway,
            config,
            clock,
            entry: Entry { node, mark, .. },
            ..
        } = &self;
        let own = config.member();
        loop {
            let members = gateway.members();
            match members.get(*node) {
                Some(listed) if is_said(listed, &own, *mark) => return,
                Some(_) => {
                    // Tried again whatever the error: it says no more than what is to be.
                    if let Err(error) = gateway.order(&words(*node, &own, *mark), PATIENCE).await {
                        tracing::debug!("not introduced yet: {error}");
                    }
                }
                None => self.learn_from_others(&members).await,
            }
            clock.sleep(PAUSE).await;
        }
    }

    async fn learn_from_others(&self, members: &Members) {
        if members.is_empty()
            && let Some(members) = self.ask_others().await
        {
            self.directory.hear(members);
        }
    }

    /// While no leader speaks to this node, asks others whom to listen to.
    async fn look_for_leader(self) {
        loop {
            self.clock.sleep(PAUSE).await;
            let behind = self.host.behind(SHARD).ok();
            let heard_ms = behind.and_then(|behind| behind.leader_heard_ms);
            if heard_ms.is_none_or(|ms| ms > SILENCE_MS)
                && let Some(members) = self.ask_others().await
            {
                self.directory.hear(members);
            }
        }
    }

    /// The members as a leader has them, if any of those answers whom this node was ever told of.
    async fn ask_others(&self) -> Option<Members> {
        let config = &self.config;
        let founders = config.members.iter().map(|member| member.grpc.clone());
        let own = config.member().grpc;
        let mut others: Vec<String> = config.join.iter().cloned().chain(founders).collect();
        others.extend(self.directory.faces());
        others.retain(|address| !address.is_empty() && *address != own);
        others.sort_unstable();
        others.dedup();
        if others.is_empty() {
            return None;
        }
        ask_members(&others, &self.clock, &self.rng).await
    }
}

/// Keeps the directory of peers like the list of members that the state machine has, and tells it of
/// a later one that is in the log already.
async fn follow_members(host: Host, directory: Directory) {
    let (Ok(mut roster), Ok(mut announced)) = (host.roster(SHARD), host.announced(SHARD)) else {
        return;
    };
    // Held no longer than this: a node that was stopped lets go of its data directory.
    drop(host);
    loop {
        tell(
            &roster.borrow_and_update(),
            &announced.borrow_and_update(),
            &directory,
        );
        let changed = select! {
            biased;
            changed = roster.changed() => changed,
            changed = announced.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Tells the directory what the node's own log says, before any peer is listened to.
pub fn recall_members(host: &Host, directory: &Directory) {
    if let (Ok(roster), Ok(announced)) = (host.roster(SHARD), host.announced(SHARD)) {
        tell(&roster.borrow(), &announced.borrow(), directory);
    }
}

fn tell(roster: &Roster, announced: &Announced, directory: &Directory) {
    if !roster.members.is_empty() {
        directory.learn(&roster.members);
    }
    let still_to_come = announced.at > roster.since;
    directory.expect(match still_to_come {
        true => announced.members.clone(),
        false => Members::default(),
    });
}

/// Ends the node's service if its peers say that it is no member any more, or not the one it was.
async fn hear_of_dismissal(host: Host, directory: Directory) {
    let said = directory.told_to_leave().await;
    host.told_to_leave(&said);
}

fn is_said(listed: &Member, own: &config::Member, mark: u64) -> bool {
    let said = (&listed.name, &listed.peer, &listed.grpc, &listed.http);
    listed.started && listed.mark == mark && said == (&own.name, &own.peer, &own.grpc, &own.http)
}

fn words(id: NodeId, own: &config::Member, mark: u64) -> Order {
    Order::Introduce {
        id,
        name: own.name.clone(),
        peer: own.peer.clone(),
        grpc: own.grpc.clone(),
        http: own.http.clone(),
        first: false,
        mark,
    }
}
