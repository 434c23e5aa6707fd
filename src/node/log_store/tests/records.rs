//! Records one by one: their bytes, and what becomes of those that contradict each other.

use super::{
    super::{change::Change, tail::Head},
    *,
};

/// Any change, sane or not.
fn any_change() -> impl Strategy<Value = Change> {
    let place = || (0..4_u64, 0..6_u64).prop_map(|(term, index)| at(term, index));
    let hard_state = || {
        (0..3_u64, 0..2_u64).prop_map(|(term, vote)| HardState {
            term,
            vote: Some(NodeId(vote)).filter(|vote| vote.0 != 0),
        })
    };
    prop_oneof![
        1 => (hard_state(), place(), place()).prop_map(|(hard_state, at, last)| {
            let base = base(at.term, at.index);
            Change::Head(Head { hard_state, base, last, damaged: last.term == 3 })
        }),
        1 => hard_state().prop_map(Change::HardState),
        1 => place().prop_map(|at| Change::Reset(base(at.term, at.index))),
        6 => place().prop_map(|at| Change::Entry(entry(at.term, at.index))),
        1 => Just(Change::Lost),
        1 => Just(Change::Apart),
        1 => place().prop_map(|at| Change::Compact(base(at.term, at.index))),
    ]
}

proptest! {
    #[test]
    fn contradictory_records_are_an_error_and_never_a_gap(
        changes in vec(any_change(), 0..12),
    ) {
        block_on(async {
            let disk = MemDisk::new();
            let opened = Wal::open(Arc::new(disk.clone()), "raft", 512).await;
            let mut wal = opened.unwrap().0;
            changes.iter().for_each(|change| change.append(&mut wal, SHARD));
            wal.commit().await.unwrap();
            let Ok((_, found)) = try_open(&disk).await else { return };
            for log in found.values() {
                let mut before = log.base.at;
                for entry in &log.entries {
                    assert_eq!(entry.at.index, before.index + 1, "{changes:?}");
                    assert!(entry.at.term >= before.term, "{changes:?}");
                    before = entry.at;
                }
            }
            assert_eq!(open(&disk.restart()).await.1, found, "what opened once opens again");
        });
    }

    #[test]
    fn any_record_is_read_back_or_refused(kind in 0..11_u8, payload in vec(any::<u8>(), 0..60)) {
        block_on(async {
            let disk = MemDisk::new();
            let opened = Wal::open(Arc::new(disk.clone()), "raft", 512).await;
            let mut wal = opened.unwrap().0;
            wal.append(kind, SHARD, &[&payload]);
            wal.commit().await.unwrap();
            if let Ok((_, found)) = try_open(&disk).await {
                assert_eq!(open(&disk.restart()).await.1, found);
            }
        });
    }
}

#[test]
fn terms_never_go_back_behind_the_base() {
    block_on(async {
        let (behind, older) = (at(2, 2), at(1, 3));
        let hard_state = HardState {
            term: 2,
            vote: None,
        };
        let head = |last| {
            Change::Head(Head {
                hard_state,
                base: base(2, 2),
                last,
                damaged: false,
            })
        };
        let entry = |at: LogPosition| Change::Entry(entry(at.term, at.index));
        for (changes, good) in [
            (vec![head(behind), entry(at(2, 3))], true),
            (vec![head(behind), entry(older)], false),
            (vec![head(older), entry(older)], false),
            (vec![Change::Reset(base(2, 2)), entry(older)], false),
        ] {
            let disk = MemDisk::new();
            let opened = Wal::open(Arc::new(disk.clone()), "raft", 512).await;
            let mut wal = opened.unwrap().0;
            changes
                .iter()
                .for_each(|change| change.append(&mut wal, SHARD));
            wal.commit().await.unwrap();
            assert_eq!(try_open(&disk).await.is_ok(), good, "{changes:?}");
        }
    });
}

#[test]
fn a_head_that_does_not_continue_the_log_is_refused() {
    block_on(async {
        let head = |term, at, last| {
            let (vote, membership) = (None, Membership::default());
            Change::Head(Head {
                hard_state: HardState { term, vote },
                base: Base { at, membership },
                last,
                damaged: false,
            })
        };
        let start = LogPosition::default();
        for (second, good) in [
            (head(0, start, at(1, 1)), true),
            (head(1, start, at(1, 1)), false),
            (head(0, at(1, 1), at(1, 1)), false),
            (head(0, start, start), false),
        ] {
            let disk = MemDisk::new();
            let opened = Wal::open(Arc::new(disk.clone()), "raft", 512).await;
            let mut wal = opened.unwrap().0;
            Change::Entry(entry(1, 1)).append(&mut wal, SHARD);
            second.append(&mut wal, SHARD);
            wal.commit().await.unwrap();
            assert_eq!(try_open(&disk).await.is_ok(), good, "{second:?}");
        }
    });
}

#[test]
fn the_records_are_frozen() {
    block_on(async {
        let disk = MemDisk::new();
        let opened = Wal::open(Arc::new(disk.clone()), "raft", 512).await;
        let mut wal = opened.unwrap().0;
        let vote = |vote: Option<u64>| HardState {
            term: 3,
            vote: vote.map(NodeId),
        };
        let head = Head {
            hard_state: vote(None),
            base: base(1, 0x10),
            last: at(2, 0x11),
            damaged: true,
        };
        let changes = [
            Change::Head(head),
            Change::HardState(vote(Some(9))),
            Change::Reset(base(4, 0x20)),
            Change::Entry(entry(5, 0x21)),
            Change::Compact(base(5, 0x21)),
            Change::Entry(Entry {
                at: at(5, 0x22),
                payload: membership(4),
            }),
            Change::Healed,
            Change::Begin,
        ];
        changes
            .iter()
            .for_each(|change| change.append(&mut wal, SHARD));
        wal.commit().await.unwrap();
        let (_, recovered) = Wal::open(Arc::new(disk), "raft", 512).await.unwrap();
        /// Kind; then numbers, bytes, and both again.
        type Frozen<'a> = (u8, &'a [u64], &'a [u8], &'a [u64], &'a [u8]);
        let frozen: [Frozen<'_>; 8] = [
            (1, &[3, 0, 1, 0x10], &[1, 0x11, 0, 0], &[2, 0x11], &[1]),
            (2, &[3, 9], &[], &[], &[]),
            (3, &[4, 0x20], &[1, 0x21, 0, 0], &[], &[]),
            (4, &[5, 0x21], b"33@5", &[], &[]),
            (5, &[5, 0x21], &[1, 0x22, 0, 0], &[], &[]),
            (
                6,
                &[5, 0x22],
                b"\x02\x01\x02\x00\x01\x07\x01its name",
                &[],
                &[],
            ),
            (7, &[], &[], &[], &[]),
            (8, &[], &[], &[], &[]),
        ];
        for ((placed, (kind, numbers, data, more, last)), change) in
            recovered.records.iter().zip(frozen).zip(changes)
        {
            let bytes = |numbers: &[u64]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
            let mut payload: Vec<u8> = bytes(numbers);
            payload.extend(data);
            payload.extend::<Vec<u8>>(bytes(more));
            payload.extend(last);
            assert_eq!(
                (placed.record.kind, &placed.record.payload[..]),
                (kind, &payload[..])
            );
            assert_eq!(Change::decode(&placed.record), Ok(change));
        }
    });
}
