//! How a node is doing.

use tonic::{Request, Response, Status};

use super::{Face, errors};
use crate::node::Order;
use crate::rpc::{
    etcd::Unfit,
    proto::etcdserverpb::{
        AlarmRequest, AlarmResponse, MoveLeaderRequest, MoveLeaderResponse, StatusRequest,
        StatusResponse, alarm_request::AlarmAction, maintenance_server::Maintenance,
    },
};
use crate::types::NodeId;

/// etcd's Maintenance service: its questions, and the handing over of leadership.
#[derive(Clone)]
pub struct MaintenanceService {
    face: Face,
}

impl MaintenanceService {
    /// The service over `face`.
    pub fn new(face: Face) -> Self {
        MaintenanceService { face }
    }
}

#[tonic::async_trait]
impl Maintenance for MaintenanceService {
    async fn alarm(
        &self,
        request: Request<AlarmRequest>,
    ) -> Result<Response<AlarmResponse>, Status> {
        if request.get_ref().action == i32::from(AlarmAction::Activate) {
            return Err(errors::of_unfit(Unfit::Unserved("raising an alarm")));
        }
        Ok(Response::new(AlarmResponse {
            header: self.face.now().header(),
            alarms: vec![],
        }))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        let patience = self.face.timeout(request.metadata());
        let target = Some(NodeId(request.get_ref().target_id)).filter(|id| id.0 != 0);
        let moved = self
            .face
            .gateway
            .order(&Order::Lead(target), patience)
            .await;
        moved.map_err(errors::of_request)?;
        Ok(Response::new(MoveLeaderResponse {
            header: self.face.now().header(),
        }))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let status = self.face.gateway.status();
        let header = self.face.now().header();
        let mut response = StatusResponse {
            header,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            errors: status.failure.into_iter().collect(),
            ..StatusResponse::default()
        };
        if let Some(shard) = status.shards.first() {
            let bytes: u64 = shard.lsm.level_bytes.iter().sum();
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            (response.db_size, response.db_size_in_use) = (bytes, bytes);
            response.leader = shard.raft.leader.map_or(0, |leader| leader.0);
            response.raft_term = shard.raft.term;
            response.raft_index = shard.raft.commit;
            response.raft_applied_index = shard.raft.applied;
            let membership = &shard.roster.membership;
            response.is_learner = membership.learners.contains_key(&status.node);
        }
        if response.leader == 0 {
            response.errors.push("etcdserver: no leader".to_owned());
        }
        Ok(Response::new(response))
    }
}
