//! What a node that runs does about its membership: keeps its peers' addresses as the replicated list
//! says, says its own, and ends when it hears that it was removed or has lost its disk.

use std::time::Duration;

use super::entry::{Entry, ask_members};
use crate::{
    config::{self, Config},
    env::{Clock, task::select},
    gateway::{Gateway, SHARD},
    machine::{Member, Members},
    node::{Announced, Host, Order, Roster},
    rpc::peers::Directory,
    types::NodeId,
};

/// How long one attempt to say something to the cluster may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Keeps the directory of peers like the list of members that the state machine has, and tells it of
/// a later one that is in the log already.
pub(super) async fn follow_members(host: Host, directory: Directory) {
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
pub(super) fn recall_members(host: &Host, directory: &Directory) {
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
pub(super) async fn hear_of_dismissal(host: Host, directory: Directory) {
    let said = directory.told_to_leave().await;
    host.told_to_leave(&said);
}

/// Sees to it that the list of members says of this node what its configuration does; until the
/// list is there, asks others for theirs: a node that joins refuses whom it does not know.
pub(super) async fn introduce(
    gateway: Gateway,
    directory: Directory,
    config: Config,
    Entry { node, mark, .. }: Entry,
    clock: Clock,
) {
    let own = config.member();
    loop {
        let members = gateway.members();
        match members.get(node) {
            Some(listed) if is_said(listed, &own, mark) => return,
            Some(_) => {
                // Tried again whatever the error: it says no more than what is to be.
                if let Err(error) = gateway.order(&words(node, &own, mark), PATIENCE).await {
                    tracing::debug!("not introduced yet: {error}");
                }
            }
            None => learn_from_others(&members, &directory, &config).await,
        }
        clock.sleep(PAUSE).await;
    }
}

async fn learn_from_others(members: &Members, directory: &Directory, config: &Config) {
    let founders = config.members.iter().map(|member| &member.grpc);
    let others: Vec<String> = config.join.iter().chain(founders).cloned().collect();
    if members.is_empty()
        && !others.is_empty()
        && let Some(members) = ask_members(&others).await
    {
        directory.learn(&members);
    }
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
