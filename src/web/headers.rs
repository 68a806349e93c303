//! Headers of every answer: what browsers may do with it (RELIABILITY.md §5.7).

use crate::auth::tokens::{hex, random};
use crate::config::Config;
use crate::node::Node;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// The nonce of this answer's scripts; pages read it from the request's extensions.
#[derive(Clone, Debug)]
pub struct Nonce(pub Arc<str>);

const FIXED: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Gives the request its nonce, and the answer its headers where the handler set none.
pub async fn secure(State(node): State<Arc<Node>>, mut request: Request, next: Next) -> Response {
    let nonce: Arc<str> = hex(&random::<16>()).into();
    request.extensions_mut().insert(Nonce(Arc::clone(&nonce)));
    let mut response = next.run(request).await;
    let policy = policy(&node.config, response.headers(), &nonce);
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers
            .entry(header::CONTENT_SECURITY_POLICY)
            .or_insert(policy);
    }
    if node.config.is_secure() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}

fn policy(config: &Config, headers: &HeaderMap, nonce: &str) -> String {
    let kind = headers.get(header::CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_page {
        return "default-src 'none'; frame-ancestors 'none'; sandbox".to_owned();
    }
    let socket = config.base_url().replacen("http", "ws", 1);
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; \
         img-src 'self' blob:; media-src 'self' blob:; font-src 'self'; \
         connect-src 'self' {socket}; worker-src 'self'; manifest-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types chapiana"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_run_only_their_own_scripts_and_data_runs_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = Config::for_test(dir.path());
        config.public_url = Some("https://chat.example.org".to_owned());
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        let page = HeaderMap::from_iter([(header::CONTENT_TYPE, html)]);
        let policy_of_page = policy(&config, &page, "abc");
        assert!(policy_of_page.contains("script-src 'nonce-abc' 'strict-dynamic'"));
        assert!(policy_of_page.contains("wss://chat.example.org"));
        assert!(!policy_of_page.contains("unsafe"));
        let policy_of_data = policy(&config, &HeaderMap::new(), "abc");
        assert!(!policy_of_data.contains("script-src"));
    }
}
