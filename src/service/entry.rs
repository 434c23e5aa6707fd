//! Coming into a cluster: which member this node is, before it opens anything.
//!
//! | data directory | configuration | so |
//! |---|---|---|
//! | somebody's | | it is that member, by name; its own log and list of members count |
//! | empty | `join` | it asks to be added, or takes the place that was made for its name |
//! | empty | founders, and no cluster answers | it founds the cluster |
//! | empty | founders, and a cluster answers that waits for it | it founds the cluster, late |
//! | empty | a cluster answers in which its name has started | its disk was lost: see below |
//!
//! A member whose disk is empty has forgotten its vote and what it acknowledged, and must not come
//! back as who it was (thesis §3.8 assumes stable storage). It joins under a new number as a
//! learner, and the old number is removed in the step in which the new one gets its vote.
//!
//! A founder that lost its disk and reaches nobody cannot know: it founds the cluster again, under its
//! old number. But its directory has a new mark, and those who know the old one never listen to it:
//! it ends as soon as it calls one of them, before a vote or an acknowledgement of it was heard.
//!
//! That takes somebody who knows. While a cluster is born there are founders that have heard of nobody yet: two
//! of three that meet with empty disks are a cluster, and nothing tells them that a third has seen one of
//! them before. Whoever loses a founder's disk before all others have started has to say `join`.

use std::time::Duration;

use crate::{
    client::{Client, ClientError, Connections},
    config::{self, Config},
    env::{
        Clock, Disk,
        task::{spawn, timeout},
    },
    machine::{Member, Members},
    node::{self, Identity, IdentityError},
    rng::Rng,
    rpc::proto::etcdserverpb::{self as pb, Introduction, MemberAddRequest, MemberUpdateRequest},
    types::NodeId,
};

use super::start_error::StartError;

/// How long one question to the cluster may take.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// How long a founder's empty directory waits for somebody to say that there is a cluster already.
const LOOK_WITHIN: Duration = Duration::from_millis(600);

/// How often a node asks to join before it gives up; whoever supervises it starts it again.
const ATTEMPTS_MAX: u32 = 60;

/// The pause between two attempts: what stands against one ends by itself, as another change of
/// members, or the last signs of life of the one that is replaced.
const PAUSE: Duration = Duration::from_secs(1);

/// Which member a node is.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number.
    pub node: NodeId,
    /// What tells its data directory from every other.
    pub mark: u64,
    /// Whom its log begins with, if that is empty: nobody on a node that joins.
    pub founders: Members,
    /// The members as far as they are known before the log is read.
    pub members: Members,
}

/// Finds out which member this node is; joins the cluster if it is none yet. No two starts of a node
/// may share `rng`: it draws the mark of an empty directory.
pub async fn entry(
    config: &Config,
    disk: &dyn Disk,
    clock: &Clock,
    rng: &Rng,
) -> Result<Entry, StartError> {
    let own = config.member();
    let founders = founders(config);
    // Before anything is asked of the cluster: a directory that is of no use would lead to a new
    // member with every start.
    let refused = |error| StartError::Node {
        dir: config.data_dir.display().to_string(),
        error,
    };
    if let Some(known) = node::look(disk).await.map_err(refused)? {
        check_name(config, &own, &known).map_err(|error| refused(error.into()))?;
        return Ok(standing(config, &known, founders));
    }
    if !config.join.is_empty() {
        return join(config, &own, &config.join, clock, rng).await;
    }
    let others = config.members.iter().filter(|other| other.id != own.id);
    let others: Vec<String> = others.map(|other| other.grpc.clone()).collect();
    match cluster_there(&others, clock, rng).await {
        Some(members) => match members.iter().find(|member| member.name == own.name) {
            Some(member) if !member.started && member.id == own.id.0 => {
                Ok(founding(own.id, founders, rng))
            }
            // It has started, or its place was taken by a new number under its name: its own, asked
            // for before it stopped again.
            Some(_) => {
                tracing::warn!("{} has an empty disk: it joins anew", own.name);
                join(config, &own, &others, clock, rng).await
            }
            None => Err(StartError::Unknown(own.name)),
        },
        None => Ok(founding(own.id, founders, rng)),
    }
}

/// Whether the directory is that of the node whose configuration this is.
fn check_name(
    config: &Config,
    own: &config::Member,
    found: &Identity,
) -> Result<(), IdentityError> {
    let cluster = config.cluster_id();
    if found.name == own.name && found.cluster == cluster {
        return Ok(());
    }
    let wanted = Identity {
        cluster,
        node: own.id,
        name: own.name.clone(),
        mark: found.mark,
    };
    let found = found.clone();
    Err(IdentityError::Other { found, wanted })
}

/// The founders, as the configuration names them.
pub(super) fn founders(config: &Config) -> Members {
    Members::founding(config.members.iter().map(Member::from))
}

fn founding(node: NodeId, founders: Members, rng: &Rng) -> Entry {
    Entry {
        node,
        mark: new_mark(rng),
        members: founders.clone(),
        founders,
    }
}

/// What a directory is told by from now on; 0 says nothing.
fn new_mark(rng: &Rng) -> u64 {
    rng.fork("mark").between(1, u64::MAX)
}

