//! The HTTP face: the store for browsers, scripts and `curl`, and what operators and probes ask.
//!
//! | request | does |
//! |---|---|
//! | `PUT /v1/kv/{key}` | stores the body, byte for byte; answers the new revision as ETag |
//! | `GET /v1/kv/{key}` | the value, byte for byte; 404 if there is none, which an empty value is not |
//! | `DELETE /v1/kv/{key}` | removes the key; 404 if there was none |
//! | `GET /v1/kv?prefix=&limit=` | keys and values of one revision, a line of JSON each |
//! | any `/put?key=&val=` `/get?key=` `/delete?key=` | the same for the simplest of clients |
//! | `GET /livez /readyz /startupz` | probes, see `probes` |
//! | `GET /metrics /v1/status` | for Prometheus; for humans and tools |
//!
//! The ETag is the key's `mod_revision`. `If-Match: "7"` lets a write happen only if the key is
//! still at revision 7, `If-Match: *` only if it exists, `If-None-Match: *` only if it does not; else
//! the answer is 412 and the store is unchanged. It is compare-and-set, done by the state machine.
//!
//! `stale=true` reads what this node has, `min_revision=7` does so as soon as that is of revision 7 or
//! a later one; `sisyphus-revision` in every answer says of which it is, `sisyphus-behind-entries` and
//! `sisyphus-leader-heard-ms` how old it may be. `sisyphus-timeout-ms` bounds a request; `sisyphus-client-id` and `sisyphus-sequence` make
//! a write happen once however often it is sent.
//!
//! An error is `{"error": …, "outcome": "not done" | "unknown"}`; 503 is certainly not done, 500 and
//! 504 are unknown.
//!
//! Invariants:
//! * keys and values are bytes: percent-escapes are undone into bytes, never into text, so that
//!   nothing is replaced on the way;
//! * a listing is of one revision from its first line to its last, and holds a page in memory, not
//!   the whole; one that fails midway is cut off in the middle of a chunk, which clients notice.
//!
//! Left out: transactions of several keys (the gRPC face has them), and keys that do not fit into a
//! URL, whose 64 KiB must hold the escapes as well; TLS.

mod bytes;
mod error;
mod kv;
mod list;
mod probes;
mod request;
mod simple;

use std::{sync::Arc, time::Duration};

use axum::{
    Router, middleware,
    routing::{any, get},
};

use super::metrics::Metrics;
use crate::{config::Limits, gateway::Gateway};

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    gateway: Gateway,
    metrics: Arc<Metrics>,
    timeout: Duration,
    value_bytes_max: usize,
}

impl App {
    /// The face of one node.
    pub fn new(gateway: Gateway, metrics: Arc<Metrics>, limits: &Limits) -> Self {
        App {
            gateway,
            metrics,
            timeout: Duration::from_millis(limits.request_timeout_ms),
            value_bytes_max: limits.value_bytes_max,
        }
    }

    /// All routes, measured.
    pub fn router(self) -> Router {
        let metrics = self.metrics.clone();
        let key = get(kv::get).put(kv::put).delete(kv::delete);
        Router::new()
            .route("/v1/kv/{*key}", key)
            .route("/v1/kv", get(list::list))
            .route("/put", any(simple::put))
            .route("/get", any(simple::get))
            .route("/delete", any(simple::delete))
            .route("/livez", get(probes::livez))
            .route("/readyz", get(probes::readyz))
            .route("/startupz", get(probes::startupz))
            .route("/metrics", get(probes::metrics))
            .route("/v1/status", get(probes::status))
            .fallback(error::no_route)
            .method_not_allowed_fallback(error::no_method)
            .layer(middleware::from_fn_with_state(
                metrics,
                Metrics::measure_http,
            ))
            .with_state(self)
    }
}
