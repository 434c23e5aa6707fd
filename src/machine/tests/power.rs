//! The power fails at every single operation of the disk.

use super::*;
use crate::env::task::{self, block_on};

/// Turns that the engine's background work gets after each entry.
const TURNS: usize = 20;

/// Some of everything: entries that fill several memtables.
fn entries() -> Vec<Bytes> {
    let keys = ["a", "b", "c", "d"];
    let entry = |n: usize| {
        let (key, other) = (keys[n % 4], keys[n / 4 % 4]);
        match n % 5 {
            0 => Bytes::new(),
            1 => command(
                Some((n as u64 % 3, 1 + n as u64)),
                always(vec![put(key, "x")]),
            )
            .encode(),
            2 => command(None, always(vec![delete(single(other))])).encode(),
            3 => command(None, always(vec![put(key, "x"), put(key, "twice")])).encode(),
            _ => command(
                None,
                always(vec![put(key, "a longer value, to fill memtables")]),
            )
            .encode(),
        }
    };
    (0..160).map(entry).collect()
}

/// A machine that nothing happens to.
async fn calm() -> Bench {
    let mut bench = Bench::new(Limits::default()).await;
    for data in entries() {
        let _refused_or_not = bench.apply(data).await;
    }
    bench
}

/// Applies the log until the disk fails. Answers up to where the log was said to be needless.
async fn run_into_failure(disk: &MemDisk, log: &[Applied]) -> LogPosition {
    let (limits, bounds) = (tiny(), Bounds::test_min());
    let opening = Machine::open_bounded(Arc::new(disk.clone()), "m", &limits, bounds);
    let Ok(mut machine) = opening.await else {
        return LogPosition::default();
    };
    let mut durable = machine.durable();
    for entry in log {
        let applied = machine.apply(entry.at, &entry.data).await.map(|outcome| {
            assert_eq!(outcome, entry.outcome);
        });
        if applied.is_err() || machine.settle().await.is_err() {
            break;
        }
        for _ in 0..TURNS {
            task::yield_now().await;
        }
        durable = machine.durable();
    }
    durable
}

/// Opens what the disk has, applies the rest of the log and compares everything with `calm`.
async fn recover(disk: MemDisk, calm: &Bench, durable: LogPosition) {
    let mut bench = Bench {
        machine: open(&disk, &tiny()).await,
        disk,
        limits: tiny(),
        log: calm.log.clone(),
    };
    let found = bench.machine.applied();
    assert!(
        found >= durable,
        "{found} is there, but {durable} was promised"
    );
    bench.catch_up().await;
    assert_same(&bench.machine, &calm.machine).await;
}

async fn assert_same(machine: &Machine, other: &Machine) {
    assert_eq!(machine.state, other.state);
    for revision in 1..=machine.revision() {
        let query = Query {
            revision,
            ..all_of(everything())
        };
        let [one, two] = [machine, other].map(|machine| machine.reader());
        let page = one.query(&query).await.expect("readable");
        assert_eq!(page, two.query(&query).await.expect("readable"));
    }
}

#[test]
fn applying_survives_every_loss_of_power() {
    block_on(async {
        let calm = calm().await;
        let mut recoveries_with_data = 0;
        for operations in 0.. {
            let disk = MemDisk::new();
            disk.stop_after(operations);
            let durable = run_into_failure(&disk, &calm.log).await;
            recover(disk.restart(), &calm, durable).await;
            recover(disk.restart_keeping_unsynced(), &calm, durable).await;
            recoveries_with_data += usize::from(durable.index > 0);
            if disk.operations() < operations {
                break;
            }
        }
        assert!(recoveries_with_data > 50, "{recoveries_with_data}");
    });
}

#[test]
fn installing_survives_every_loss_of_power() {
    block_on(async {
        let calm = calm().await;
        let mut outcomes = [0, 0];
        for operations in 0.. {
            let mut target = Bench::new(tiny()).await;
            target.ops(vec![put("mine", "")]).await;
            target.machine.checkpoint().await.expect("begun");
            target.machine.db.flush().await.expect("durable");
            let hash = target.machine.hash();
            let begun = target.disk.operations();
            target.disk.stop_after(begun + operations);
            let installed = install(&mut target.machine, &calm.machine).await;

            let machine = open(&target.disk.restart(), &tiny()).await;
            if machine.applied() == calm.machine.applied() {
                assert_same(&machine, &calm.machine).await;
                outcomes[1] += 1;
            } else {
                assert!(installed.is_err());
                assert_eq!((machine.applied().index, machine.hash()), (1, hash));
                let page = machine
                    .reader()
                    .query(&all_of(everything()))
                    .await
                    .expect("readable")
                    .1;
                assert_eq!(page.kvs, [kv("mine", "", [2, 2], 1)]);
                outcomes[0] += 1;
            }
            if target.disk.operations() < begun + operations {
                break;
            }
        }
        assert!(outcomes[0] > 2 && outcomes[1] > 0, "{outcomes:?}");
    });
}

/// Receives a snapshot of `source`. After half of it the stream breaks, and the rest comes in chunks
/// of another size.
async fn install(machine: &mut Machine, source: &Machine) -> Result<LogPosition, MachineError> {
    let mut install = machine.install().await?;
    let chunks = chunks(source, 200).await;
    for chunk in &chunks[..chunks.len() / 2] {
        install.add_chunk(chunk.clone()).await?;
    }
    let mut snapshot = source.snapshot();
    let standing = install.standing().expect("something to continue");
    assert!(snapshot.resume(&standing));
    install.rewind();
    for chunk in rest(snapshot, 150).await {
        install.add_chunk(chunk).await?;
    }
    machine.finish_install(install).await
}
