//! Keys and values.

use tonic::{Request, Response, Status};

use super::{
    Face, errors,
    face::{identity, min_revision, tell_age},
};
use crate::{
    gateway::{Consistency, Written},
    machine::Txn,
    rpc::{
        etcd::{self, Stamp},
        proto::etcdserverpb::{
            CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse,
            PutRequest, PutResponse, RangeRequest, RangeResponse, TxnRequest, TxnResponse,
            kv_server::Kv,
        },
    },
};

/// etcd's KV service.
#[derive(Clone)]
pub struct KvService {
    face: Face,
}

impl KvService {
    /// The service over `face`.
    pub fn new(face: Face) -> Self {
        KvService { face }
    }

    /// Has a transaction done, under the identity and the deadline of its request.
    async fn write<T>(&self, request: &Request<T>, txn: Txn) -> Result<(Stamp, Written), Status> {
        let identity = identity(request.metadata())?;
        let timeout = self.face.timeout(request.metadata());
        let written = self.face.gateway.write(txn, identity, timeout).await;
        let written = written.map_err(errors::of_request)?;
        Ok((
            self.face.stamp(written.reply.revision, written.term),
            written,
        ))
    }
}

/// Takes the message out of a request and leaves the rest for [`KvService::write`].
fn take<T: Default>(request: &mut Request<T>) -> T {
    std::mem::take(request.get_mut())
}

#[tonic::async_trait]
impl Kv for KvService {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let timeout = self.face.timeout(request.metadata());
        let least = min_revision(request.metadata())?;
        let read = etcd::range(request.into_inner()).map_err(errors::of_unfit)?;
        let consistency = match least {
            None if !read.stale => Consistency::Linearizable,
            _ => Consistency::Stale(least.unwrap_or(0)),
        };
        let answer = self
            .face
            .gateway
            .read(read.query, consistency, timeout)
            .await;
        let answer = answer.map_err(errors::of_request)?;
        let stamp = self.face.stamp(answer.revision, answer.term);
        let behind = answer.behind;
        let response = etcd::range_response(stamp, &read.shape, answer.page);
        let mut response = Response::new(response.map_err(errors::of_unfit)?);
        tell_age(response.metadata_mut(), behind);
        Ok(response)
    }

    async fn put(&self, mut request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let put = etcd::put(take(&mut request)).map_err(errors::of_unfit)?;
        let (stamp, written) = self.write(&request, put.txn).await?;
        let response = etcd::put_response(stamp, written.reply).map_err(errors::of_unfit)?;
        Ok(Response::new(response))
    }

    async fn delete_range(
        &self,
        mut request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let delete = etcd::delete_range(take(&mut request)).map_err(errors::of_unfit)?;
        let (stamp, written) = self.write(&request, delete.txn).await?;
        let response = etcd::delete_range_response(stamp, written.reply);
        Ok(Response::new(response.map_err(errors::of_unfit)?))
    }

    async fn txn(&self, mut request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let txn = etcd::txn(take(&mut request)).map_err(errors::of_unfit)?;
        let (stamp, written) = self.write(&request, txn.txn).await?;
        let response = etcd::txn_response(stamp, &txn.success, &txn.failure, written.reply);
        Ok(Response::new(response.map_err(errors::of_unfit)?))
    }

    async fn compact(
        &self,
        _: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        Err(errors::of_unfit(etcd::Unfit::Unserved("compaction")))
    }
}
