//! Requests counted and timed on their way through a face.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use prometheus_client::encoding::EncodeLabelSet;

use super::Metrics;

/// Of a request on any face.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Labels {
    /// `grpc` or `http`.
    face: &'static str,
    /// `range`, `put`, `delete`, `txn`, or `other`.
    operation: &'static str,
    /// `ok`; `refused`: the client must change something; `failed`: the server could not.
    result: &'static str,
}

/// Of an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HttpLabels {
    method: &'static str,
    path: String,
    status: u16,
}

/// Of an HTTP request's duration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct HttpTime {
    method: &'static str,
    path: String,
}

impl Metrics {
    /// Measures what passes through an HTTP router.
    pub async fn measure_http(
        State(metrics): State<Arc<Metrics>>,
        path: Option<MatchedPath>,
        request: Request,
        next: Next,
    ) -> Response {
        let method = method(request.method());
        // The route, not what the client wrote: a label must not grow with the keys.
        let path = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
        let began_us = metrics.clock.now_us();
        let response = next.run(request).await;
        let (seconds, status) = (metrics.since(began_us), response.status());
        metrics.count(
            "http",
            http_operation(method, &path),
            http_result(status),
            seconds,
        );
        let labels = HttpLabels {
            method,
            path: path.clone(),
            status: status.as_u16(),
        };
        metrics.http_requests.get_or_create(&labels).inc();
        metrics
            .http_seconds
            .get_or_create(&HttpTime { method, path })
            .observe(seconds);
        response
    }

    /// Takes a gRPC call into account that was answered with these headers.
    pub fn measured_grpc(&self, operation: &'static str, headers: &HeaderMap, began_us: u64) {
        let seconds = self.since(began_us);
        self.count("grpc", operation, grpc_result(headers), seconds);
    }

    /// What a gRPC call of this path does, as the label says it.
    pub fn grpc_operation(path: &str) -> &'static str {
        match path {
            "/etcdserverpb.KV/Range" => "range",
            "/etcdserverpb.KV/Put" => "put",
            "/etcdserverpb.KV/DeleteRange" => "delete",
            "/etcdserverpb.KV/Txn" => "txn",
            _ => "other",
        }
    }

    fn count(
        &self,
        face: &'static str,
        operation: &'static str,
        result: &'static str,
        seconds: f64,
    ) {
        let labels = Labels {
            face,
            operation,
            result,
        };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&labels).observe(seconds);
    }
}

/// Methods that exist; a client may invent others.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

fn http_operation(method: &str, route: &str) -> &'static str {
    match (method, route) {
        (_, "/put") | ("PUT", "/v1/kv/{*key}") => "put",
        (_, "/get") | ("GET" | "HEAD", "/v1/kv/{*key}" | "/v1/kv") => "range",
        (_, "/delete") | ("DELETE", "/v1/kv/{*key}") => "delete",
        _ => "other",
    }
}

fn http_result(status: StatusCode) -> &'static str {
    match status {
        // Negative answers, but answers.
        StatusCode::NOT_FOUND | StatusCode::PRECONDITION_FAILED => "ok",
        status if status.is_client_error() => "refused",
        status if status.is_server_error() => "failed",
        _ => "ok",
    }
}

/// An error of a call with one answer stands in the headers; success only in the trailers.
fn grpc_result(headers: &HeaderMap) -> &'static str {
    let code = headers
        .get("grpc-status")
        .and_then(|code| code.to_str().ok()?.parse().ok());
    match code.unwrap_or(0_u16) {
        0 => "ok",
        // INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, OUT_OF_RANGE,
        // UNIMPLEMENTED.
        3 | 5 | 8 | 9 | 11 | 12 => "refused",
        _ => "failed",
    }
}
