//! cluster status.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Ended, UNKNOWN,
    output::{Output, table},
};
use crate::{
    client::Connections,
    env::task::{JoinHandle, spawn},
    rpc::proto::etcdserverpb::StatusResponse,
};

const HEAD: [&str; 8] = [
    "endpoint", "id", "role", "term", "commit", "applied", "revision", "version",
];

/// What one endpoint says, or why it does not.
type Said = Result<StatusResponse, String>;

pub(super) async fn status(connections: &Connections, within: Duration, output: &Output) -> Ended {
    let said = ask_all(connections, within).await;
    let addresses = (0..connections.len()).map(|at| connections.address(at));
    let all: Vec<(&str, Said)> = addresses.zip(said).collect();
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(address, said)| row(address, said))
        .collect();
    let value = all.iter().map(|(address, said)| json_status(address, said));
    output.answer(&table(&HEAD, &rows), &value.collect())?;
    match all.iter().all(|(_, said)| said.is_ok()) {
        true => Ok(0),
        false => Ok(UNKNOWN),
    }
}

/// All endpoints are asked at the same time: one that is silent does not delay the others.
async fn ask_all(connections: &Connections, within: Duration) -> Vec<Said> {
    let asked: Vec<JoinHandle<Said>> = (0..connections.len())
        .map(|at| {
            let connections = connections.clone();
            spawn(async move { connections.status(at, within).await })
        })
        .collect();
    let mut said = Vec::with_capacity(asked.len());
    for handle in asked {
        said.push(handle.await.unwrap_or_else(|error| Err(error.to_string())));
    }
    said
}

fn row(address: &str, said: &Said) -> Vec<String> {
    match said {
        // The reason goes into the last column, which may be long.
        Err(reason) => [address, "-", "unreachable", "", "", "", "", reason]
            .map(str::to_owned)
            .to_vec(),
        Ok(status) => {
            let header = status.header.unwrap_or_default();
            vec![
                address.to_owned(),
                shown_id(header.member_id),
                role(status).to_owned(),
                status.raft_term.to_string(),
                status.raft_index.to_string(),
                status.raft_applied_index.to_string(),
                header.revision.to_string(),
                status.version.clone(),
            ]
        }
    }
}

fn json_status(address: &str, said: &Said) -> Value {
    match said {
        Err(reason) => json!({ "endpoint": address, "error": reason }),
        Ok(status) => {
            let header = status.header.unwrap_or_default();
            json!({
                "endpoint": address,
                "id": header.member_id,
                "role": role(status),
                "leader": status.leader,
                "term": status.raft_term,
                "commit": status.raft_index,
                "applied": status.raft_applied_index,
                "revision": header.revision,
                "version": status.version,
            })
        }
    }
}

/// A member's number for eyes. Ours are small; etcd's are random 64 bits and known by their
/// hexadecimal form.
pub(super) fn shown_id(id: u64) -> String {
    match u32::try_from(id) {
        Ok(id) => id.to_string(),
        Err(_) => format!("{id:x}"),
    }
}

fn role(status: &StatusResponse) -> &'static str {
    let id = status.header.map_or(0, |header| header.member_id);
    match status.leader {
        0 => "no leader",
        leader if leader == id => "leader",
        _ if status.is_learner => "learner",
        _ => "follower",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::proto::etcdserverpb::ResponseHeader;

    #[test]
    fn the_role_follows_from_the_leader() {
        let status = |leader, is_learner| StatusResponse {
            header: Some(ResponseHeader {
                member_id: 2,
                ..ResponseHeader::default()
            }),
            leader,
            is_learner,
            ..StatusResponse::default()
        };
        assert_eq!(role(&status(0, false)), "no leader");
        assert_eq!(role(&status(2, false)), "leader");
        assert_eq!(role(&status(1, false)), "follower");
        assert_eq!(role(&status(1, true)), "learner");
    }
}
