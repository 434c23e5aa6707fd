//! cluster members, add, remove, promote, replace, transfer-leader.

use serde_json::{Value, json};

use super::{
    Ended, Failure, NO,
    args::{AddArgs, ClusterCommand, ReplaceArgs},
    cluster::shown_id,
    output::{Output, table},
};
use crate::{
    client::{Client, ClientError},
    rpc::proto::etcdserverpb::{Member, MemberAddRequest},
    types::NodeId,
};

const HEAD: [&str; 6] = ["id", "name", "role", "peer", "grpc", "http"];

/// Carries out a command about members.
pub(super) async fn run(mut client: Client, command: ClusterCommand, output: &Output) -> Ended {
    match command {
        ClusterCommand::Status => unreachable!("it asks endpoints, not the cluster"),
        ClusterCommand::Members => {
            let members = client.members().await?.members;
            show("", None, &members, output)
        }
        ClusterCommand::Add(args) => add(client, args, output).await,
        ClusterCommand::Replace(args) => replace(client, args, output).await,
        ClusterCommand::Remove(args) => {
            let member = find(&mut client, &args.member).await?;
            let left = client.remove_member(NodeId(member.id)).await;
            let text = format!("{} is removed", called(&member));
            show(&text, Some(&member), &left.map_err(refused)?, output)
        }
        ClusterCommand::Promote(args) => {
            let member = find(&mut client, &args.member).await?;
            let all = client.promote_member(NodeId(member.id)).await;
            let text = format!("{} votes", called(&member));
            show(&text, Some(&member), &all.map_err(refused)?, output)
        }
        ClusterCommand::TransferLeader(args) => transfer(client, args.to, output).await,
    }
}

async fn add(mut client: Client, args: AddArgs, output: &Output) -> Ended {
    let wish = MemberAddRequest {
        peer_urls: vec![args.peer],
        is_learner: args.learner,
        name: args.name,
        replaces: 0,
    };
    let (member, all) = client.add_member(&wish).await.map_err(refused)?;
    let text = match &member {
        Some(member) => format!("{} is added; {}", called(member), how_to_start(member)),
        None => "it was added, and is gone already".to_owned(),
    };
    show(&text, member.as_ref(), &all, output)
}

async fn replace(mut client: Client, args: ReplaceArgs, output: &Output) -> Ended {
    let old = find(&mut client, &args.old).await?;
    let wish = MemberAddRequest {
        peer_urls: vec![args.peer],
        is_learner: false,
        name: args.name,
        replaces: old.id,
    };
    let (member, all) = client.add_member(&wish).await.map_err(refused)?;
    let text = match &member {
        Some(member) => format!(
            "{} comes in the place of {}, which goes when it has caught up; {}",
            called(member),
            called(&old),
            how_to_start(member)
        ),
        None => "it was added, and is gone already".to_owned(),
    };
    show(&text, member.as_ref(), &all, output)
}

async fn transfer(mut client: Client, to: Option<String>, output: &Output) -> Ended {
    let to = match to {
        Some(word) => Some(find(&mut client, &word).await?),
        None => None,
    };
    let id = to.as_ref().map(|member| NodeId(member.id));
    client.move_leader(id).await.map_err(refused)?;
    let text = match &to {
        Some(member) => format!("{} leads", called(member)),
        None => "another member leads".to_owned(),
    };
    output.answer(&text, &json!({ "leader": id }))?;
    Ok(0)
}

/// The member that `word` means: by its name, or else by its number.
async fn find(client: &mut Client, word: &str) -> Result<Member, Failure> {
    let members = client.members().await?.members;
    match pick(&members, word) {
        Some(member) => Ok(member.clone()),
        None => {
            let all: Vec<String> = members.iter().map(called).collect();
            let message = format!("there is no member {word:?}; there are {}", all.join(", "));
            Err(Failure { code: NO, message })
        }
    }
}

fn pick<'a>(members: &'a [Member], word: &str) -> Option<&'a Member> {
    let named = members.iter().find(|member| member.name == word);
    named.or_else(|| members.iter().find(|member| shown_id(member.id) == word))
}

/// An order that the cluster refuses is a negative answer, not a wrong word.
fn refused(error: ClientError) -> Failure {
    match error {
        ClientError::Refused { .. } => Failure {
            code: NO,
            message: error.to_string(),
        },
        ClientError::Unknown { failures } => Failure::unknown(format!(
            "{failures}; whether it was done is unknown: look at `sicli cluster members`"
        )),
        other => other.into(),
    }
}

fn called(member: &Member) -> String {
    match member.name.as_str() {
        "" => format!("member {}", shown_id(member.id)),
        name => format!("{name} (member {})", shown_id(member.id)),
    }
}

fn how_to_start(member: &Member) -> String {
    format!(
        "start it with an empty directory as `sisyphus serve --name {} --join GRPC_ADDRESS_OF_A_MEMBER …`",
        member.name
    )
}

/// Writes the answer: `text` if there is any, else all members.
fn show(text: &str, member: Option<&Member>, all: &[Member], output: &Output) -> Ended {
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let listed = table(&HEAD, &rows);
    let text = if text.is_empty() { &listed } else { text };
    let members: Vec<Value> = all.iter().map(json_member).collect();
    let value = json!({ "member": member.map(json_member), "members": members });
    output.answer(text, &value)?;
    Ok(0)
}

fn row(member: &Member) -> Vec<String> {
    vec![
        shown_id(member.id),
        member.name.clone(),
        role(member).to_owned(),
        member.peer_urls.join(","),
        member.client_urls.join(","),
        http_url(member),
    ]
}

/// As a URL, like the other two; the replicated list holds `host:port`.
fn http_url(member: &Member) -> String {
    match member.http.as_str() {
        "" => String::new(),
        address => format!("http://{address}"),
    }
}

fn role(member: &Member) -> &'static str {
    match (member.is_learner, member.started) {
        (true, true) => "learner",
        (true, false) => "learner, not started",
        (false, _) => "voter",
    }
}

fn json_member(member: &Member) -> Value {
    json!({
        "id": member.id,
        "name": member.name,
        "learner": member.is_learner,
        "started": member.started,
        "peer": member.peer_urls,
        "grpc": member.client_urls,
        "http": http_url(member),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: u64, name: &str) -> Member {
        Member {
            id,
            name: name.to_owned(),
            ..Member::default()
        }
    }

    #[test]
    fn a_member_is_meant_by_its_name_before_its_number() {
        let members = [member(1, "a"), member(2, "1"), member(30, "")];
        let id = |word: &str| pick(&members, word).map(|member| member.id);
        assert_eq!(id("a"), Some(1));
        assert_eq!(
            id("1"),
            Some(2),
            "a name that looks like a number is a name"
        );
        assert_eq!(id("30"), Some(30));
        assert_eq!(id("b"), None);
    }

    #[test]
    fn a_refused_order_is_a_negative_answer() {
        let failure = refused(ClientError::Refused {
            endpoint: "a:1".to_owned(),
            reason: "member not found".to_owned(),
        });
        assert_eq!(failure.code, NO);
        assert!(failure.message.contains("member not found"));
    }
}
