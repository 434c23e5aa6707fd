//! What can be ordered about members and leadership. An order is never repeated in doubt: the error
//! then says that whether it was carried out is unknown, and the list of members tells.

use tonic::transport::Channel;

use super::{Client, ClientError, call::Stamp};
use crate::{
    rpc::proto::etcdserverpb::{
        Member, MemberAddRequest, MemberListRequest, MemberListResponse, MemberPromoteRequest,
        MemberRemoveRequest, MemberUpdateRequest, MoveLeaderRequest, cluster_client::ClusterClient,
        maintenance_client::MaintenanceClient,
    },
    types::NodeId,
};

impl Client {
    /// Who belongs to the cluster, as of now.
    pub async fn members(&mut self) -> Result<MemberListResponse, ClientError> {
        self.list(true).await
    }

    /// Who belongs to the cluster, as far as the node that answers knows, however old that is: an
    /// answer also while nobody leads.
    pub async fn known_members(&mut self) -> Result<MemberListResponse, ClientError> {
        self.list(false).await
    }

    async fn list(&mut self, linearizable: bool) -> Result<MemberListResponse, ClientError> {
        let send = |channel: Channel, stamp: Stamp| {
            let request = stamp.on(MemberListRequest { linearizable });
            async move { ClusterClient::new(channel).member_list(request).await }
        };
        self.read(send).await
    }

    /// Adds a node, or puts it in another's place. Answers it, if it is still there, and all members.
    pub async fn add_member(
        &mut self,
        wish: &MemberAddRequest,
    ) -> Result<(Option<Member>, Vec<Member>), ClientError> {
        let send = |channel: Channel, stamp: Stamp| {
            let request = stamp.on(wish.clone());
            async move { ClusterClient::new(channel).member_add(request).await }
        };
        let added = self.order(send).await?;
        Ok((added.member, added.members))
    }

    /// Removes a member. Answers those that are left.
    pub async fn remove_member(&mut self, id: NodeId) -> Result<Vec<Member>, ClientError> {
        let send = |channel: Channel, stamp: Stamp| {
            let request = stamp.on(MemberRemoveRequest { id: id.0 });
            async move { ClusterClient::new(channel).member_remove(request).await }
        };
        Ok(self.order(send).await?.members)
    }

    /// Changes what is known of a member. Answers all.
    pub async fn update_member(
        &mut self,
        wish: &MemberUpdateRequest,
    ) -> Result<Vec<Member>, ClientError> {
        let send = |channel: Channel, stamp: Stamp| {
            let request = stamp.on(wish.clone());
            async move { ClusterClient::new(channel).member_update(request).await }
        };
        Ok(self.order(send).await?.members)
    }

    /// Makes a voter of a learner. Answers all members.
    pub async fn promote_member(&mut self, id: NodeId) -> Result<Vec<Member>, ClientError> {
        let send = |channel: Channel, stamp: Stamp| {
            let request = stamp.on(MemberPromoteRequest { id: id.0 });
            async move { ClusterClient::new(channel).member_promote(request).await }
        };
        Ok(self.order(send).await?.members)
    }

    /// Hands leadership over, to this voter or to the one that suits best, and waits until it leads.
    pub async fn move_leader(&mut self, to: Option<NodeId>) -> Result<(), ClientError> {
        let send = |channel: Channel, stamp: Stamp| {
            let request = stamp.on(MoveLeaderRequest {
                target_id: to.map_or(0, |to| to.0),
            });
            async move { MaintenanceClient::new(channel).move_leader(request).await }
        };
        self.order(send).await.map(drop)
    }
}
