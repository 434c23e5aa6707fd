//! How a node is doing.

use tonic::{Request, Response, Status};

use super::{Face, errors};
use crate::rpc::{
    etcd::Unfit,
    proto::etcdserverpb::{
        AlarmRequest, AlarmResponse, StatusRequest, StatusResponse, alarm_request::AlarmAction,
        maintenance_server::Maintenance,
    },
};

/// etcd's Maintenance service: its questions.
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
        }
        if response.leader == 0 {
            response.errors.push("etcdserver: no leader".to_owned());
        }
        Ok(Response::new(response))
    }
}
