//! Snapshots that arrive otherwise than they were sent.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::env::task::block_on;

/// What happens to the chunks on their way.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Lose(prop::sample::Index),
    Repeat(prop::sample::Index),
    Swap(prop::sample::Index),
    Mix(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        at().prop_map(Damage::Cut),
        at().prop_map(Damage::Lose),
        at().prop_map(Damage::Repeat),
        at().prop_map(Damage::Swap),
        at().prop_map(Damage::Mix),
    ]
}

/// What arrives of `chunks`; `others` are of a snapshot of a later entry.
fn damaged(damage: &Damage, mut chunks: Vec<Bytes>, others: &[Bytes]) -> Vec<Bytes> {
    match damage {
        Damage::Flip(at, bit) => {
            let chunk = at.get_mut(&mut chunks);
            let mut bytes = chunk.to_vec();
            *at.get_mut(&mut bytes) ^= 1 << bit;
            *chunk = bytes.into();
        }
        Damage::Cut(at) => {
            let chunk = at.get_mut(&mut chunks);
            chunk.truncate(at.index(chunk.len()));
        }
        Damage::Lose(at) => drop(chunks.remove(at.index(chunks.len()))),
        Damage::Repeat(at) => {
            let at = at.index(chunks.len());
            chunks.insert(at, chunks[at].clone());
        }
        Damage::Swap(at) => {
            let at = at.index(chunks.len() - 1);
            chunks.swap(at, at + 1);
        }
        Damage::Mix(at) => {
            let at = 1 + at.index(chunks.len().min(others.len()) - 1);
            chunks[at] = others[at].clone();
        }
    }
    chunks
}

/// A machine with some keys, some of them deleted, and a session.
pub(super) async fn filled() -> Bench {
    let mut bench = Bench::new(tiny()).await;
    for key in ["a", "b", "c", "d", "e", "f", "g"] {
        bench
            .ops(vec![put(key, "a value"), put("again", key)])
            .await;
        bench.machine.settle().await.expect("settled");
    }
    bench.ops(vec![delete(between("b", "d"))]).await;
    bench
        .apply(command(Some((7, 1)), always(vec![put("s", "")])).encode())
        .await
        .expect("done");
    bench
}

async fn receive(machine: &mut Machine, parts: Vec<Bytes>) -> Result<LogPosition, MachineError> {
    let mut install = machine.install().await?;
    for part in parts {
        install.add_chunk(part).await?;
    }
    machine.finish_install(install).await
}

proptest! {
    #[test]
    fn a_damaged_snapshot_is_refused_and_changes_nothing(damage in damage()) {
        block_on(async {
            let mut source = filled().await;
            let good = chunks(&source.machine, 100).await;
            source.ops(vec![put("later", "")]).await;
            let others = chunks(&source.machine, 100).await;
            let arrived = damaged(&damage, good.clone(), &others);

            let mut target = Bench::new(tiny()).await;
            target.ops(vec![put("mine", "")]).await;
            let refused = receive(&mut target.machine, arrived).await.expect_err("damaged");
            assert!(refused.is_about_the_input(), "{refused}");
            let in_itself = matches!(damage, Damage::Flip(..) | Damage::Cut(_));
            assert_eq!(refused.is_damage(), in_itself, "{refused}");
            assert_eq!(target.get("mine", 0).await, Some(kv("mine", "", [2, 2], 1)));
            assert_eq!(target.machine.applied().index, 1);

            let at = receive(&mut target.machine, good).await.expect("good");
            assert_eq!(at.index, 9);
            assert_eq!(target.get("mine", 0).await, None);
            assert_eq!(target.get("again", 0).await, Some(kv("again", "g", [2, 8], 7)));
        });
    }

    #[test]
    fn noise_is_no_snapshot(noise in vec(any::<u8>(), 0..200), framed: bool) {
        block_on(async {
            let mut bench = Bench::new(tiny()).await;
            let at = LogPosition { term: 1, index: 1 };
            let noise = if framed { chunk::encode(at, 0, &noise) } else { noise.into() };
            let refused = receive(&mut bench.machine, vec![noise]).await.expect_err("noise");
            assert!(refused.is_about_the_input(), "{refused}");
        });
    }
}

#[test]
fn a_snapshot_is_of_its_entry_whatever_is_applied_while_it_is_sent() {
    block_on(async {
        let mut source = filled().await;
        let (at, hash) = (source.machine.applied(), source.machine.hash());
        let mut snapshot = source.machine.snapshot();
        assert_eq!(snapshot.at(), at);
        let mut target = Bench::new(tiny()).await;
        let mut install = target.machine.install().await.expect("begun");
        while let Some(chunk) = snapshot.next_chunk(100).await.expect("read") {
            source.ops(vec![put("a", "later"), put("later", "")]).await;
            source.machine.settle().await.expect("settled");
            install.add_chunk(chunk).await.expect("taken");
        }
        assert_eq!(
            target
                .machine
                .finish_install(install)
                .await
                .expect("installed"),
            at
        );
        assert_eq!(target.machine.hash(), hash);
        assert_eq!(
            target.get("a", 0).await,
            Some(kv("a", "a value", [2, 2], 1))
        );
        assert_eq!(target.get("later", 0).await, None);
        target.log = source.log.clone();
        target.catch_up().await;
        assert_eq!(target.machine.hash(), source.machine.hash());
        target.crash().await;
        assert_eq!(target.machine.hash(), source.machine.hash());
    });
}

#[test]
fn a_snapshot_of_the_past_is_dropped() {
    block_on(async {
        let mut source = filled().await;
        let chunks = chunks(&source.machine, 1000).await;
        source.ops(vec![put("later", "")]).await;
        let (at, hash) = (source.machine.applied(), source.machine.hash());
        assert_eq!(
            receive(&mut source.machine, chunks).await.expect("dropped"),
            at
        );
        assert_eq!(source.machine.hash(), hash);
        assert!(source.get("later", 0).await.is_some());
    });
}

#[test]
fn an_empty_machine_has_a_snapshot_too() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench.apply(Bytes::new()).await.expect("nothing to refuse");
        bench.move_by_snapshot(SNAPSHOT_CHUNK_BYTES_MIN).await;
        bench.crash().await;
        assert_eq!(bench.machine.applied().index, 1);
    });
}

#[test]
fn the_format_is_frozen() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench.ops(vec![put("k", "v")]).await;
        bench.ops(vec![delete(single("k"))]).await;
        bench.machine.state.hash = 0x0807_0605_0403_0201;
        let chunks = chunks(&bench.machine, 1000).await;
        let note = [
            &[21, 0, 0, 0, 1, 1, 1, 2, 3, 1, 1, 2, 3, 4, 5, 6, 7, 8][..],
            &[0, 0, 0, 3, 1, 0, 0, 0],
        ]
        .concat();
        let deletion = [4, 0, 0, 0, 3, 2, b'k', b'k', 3];
        let version = [8, 0, 0, 0, 2, 2, b'k', b'k', 2, 1, 2, 1, b'v'];
        let end = [12, 0, 0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0];
        let golden = [
            &b"SisS\x01"[..],
            &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0, 0, 0, 0, 65, 0, 0, 0],
        ]
        .concat();
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0][..golden.len()], golden);
        let stream = [&note[..], &deletion, &version, &end].concat();
        assert_eq!(chunks[0][chunk::HEAD_BYTES..][..stream.len()], stream);
    });
}