/// A node whose directory says who it is. What the configuration says besides is of no account.
fn standing(config: &Config, found: &Identity, founders: Members) -> Entry {
    let Identity { node, mark, .. } = *found;
    let own = config.member();
    if own.id != node && own.id != NodeId(0) {
        tracing::warn!(
            "`node` = {} is who {} was when the cluster was founded; now it is member {}",
            own.id.0,
            own.name,
            node.0
        );
    }
    let is_founder = founders
        .get(node)
        .is_some_and(|founder| founder.name == own.name);
    if is_founder {
        let members = founders.clone();
        return Entry {
            node,
            mark,
            founders,
            members,
        };
    }
    // Until the log is read the others are taken to be where they were.
    let others = founders.iter().filter(|founder| founder.name != own.name);
    Entry {
        node,
        mark,
        members: Members::founding(others.cloned()),
        founders: Members::default(),
    }
}

/// The members of the cluster that one of `addresses` belongs to, as far as that one knows: there may
/// be no leader just now, and this node's lost disk the reason.
async fn cluster_there(addresses: &[String], clock: &Clock, rng: &Rng) -> Option<Vec<pb::Member>> {
    let asked: Vec<_> = addresses
        .iter()
        .filter_map(|address| client(std::slice::from_ref(address), LOOK_WITHIN, clock, rng).ok())
        .map(|mut client| spawn(async move { client.known_members().await }))
        .collect();
    for answer in asked {
        if let Ok(Ok(Ok(list))) = timeout(LOOK_WITHIN, answer).await
            && !list.members.is_empty()
        {
            return Some(list.members);
        }
    }
    None
}

/// Becomes a member, by asking those at `addresses`.
async fn join(
    config: &Config,
    own: &config::Member,
    addresses: &[String],
    clock: &Clock,
    rng: &Rng,
) -> Result<Entry, StartError> {
    let no_way = |reason: String| StartError::Join {
        addresses: addresses.join(","),
        reason,
    };
    let mut client = client(addresses, ASK_WITHIN, clock, rng).map_err(no_way)?;
    let mut last = String::new();
    for _ in 0..ATTEMPTS_MAX {
        match step(&mut client, config, own, rng).await {
            Ok(Some(entry)) => return Ok(entry),
            // Something changed: look again at once.
            Ok(None) => continue,
            Err(error) => {
                if error.to_string() != last {
                    last = error.to_string();
                    tracing::warn!("not a member yet: {last}");
                }
            }
        }
        clock.sleep(PAUSE).await;
    }
    Err(no_way(last))
}

/// One step on the way into the cluster: looks at the members, and does what is missing. Every step
/// is safe to repeat, whatever became of the one before.
async fn step(
    client: &mut Client,
    config: &Config,
    own: &config::Member,
    rng: &Rng,
) -> Result<Option<Entry>, ClientError> {
    let list = client.members().await?;
    let cluster = list.header.map_or(0, |header| header.cluster_id);
    if cluster != config.cluster_id() {
        return Err(ClientError::Refused {
            endpoint: config.join.join(","),
            reason: format!(
                "it belongs to cluster {cluster:x}, and `cluster` = {:?} is {:x}",
                config.cluster,
                config.cluster_id()
            ),
        });
    }
    let place = list.members.iter().find(|member| is_ours(member, own));
    let addition = |replaces| MemberAddRequest {
        peer_urls: vec![own.peer.clone()],
        is_learner: false,
        name: own.name.clone(),
        replaces,
    };
    match place {
        None => client.add_member(&addition(0)).await.map(|_| None),
        Some(place) if place.started => client.add_member(&addition(place.id)).await.map(|_| None),
        Some(place) => {
            let members = client
                .update_member(&introduction(place.id, own, true))
                .await?;
            Ok(Some(Entry {
                node: NodeId(place.id),
                mark: new_mark(rng),
                founders: Members::default(),
                members: Members::founding(members.iter().map(member_in)),
            }))
        }
    }
}

/// Whether a place in the list is this node's: it has its name, or was made for its address before
/// it had one.
fn is_ours(member: &pb::Member, own: &config::Member) -> bool {
    let urls = [format!("http://{}", own.peer)];
    member.name == own.name || (member.name.is_empty() && member.peer_urls == urls)
}

/// What a member says of itself.
pub(super) fn introduction(id: u64, own: &config::Member, first: bool) -> MemberUpdateRequest {
    MemberUpdateRequest {
        id,
        peer_urls: vec![own.peer.clone()],
        introduction: Some(Introduction {
            name: own.name.clone(),
            grpc: own.grpc.clone(),
            http: own.http.clone(),
            first,
        }),
    }
}

/// The members that those at `addresses` know, for a node that knows none itself.
pub(super) async fn ask_members(addresses: &[String], clock: &Clock, rng: &Rng) -> Option<Members> {
    let client = client(addresses, ASK_WITHIN, clock, rng);
    let list = client.ok()?.members().await.ok()?;
    Some(Members::founding(list.members.iter().map(member_in)))
}

fn member_in(member: &pb::Member) -> Member {
    let address = |urls: &[String]| {
        let url = urls.first().map_or("", String::as_str);
        url.trim_start_matches("http://").to_owned()
    };
    Member {
        id: NodeId(member.id),
        name: member.name.clone(),
        peer: address(&member.peer_urls),
        grpc: address(&member.client_urls),
        http: member.http.clone(),
        started: member.started,
        // Not for clients to know; the log will say it.
        mark: 0,
    }
}

fn client(
    addresses: &[String],
    within: Duration,
    clock: &Clock,
    rng: &Rng,
) -> Result<Client, String> {
    let connections = Connections::new(addresses)?;
    Ok(Client::new(
        connections,
        within,
        clock.clone(),
        rng.fork("session"),
    ))
}
