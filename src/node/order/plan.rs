//! From an order to a change of the log, or the reason against it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Order, Refused, Why};
use crate::{
    machine::{Member, Members, MembersError},
    node::Roster,
    raft::{Aim, Change},
    types::{Index, NodeId},
};

/// A learner that lacks no more entries than this may be made a voter by hand: about what is under
/// way at any moment under load.
const LAG_MAX: Index = 1_000;

/// What a leader sees when it plans.
pub(in crate::node) struct Scene<'a> {
    /// Who belongs to the cluster, nothing of it being changed at the moment.
    pub roster: &'a Roster,
    /// The members that were heard lately, the leader among them.
    pub present: BTreeSet<NodeId>,
    /// How many entries of the leader's log each peer lacks, of those that are known to follow it: a
    /// new one counts as present until it was silent for a while.
    pub lag: BTreeMap<NodeId, Index>,
}

/// What is to go into the log.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::node) struct Plan {
    /// Who takes part from then on; nothing if only names or addresses change.
    pub changes: Vec<Change>,
    /// The list of members from then on.
    pub members: Members,
}

/// The plan of an order; an order to lead is none of this kind, and panics.
pub(in crate::node) fn plan(order: Order, scene: &Scene<'_>) -> Result<Plan, Refused> {
    let members = scene.roster.members.clone();
    match order {
        Order::Add {
            name,
            peer,
            learner,
        } => {
            let aim = if learner { Aim::Stay } else { Aim::Vote };
            add(members, &name, &peer, aim)
        }
        Order::Remove(id) => remove(members, id, scene),
        Order::Promote(id) => promote(members, id, scene),
        Order::Move { id, peer } => change(members, id, |member| member.peer = peer),
        Order::Introduce {
            id,
            name,
            peer,
            grpc,
            http,
            first,
            mark,
        } => {
            let known = members.get(id).map_or(0, |member| member.mark);
            if ![0, known].contains(&mark) && known != 0 {
                let text = format!("member {id} has lost its disk: it must come back as a new one");
                return Err(Refused::new(Why::Exists, text));
            }
            if first && members.get(id).is_some_and(|member| member.started) {
                let text = format!("member {id} has started before: its disk must not be empty");
                return Err(Refused::new(Why::Exists, text));
            }
            change(members, id, |member| {
                let started = true;
                *member = Member {
                    id,
                    name,
                    peer,
                    grpc,
                    http,
                    started,
                    mark: mark.max(known),
                }
            })
        }
        Order::Replace { old, name, peer } => replace(members, old, &name, &peer, scene),
        Order::Lead(_) => unreachable!("leadership is not in the log"),
    }
}

fn add(mut members: Members, name: &str, peer: &str, aim: Aim) -> Result<Plan, Refused> {
    let id = members.add(name, peer)?;
    Ok(Plan {
        changes: vec![Change::AddLearner(id, aim)],
        members,
    })
}

fn change(
    mut members: Members,
    id: NodeId,
    how: impl FnOnce(&mut Member),
) -> Result<Plan, Refused> {
    let mut member = known(&members, id)?.clone();
    how(&mut member);
    members.put(member)?;
    Ok(Plan {
        changes: Vec::new(),
        members,
    })
}

/// The removed one stays in the list: the machine takes it out when it takes no part any more, and
/// that is only at the end of a joint change.
fn remove(members: Members, id: NodeId, scene: &Scene<'_>) -> Result<Plan, Refused> {
    known(&members, id)?;
    let mut voters = scene.roster.membership.voters.clone();
    if voters.remove(&id) {
        if voters.is_empty() {
            let text = "the last voter cannot be removed: there would be no cluster";
            return Err(Refused::new(Why::Impossible, text));
        }
        check_quorum(&voters, scene)?;
    }
    Ok(Plan {
        changes: vec![Change::Remove(id)],
        members,
    })
}

fn promote(members: Members, id: NodeId, scene: &Scene<'_>) -> Result<Plan, Refused> {
    known(&members, id)?;
    if !scene.roster.membership.learners.contains_key(&id) {
        let text = "can only promote a learner member";
        return Err(Refused::new(Why::NotLearner, text));
    }
    let in_sync = "can only promote a learner member which is in sync with leader";
    let refused = match scene.lag.get(&id) {
        Some(lag) if scene.present.contains(&id) => match *lag > LAG_MAX {
            true => Some(format!("{in_sync}: {id} lacks {lag} entries")),
            false => None,
        },
        _ => Some(format!("{in_sync}: {id} is not heard to follow it")),
    };
    if let Some(text) = refused {
        return Err(Refused::new(Why::NotReady, text));
    }
    Ok(Plan {
        changes: vec![Change::AddVoter(id)],
        members,
    })
}

/// Name and address go over to the new one; the old one keeps its number until it is removed.
fn replace(
    mut members: Members,
    old: NodeId,
    name: &str,
    peer: &str,
    scene: &Scene<'_>,
) -> Result<Plan, Refused> {
    let membership = &scene.roster.membership;
    let before = known(&members, old)?.clone();
    if before.name == name && scene.present.contains(&old) {
        let text = format!(
            "member {old} is called {name:?} and is alive: stop it, or choose another name"
        );
        return Err(Refused::new(Why::Exists, text));
    }
    members.put(Member {
        name: String::new(),
        peer: String::new(),
        ..before
    })?;
    let id = members.add(name, peer)?;
    let changes = match membership.learners.get(&old) {
        Some(aim) => vec![Change::Remove(old), Change::AddLearner(id, *aim)],
        None => vec![Change::AddLearner(id, Aim::Replace(old))],
    };
    // Whoever was to take the old one's place already would do so twice.
    let others = membership.learners.iter();
    let rivals = others.filter(|(_, aim)| **aim == Aim::Replace(old));
    let rivals = rivals.map(|(rival, _)| Change::Remove(*rival));
    Ok(Plan {
        changes: rivals.chain(changes).collect(),
        members,
    })
}

fn known(members: &Members, id: NodeId) -> Result<&Member, Refused> {
    members
        .get(id)
        .ok_or_else(|| MembersError::NotFound(id).into())
}

/// Whether enough of `voters` are there to decide anything.
fn check_quorum(voters: &BTreeSet<NodeId>, scene: &Scene<'_>) -> Result<(), Refused> {
    let present = voters.intersection(&scene.present).count();
    if present > voters.len() / 2 {
        return Ok(());
    }
    let text = format!(
        "re-configuration failed due to not enough started members: of the {} voters that \
         would be left, {present} are heard",
        voters.len()
    );
    Err(Refused::new(Why::Unhealthy, text))
}

impl From<MembersError> for Refused {
    fn from(error: MembersError) -> Refused {
        let why = match &error {
            MembersError::NotFound(_) => Why::NotFound,
            MembersError::NameTaken(..) | MembersError::PeerTaken(..) => Why::Exists,
            MembersError::TooMany | MembersError::NoIdLeft | MembersError::BadText { .. } => {
                Why::Impossible
            }
        };
        Refused::new(why, error.to_string())
    }
}
