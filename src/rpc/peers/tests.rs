//! Two ends of a stream over real sockets.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
use tonic::transport::Server;

use super::{queue::queue, *};
use crate::env::{
    Clock, Inbound, Lane, Transport,
    task::{JoinHandle, Receiver, Sender, channel, sleep, spawn, timeout, watch},
};
use crate::{
    machine::{Member, Members},
    rpc::{Directory, Me, proto::peer::Hello},
    types::NodeId,
};

/// Long enough for a loaded machine; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

fn members(addresses: &[SocketAddr]) -> Members {
    let members = addresses.iter().enumerate().map(|(at, address)| Member {
        id: NodeId(at as u64 + 1),
        name: format!("node-{}", at + 1),
        peer: address.to_string(),
        grpc: String::new(),
        http: String::new(),
        started: false,
        mark: 0,
    });
    Members::founding(members)
}

fn me(node: u64, addresses: &[SocketAddr]) -> Me {
    Me {
        cluster: 0xc1,
        node: NodeId(node),
        mark: node,
        agreement: 5,
        members: members(addresses),
        expected: Members::default(),
        told: Members::default(),
        strangers: Vec::new(),
    }
}

fn directory(node: u64, addresses: &[SocketAddr]) -> Directory {
    Directory::new(me(node, addresses))
}

struct Heard(Sender<(NodeId, Bytes)>);

impl Inbound for Heard {
    fn deliver(&self, from: NodeId, frame: Bytes) {
        self.0.try_send((from, frame)).unwrap();
    }
}

/// A receiving node.
struct Ear {
    heard: Receiver<(NodeId, Bytes)>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Ear {
    fn start(directory: Directory, listener: TcpListener) -> Ear {
        let (sender, heard) = channel(1_000);
        let (stop, stopping) = watch::channel(false);
        let mut closed = stopping.clone();
        let service = Incoming::service(directory, Arc::new(Heard(sender)), stopping);
        let server = spawn(async move {
            let stopped = async move { drop(closed.wait_for(|stop| *stop).await) };
            Server::builder()
                .add_service(service)
                .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stopped)
                .await
                .unwrap();
        });
        Ear {
            heard,
            stop,
            server,
        }
    }

    async fn next(&mut self) -> (NodeId, Bytes) {
        timeout(PATIENCE, self.heard.recv()).await.unwrap().unwrap()
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        timeout(PATIENCE, self.server)
            .await
            .expect("streams end when the server stops")
            .unwrap();
    }
}

