//! The gRPC face, with etcd's messages.

use std::time::Duration;

use sisyphus::rpc::{
    etcd::is_not_done,
    proto::etcdserverpb::{
        AlarmRequest, CompactionRequest, Compare, DeleteRangeRequest, MemberListRequest,
        PutRequest, RangeRequest, RequestOp, StatusRequest, TxnRequest,
        cluster_client::ClusterClient,
        compare::{CompareResult, CompareTarget, TargetUnion},
        kv_client::KvClient,
        maintenance_client::MaintenanceClient,
        range_request::SortOrder,
        request_op::Request as Op,
        response_op::Response as Result,
    },
};
use tonic::{Code, Request, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::node::{Alone, Scratch, three};

async fn channel(address: std::net::SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

async fn client(node: &Alone) -> KvClient<Channel> {
    KvClient::new(channel(node.addresses.grpc).await)
}

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        prev_kv: true,
        ..PutRequest::default()
    }
}

fn prefix(key: &str, end: &str) -> RangeRequest {
    RangeRequest {
        key: key.to_owned().into(),
        range_end: end.to_owned().into(),
        ..RangeRequest::default()
    }
}

#[tokio::test]
async fn keys_have_the_history_that_etcd_gives_them() {
    let node = Alone::start().await;
    let mut kv = client(&node).await;
    let first = kv.put(put("k", "1")).await.unwrap().into_inner();
    let header = first.header.unwrap();
    assert_eq!((header.member_id, header.revision), (1, 2));
    assert!(header.cluster_id != 0 && header.raft_term > 0);
    assert_eq!(first.prev_kv, None);
    let second = kv.put(put("k", "2")).await.unwrap().into_inner();
    assert_eq!(second.prev_kv.unwrap().value, "1");
    let found = kv.range(prefix("k", "")).await.unwrap().into_inner();
    assert_eq!(
        (found.count, found.kvs.len(), found.header.unwrap().revision),
        (1, 1, 3)
    );
    let kv_2 = &found.kvs[0];
    assert_eq!(
        (kv_2.create_revision, kv_2.mod_revision, kv_2.version),
        (2, 3, 2)
    );
    let mut past = prefix("k", "");
    past.revision = 2;
    assert_eq!(
        kv.range(past.clone()).await.unwrap().into_inner().kvs[0].value,
        "1"
    );
    let delete = DeleteRangeRequest {
        key: "k".into(),
        prev_kv: true,
        ..Default::default()
    };
    let deleted = kv.delete_range(delete).await.unwrap().into_inner();
    assert_eq!(
        (deleted.deleted, &deleted.prev_kvs[0].value[..]),
        (1, &b"2"[..])
    );
    assert_eq!(
        kv.range(prefix("k", "")).await.unwrap().into_inner().count,
        0
    );
    assert_eq!(
        kv.range(past).await.unwrap().into_inner().count,
        1,
        "the past remains"
    );
}

#[tokio::test]
async fn ranges_are_limited_sorted_and_counted() {
    let node = Alone::start().await;
    let mut kv = client(&node).await;
    for key in ["a", "c", "b", "d"] {
        kv.put(put(key, "v")).await.unwrap();
    }
    let mut ask = async |change: fn(&mut RangeRequest)| {
        let mut request = prefix("a", "d");
        change(&mut request);
        let found = kv.range(request).await.unwrap().into_inner();
        let keys: Vec<String> = found
            .kvs
            .iter()
            .map(|kv| String::from_utf8(kv.key.to_vec()).unwrap())
            .collect();
        (keys.join(""), found.more, found.count)
    };
    assert_eq!(ask(|_| ()).await, ("abc".to_owned(), false, 3));
    assert_eq!(ask(|r| r.limit = 2).await, ("ab".to_owned(), true, 3));
    let backwards = |r: &mut RangeRequest| (r.limit, r.sort_order) = (2, SortOrder::Descend.into());
    assert_eq!(ask(backwards).await, ("cb".to_owned(), true, 3));
    assert_eq!(
        ask(|r| r.count_only = true).await,
        (String::new(), false, 3)
    );
    assert_eq!(
        ask(|r| r.min_mod_revision = 4).await,
        ("b".to_owned(), false, 3).clone()
    );
    assert_eq!(
        ask(|r| r.range_end = "\0".into()).await,
        ("abcd".to_owned(), false, 4)
    );
    assert_eq!(
        ask(|r| r.range_end = "A".into()).await,
        (String::new(), false, 0),
        "backwards"
    );
}

