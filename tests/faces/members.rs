//! Members and leadership through etcd's own services: codes and words are etcd's.

use std::time::Duration;

use sisyphus::{
    rpc::proto::etcdserverpb::{
        MemberAddRequest, MemberListRequest, MemberPromoteRequest, MemberRemoveRequest,
        MemberUpdateRequest, MoveLeaderRequest, StatusRequest, cluster_client::ClusterClient,
        maintenance_client::MaintenanceClient,
    },
    service::Server,
};
use tonic::{Code, Status, transport::Channel};

use crate::node::{Alone, PATIENCE, Scratch, three};

async fn channel(server: &Server) -> Channel {
    let address = format!("http://{}", server.addresses().grpc);
    Channel::from_shared(address)
        .unwrap()
        .connect()
        .await
        .unwrap()
}

async fn cluster(server: &Server) -> ClusterClient<Channel> {
    ClusterClient::new(channel(server).await)
}

fn add(peer: &str) -> MemberAddRequest {
    MemberAddRequest {
        peer_urls: vec![peer.to_owned()],
        is_learner: true,
        ..MemberAddRequest::default()
    }
}

fn said(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

/// Waits until all have started, so that no list of theirs is under way.
async fn settled(servers: &[Server]) {
    let all_started = async {
        let mut client = cluster(&servers[0]).await;
        loop {
            let list = client.member_list(MemberListRequest { linearizable: true });
            let members = list.await.map_or(vec![], |list| list.into_inner().members);
            if !members.is_empty() && members.iter().all(|member| member.started) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_started).await.unwrap();
}

#[tokio::test]
async fn a_member_is_added_moved_and_removed_and_its_number_is_not_used_again() {
    let node = Alone::start().await;
    let mut cluster = cluster(&node.server).await;
    let added = cluster.member_add(add("http://127.0.0.1:1")).await.unwrap();
    let added = added.into_inner();
    let member = added.member.unwrap();
    assert_eq!(
        (member.id, member.is_learner, added.members.len()),
        (2, true, 2)
    );
    assert!(member.client_urls.is_empty() && !member.started);

    let taken = cluster
        .member_add(add("http://127.0.0.1:1"))
        .await
        .unwrap_err();
    let words = "etcdserver: Peer URLs already exists";
    assert_eq!(said(&taken), (Code::FailedPrecondition, words));

    let moved = MemberUpdateRequest {
        id: 2,
        peer_urls: vec!["http://127.0.0.1:2".to_owned()],
        introduction: None,
    };
    let members = cluster
        .member_update(moved)
        .await
        .unwrap()
        .into_inner()
        .members;
    assert_eq!(members[1].peer_urls, ["http://127.0.0.1:2"]);

    let left = cluster.member_remove(MemberRemoveRequest { id: 2 });
    assert_eq!(left.await.unwrap().into_inner().members.len(), 1);
    let next = cluster.member_add(add("http://127.0.0.1:1")).await.unwrap();
    assert_eq!(next.into_inner().member.unwrap().id, 3);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_in_etcds_words() {
    let node = Alone::start().await;
    let mut cluster = cluster(&node.server).await;
    let last = cluster.member_remove(MemberRemoveRequest { id: 1 }).await;
    let last = last.unwrap_err();
    assert_eq!(last.code(), Code::FailedPrecondition);
    assert!(last.message().contains("the last voter"), "{last}");

    let absent = "etcdserver: member not found";
    let removed = cluster.member_remove(MemberRemoveRequest { id: 9 }).await;
    assert_eq!(said(&removed.unwrap_err()), (Code::NotFound, absent));

    let promote = |id| MemberPromoteRequest { id };
    let voter = cluster.member_promote(promote(1)).await.unwrap_err();
    let words = "etcdserver: can only promote a learner member";
    assert_eq!(said(&voter), (Code::FailedPrecondition, words));

    cluster.member_add(add("http://127.0.0.1:1")).await.unwrap();
    let silent = cluster.member_promote(promote(2)).await.unwrap_err();
    assert_eq!(silent.code(), Code::FailedPrecondition);
    assert!(
        silent.message().contains("which is in sync with leader"),
        "{silent}"
    );

    let bad = cluster.member_add(add("ftp:/nowhere")).await.unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);
    assert!(
        bad.message().contains("given member URLs are invalid"),
        "{bad}"
    );
}

#[tokio::test]
async fn leadership_moves_whichever_member_is_asked() {
    let scratch = Scratch::new();
    let servers = three(&scratch).await;
    settled(&servers).await;
    for target_id in [3, 1, 2] {
        let mut asked = MaintenanceClient::new(channel(&servers[0]).await);
        let moved = asked.move_leader(MoveLeaderRequest { target_id }).await;
        moved.unwrap();
        let status = asked.status(StatusRequest {}).await.unwrap().into_inner();
        assert_eq!(status.leader, target_id);
    }
    let mut asked = MaintenanceClient::new(channel(&servers[0]).await);
    let absent = asked.move_leader(MoveLeaderRequest { target_id: 9 }).await;
    let absent = absent.unwrap_err();
    assert_eq!(absent.code(), Code::FailedPrecondition);
    assert!(
        absent
            .message()
            .starts_with("etcdserver: bad leader transferee"),
        "{absent}"
    );
}

#[tokio::test]
async fn a_removal_that_would_leave_no_majority_is_refused() {
    let scratch = Scratch::new();
    let mut servers = three(&scratch).await;
    settled(&servers).await;
    servers.pop().unwrap().stop().await;
    let mut cluster = cluster(&servers[0]).await;
    // Who is gone counts as heard for an election timeout or two.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut asked = MaintenanceClient::new(channel(&servers[0]).await);
    let status = asked.status(StatusRequest {}).await.unwrap().into_inner();
    let id = if status.leader == 1 { 2 } else { 1 };
    let refused = cluster.member_remove(MemberRemoveRequest { id }).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(
        refused.message().contains("not enough started members"),
        "{refused}"
    );
}
