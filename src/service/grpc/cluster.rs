//! Who belongs to the cluster.

use tonic::{Request, Response, Status};

use super::{Face, errors};
use crate::{
    gateway::Consistency,
    machine::Member,
    node::{Order, Roster},
    rpc::proto::etcdserverpb::{
        self as pb, Introduction, MemberAddRequest, MemberAddResponse, MemberListRequest,
        MemberListResponse, MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest,
        MemberRemoveResponse, MemberUpdateRequest, MemberUpdateResponse, cluster_server::Cluster,
    },
    types::NodeId,
};

/// etcd's Cluster service. Orders go to whichever node leads, at most once.
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
        http: member.http.clone(),
        started: member.started,
    }
}

impl ClusterService {
    /// Has an order carried out, within the request's own deadline.
    async fn order<T>(&self, request: &Request<T>, order: Order) -> Result<Roster, Status> {
        let patience = self.face.timeout(request.metadata());
        let roster = self.face.gateway.order(&order, patience).await;
        roster.map_err(errors::of_request)
    }

    fn header(&self) -> Option<pb::ResponseHeader> {
        self.face.now().header()
    }
}

/// The address in a list of URLs: exactly one, without its scheme.
fn address(urls: &[String]) -> Result<String, Status> {
    let [url] = urls else {
        return Err(bad_urls(urls));
    };
    let address = url.trim_end_matches('/');
    let address = address.strip_prefix("http://").unwrap_or(address);
    match address.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(address.to_owned())
        }
        _ => Err(bad_urls(urls)),
    }
}

fn bad_urls(urls: &[String]) -> Status {
    errors::invalid(&format!(
        "given member URLs are invalid: {urls:?}; give one, as http://host:port"
    ))
}

/// The order that adds a node, and how it will be known until its number is.
fn addition(request: &MemberAddRequest) -> Result<Order, Status> {
    let (name, peer) = (request.name.clone(), address(&request.peer_urls)?);
    Ok(match request.replaces {
        0 => Order::Add {
            name,
            peer,
            learner: request.is_learner,
        },
        old => Order::Replace {
            old: NodeId(old),
            name,
            peer,
        },
    })
}

fn update(request: &MemberUpdateRequest) -> Result<Order, Status> {
    let (id, peer) = (NodeId(request.id), address(&request.peer_urls)?);
    Ok(match request.introduction.clone() {
        None => Order::Move { id, peer },
        Some(Introduction {
            name,
            grpc,
            http,
            first,
        }) => Order::Introduce {
            id,
            name,
            peer,
            grpc,
            http,
            first,
            // It has no directory yet; a node that runs says its mark by itself.
            mark: 0,
        },
    })
}

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_add(
        &self,
        request: Request<MemberAddRequest>,
    ) -> Result<Response<MemberAddResponse>, Status> {
        let peer = address(&request.get_ref().peer_urls)?;
        let order = addition(request.get_ref())?;
        let roster = self.order(&request, order).await?;
        let added = roster.members.iter().find(|member| member.peer == peer);
        Ok(Response::new(MemberAddResponse {
            header: self.header(),
            member: added.map(|member| member_out(member, &roster)),
            members: members(&roster),
        }))
    }

    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        let order = Order::Remove(NodeId(request.get_ref().id));
        let roster = self.order(&request, order).await?;
        Ok(Response::new(MemberRemoveResponse {
            header: self.header(),
            members: members(&roster),
        }))
    }

    async fn member_update(
        &self,
        request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        let order = update(request.get_ref())?;
        let roster = self.order(&request, order).await?;
        Ok(Response::new(MemberUpdateResponse {
            header: self.header(),
            members: members(&roster),
        }))
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        let order = Order::Promote(NodeId(request.get_ref().id));
        let roster = self.order(&request, order).await?;
        Ok(Response::new(MemberPromoteResponse {
            header: self.header(),
            members: members(&roster),
        }))
    }

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
            header: self.header(),
            members: members(&roster),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_url_is_an_address_and_anything_else_is_refused() {
        let address = |urls: &[&str]| {
            let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
            address(&urls).map_err(|status| status.message().to_owned())
        };
        assert_eq!(address(&["http://a:5000/"]), Ok("a:5000".into()));
        assert_eq!(address(&["[::1]:5000"]), Ok("[::1]:5000".into()));
        for wrong in [
            &[][..],
            &["a:1", "b:1"],
            &["a"],
            &[":1"],
            &["a:0"],
            &["https://a"],
        ] {
            let said = address(wrong).unwrap_err();
            assert!(
                said.starts_with("etcdserver: given member URLs are invalid"),
                "{said}"
            );
        }
    }
}
