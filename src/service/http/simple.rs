//! The routes for the simplest of clients: everything in the URL, any method, plain text.

use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::IntoResponse,
};

use super::{
    App,
    error::{Answer, Problem},
    kv::{delete_op, result},
    request::{Params, one, timeout},
};
use crate::machine::{Op, OpResult, Txn};

pub(super) async fn put(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::parse(uri.query())?;
    let Some(value) = params.get("val") else {
        return Err(Problem::bad_request(
            "name a value, which may be empty: ?key=…&val=…",
        ));
    };
    let op = Op::Put {
        key: params.key()?,
        value: value.clone(),
        want_previous: false,
    };
    app.write(alone(op), &headers).await?;
    Ok("OK\n".into_response())
}

pub(super) async fn get(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::parse(uri.query())?;
    let timeout = timeout(&headers, app.timeout)?;
    let query = one(params.key()?, 0);
    let read = app
        .gateway
        .read(query, params.consistency()?, timeout)
        .await?;
    match read.page.kvs.into_iter().next() {
        Some(kv) => Ok(kv.value.into_response()),
        None => Err(Problem::no_key()),
    }
}

pub(super) async fn delete(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::parse(uri.query())?;
    let written = app.write(alone(delete_op(params.key()?)), &headers).await?;
    match result(written)? {
        OpResult::Delete { deleted: 0, .. } => Err(Problem::no_key()),
        _ => Ok("OK\n".into_response()),
    }
}

/// A transaction of one operation, without conditions.
fn alone(op: Op) -> Txn {
    Txn {
        success: vec![op],
        ..Txn::default()
    }
}
