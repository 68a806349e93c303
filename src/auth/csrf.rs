//! Requests that change state come from our own pages (RELIABILITY.md §5.2).

use crate::auth::extract::cookie_secret;
use crate::auth::tokens::hex;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use axum::http::{HeaderMap, Method, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// Whether the browser says that the request comes from our own origin: `Sec-Fetch-Site:
/// same-origin`, else (an old browser) an equal `Origin`.
pub fn is_same_origin(config: &Config, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => {
            let host = text(header::HOST.as_str());
            text(header::ORIGIN.as_str()).is_some_and(|origin| config.is_own_origin(origin, host))
        }
    }
}

/// Refuses a request that changes state, carries our cookie and does not come from our own origin.
/// A bearer token is not sent by browsers on their own, so it needs no origin.
pub fn check_api(config: &Config, method: &Method, headers: &HeaderMap) -> Result<()> {
    let by_cookie =
        cookie_secret(config, headers).is_some() && !headers.contains_key(header::AUTHORIZATION);
    if is_safe(method) || !by_cookie || is_same_origin(config, headers) {
        return Ok(());
    }
    Err(foreign())
}

/// Refuses every form from elsewhere, signed in or not: signing somebody in is a change, too.
pub fn check_form(config: &Config, method: &Method, headers: &HeaderMap) -> Result<()> {
    if is_safe(method) || is_same_origin(config, headers) {
        return Ok(());
    }
    Err(foreign())
}

/// The token that the forms of one session carry. `secret`: the session cookie, or before sign-in
/// the value of the visitor cookie.
pub fn form_token(secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"chapiana form 1\0");
    hash.update(secret.as_bytes());
    hex(&hash.finalize())
}

/// Whether a form came with the token that it should have; takes the same time however much is equal.
pub fn same_token(expected: &str, presented: &str) -> bool {
    expected.as_bytes().ct_eq(presented.as_bytes()).into()
}

/// Methods that change nothing.
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn foreign() -> Error {
    Error::new(Code::Denied, "The request does not come from this site.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let entry = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).expect("a header value");
            (HeaderName::from_static(name), value)
        };
        pairs.iter().map(entry).collect()
    }

    #[test]
    fn t19_a_cookie_request_that_changes_state_needs_our_own_origin() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = Config::for_test(dir.path());
        let cookie = format!("chapiana={}", "a".repeat(64));
        let check = |pairs: &[(&'static str, &str)]| {
            let mut all = vec![("cookie", cookie.as_str()), ("host", "127.0.0.1:80")];
            all.extend_from_slice(pairs);
            check_api(&config, &Method::POST, &headers(&all))
        };
        assert_eq!(check(&[("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(check(&[("origin", "http://127.0.0.1:80")]), Ok(()));
        for foreign in [
            vec![],
            vec![("origin", "null")],
            vec![("origin", "http://127.0.0.1:80.evil.org")],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
            vec![
                ("sec-fetch-site", "none"),
                ("origin", "http://127.0.0.1:80"),
            ],
        ] {
            let refused = check(&foreign).expect_err("refused");
            assert_eq!(refused.code, Code::Denied, "{foreign:?}");
        }
    }

    #[test]
    fn reading_and_bearer_requests_need_no_origin_but_forms_always_do() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = Config::for_test(dir.path());
        let cookie = format!("chapiana={}", "a".repeat(64));
        let by_cookie = headers(&[("cookie", &cookie)]);
        let by_bearer = headers(&[("cookie", &cookie), ("authorization", "Bearer x")]);
        assert_eq!(check_api(&config, &Method::GET, &by_cookie), Ok(()));
        assert_eq!(check_api(&config, &Method::POST, &by_bearer), Ok(()));
        assert!(check_form(&config, &Method::POST, &headers(&[])).is_err());
    }

    #[test]
    fn the_token_of_one_session_opens_no_form_of_another() {
        let token = form_token("ann's secret");
        assert!(same_token(&form_token("ann's secret"), &token));
        assert!(!same_token(&form_token("bob's secret"), &token));
        assert!(!same_token(&form_token("ann's secret"), ""));
    }
}
