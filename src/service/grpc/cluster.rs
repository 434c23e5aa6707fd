//! Who belongs to the cluster.

use tonic::{Request, Response, Status};

use super::Face;
use crate::{
    config,
    rpc::proto::etcdserverpb::{
        Member, MemberListRequest, MemberListResponse, cluster_server::Cluster,
    },
};

/// etcd's Cluster service, the reading part of it.
#[derive(Clone)]
pub struct ClusterService {
    face: Face,
    members: Vec<Member>,
}

impl ClusterService {
    /// The service over `face`; the members are those of the configuration.
    pub fn new(face: Face, members: &[config::Member]) -> Self {
        let mut members: Vec<Member> = members.iter().map(member).collect();
        members.sort_by_key(|member| member.id);
        ClusterService { face, members }
    }
}

fn member(member: &config::Member) -> Member {
    Member {
        id: member.id.0,
        name: member.name.clone(),
        peer_urls: vec![format!("http://{}", member.peer)],
        client_urls: vec![format!("http://{}", member.grpc)],
        is_learner: false,
    }
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_list(
        &self,
        _: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        Ok(Response::new(MemberListResponse {
            header: self.face.now().header(),
            members: self.members.clone(),
        }))
    }
}
