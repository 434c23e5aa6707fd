//! A snapshot on its way from one replica to another, over a wire that does as it is told.

use super::{outgoing, replica::Completion};
use crate::{
    env::{
        Clock, Disk, MemDisk,
        task::{block_on, yield_now},
    },
    rpc::{PeerBody, SnapshotWord},
};

mod rig;

use rig::{CHUNK_BYTES, Receiving, Transfer, apply_to, filled};

#[test]
fn a_snapshot_that_breaks_after_every_chunk_arrives_all_the_same() {
    block_on(async {
        let mut source = filled().await;
        let (at, hash) = (source.applied(), source.hash());
        let mut receiving = Receiving::new(MemDisk::new()).await;
        let mut whole = Transfer::begin(&source, 1, 1);
        let mut other = Receiving::new(MemDisk::new()).await;
        assert!(whole.run(&mut other, Some).await);
        assert!(whole.sent > 20, "{} chunks", whole.sent);
        // The note and the first versions.
        Transfer::begin(&source, 1, 1)
            .break_after(&mut receiving, 2)
            .await;
        let mut transfers = 1;
        while receiving.applier.incoming.is_some() {
            // The sender has long gone on, and leads in another term.
            let later = source.applied().index + 3;
            apply_to(&mut source, later).await;
            transfers += 1;
            let transfer = Transfer::begin(&source, transfers, transfers);
            transfer.break_after(&mut receiving, 1).await;
        }
        // Each has to say where it begins, and loses what it had of a version at the end.
        let most = whole.sent as u64 * 3 / 2;
        assert!(transfers > 20 && transfers < most, "{transfers} transfers");
        let machine = &mut receiving.applier.machine;
        assert_eq!((machine.applied(), machine.hash()), (at, hash));
        apply_to(machine, source.applied().index).await;
        assert_eq!(machine.hash(), source.hash());
    });
}

#[test]
fn a_receiver_that_restarts_half_way_begins_again_without_leftovers() {
    block_on(async {
        let source = filled().await;
        let mut receiving = Receiving::new(MemDisk::new()).await;
        let before = receiving.disk.list("m").await.expect("listed").len();
        let transfer = Transfer::begin(&source, 1, 1);
        transfer.break_after(&mut receiving, 20).await;
        let begun = receiving.disk.list("m").await.expect("listed").len();
        assert!(begun > before, "tables are being written");
        let mut receiving = receiving.restart().await;
        let names = receiving.disk.list("m").await.expect("listed");
        assert_eq!(names.len(), before, "{names:?}");
        let mut again = Transfer::begin(&source, 1, 2);
        assert!(again.run(&mut receiving, Some).await);
        assert_eq!(again.resumed, Some(false));
        assert_eq!(receiving.applier.machine.hash(), source.hash());
    });
}

#[test]
fn a_chunk_of_an_unknown_transfer_is_refused() {
    block_on(async {
        let source = filled().await;
        let mut receiving = Receiving::new(MemDisk::new()).await;
        let mut transfer = Transfer::begin(&source, 1, 1);
        let mut chunks = 0;
        let mut restarted = false;
        let ended = loop {
            let body = transfer.wire.take();
            for body in body {
                chunks += usize::from(matches!(body, PeerBody::SnapshotChunk(_)));
                if chunks == 5 && !restarted {
                    restarted = true;
                    receiving = receiving.restart().await;
                }
                if let Some(ack) = receiving.take(body).await {
                    let _ = transfer.acks.send(ack).await;
                }
            }
            if let Ok(Completion::SnapshotSent { ok, .. }) = transfer.done.try_recv() {
                break ok;
            }
            yield_now().await;
        };
        assert!(!ended, "the sender must begin again");
    });
}

#[test]
fn damaged_and_lost_chunks_are_sent_again() {
    block_on(async {
        let source = filled().await;
        let mut receiving = Receiving::new(MemDisk::new()).await;
        let mut transfer = Transfer::begin(&source, 1, 1);
        let (mut count, mut spoiled) = (0, 0);
        let ok = transfer.run(&mut receiving, |mut chunk| {
            count += 1;
            match count % 9 {
                3 => {
                    spoiled += 1;
                    let mut bytes = chunk.bytes.to_vec();
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    chunk.bytes = bytes.into();
                    Some(chunk)
                }
                7 => {
                    spoiled += 1;
                    None
                }
                _ => Some(chunk),
            }
        });
        assert!(ok.await);
        assert!(spoiled > 5, "{spoiled} of {count}");
        assert_eq!(receiving.applier.machine.hash(), source.hash());
    });
}

#[test]
fn late_frames_of_an_older_transfer_do_no_harm() {
    block_on(async {
        let source = filled().await;
        let mut receiving = Receiving::new(MemDisk::new()).await;
        let older = Transfer::begin(&source, 1, 1);
        let mut newer = Transfer::begin(&source, 1, 2);
        let mut late = Vec::new();
        // The older one's offer and some of its chunks arrive, others are on their way.
        while late.len() < 8 {
            for body in older.wire.take() {
                match &body {
                    PeerBody::SnapshotChunk(chunk) if chunk.sequence > 6 => late.push(body),
                    _ => {
                        if let Some(ack) = receiving.take(body).await {
                            let _ = older.acks.send(ack).await;
                        }
                    }
                }
            }
            yield_now().await;
        }
        // The newer one's offer overtakes those, and they come out of order.
        let mut offer = newer.wire.take();
        while offer.is_empty() {
            yield_now().await;
            offer = newer.wire.take();
        }
        for body in offer {
            let ack = receiving.take(body).await.expect("welcome");
            newer.acks.send(ack).await.expect("it listens");
        }
        late.reverse();
        for body in late {
            let ack = receiving.take(body).await.expect("an answer");
            assert_eq!((ack.transfer, ack.word), (1, SnapshotWord::Refused));
        }
        assert!(newer.run(&mut receiving, Some).await);
        assert_eq!(newer.resumed, Some(true));
        assert_eq!(receiving.applier.machine.hash(), source.hash());
    });
}

#[test]
fn a_transfer_keeps_to_its_rate_and_its_window() {
    block_on(async {
        let source = filled().await;
        let mut receiving = Receiving::new(MemDisk::new()).await;
        let clock = Clock::system();
        let mut transfer = Transfer::at_rate(&source, 1, 1, 40 * CHUNK_BYTES as u64);
        let mut bytes = 0;
        let ok = transfer.run(&mut receiving, |chunk| {
            bytes += chunk.bytes.len() as u64;
            Some(chunk)
        });
        assert!(ok.await);
        // A burst of a tenth of a second is free.
        let least_us = bytes * 1_000_000 / (40 * CHUNK_BYTES as u64) - 100_000;
        let took_us = clock.now_us();
        assert!(took_us >= least_us, "{took_us} of {least_us} µs");

        // Nobody answers: the window bounds what is under way.
        let mut silent = Transfer::begin(&source, 1, 2);
        let mut fresh = Receiving::new(MemDisk::new()).await;
        while silent.sent == 0 {
            for body in silent.wire.take() {
                match body {
                    PeerBody::SnapshotChunk(_) => silent.sent += 1,
                    offer => {
                        let ack = fresh.take(offer).await.expect("welcome");
                        silent.acks.send(ack).await.expect("it listens");
                    }
                }
            }
            yield_now().await;
        }
        for _ in 0..1_000 {
            silent.sent += silent.wire.take().len();
            yield_now().await;
        }
        assert_eq!(silent.sent, outgoing::WINDOW_CHUNKS);
    });
}