#[tokio::test]
async fn a_transaction_does_one_of_two_lists() {
    let node = Alone::start().await;
    let mut kv = client(&node).await;
    kv.put(put("k", "1")).await.unwrap();
    let compare = Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Value.into(),
        key: "k".into(),
        target_union: Some(TargetUnion::Value("1".into())),
        ..Compare::default()
    };
    let op = |request| RequestOp {
        request: Some(request),
    };
    let request = TxnRequest {
        compare: vec![compare],
        success: vec![
            op(Op::RequestPut(put("k", "2"))),
            op(Op::RequestRange(prefix("k", ""))),
        ],
        failure: vec![op(Op::RequestRange(prefix("k", "")))],
    };
    let done = kv.txn(request.clone()).await.unwrap().into_inner();
    assert!(done.succeeded);
    let [
        Some(Result::ResponsePut(put)),
        Some(Result::ResponseRange(range)),
    ] = [0, 1].map(|at| done.responses[at].response.clone())
    else {
        panic!("{done:?}");
    };
    assert_eq!(put.prev_kv.unwrap().value, "1");
    assert_eq!(range.kvs[0].value, "2", "it sees what it wrote");
    let again = kv.txn(request).await.unwrap().into_inner();
    assert!(!again.succeeded && again.responses.len() == 1);
}

#[tokio::test]
async fn errors_have_etcds_codes_and_words() {
    let node = Alone::start().await;
    let mut kv = client(&node).await;
    kv.put(put("k", "v")).await.unwrap();
    let mut future = prefix("k", "");
    future.revision = 99;
    let twice = TxnRequest {
        success: vec![
            RequestOp {
                request: Some(Op::RequestPut(put("k", "2")))
            };
            2
        ],
        ..TxnRequest::default()
    };
    let large = PutRequest {
        key: "k".into(),
        value: vec![0; (64 << 10) + 1].into(),
        ..put("", "")
    };
    let cases = [
        (
            kv.put(put("", "v")).await.map(drop),
            Code::InvalidArgument,
            "key is not provided",
        ),
        (
            kv.range(future).await.map(drop),
            Code::OutOfRange,
            "is a future revision",
        ),
        (
            kv.txn(twice).await.map(drop),
            Code::InvalidArgument,
            "duplicate key given",
        ),
        (
            kv.put(large).await.map(drop),
            Code::InvalidArgument,
            "limits.value_bytes_max",
        ),
        (
            kv.compact(CompactionRequest::default()).await.map(drop),
            Code::Unimplemented,
            "compaction",
        ),
    ];
    for (answer, code, words) in cases {
        let status = answer.unwrap_err();
        assert_eq!(status.code(), code, "{status:?}");
        assert!(status.message().contains(words), "{status:?}");
        assert!(is_not_done(&status), "{status:?}");
    }
}