async fn listen(address: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Sends a numbered frame again and again until one is heard; frames before the stream stands are lost.
async fn send_until_heard(
    outgoing: &Outgoing,
    lane: Lane,
    ear: &mut Ear,
    frame: &'static [u8],
) -> NodeId {
    timeout(PATIENCE, async {
        loop {
            outgoing.send(NodeId(2), lane, Bytes::from_static(frame));
            if let Ok(heard) = timeout(Duration::from_millis(5), ear.heard.recv()).await {
                let (from, heard) = heard.unwrap();
                assert_eq!(heard, frame);
                return from;
            }
        }
    })
    .await
    .expect("a stream comes up")
}

#[tokio::test]
async fn frames_arrive_in_order_and_a_restarted_peer_is_found_again() {
    let (_, first) = listen("127.0.0.1:0").await;
    let (listener, second) = listen("127.0.0.1:0").await;
    let addresses = [first, second];
    let mut ear = Ear::start(directory(2, &addresses), listener);
    let outgoing = Outgoing::start(&directory(1, &addresses), &Clock::system());
    assert_eq!(
        send_until_heard(&outgoing, Lane::Bulk, &mut ear, b"up").await,
        NodeId(1)
    );
    for number in 0..100_u8 {
        outgoing.send(NodeId(2), Lane::Bulk, Bytes::from(vec![number]));
    }
    let mut heard = Vec::new();
    while heard.len() < 100 {
        // Tries that were under way when the first one was heard.
        match ear.next().await.1 {
            frame if frame == b"up"[..] => {}
            frame => heard.push(frame[0]),
        }
    }
    assert!(heard.iter().copied().eq(0..100));

    let large = Bytes::from(vec![7; 20 << 20]);
    outgoing.send(NodeId(2), Lane::Bulk, large.clone());
    assert!(
        ear.next().await.1 == large,
        "a frame may be as large as an entry"
    );

    ear.stop().await;
    let (listener, _) = listen(&second.to_string()).await;
    let mut ear = Ear::start(directory(2, &addresses), listener);
    send_until_heard(&outgoing, Lane::Bulk, &mut ear, b"again").await;
}

#[tokio::test]
async fn a_heartbeat_overtakes_megabytes() {
    const LARGE: usize = 100;
    let (_, first) = listen("127.0.0.1:0").await;
    let (listener, second) = listen("127.0.0.1:0").await;
    let addresses = [first, second];
    let mut ear = Ear::start(directory(2, &addresses), listener);
    let outgoing = Outgoing::start(&directory(1, &addresses), &Clock::system());
    for lane in Lane::ALL {
        send_until_heard(&outgoing, lane, &mut ear, b"up").await;
    }
    for _ in 0..LARGE {
        let large = Bytes::from(vec![7; 600 << 10]);
        outgoing.send(NodeId(2), Lane::Bulk, large.clone());
        outgoing.send(NodeId(2), Lane::Snapshot, large);
    }
    outgoing.send(NodeId(2), Lane::Urgent, Bytes::from_static(b"beat"));
    let mut before = 0;
    loop {
        match ear.next().await.1 {
            frame if frame == b"beat"[..] => break,
            frame if frame == b"up"[..] => {}
            _ => before += 1,
        }
    }
    assert!(before < LARGE / 2, "{before} large frames came before it");
}

#[tokio::test]
async fn nobody_hears_a_node_that_is_not_there_or_not_known() {
    let (_, first) = listen("127.0.0.1:0").await;
    let (_, gone) = listen("127.0.0.1:0").await;
    let outgoing = Outgoing::start(&directory(1, &[first, gone]), &Clock::system());
    outgoing.send(NodeId(2), Lane::Urgent, Bytes::from_static(b"lost"));
    outgoing.send(NodeId(9), Lane::Urgent, Bytes::from_static(b"lost"));
    outgoing.send(NodeId(1), Lane::Urgent, Bytes::from_static(b"to itself"));
}

#[test]
fn whom_others_name_is_listened_to_until_the_own_list_knows_better() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let directory = directory(1, &[nobody; 3]);
    let greets = |from: u64| {
        let hello = me(from, &[nobody; 4]).hello(NodeId(1));
        let hello = Hello {
            agreement: 0,
            address: String::new(),
            ..hello
        };
        directory.greet(&hello).is_ok() && directory.calls(NodeId(from))
    };
    assert!(greets(2) && !greets(4));
    directory.hear(members(&[nobody; 4]));
    assert!(greets(4));
    // An older list, as a node finds it on the way through its log.
    directory.learn(&members(&[nobody; 2]));
    assert!(greets(2) && greets(4));
    let mut later = members(&[nobody; 4]);
    later.remove(NodeId(4)).unwrap();
    directory.learn(&later);
    assert!(greets(3) && !greets(4));
}

#[test]
fn strangers_are_refused_with_both_sides_named() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let me_2 = me(2, &[nobody, nobody]);
    let good = me(1, &[nobody, nobody]).hello(NodeId(2));
    assert_eq!(me_2.check(&good), Ok(NodeId(1)));
    let refusal = |change: fn(&mut Hello)| {
        let mut hello = good.clone();
        change(&mut hello);
        me_2.check(&hello).unwrap_err().reason
    };
    assert_eq!(
        refusal(|hello| hello.cluster = 0xbad),
        "this is node 2 of cluster c1, but node 1 of cluster bad calls: correct `cluster` or the addresses"
    );
    assert!(refusal(|hello| hello.to = 3).contains("looks for node 3"));
    assert!(
        refusal(|hello| hello.from = 7)
            .starts_with("node 7 of cluster c1 is not one of the peers of node 2")
    );
    assert!(refusal(|hello| hello.from = 2).contains("is not one of the peers"));
    assert!(refusal(|hello| hello.agreement = 6).contains("disagree on who founds"));
}

