//! What operators and their machines ask.
//!
//! * `livez`: does this process do its work? Only a failure of the node itself says no, because a
//!   restart is the cure for nothing else: a node without a quorum must wait, not be restarted.
//! * `readyz`: would a linearizable read be answered now? It is tried, with a short deadline; so
//!   "yes" means that there is a leader, that it is confirmed by a quorum, and that this node has
//!   applied everything up to the question.
//! * `startupz`: is recovery over? The server listens only after it is, so any answer is yes.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use bytes::Bytes;
use serde_json::json;

use super::{
    App,
    error::{Answer, Problem},
    request::one,
};
use crate::gateway::Consistency;

/// How long readiness may take to show: under the time-out of a usual probe.
const READY_WITHIN: Duration = Duration::from_millis(900);

pub(super) async fn livez(State(app): State<App>) -> Answer<&'static str> {
    match app.gateway.status().failure {
        None => Ok("ok\n"),
        Some(reason) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, reason)),
    }
}

pub(super) async fn readyz(State(app): State<App>) -> Answer<&'static str> {
    // The key need not exist.
    let query = one(Bytes::from_static(b"readyz"), 0);
    app.gateway
        .read(query, Consistency::Linearizable, READY_WITHIN)
        .await?;
    Ok("ok\n")
}

pub(super) async fn startupz() -> &'static str {
    "ok\n"
}

pub(super) async fn status(State(app): State<App>) -> impl IntoResponse {
    let version = env!("CARGO_PKG_VERSION");
    Json(json!({ "version": version, "status": app.gateway.status() }))
}

pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], app.metrics.render())
}
