//! What can be asked.

use bytes::Bytes;
use tonic::transport::Channel;

use super::{Client, ClientError, call::Stamp, error::reason};
use crate::{
    rpc::etcd::MIN_REVISION,
    rpc::proto::{
        etcdserverpb::{
            Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, ResponseHeader,
            StatusRequest, StatusResponse, TxnRequest,
            compare::{CompareResult, CompareTarget, TargetUnion},
            kv_client::KvClient,
            maintenance_client::MaintenanceClient,
            request_op,
        },
        mvccpb::KeyValue,
    },
    types::Revision,
};

/// The largest answer that is taken: a full page of the largest values.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// The answer to a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The revision that the write made.
    pub revision: Revision,
}

/// The answer to a get.
#[derive(Clone, Debug, PartialEq)]
pub struct Got {
    /// The key and its value; `None` if there is no such key.
    pub kv: Option<KeyValue>,
    /// The store's revision at the moment of the read.
    pub revision: Revision,
}

/// The answer to a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// How many keys were removed.
    pub deleted: u64,
    /// The revision that the removal made; if nothing was removed, the store's.
    pub revision: Revision,
}

/// The answer to a compare-and-set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Whether the key held what was expected, and now holds the new value.
    pub succeeded: bool,
    /// The revision that the write made; if the comparison failed, the store's.
    pub revision: Revision,
}

/// Which keys to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The first key; must not be empty.
    pub start: Bytes,
    /// Up to this key, excluded. One zero byte: to the last key there is. Empty: `start` alone.
    pub end: Bytes,
    /// At most so many keys; 0 for as many as the server puts into one answer.
    pub limit: u64,
    /// The revision to read at; 0 for the latest.
    pub revision: Revision,
    /// Leave the values out.
    pub keys_only: bool,
    /// Take what the endpoint has, which may be old, without asking for the latest.
    pub stale: bool,
    /// Take what the endpoint has as soon as that is of this revision or a later one; 0 to leave it
    /// to `stale`.
    pub min_revision: Revision,
}

/// The answer to a scan.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanPage {
    /// The keys, ascending.
    pub kvs: Vec<KeyValue>,
    /// Whether the limit kept keys back.
    pub more: bool,
    /// How many keys the range holds, whatever the limit.
    pub count: u64,
    /// The store's revision at the moment of the read.
    pub revision: Revision,
}

impl Client {
    /// Stores a value.
    pub async fn put(&mut self, key: Bytes, value: Bytes) -> Result<Stored, ClientError> {
        let message = PutRequest {
            key,
            value,
            ..PutRequest::default()
        };
        let send = |channel, stamp: Stamp| {
            let request = stamp.on(message.clone());
            async move { kv(channel).put(request).await }
        };
        let answer = self.write(send).await?;
        Ok(Stored {
            revision: revision(answer.header),
        })
    }

    /// Reads a key; if `stale`, as the endpoint has it, which may be old.
    pub async fn get(&mut self, key: Bytes, stale: bool) -> Result<Got, ClientError> {
        self.look(&Scan {
            start: key,
            stale,
            ..Scan::default()
        })
        .await
    }

    /// Reads a key as the endpoint has it once it has come to revision `least`.
    pub async fn get_at_least(&mut self, key: Bytes, least: Revision) -> Result<Got, ClientError> {
        self.look(&Scan {
            start: key,
            min_revision: least,
            ..Scan::default()
        })
        .await
    }

    async fn look(&mut self, scan: &Scan) -> Result<Got, ClientError> {
        let page = self.scan(scan).await?;
        Ok(Got {
            kv: page.kvs.into_iter().next(),
            revision: page.revision,
        })
    }

    /// Removes a key.
    pub async fn delete(&mut self, key: Bytes) -> Result<Deleted, ClientError> {
        let message = DeleteRangeRequest {
            key,
            ..DeleteRangeRequest::default()
        };
        let send = |channel, stamp: Stamp| {
            let request = stamp.on(message.clone());
            async move { kv(channel).delete_range(request).await }
        };
        let answer = self.write(send).await?;
        Ok(Deleted {
            deleted: answer.deleted.unsigned_abs(),
            revision: revision(answer.header),
        })
    }

    /// Stores `new` if the key holds `expected` (`None`: if there is no such key).
    pub async fn compare_and_set(
        &mut self,
        key: Bytes,
        expected: Option<Bytes>,
        new: Bytes,
    ) -> Result<Compared, ClientError> {
        let message = TxnRequest {
            compare: vec![holds(key.clone(), expected)],
            success: vec![put_op(key, new)],
            failure: Vec::new(),
        };
        let send = |channel, stamp: Stamp| {
            let request = stamp.on(message.clone());
            async move { kv(channel).txn(request).await }
        };
        let answer = self.write(send).await?;
        Ok(Compared {
            succeeded: answer.succeeded,
            revision: revision(answer.header),
        })
    }

    /// Reads a range of keys.
    pub async fn scan(&mut self, scan: &Scan) -> Result<ScanPage, ClientError> {
        let message = RangeRequest {
            key: scan.start.clone(),
            range_end: scan.end.clone(),
            limit: i64::try_from(scan.limit).unwrap_or(i64::MAX),
            revision: i64::try_from(scan.revision).unwrap_or(i64::MAX),
            serializable: scan.stale,
            keys_only: scan.keys_only,
            ..RangeRequest::default()
        };
        let send = |channel, stamp: Stamp| {
            let mut request = stamp.on(message.clone());
            if scan.min_revision > 0 {
                let metadata = request.metadata_mut();
                metadata.insert(MIN_REVISION, scan.min_revision.into());
            }
            async move { kv(channel).range(request).await }
        };
        let answer = self.read(send).await?;
        Ok(ScanPage {
            kvs: answer.kvs,
            more: answer.more,
            count: answer.count.unsigned_abs(),
            revision: revision(answer.header),
        })
    }
}

impl super::Connections {
    /// What one endpoint, by its place in the list, says of itself. The error is its reason.
    pub async fn status(
        &self,
        at: usize,
        within: std::time::Duration,
    ) -> Result<StatusResponse, String> {
        let (number, channel) = self.connect(at, within).await?;
        let mut request = tonic::Request::new(StatusRequest {});
        request.set_timeout(within);
        let mut client = MaintenanceClient::new(channel);
        let answer = crate::env::task::timeout(within, client.status(request)).await;
        let failure = match answer {
            Ok(Ok(status)) => return Ok(status.into_inner()),
            Ok(Err(status)) => reason(&status),
            Err(_) => format!("no answer within {within:?}"),
        };
        self.forget(at, number);
        Err(failure)
    }
}

fn kv(channel: Channel) -> KvClient<Channel> {
    KvClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX)
}

fn revision(header: Option<ResponseHeader>) -> Revision {
    header.map_or(0, |header| header.revision.unsigned_abs())
}

/// The condition that `key` holds `expected`.
fn holds(key: Bytes, expected: Option<Bytes>) -> Compare {
    let (target, union) = match expected {
        Some(value) => (CompareTarget::Value, TargetUnion::Value(value)),
        // A key that does not exist is one that no revision created.
        None => (CompareTarget::Create, TargetUnion::CreateRevision(0)),
    };
    Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key,
        target_union: Some(union),
        ..Compare::default()
    }
}

fn put_op(key: Bytes, value: Bytes) -> RequestOp {
    let put = PutRequest {
        key,
        value,
        ..PutRequest::default()
    };
    RequestOp {
        request: Some(request_op::Request::RequestPut(put)),
    }
}