#[test]
fn a_member_that_this_node_has_not_heard_of_is_called_back_where_it_says() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let directory = directory(1, &[nobody; 3]);
    let mut hello = me(4, &[nobody; 4]).hello(NodeId(1));
    assert!(directory.greet(&hello).is_err(), "a founder by mistake");
    hello.agreement = 0;
    let mut elsewhere = hello.clone();
    elsewhere.cluster = 0xc2;
    assert!(directory.greet(&elsewhere).is_err());
    assert!(directory.greet(&hello).is_ok() && directory.calls(NodeId(4)));
    let addresses = directory.watch().borrow().addresses();
    assert_eq!(addresses.get(&NodeId(4)), Some(&hello.address));
    hello.mark += 1;
    assert!(
        directory
            .greet(&hello)
            .is_err_and(|refused| refused.for_good)
    );
    hello.mark -= 1;
    let mut later = members(&[nobody; 4]);
    later.remove(NodeId(4)).unwrap();
    directory.learn(&later);
    assert!(directory.greet(&hello).is_err() && !directory.calls(NodeId(4)));
}

#[test]
fn no_more_strangers_are_listened_to_than_there_is_room_for() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let directory = directory(1, &[nobody; 3]);
    let mut hello = me(4, &[nobody; 4]).hello(NodeId(1));
    hello.agreement = 0;
    let welcome = (4..100).filter(|from| {
        hello.from = *from;
        directory.greet(&hello).is_ok()
    });
    assert_eq!(welcome.count(), 16);
}

#[test]
fn founders_compare_what_they_were_told_and_others_do_not() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let mut hello = me(1, &[nobody, nobody]).hello(NodeId(2));
    hello.agreement = 0;
    assert_eq!(me(2, &[nobody, nobody]).check(&hello), Ok(NodeId(1)));
}

#[test]
fn a_member_that_lost_its_disk_is_refused_for_good_by_those_who_know_its_mark() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let mut me_2 = me(2, &[nobody, nobody]);
    let mut hello = me(1, &[nobody, nobody]).hello(NodeId(2));
    hello.mark = 99;
    assert_eq!(me_2.check(&hello), Ok(NodeId(1)), "it never said its mark");
    let said = Member {
        mark: 1,
        ..me_2.members.get(NodeId(1)).unwrap().clone()
    };
    me_2.expected.put(said).unwrap();
    let refused = me_2.check(&hello).unwrap_err();
    assert!(
        refused.for_good
            && refused
                .reason
                .contains("node 1 of cluster c1 has lost its disk")
    );
    hello.mark = 1;
    assert_eq!(me_2.check(&hello), Ok(NodeId(1)));
}

#[test]
fn who_was_removed_is_told_so_by_those_who_know_and_by_nobody_else() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let directory = directory(2, &[nobody, nobody, nobody]);
    let hello = |from| me(from, &[]).hello(NodeId(2));
    let mut members = members(&[nobody, nobody, nobody]);
    members.remove(NodeId(3)).unwrap();
    // A configuration that leaves somebody out is no proof.
    let mut configured = me(2, &[]);
    configured.members = members.clone();
    assert!(!configured.check(&hello(3)).unwrap_err().for_good);
    assert_eq!(directory.greet(&hello(3)), Ok(NodeId(3)));
    directory.learn(&members);
    assert!(directory.greet(&hello(3)).unwrap_err().for_good);
    // The next one to join may call before its admission is known here.
    assert!(!directory.greet(&hello(4)).unwrap_err().for_good);
}

