//! Who takes part, and what those are called, as part of the state.

use super::*;
use crate::{
    env::task::block_on,
    raft::{Aim, Membership, NewMembership},
    types::NodeId,
};

fn list(names: &[&str]) -> Members {
    let mut members = Members::default();
    for name in names {
        members.add(name, &format!("{name}:1")).unwrap();
    }
    members
}

fn voters(ids: impl IntoIterator<Item = u64>) -> Membership {
    Membership::of_voters(ids.into_iter().map(NodeId))
}

fn new(membership: Membership, members: Option<&Members>) -> NewMembership {
    NewMembership {
        membership,
        context: members.map_or(Bytes::new(), Members::encode),
    }
}

impl Bench {
    fn reconfigure(&mut self, new: &NewMembership) {
        let at = LogPosition {
            term: self.machine.applied().term.max(1),
            index: self.machine.applied().index + 1,
        };
        self.machine.reconfigure(at, new).expect("applied");
    }

    fn names(&self) -> Vec<&str> {
        let members = self.machine.members().iter();
        members.map(|member| member.name.as_str()).collect()
    }
}

#[test]
fn founders_are_known_until_an_entry_says_otherwise() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        assert!(bench.machine.membership().is_empty());
        let founders = list(&["a", "b", "c"]);
        bench.machine.found(&voters(1..=3), &founders);
        assert_eq!(bench.names(), ["a", "b", "c"]);
        let mut more = founders.clone();
        more.add("d", "d:1").unwrap();
        bench.reconfigure(&new(voters(1..=4), Some(&more)));
        // A configuration that was edited meanwhile is not asked again.
        bench.machine.found(&voters([9]), &list(&["z"]));
        assert_eq!(bench.names(), ["a", "b", "c", "d"]);
        assert_eq!(bench.machine.membership(), &voters(1..=4));
    });
}

#[test]
fn one_that_joins_comes_to_the_same_without_knowing_the_founders() {
    block_on(async {
        let founders = list(&["a", "b"]);
        let mut founder = Bench::new(tiny()).await;
        founder.machine.found(&voters(1..=2), &founders);
        let mut joiner = Bench::new(tiny()).await;
        let mut renamed = founders.clone();
        renamed.add("c", "c:1").unwrap();
        let mut learning = voters(1..=2);
        learning.learners.insert(NodeId(3), Aim::Vote);
        for bench in [&mut founder, &mut joiner] {
            // A change without a list, a list alone, the admission, the promotion.
            bench.reconfigure(&new(voters(1..=2), None));
            bench.apply(founders.command()).await.expect("applied");
            bench.reconfigure(&new(learning.clone(), Some(&renamed)));
            bench.reconfigure(&new(voters(1..=3), None));
        }
        assert_eq!(founder.names(), ["a", "b", "c"]);
        assert_eq!(founder.names(), joiner.names());
        assert_eq!(founder.machine.hash(), joiner.machine.hash());
        assert_eq!(founder.machine.membership(), joiner.machine.membership());
    });
}

#[test]
fn who_takes_no_part_any_more_leaves_the_list_for_good() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        let members = list(&["a", "b", "c"]);
        // Joint: the one that leaves is needed, and reached, until the end of the change.
        let mut joint = voters(1..=2);
        joint.outgoing = voters(1..=3).voters;
        bench.reconfigure(&new(joint, Some(&members)));
        assert_eq!(bench.names(), ["a", "b", "c"]);
        bench.reconfigure(&new(voters(1..=2), None));
        assert_eq!(bench.names(), ["a", "b"]);
        assert!(bench.machine.members().was_removed(NodeId(3)));
    });
}

#[test]
fn members_survive_a_crash_and_travel_in_snapshots_with_their_position() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench.reconfigure(&new(voters([1]), Some(&list(&["a"]))));
        let hash = bench.machine.hash();
        bench.machine.checkpoint().await.expect("flushed");
        bench.machine.settle().await.expect("settled");
        while bench.machine.durable().index < 1 {
            crate::env::task::yield_now().await;
        }
        bench.disk = bench.disk.restart();
        bench.machine = open(&bench.disk, &bench.limits).await;
        assert_eq!((bench.names(), bench.machine.hash()), (vec!["a"], hash));
        let chunks = chunks(&bench.machine, 1000).await;
        let mut other = open(&MemDisk::new(), &bench.limits).await;
        let mut install = other.install().await.expect("begun");
        for chunk in chunks {
            install.add_chunk(chunk).await.expect("taken");
        }
        other.finish_install(install).await.expect("installed");
        assert_eq!(other.members(), bench.machine.members());
        assert_eq!(other.membership(), &voters([1]));
    });
}

#[test]
fn a_list_that_does_not_decode_changes_nothing() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        let bad = NewMembership {
            membership: voters([1]),
            context: Bytes::from_static(b"?"),
        };
        let at = LogPosition { term: 1, index: 1 };
        let error = bench.machine.reconfigure(at, &bad).unwrap_err();
        assert!(error.to_string().contains("1@1"), "{error}");
        assert_eq!(bench.machine.applied().index, 0);
        assert!(bench.machine.membership().is_empty());
    });
}
