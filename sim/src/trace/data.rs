//! Commands, questions and answers in words.

use bytes::Bytes;
use sisyphus::{
    machine::{
        Command, Compare, KeyRange, KeyValue, Op, OpResult, Page, RangeEnd, Relation, Reply,
        Target, Txn,
    },
    types::RequestId,
};

/// How much of a key or value is shown.
const BYTES_SHOWN_MAX: usize = 24;

/// A request, short: the end of the session's id, and the request's number in it.
pub fn name_of_request(request: RequestId) -> String {
    let RequestId { client, sequence } = request;
    format!("{:04x}#{sequence}", client & 0xffff)
}

/// An entry's content, as what it will do.
pub(super) fn of_data(data: &Bytes) -> (String, Option<String>) {
    if data.is_empty() {
        return ("nothing, an election's first entry".to_owned(), None);
    }
    match Command::decode(data.clone()) {
        Ok(command) => (of_txn(&command.txn), command.request.map(name_of_request)),
        Err(_) => (format!("{} bytes", data.len()), None),
    }
}

/// A transaction: what it does, and on which condition. What it does otherwise is left out: nothing
/// but to look.
pub fn of_txn(txn: &Txn) -> String {
    let does = joined(txn.success.iter().map(of_op), ", ");
    match txn.compares.is_empty() {
        true => does,
        false => format!(
            "{does} if {}",
            joined(txn.compares.iter().map(of_compare), " and ")
        ),
    }
}

/// A condition: `no k1`, `k1 at 12` for a key that was last changed there, and so on.
fn of_compare(compare: &Compare) -> String {
    let key = shown(&compare.key);
    let sign = match compare.relation {
        Relation::Equal => "=",
        Relation::Greater => ">",
        Relation::Less => "<",
        Relation::NotEqual => "≠",
    };
    match (&compare.target, compare.relation) {
        (Target::CreateRevision(0) | Target::ModRevision(0), Relation::Equal) => {
            format!("no {key}")
        }
        (Target::ModRevision(revision), Relation::Equal) => format!("{key} at {revision}"),
        (Target::ModRevision(revision), _) => format!("{key} changed {sign} {revision}"),
        (Target::CreateRevision(revision), _) => format!("{key} made {sign} {revision}"),
        (Target::Version(version), _) => format!("{key} version {sign} {version}"),
        (Target::Value(value), _) => format!("{key} {sign} {}", shown(value)),
    }
}

fn of_op(op: &Op) -> String {
    match op {
        Op::Put { key, value, .. } => format!("put {} = {}", shown(key), shown(value)),
        Op::Delete { keys, .. } => format!("delete {}", of_keys(keys)),
        Op::Range(query) => format!("read {}", of_keys(&query.keys)),
    }
}

/// Keys: one, from one to before another, or from one on.
pub fn of_keys(keys: &KeyRange) -> String {
    let start = shown(&keys.start);
    match &keys.end {
        RangeEnd::Single => start,
        RangeEnd::Before(end) => format!("{start}..{}", shown(end)),
        RangeEnd::Unbounded => format!("{start}.."),
    }
}

/// A page: each key with its value, or how many there are.
pub fn of_page(page: &Page) -> String {
    let pairs = page
        .kvs
        .iter()
        .map(|kv| format!("{}={}", shown(&kv.key), shown(&kv.value)));
    let more = if page.more { " …" } else { "" };
    match page.kvs.is_empty() && page.count > 0 {
        true => format!("{} keys", page.count),
        false => format!("[{}{more}]", joined(pairs, " ")),
    }
}

/// A key with all that is known of it.
pub fn of_kv(kv: &KeyValue) -> String {
    let KeyValue {
        key,
        create_revision,
        mod_revision,
        version,
        value,
    } = kv;
    let (key, value) = (shown(key), shown(value));
    format!(
        "{key} = {value} written at revision {mod_revision} (version {version}, first at {create_revision})"
    )
}

/// What a transaction came to.
pub fn of_reply(reply: &Reply) -> String {
    let Reply {
        revision,
        succeeded,
        results,
    } = reply;
    let told = results.iter().filter_map(of_result);
    let told = told.map(|result| format!(", {result}"));
    let head = if *succeeded {
        "done"
    } else {
        "not as expected"
    };
    format!("{head}{} at revision {revision}", joined(told, ""))
}

fn of_result(result: &OpResult) -> Option<String> {
    match result {
        OpResult::Put(previous) => previous
            .as_ref()
            .map(|kv| format!("before it {}", of_kv(kv))),
        OpResult::Delete { deleted, .. } => Some(format!("{deleted} deleted")),
        OpResult::Range(page) => Some(of_page(page)),
    }
}

fn joined(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}

/// Bytes for the eye, without padding and not too many.
fn shown(bytes: &Bytes) -> String {
    let text = bytes.escape_ascii().to_string();
    let short = text.trim_end_matches('.');
    match short.char_indices().nth(BYTES_SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &short[..end]),
        None => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &'static str, value: &'static str) -> Op {
        let (key, value) = (key.into(), value.into());
        let want_previous = false;
        Op::Put {
            key,
            value,
            want_previous,
        }
    }

    #[test]
    fn commands_are_told_as_what_they_do() {
        let txn = Txn {
            success: vec![put("k", "1.7.......")],
            ..Txn::default()
        };
        let request = Some(RequestId {
            client: 0xabcd_1234,
            sequence: 9,
        });
        let command = Command {
            request,
            proposed_ms: 0,
            txn,
        };
        let (says, name) = of_data(&command.encode());
        assert_eq!(says, "put k = 1.7");
        assert_eq!(name.as_deref(), Some("1234#9"));
        assert_eq!(of_data(&Bytes::from_static(b"\xff")).0, "1 bytes");
    }

    #[test]
    fn conditions_and_answers_are_short() {
        let compare = |target| Compare {
            key: "a".into(),
            target,
            relation: Relation::Equal,
        };
        let txn = Txn {
            compares: vec![
                compare(Target::ModRevision(7)),
                compare(Target::CreateRevision(0)),
            ],
            success: vec![put("a", "1"), put("b", "2")],
            failure: Vec::new(),
        };
        assert_eq!(of_txn(&txn), "put a = 1, put b = 2 if a at 7 and no a");
        let kv = KeyValue {
            key: "a".into(),
            create_revision: 2,
            mod_revision: 7,
            version: 3,
            value: "1..".into(),
        };
        let page = Page {
            kvs: vec![kv],
            more: true,
            count: 2,
        };
        let reply = Reply {
            revision: 8,
            succeeded: false,
            results: vec![OpResult::Range(page)],
        };
        assert_eq!(of_reply(&reply), "not as expected, [a=1 …] at revision 8");
    }
}
