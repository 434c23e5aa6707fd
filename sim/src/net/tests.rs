use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use madsim::runtime::Runtime;
use parking_lot::Mutex;
use sisyphus::{
    env::{Inbound, Lane, Transport},
    types::NodeId,
};

use super::*;
use crate::plan::LinkModel;

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);

const GOOD: LinkModel = LinkModel {
    delay_us_min: 500,
    delay_us_max: 5_000,
    loss_ppm: 0,
    duplicate_ppm: 0,
    detour_ppm: 0,
    detour_us_max: 0,
    corrupt_ppm: 0,
};

/// Keeps what arrives.
#[derive(Default)]
struct Mailbox(Mutex<Vec<(NodeId, u32)>>);

impl Inbound for Mailbox {
    fn deliver(&self, from: NodeId, frame: Bytes) {
        let number = u32::from_be_bytes(frame.as_ref().try_into().unwrap());
        self.0.lock().push((from, number));
    }
}

impl Mailbox {
    fn numbers(&self) -> Vec<u32> {
        self.0.lock().iter().map(|(_, number)| *number).collect()
    }
}

fn run<F: Future>(future: F) -> F::Output {
    Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(future)
}

fn network(seed: u64, base: LinkModel) -> SimNet {
    let net = SimNet::new(seed, base);
    madsim::task::spawn(net.clone().pump());
    net
}

fn join(net: &SimNet, node: NodeId) -> (Arc<dyn Transport>, Arc<Mailbox>) {
    let mailbox = Arc::new(Mailbox::default());
    let transport = net.boot(node);
    net.attach(node, mailbox.clone());
    (transport, mailbox)
}

fn frame(number: u32) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[test]
fn a_good_link_delivers_every_frame_once() {
    run(async {
        let net = network(1, GOOD);
        let (a, _) = join(&net, A);
        let (_b, mailbox) = join(&net, B);
        for number in 0..100 {
            a.send(B, Lane::Bulk, frame(number));
        }
        pass(20).await;
        let mut numbers = mailbox.numbers();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
        assert!(mailbox.0.lock().iter().all(|(from, _)| *from == A));
    });
}

#[test]
fn a_bad_link_loses_doubles_and_reorders() {
    run(async {
        let bad = LinkModel {
            loss_ppm: 200_000,
            duplicate_ppm: 200_000,
            detour_ppm: 200_000,
            detour_us_max: 50_000,
            ..GOOD
        };
        let net = network(1, bad);
        let (a, _) = join(&net, A);
        let (_b, mailbox) = join(&net, B);
        for number in 0..1_000 {
            a.send(B, Lane::Bulk, frame(number));
            pass(1).await;
        }
        pass(200).await;
        let mut copies = BTreeMap::new();
        let numbers = mailbox.numbers();
        numbers
            .iter()
            .for_each(|n| *copies.entry(*n).or_insert(0) += 1);
        assert!((700..900).contains(&copies.len()));
        let doubled = copies.values().filter(|count| **count == 2).count();
        assert!((100..300).contains(&doubled));
        assert!(numbers.windows(2).filter(|pair| pair[0] > pair[1]).count() > 50);
    });
}

#[test]
fn a_cut_is_one_way_and_adds_up() {
    run(async {
        let net = network(1, GOOD);
        let (a, at_a) = join(&net, A);
        let (b, at_b) = join(&net, B);
        net.cut(A, B);
        net.cut(A, B);
        a.send(B, Lane::Bulk, frame(1));
        b.send(A, Lane::Bulk, frame(2));
        net.mend(A, B);
        a.send(B, Lane::Bulk, frame(3));
        net.mend(A, B);
        a.send(B, Lane::Bulk, frame(4));
        pass(20).await;
        assert_eq!(at_a.numbers(), [2]);
        assert_eq!(at_b.numbers(), [4]);
    });
}

#[test]
fn a_dead_process_neither_sends_nor_receives() {
    run(async {
        let net = network(1, GOOD);
        let (a, _) = join(&net, A);
        let (_b, before) = join(&net, B);
        drop(net.stop(A));
        a.send(B, Lane::Bulk, frame(1));
        let (again, _) = join(&net, A);
        a.send(B, Lane::Bulk, frame(2));
        again.send(B, Lane::Bulk, frame(3));
        pass(20).await;
        assert_eq!(before.numbers(), [3]);

        // A frame that was under way reaches the process that is there when it arrives.
        again.send(B, Lane::Bulk, frame(4));
        drop(net.stop(B));
        again.send(B, Lane::Bulk, frame(5));
        let (_b, after) = join(&net, B);
        pass(20).await;
        assert_eq!(before.numbers(), [3]);
        let mut numbers = after.numbers();
        numbers.sort_unstable();
        assert_eq!(numbers, [4, 5]);
    });
}

#[test]
fn the_fate_of_a_frame_depends_on_its_link_and_number_alone() {
    let arrivals = |others: u32, cut_first: bool| {
        run(async {
            let lossy = LinkModel {
                loss_ppm: 500_000,
                ..GOOD
            };
            let net = network(9, lossy);
            let (a, at_a) = join(&net, A);
            let (b, at_b) = join(&net, B);
            for number in 0..others {
                b.send(A, Lane::Bulk, frame(number));
            }
            if cut_first {
                net.cut(A, B);
                a.send(B, Lane::Bulk, frame(0));
                net.mend(A, B);
            } else {
                a.send(B, Lane::Bulk, frame(0));
            }
            for number in 1..50 {
                a.send(B, Lane::Bulk, frame(number));
                pass(10).await;
            }
            assert!(at_a.numbers().len() <= others as usize);
            at_b.numbers()
        })
    };
    let base = arrivals(0, false);
    assert_eq!(base, arrivals(17, false));
    let cut = arrivals(0, true);
    assert!(base.iter().filter(|n| **n > 0).eq(cut.iter()));
}

#[test]
fn a_degraded_link_is_as_before_once_restored() {
    run(async {
        let net = network(1, GOOD);
        let (a, _) = join(&net, A);
        let (_b, mailbox) = join(&net, B);
        let dead = LinkModel {
            loss_ppm: 1_000_000,
            ..GOOD
        };
        net.degrade(A, B, 7, dead);
        a.send(B, Lane::Bulk, frame(1));
        net.restore(A, B, 7);
        a.send(B, Lane::Bulk, frame(2));
        pass(20).await;
        assert_eq!(mailbox.numbers(), [2]);
    });
}

#[test]
fn a_link_changes_bits_only_if_it_is_told_to() {
    run(async {
        for (corrupt_ppm, least) in [(0, 0), (200_000, 100)] {
            let net = network(
                1,
                LinkModel {
                    corrupt_ppm,
                    ..GOOD
                },
            );
            let (a, _) = join(&net, A);
            let (_b, mailbox) = join(&net, B);
            for number in 0..1_000 {
                a.send(B, Lane::Bulk, frame(number));
            }
            pass(20).await;
            let numbers = mailbox.numbers();
            assert_eq!(numbers.len(), 1_000);
            let changed = numbers.iter().filter(|number| **number >= 1_000).count();
            assert!((least..=2 * least + 100).contains(&changed), "{changed}");
            assert!(corrupt_ppm > 0 || changed == 0);
        }
    });
}
