//! Who belongs to the cluster.

use tonic::{Request, Response, Status};

use super::{Face, errors};
use crate::{
    gateway::Consistency,
    machine::Member,
    node::Roster,
    rpc::proto::etcdserverpb::{
        self as pb, MemberListRequest, MemberListResponse, cluster_server::Cluster,
    },
};

/// etcd's Cluster service, the reading part of it.
#[derive(Clone)]
pub struct ClusterService {
    face: Face,
}

impl ClusterService {
    /// The service over `face`.
    pub fn new(face: Face) -> Self {
        ClusterService { face }
    }
}

/// All members as etcd's clients see them, by number.
fn members(roster: &Roster) -> Vec<pb::Member> {
    let members = roster.members.iter();
    members.map(|member| member_out(member, roster)).collect()
}

fn member_out(member: &Member, roster: &Roster) -> pb::Member {
    let urls = |address: &str| match address {
        "" => vec![],
        address => vec![format!("http://{address}")],
    };
    pb::Member {
        id: member.id.0,
        name: member.name.clone(),
        peer_urls: urls(&member.peer),
        client_urls: urls(&member.grpc),
        is_learner: !roster.membership.is_voter(member.id),
    }
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_list(
        &self,
        request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        let patience = self.face.timeout(request.metadata());
        let consistency = match request.get_ref().linearizable {
            true => Consistency::Linearizable,
            false => Consistency::Stale(0),
        };
        let roster = self.face.gateway.roster(consistency, patience).await;
        let roster = roster.map_err(errors::of_request)?;
        Ok(Response::new(MemberListResponse {
            header: self.face.now().header(),
            members: members(&roster),
        }))
    }
}
