//! Snapshots whose chunks stop coming, and are continued by whoever can.

use super::{snapshots::filled, *};
use crate::env::task::block_on;

const CHUNK_BYTES: usize = 90;

/// A replica that has applied the same entries, but flushed and compacted at other times.
async fn twin_of(bench: &Bench) -> Bench {
    let mut twin = Bench::new(Limits::default()).await;
    twin.log = bench.log.clone();
    twin.catch_up().await;
    twin
}

/// Entries that change what was there, and add to it.
async fn go_on(bench: &mut Bench) {
    for value in ["one", "two", "three"] {
        let changes = vec![put("a", value), put("f", value), put("new", value)];
        bench.ops(changes).await;
        bench.machine.settle().await.expect("settled");
    }
    bench.ops(vec![delete(between("e", "g"))]).await;
}

/// Sends the first `count` chunks; a part of an item may be left over.
async fn begin(source: &Machine, target: &Machine, count: usize) -> Install {
    let mut snapshot = source.snapshot();
    let mut install = target.install().await.expect("begun");
    for _ in 0..count {
        let chunk = snapshot.next_chunk(CHUNK_BYTES).await.expect("read");
        let taken = install.add_chunk(chunk.expect("a chunk")).await;
        taken.expect("taken");
    }
    install
}

/// Lets `source` send what `install` lacks, in chunks of another size.
async fn resume(source: &Machine, install: &mut Install) -> bool {
    let standing = install.standing().expect("something to continue");
    let standing = Standing::decode(standing.encode()).expect("read back");
    let mut snapshot = source.snapshot();
    if !snapshot.resume(&standing) {
        return false;
    }
    assert_eq!(snapshot.at(), standing.at);
    install.rewind();
    for chunk in rest(snapshot, CHUNK_BYTES - 7).await {
        install.add_chunk(chunk).await.expect("taken");
    }
    true
}

/// How many chunks the state takes, and in how many of them its note ends.
async fn counts(source: &Bench) -> (usize, usize) {
    let all = chunks(&source.machine, CHUNK_BYTES).await.len();
    let note = source.machine.state.encode().len() + 5;
    (all, note.div_ceil(CHUNK_BYTES - chunk::HEAD_BYTES))
}

#[test]
fn a_snapshot_goes_on_after_every_chunk_from_whoever_has_the_state() {
    block_on(async {
        let source = filled().await;
        let (at, hash) = (source.machine.applied(), source.machine.hash());
        let (all, note) = counts(&source).await;
        assert!(note + 5 < all, "{note} of {all}");
        let before = source.log.len();
        for broken_after in note..all {
            for other in [false, true] {
                let mut source = filled().await;
                let mut target = Bench::new(tiny()).await;
                let mut install = begin(&source.machine, &target.machine, broken_after).await;
                go_on(&mut source).await;
                let twin = twin_of(&source).await;
                let sender = if other { &twin } else { &source };
                assert!(resume(&sender.machine, &mut install).await);
                let installed = target.machine.finish_install(install).await;
                assert_eq!(installed.expect("installed"), at);
                assert_eq!(target.machine.hash(), hash);
                let a = target.get("a", 0).await;
                assert_eq!(a, Some(kv("a", "a value", [2, 2], 1)));
                assert_eq!(target.get("new", 0).await, None);
                // The rest of the log comes to the same.
                target.log = source.log.clone();
                assert!(before < target.log.len());
                target.catch_up().await;
                target.crash().await;
                assert_eq!(target.machine.state, source.machine.state);
            }
        }
    });
}

#[test]
fn the_same_replica_goes_on_where_it_stands() {
    block_on(async {
        let source = filled().await;
        let mut target = Bench::new(tiny()).await;
        let mut install = begin(&source.machine, &target.machine, 6).await;
        // Twice in a row, without a chunk in between.
        install.rewind();
        assert!(resume(&source.machine, &mut install).await);
        let installed = target.machine.finish_install(install).await;
        assert_eq!(installed.expect("installed"), source.machine.applied());
        assert_eq!(target.machine.state, source.machine.state);
    });
}

#[test]
fn nobody_goes_on_who_lacks_the_state() {
    block_on(async {
        let mut source = filled().await;
        let behind = twin_of(&source).await;
        source.ops(vec![put("later", "")]).await;
        let mut differs = twin_of(&source).await;
        let mut raised = twin_of(&source).await;
        let target = Bench::new(tiny()).await;
        let mut install = begin(&source.machine, &target.machine, 6).await;
        assert!(!resume(&behind.machine, &mut install).await, "it is behind");
        differs.machine.state.hash ^= 1;
        let refused = !resume(&differs.machine, &mut install).await;
        assert!(refused, "it came to something else");
        raised.machine.state.floor += 1;
        let refused = !resume(&raised.machine, &mut install).await;
        assert!(refused, "it may lack versions");
        assert!(resume(&source.machine, &mut install).await);
    });
}

#[test]
fn there_is_nothing_to_continue_before_the_note() {
    block_on(async {
        let source = filled().await;
        let (_, note) = counts(&source).await;
        let target = Bench::new(tiny()).await;
        for count in 0..note {
            let install = begin(&source.machine, &target.machine, count).await;
            assert_eq!(install.standing(), None, "{count} chunks");
        }
        let install = begin(&source.machine, &target.machine, note).await;
        assert!(install.standing().is_some());
    });
}

#[test]
fn a_rest_that_leaves_something_out_is_refused() {
    block_on(async {
        let source = filled().await;
        let target = Bench::new(tiny()).await;
        let mut install = begin(&source.machine, &target.machine, 5).await;
        let mut standing = install.standing().expect("something to continue");
        standing.last.0 = Bytes::from_static(b"kx");
        let mut snapshot = source.machine.snapshot();
        assert!(snapshot.resume(&standing));
        install.rewind();
        let chunk = snapshot.next_chunk(CHUNK_BYTES).await.expect("read");
        let refused = install.add_chunk(chunk.expect("a chunk")).await;
        let refused = refused.expect_err("there is a gap");
        assert!(refused.is_about_the_input() && !refused.is_damage());
    });
}

#[test]
fn a_chunk_that_arrived_damaged_may_come_again() {
    block_on(async {
        let source = filled().await;
        let mut target = Bench::new(tiny()).await;
        let mut install = target.machine.install().await.expect("begun");
        for chunk in chunks(&source.machine, CHUNK_BYTES).await {
            for at in 0..chunk.len() {
                let mut damaged = chunk.to_vec();
                damaged[at] ^= 0x10;
                let refused = install.add_chunk(damaged.into()).await;
                assert!(refused.expect_err("damaged").is_damage(), "byte {at}");
            }
            install.add_chunk(chunk).await.expect("taken");
        }
        let installed = target.machine.finish_install(install).await;
        assert_eq!(installed.expect("installed"), source.machine.applied());
    });
}
