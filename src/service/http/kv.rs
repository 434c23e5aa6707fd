//! One key: its value as the body, its revision as the ETag.

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    App,
    error::{Answer, Problem},
    request::{Params, conditions, guarded, identity, key_in_path, one, timeout},
};
use crate::{
    gateway::Written,
    machine::{KeyRange, KeyValue, Op, OpResult, RangeEnd, Txn},
    node::Behind,
    rpc::etcd::{BEHIND_ENTRIES, LEADER_HEARD_MS},
    types::Revision,
};

/// Where the routes of single keys begin.
const PREFIX: &str = "/v1/kv/";

/// The header that says of which revision an answer is.
pub(super) const REVISION: &str = "sisyphus-revision";

pub(super) async fn get(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Answer {
    let key = key_in_path(uri.path(), PREFIX)?;
    let params = Params::parse(uri.query())?;
    let query = one(key, params.number("revision")?);
    let timeout = timeout(&headers, app.timeout)?;
    let read = app
        .gateway
        .read(query, params.consistency()?, timeout)
        .await?;
    let found = read.page.kvs.into_iter().next().ok_or_else(Problem::no_key);
    let mut response = match found {
        Ok(kv) => value(kv),
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(REVISION, read.revision.into());
    tell_age(headers, read.behind);
    Ok(response)
}

/// Says how old an answer may be that was allowed to be.
pub(super) fn tell_age(headers: &mut HeaderMap, behind: Option<Behind>) {
    let Some(behind) = behind else {
        return;
    };
    headers.insert(BEHIND_ENTRIES, behind.entries.into());
    if let Some(ms) = behind.leader_heard_ms {
        headers.insert(LEADER_HEARD_MS, ms.into());
    }
}

pub(super) async fn put(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let key = key_in_path(uri.path(), PREFIX)?;
    let value = to_bytes(body, app.value_bytes_max).await.map_err(|error| {
        let most = app.value_bytes_max;
        let error = format!(
            "the value cannot be read ({error}); at most {most} bytes are taken (`limits.value_bytes_max`)"
        );
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error)
    })?;
    let op = Op::Put {
        key: key.clone(),
        value,
        want_previous: false,
    };
    let compares = conditions(&headers, &key)?;
    let written = app.write(guarded(compares, op, key), &headers).await?;
    let revision = written.reply.revision;
    match result(written)? {
        OpResult::Put(_) => {
            let mut response = Json(json!({ "revision": revision })).into_response();
            response.headers_mut().insert(header::ETAG, tag(revision));
            response.headers_mut().insert(REVISION, revision.into());
            Ok(response)
        }
        OpResult::Range(page) => Ok(changed(page.kvs.first())),
        OpResult::Delete { .. } => Err(Problem::another_request()),
    }
}

pub(super) async fn delete(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Answer {
    let key = key_in_path(uri.path(), PREFIX)?;
    let compares = conditions(&headers, &key)?;
    let op = delete_op(key.clone());
    let written = app.write(guarded(compares, op, key), &headers).await?;
    let revision = written.reply.revision;
    match result(written)? {
        OpResult::Delete { deleted: 0, .. } => Err(Problem::no_key()),
        OpResult::Delete { .. } => {
            let mut response = Json(json!({ "revision": revision })).into_response();
            response.headers_mut().insert(REVISION, revision.into());
            Ok(response)
        }
        OpResult::Range(page) => Ok(changed(page.kvs.first())),
        OpResult::Put(_) => Err(Problem::another_request()),
    }
}

/// The removal of one key.
pub(super) fn delete_op(key: bytes::Bytes) -> Op {
    Op::Delete {
        keys: KeyRange {
            start: key,
            end: RangeEnd::Single,
        },
        want_previous: false,
    }
}

/// The one result of a transaction with one operation.
pub(super) fn result(written: Written) -> Answer<OpResult> {
    let results: [OpResult; 1] = written
        .reply
        .results
        .try_into()
        .map_err(|_| Problem::another_request())?;
    let [result] = results;
    Ok(result)
}

impl App {
    /// Has a transaction done, under the identity and the deadline in its headers.
    pub(super) async fn write(&self, txn: Txn, headers: &HeaderMap) -> Answer<Written> {
        let timeout = timeout(headers, self.timeout)?;
        Ok(self.gateway.write(txn, identity(headers)?, timeout).await?)
    }
}

/// A value with its history.
fn value(kv: KeyValue) -> Response {
    let octets = [(header::CONTENT_TYPE, "application/octet-stream")];
    let mut response = (octets, kv.value).into_response();
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag(kv.mod_revision));
    headers.insert("sisyphus-create-revision", kv.create_revision.into());
    headers.insert("sisyphus-version", kv.version.into());
    response
}

/// The answer to a write whose condition did not hold, with the revision that stands in its way.
fn changed(current: Option<&KeyValue>) -> Response {
    let error = match current {
        Some(kv) => format!("the key is at revision {}", kv.mod_revision),
        None => "the key does not exist".to_owned(),
    };
    let mut response = Problem::new(StatusCode::PRECONDITION_FAILED, error).into_response();
    if let Some(kv) = current {
        response
            .headers_mut()
            .insert(header::ETAG, tag(kv.mod_revision));
    }
    response
}

fn tag(revision: Revision) -> HeaderValue {
    HeaderValue::try_from(format!("\"{revision}\"")).expect("digits and quotes are a header value")
}