#[tokio::test]
async fn a_service_that_we_do_not_have_is_named() {
    let node = Alone::start().await;
    let mut grpc = tonic::client::Grpc::new(channel(node.addresses.grpc).await);
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<StatusRequest, StatusRequest>::default();
    let path = "/etcdserverpb.Lease/LeaseGrant".parse().unwrap();
    let status = grpc
        .unary(Request::new(StatusRequest {}), path, codec)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(
        status.message().contains("Lease/LeaseGrant is not served"),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_write_with_an_identity_is_done_once() {
    let node = Alone::start().await;
    let mut kv = client(&node).await;
    let identified = |sequence: &str| {
        let mut request = Request::new(put("k", "v"));
        request
            .metadata_mut()
            .insert("sisyphus-client-id", "7".parse().unwrap());
        request
            .metadata_mut()
            .insert("sisyphus-sequence", sequence.parse().unwrap());
        request
    };
    let revision = |response: tonic::Response<sisyphus::rpc::proto::etcdserverpb::PutResponse>| {
        response.into_inner().header.unwrap().revision
    };
    let first = revision(kv.put(identified("1")).await.unwrap());
    assert_eq!(revision(kv.put(identified("1")).await.unwrap()), first);
    assert_eq!(revision(kv.put(identified("2")).await.unwrap()), first + 1);
    let stale = kv.put(identified("1")).await.unwrap_err();
    assert!(!is_not_done(&stale), "{stale:?}");
    assert_eq!(
        kv.put(identified("x")).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn a_deadline_is_kept_and_an_unheard_write_is_not_called_done() {
    let scratch = Scratch::new();
    let mut servers = three(&scratch).await;
    let mut kv = KvClient::new(channel(servers[0].addresses().grpc).await);
    kv.put(put("k", "v")).await.unwrap();
    // So that this node has it, whoever leads.
    kv.range(prefix("k", "")).await.unwrap();
    for server in servers.drain(1..) {
        server.stop().await;
    }
    let mut read = Request::new(prefix("k", ""));
    read.set_timeout(Duration::from_millis(400));
    let status = kv.range(read).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded),
        "{status:?}"
    );
    let mut write = Request::new(put("k", "w"));
    write.set_timeout(Duration::from_millis(400));
    let status = kv.put(write).await.unwrap_err();
    assert!(
        status.code() == Code::DeadlineExceeded || is_not_done(&status),
        "{status:?}"
    );
    let mut stale = prefix("k", "");
    stale.serializable = true;
    assert_eq!(
        kv.range(stale).await.unwrap().into_inner().kvs[0].value,
        "v"
    );
    let mut seen = Request::new(prefix("k", ""));
    let metadata = seen.metadata_mut();
    metadata.insert("sisyphus-min-revision", 2.into());
    let seen = kv.range(seen).await.unwrap();
    assert!(seen.metadata().contains_key("sisyphus-behind-entries"));
    assert_eq!(seen.into_inner().kvs[0].value, "v");
    let mut unseen = Request::new(prefix("k", ""));
    unseen.set_timeout(Duration::from_millis(300));
    let metadata = unseen.metadata_mut();
    metadata.insert("sisyphus-min-revision", 9_000.into());
    let status = kv.range(unseen).await.unwrap_err();
    assert!(is_not_done(&status), "{status:?}");
    let mut wrong = Request::new(prefix("k", ""));
    let metadata = wrong.metadata_mut();
    metadata.insert("sisyphus-min-revision", "soon".parse().unwrap());
    let status = kv.range(wrong).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
}

#[tokio::test]
async fn members_status_and_health_are_told() {
    let scratch = Scratch::new();
    let servers = three(&scratch).await;
    let channel = channel(servers[1].addresses().grpc).await;
    KvClient::new(channel.clone())
        .put(put("k", "v"))
        .await
        .unwrap();
    let mut cluster = ClusterClient::new(channel.clone());
    let members = cluster.member_list(MemberListRequest::default());
    let members = members.await.unwrap().into_inner().members;
    assert_eq!(
        members.iter().map(|member| member.id).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(
        members[2].client_urls,
        [format!("http://{}", servers[2].addresses().grpc)]
    );
    let mut maintenance = MaintenanceClient::new(channel.clone());
    let status = maintenance
        .status(StatusRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(
        (1..=3).contains(&status.leader) && status.errors.is_empty(),
        "{status:?}"
    );
    assert_eq!(status.version, env!("CARGO_PKG_VERSION"));
    let alarms = maintenance
        .alarm(AlarmRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(alarms.alarms, []);
    let mut health = HealthClient::new(channel);
    let mut serving = async || {
        let check = HealthCheckRequest {
            service: "etcdserverpb.KV".to_owned(),
        };
        health
            .check(check)
            .await
            .is_ok_and(|answer| answer.into_inner().status == 1)
    };
    // It looks every quarter of a second.
    tokio::time::timeout(crate::node::PATIENCE, async { while !serving().await {} })
        .await
        .unwrap();
}
