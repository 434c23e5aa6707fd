//! The list against a dumb twin, and its bytes.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};

use super::*;

/// A wish to change a list; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Add(u8, u8),
    Remove(u8),
    Rename(u8, u8),
    Start(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..24_u8, 0..24_u8).prop_map(|(name, peer)| Step::Add(name, peer)),
        (0..40_u8).prop_map(Step::Remove),
        (0..40_u8, 0..24_u8).prop_map(|(id, name)| Step::Rename(id, name)),
        (0..40_u8).prop_map(Step::Start),
    ]
}

fn name(n: u8) -> String {
    format!("n{n}")
}

fn take(members: &mut Members, step: &Step) -> Result<Option<NodeId>, MembersError> {
    let known = |members: &Members, id: u8| {
        let id = NodeId(id.into());
        members.get(id).cloned().ok_or(MembersError::NotFound(id))
    };
    match *step {
        Step::Add(n, peer) => members.add(&name(n), &format!("h{peer}:1")).map(Some),
        Step::Remove(id) => members.remove(NodeId(id.into())).map(|_| None),
        Step::Rename(id, n) => {
            let mut member = known(members, id)?;
            member.name = name(n);
            members.put(member).map(|()| None)
        }
        Step::Start(id) => {
            let mut member = known(members, id)?;
            (member.grpc, member.started) = ("g:1".to_owned(), true);
            members.put(member).map(|()| None)
        }
    }
}

/// A list after some wishes, granted or not.
fn members(steps: &[Step]) -> Members {
    let mut members = Members::default();
    for step in steps {
        let _ = take(&mut members, step);
    }
    members
}

proptest! {
    #[test]
    fn an_id_is_given_once_and_names_and_addresses_are_each_ones_own(
        steps in vec(step(), 0..60),
    ) {
        let mut members = Members::default();
        let mut ever = BTreeSet::new();
        for step in &steps {
            let before = members.clone();
            match take(&mut members, step) {
                Ok(Some(id)) => prop_assert!(ever.insert(id), "{} was given before", id),
                Ok(None) => {}
                // What is refused changes nothing.
                Err(_) => prop_assert_eq!(&members, &before),
            }
            let names: BTreeSet<_> = members.iter().map(|m| &m.name).collect();
            let peers: BTreeSet<_> = members.iter().map(|m| &m.peer).collect();
            prop_assert_eq!((names.len(), peers.len()), (members.len(), members.len()));
            prop_assert!(members.len() <= MEMBERS_MAX);
            for id in &ever {
                prop_assert_eq!(members.was_removed(*id), members.get(*id).is_none());
            }
            prop_assert!(!members.was_removed(NodeId(members.given + 1)));
        }
    }

    #[test]
    fn a_list_is_read_back(steps in vec(step(), 0..60)) {
        let members = members(&steps);
        prop_assert_eq!(Members::decode(members.encode()), Ok(members));
    }

    #[test]
    fn a_damaged_list_is_refused_or_is_another(
        steps in vec(step(), 0..20),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = members(&steps).encode().to_vec();
        *at.get_mut(&mut bytes) = byte;
        if let Ok(other) = Members::decode(bytes.clone().into()) {
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn a_cut_list_is_refused(steps in vec(step(), 0..20), at: prop::sample::Index) {
        let bytes = members(&steps).encode();
        prop_assert!(Members::decode(bytes.slice(..at.index(bytes.len()))).is_err());
    }

    #[test]
    fn any_bytes_decode_or_fail_cleanly(input: Vec<u8>) {
        let _ = Members::decode(input.into());
    }
}

#[test]
fn the_format_is_frozen() {
    let mut members = Members::default();
    members.add("a", "p:1").unwrap();
    members.add("b", "q:2").unwrap();
    members.remove(NodeId(1)).unwrap();
    let mut b = members.get(NodeId(2)).unwrap().clone();
    (b.grpc, b.http, b.started, b.mark) = ("g".into(), "h".into(), true, 0x0102);
    members.put(b).unwrap();
    let golden = [
        &[1, 2, 1, 2, 1][..],
        b"b\x03q:2\x01g\x01h",
        &[1],
        &[2, 1, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(members.encode(), golden);
}

#[test]
fn what_cannot_stand_in_the_list_is_named() {
    let mut members = Members::default();
    members.add("a", "p:1").unwrap();
    let said = |members: &mut Members, name: &str, peer: &str| {
        members.add(name, peer).unwrap_err().to_string()
    };
    assert_eq!(
        said(&mut members, "a", "q:1"),
        "member name \"a\" is taken by member n1"
    );
    assert_eq!(said(&mut members, "b", "p:1"), "Peer URLs already exists");
    assert!(said(&mut members, "b", &"q".repeat(300)).contains("address"));
    assert!(said(&mut members, &"n".repeat(200), "q:1").contains("128"));
    for n in members.len()..MEMBERS_MAX {
        members.add(&n.to_string(), &format!("q:{n}")).unwrap();
    }
    assert!(said(&mut members, "z", "z:1").contains("16 members"));
}
