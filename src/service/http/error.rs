//! Errors in HTTP's words.

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::node::RequestError;

/// An answer that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    error: String,
}

/// What handlers answer.
pub(super) type Answer<T = Response> = Result<T, Problem>;

impl Problem {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Problem {
            status,
            error: error.into(),
        }
    }

    /// The request is wrong: `error` says how to mend it.
    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, error)
    }

    /// The key does not exist.
    pub(super) fn no_key() -> Self {
        Problem::new(StatusCode::NOT_FOUND, "the key does not exist")
    }

    /// The reply kept under the request's identity has another form than the request's own.
    pub(super) fn another_request() -> Self {
        let error = "this client id and sequence were used for another request: count on";
        Problem::new(StatusCode::CONFLICT, error)
    }

    fn outcome(&self) -> &'static str {
        match self.status {
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::GATEWAY_TIMEOUT
            | StatusCode::CONFLICT => "unknown",
            _ => "not done",
        }
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        use crate::machine::Refusal::{ReplyNotKept, SessionExpired, StaleRequest};
        let status = match &error {
            RequestError::Invalid(_) => StatusCode::BAD_REQUEST,
            RequestError::Refused(
                StaleRequest { .. } | SessionExpired { .. } | ReplyNotKept { .. },
            ) => StatusCode::CONFLICT,
            RequestError::Refused(_) | RequestError::Order(_) => StatusCode::BAD_REQUEST,
            RequestError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            RequestError::Unknown(_) => StatusCode::GATEWAY_TIMEOUT,
            RequestError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Problem::new(status, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "outcome": self.outcome() });
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// The answer to a path that is none of ours.
pub(super) async fn no_route(uri: Uri) -> Problem {
    let error = format!("there is no {}: keys are under /v1/kv/", uri.path());
    Problem::new(StatusCode::NOT_FOUND, error)
}

/// The answer to a method that a path of ours does not take.
pub(super) async fn no_method(method: Method) -> Problem {
    let error = format!("{method} is not taken here: keys take GET, PUT and DELETE");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{machine::Refusal, types::RequestId};

    #[test]
    fn only_what_is_certain_is_called_not_done() {
        let outcome = |error: RequestError| Problem::from(error).outcome();
        let text = String::new;
        assert_eq!(outcome(RequestError::Invalid(text())), "not done");
        assert_eq!(outcome(RequestError::Unavailable(text())), "not done");
        assert_eq!(outcome(RequestError::Unknown(text())), "unknown");
        assert_eq!(outcome(RequestError::Failed(text())), "unknown");
        let id = RequestId {
            client: 1,
            sequence: 1,
        };
        assert_eq!(outcome(Refusal::SessionExpired(id).into()), "unknown");
        assert_eq!(
            outcome(Refusal::DuplicateKey("k".into()).into()),
            "not done"
        );
    }
}
