//! Errors over HTTP: RFC 9457 problem details with a stable `code` (PROTOCOL.md §1).

use crate::error::{Code, Error};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The media type of problem details.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Problem details.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// A URI that names the kind of problem.
    pub r#type: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self {
            r#type: format!("urn:chapiana:problem:{}", error.code.as_str()),
            title: error.code.title().to_owned(),
            status: error.code.status(),
            detail: error.detail.to_string(),
            code: error.code,
            retry_after_ms: error.retry_after_ms,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = Problem::from(&self);
        let text = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = Response::new(Body::from(text));
        *response.status_mut() =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(ms) = self.retry_after_ms {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
        }
        if self.code == Code::Unauthenticated {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"chapiana\""),
            );
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_status_and_429_and_503_say_when_to_come_back() {
        for code in Code::ALL {
            let response = Error::new(code, "why").into_response();
            assert_eq!(response.status().as_u16(), code.status());
            let waits = response.headers().contains_key(header::RETRY_AFTER);
            assert_eq!(waits, matches!(code.status(), 429 | 503), "{code:?}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        }
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let response = Error::rate_limited(1_001).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
