//! The stable codes of PROTOCOL.md §1 and the one error type that carries them to every edge.

use serde::Serialize;
use std::borrow::Cow;
use std::fmt;

/// A stable error code. *Final* codes say that this try stored nothing and never will;
/// *open* codes mean "outcome not known, send the same again under the same client id".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    BadRequest,
    Unauthenticated,
    Denied,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooLarge,
    UnsupportedMedia,
    RateLimited,
    Busy,
    Unknown,
    Unavailable,
    NotDurable,
    Internal,
}

impl Code {
    /// Every code, for tables and tests.
    pub const ALL: [Code; 14] = [
        Code::BadRequest,
        Code::Unauthenticated,
        Code::Denied,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::Conflict,
        Code::TooLarge,
        Code::UnsupportedMedia,
        Code::RateLimited,
        Code::Busy,
        Code::Unknown,
        Code::Unavailable,
        Code::NotDurable,
        Code::Internal,
    ];

    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::BadRequest => "bad_request",
            Code::Unauthenticated => "unauthenticated",
            Code::Denied => "denied",
            Code::NotFound => "not_found",
            Code::MethodNotAllowed => "method_not_allowed",
            Code::Conflict => "conflict",
            Code::TooLarge => "too_large",
            Code::UnsupportedMedia => "unsupported_media",
            Code::RateLimited => "rate_limited",
            Code::Busy => "busy",
            Code::Unknown => "unknown",
            Code::Unavailable => "unavailable",
            Code::NotDurable => "not_durable",
            Code::Internal => "internal",
        }
    }

    /// The HTTP status of the code.
    pub fn status(self) -> u16 {
        match self {
            Code::BadRequest => 400,
            Code::Unauthenticated => 401,
            Code::Denied => 403,
            Code::NotFound => 404,
            Code::MethodNotAllowed => 405,
            Code::Conflict => 409,
            Code::TooLarge => 413,
            Code::UnsupportedMedia => 415,
            Code::RateLimited => 429,
            Code::Busy | Code::Unknown | Code::Unavailable | Code::NotDurable => 503,
            Code::Internal => 500,
        }
    }

    /// A short human title.
    pub fn title(self) -> &'static str {
        match self {
            Code::BadRequest => "The request is not well formed",
            Code::Unauthenticated => "Not signed in",
            Code::Denied => "Not allowed",
            Code::NotFound => "Not found",
            Code::MethodNotAllowed => "Method not allowed",
            Code::Conflict => "Conflicts with the present state",
            Code::TooLarge => "Too large",
            Code::UnsupportedMedia => "Unsupported media type",
            Code::RateLimited => "Too many requests",
            Code::Busy => "Busy",
            Code::Unknown => "Outcome not known",
            Code::Unavailable => "Unavailable",
            Code::NotDurable => "Not durable",
            Code::Internal => "Internal error",
        }
    }

    /// Whether order on a connection must be kept after it: the sender repeats by himself.
    pub fn holds_order(self) -> bool {
        matches!(
            self,
            Code::RateLimited
                | Code::Busy
                | Code::Unknown
                | Code::NotDurable
                | Code::Unavailable
                | Code::Internal
        )
    }
}

/// An error with its stable code, a sentence for people, and when to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub code: Code,
    pub detail: Cow<'static, str>,
    /// Milliseconds; set for `rate_limited` and every 503.
    pub retry_after_ms: Option<u64>,
}

impl Error {
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let retry_after_ms = match code {
            Code::RateLimited
            | Code::Busy
            | Code::Unknown
            | Code::Unavailable
            | Code::NotDurable => Some(1_000),
            _ => None,
        };
        Self {
            code,
            detail: detail.into(),
            retry_after_ms,
        }
    }

    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadRequest, detail)
    }

    /// "Not yours" and "does not exist" are the same answer, byte for byte.
    pub fn not_found() -> Self {
        Self::new(
            Code::NotFound,
            "There is nothing here, or it is not yours to see.",
        )
    }

    pub fn rate_limited(retry_after_ms: u64) -> Self {
        Self {
            code: Code::RateLimited,
            detail: "Too many requests. Wait a moment, then try again.".into(),
            retry_after_ms: Some(retry_after_ms.max(1)),
        }
    }

    pub fn internal() -> Self {
        Self::new(Code::Internal, "Something went wrong on our side.")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Error {}

/// The usual result of everything that can be answered to a client.
pub type Result<T> = std::result::Result<T, Error>;