#[test]
fn whom_the_log_names_is_heard_before_it_is_agreed_on() {
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let directory = directory(2, &[nobody, nobody]);
    let hello = me(3, &[]).hello(NodeId(2));
    assert!(directory.greet(&hello).is_err());
    directory.expect(members(&[nobody, nobody, nobody]));
    assert_eq!(directory.greet(&hello), Ok(NodeId(3)));
    assert_eq!(directory.watch().borrow().addresses().len(), 2);
    directory.expect(Members::default());
    assert!(directory.greet(&hello).is_err());
}

#[tokio::test]
async fn links_follow_the_members() {
    let (_, first) = listen("127.0.0.1:0").await;
    let (listener, second) = listen("127.0.0.1:0").await;
    let (ours, theirs) = (directory(1, &[first]), directory(2, &[first, second]));
    let mut ear = Ear::start(theirs.clone(), listener);
    let outgoing = Outgoing::start(&ours, &Clock::system());
    ours.learn(&members(&[first, second]));
    send_until_heard(&outgoing, Lane::Urgent, &mut ear, b"joined").await;

    // It moves.
    ear.stop().await;
    let (listener, moved) = listen("127.0.0.1:0").await;
    let mut ear = Ear::start(theirs.clone(), listener);
    ours.learn(&members(&[first, moved]));
    send_until_heard(&outgoing, Lane::Urgent, &mut ear, b"moved").await;

    // It removes the sender, whose stream ends and who hears why.
    let mut left = members(&[first, moved]);
    left.remove(NodeId(1)).unwrap();
    theirs.learn(&left);
    let said = timeout(PATIENCE, ours.told_to_leave()).await.unwrap();
    assert!(
        said.starts_with("node 1 of cluster c1 was removed from the cluster"),
        "{said}"
    );
    while ear.heard.try_recv().is_ok() {}
    outgoing.send(NodeId(2), Lane::Urgent, Bytes::from_static(b"psst"));
    sleep(Duration::from_millis(50)).await;
    assert!(ear.heard.try_recv().is_err());
}

#[tokio::test]
async fn a_refused_stream_delivers_nothing() {
    let (_, first) = listen("127.0.0.1:0").await;
    let (listener, second) = listen("127.0.0.1:0").await;
    let addresses = [first, second];
    let mut ear = Ear::start(directory(2, &addresses), listener);
    let mut stranger = me(1, &addresses);
    stranger.cluster += 1;
    let outgoing = Outgoing::start(&Directory::new(stranger), &Clock::system());
    for _ in 0..40 {
        outgoing.send(NodeId(2), Lane::Urgent, Bytes::from_static(b"psst"));
        sleep(Duration::from_millis(5)).await;
    }
    assert!(ear.heard.try_recv().is_err());
}

#[tokio::test]
async fn a_queue_is_bounded_and_its_batches_too() {
    let hello = me(1, &[]).hello(NodeId(2));
    let room = room(Lane::Bulk);
    let (sender, mut batches) = queue(hello.clone(), room);
    let frame = Bytes::from(vec![0; BATCH_BYTES / 2]);
    let pushed = (0..room.frames)
        .take_while(|_| sender.push(frame.clone()))
        .count();
    assert_eq!(pushed, room.bytes / frame.len());
    assert_eq!(batches.next().await.unwrap().hello, Some(hello.clone()));
    assert_eq!(batches.next().await.unwrap().envelopes.len(), 2);
    assert!(
        sender.push(frame.clone()) && sender.push(frame.clone()),
        "what was taken made room"
    );
    assert!(!sender.push(frame));

    let (sender, mut batches) = queue(hello, room);
    let pushed = (0..2 * room.frames)
        .take_while(|_| sender.push(Bytes::new()))
        .count();
    assert_eq!(pushed, room.frames);
    drop(sender);
    let mut taken = 0;
    while let Some(batch) = batches.next().await {
        taken += batch.envelopes.len();
    }
    assert_eq!(taken, room.frames);
}
