//! What handlers take from a request: the person, the body, ids of the path, the query.

use crate::auth::{CurrentUser, authenticate};
use crate::clock::now;
use crate::error::{Code, Error, Result};
use crate::ids::parse_uuid;
use crate::limits;
use crate::node::Node;
use axum::body::BodyDataStream;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use uuid::Uuid;

mod params;

pub use params::{Params, encode_cursor};

/// The largest body that the matched route takes, bytes.
#[derive(Clone, Copy, Debug)]
pub struct BodyMax(pub usize);

impl FromRequestParts<Arc<Node>> for CurrentUser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self> {
        match Option::<Signed>::from_request_parts(parts, node).await? {
            Some(Signed(current)) => Ok(current),
            None => Err(Error::new(Code::Unauthenticated, "Sign in first.")),
        }
    }
}

/// The person if somebody is signed in: `Option<Signed>` for pages that greet strangers, too.
pub struct Signed(pub CurrentUser);

impl axum::extract::OptionalFromRequestParts<Arc<Node>> for Signed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Option<Self>> {
        if let Some(current) = parts.extensions.get::<CurrentUser>() {
            return Ok(Some(Signed(current.clone())));
        }
        let found = authenticate(
            &node.store,
            &node.auth.guesses,
            &node.config,
            &parts.headers,
            now(),
        )
        .await?;
        if let Some(current) = &found {
            parts.extensions.insert(current.clone());
        }
        Ok(found.map(Signed))
    }
}

/// The address that asks: the peer's, or what a trusted proxy says of it.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub IpAddr);

impl FromRequestParts<Arc<Node>> for Address {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(Ipv4Addr::LOCALHOST.into(), |info| info.0.ip());
        Ok(Address(address_of(
            &parts.headers,
            peer,
            &node.config.trust_proxies,
        )))
    }
}

/// The rightmost address of X-Forwarded-For that is no trusted proxy, if the peer is one.
pub fn address_of(headers: &HeaderMap, peer: IpAddr, trusted: &[IpAddr]) -> IpAddr {
    if !trusted.contains(&peer.to_canonical()) {
        return peer;
    }
    let lines = headers.get_all("x-forwarded-for");
    let hops: Vec<IpAddr> = lines
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|hop| hop.trim().parse().ok())
        .collect();
    let client = hops.iter().rev().find(|hop| !trusted.contains(hop));
    client.copied().unwrap_or(peer)
}

/// A JSON object as `T`. Nothing but `application/json` is read; wrong types are `bad_request`.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Node>> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Arc<Node>) -> Result<Self> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_json = kind
            .split(';')
            .next()
            .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(Error::new(Code::UnsupportedMedia, "Send application/json."));
        }
        let bytes = read(request).await?;
        parse(&bytes).map(Body)
    }
}

/// As `Body`, or `None` where nothing was sent.
pub struct MaybeBody<T>(pub Option<T>);

impl<T: DeserializeOwned> FromRequest<Arc<Node>> for MaybeBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, node: &Arc<Node>) -> Result<Self> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            let body = Body::<T>::from_request(request, node).await?;
            return Ok(MaybeBody(Some(body.0)));
        }
        match read(request).await?.is_empty() {
            true => Ok(MaybeBody(None)),
            false => Err(Error::new(Code::UnsupportedMedia, "Send application/json.")),
        }
    }
}

async fn read(request: Request) -> Result<Bytes> {
    let max = request.extensions().get::<BodyMax>();
    let max = max.map_or(limits::JSON_BYTES_MAX, |max| max.0);
    let too_large = || Error::new(Code::TooLarge, format!("A body has at most {max} bytes."));
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let asks_first = request.headers().contains_key(header::EXPECT);
    let mut chunks = request.into_body().into_data_stream();
    if length.is_some_and(|length| length > max) {
        if !asks_first {
            pass_over(chunks).await;
        }
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Error::bad_request("The body broke off."))?;
        if bytes.len() + chunk.len() > max {
            pass_over(chunks).await;
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

/// The rest of what is too large is read and dropped, up to a bound: a connection that is closed while
/// something comes is reset, and the answer is lost on its way.
async fn pass_over(mut rest: BodyDataStream) {
    let mut passed = 0;
    while passed < limits::PASSED_OVER_BYTES_MAX
        && let Some(Ok(chunk)) = rest.next().await
    {
        passed += chunk.len();
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if depth_of(bytes) > limits::JSON_DEPTH_MAX {
        return Err(Error::bad_request("The JSON is nested too deep."));
    }
    let value: serde_json::Value = serde_json::from_slice(bytes)
        .map_err(|error| Error::bad_request(format!("The body is not JSON: {error}")))?;
    if !value.is_object() {
        return Err(Error::bad_request("The body must be a JSON object."));
    }
    serde_json::from_value(value)
        .map_err(|error| Error::bad_request(format!("The body has a wrong field: {error}")))
}

/// The deepest nesting of arrays and objects.
fn depth_of(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// One id of the path.
pub struct Id<T>(pub T);

impl<T: From<PathId>> FromRequestParts<Arc<Node>> for Id<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self> {
        let Path(text) = Path::<String>::from_request_parts(parts, node)
            .await
            .map_err(|_| not_an_id())?;
        Ok(Id(T::from(PathId(path_id(&text)?))))
    }
}

/// A UUID that stood in a path.
pub struct PathId(Uuid);

macro_rules! path_id {
    ($($name:ident),+) => {$(
        impl From<PathId> for crate::ids::$name {
            fn from(id: PathId) -> Self {
                Self(id.0)
            }
        }
    )+};
}
path_id!(RoomId, UserId, LoginId, TimerId);

/// Reads a UUID of a path.
pub fn path_id(text: &str) -> Result<Uuid> {
    parse_uuid(text).map_err(|_| not_an_id())
}

fn not_an_id() -> Error {
    Error::bad_request("The path needs a UUID in lower-case canonical text.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t34_deep_lone_and_broken_json_is_refused() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(16), "]".repeat(16));
        for wrong in [
            deep.as_str(),
            "",
            "[]",
            "null",
            "{",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
        ] {
            let parsed: Result<serde_json::Value> = parse(wrong.as_bytes());
            let code = parsed.err().map(|error| error.code);
            assert_eq!(code, Some(Code::BadRequest), "{wrong}");
        }
        assert!(parse::<serde_json::Value>(b"{\"a\":\"[[[[[[[[[[[[[[[[[[[[\\\"\"}").is_ok());
        assert!(parse::<serde_json::Value>(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn only_a_trusted_proxy_may_name_the_client() {
        let proxy: IpAddr = [10, 0, 0, 2].into();
        let stranger: IpAddr = [203, 0, 113, 9].into();
        let headers = HeaderMap::from_iter([(
            header::HeaderName::from_static("x-forwarded-for"),
            header::HeaderValue::from_static("198.51.100.1, 203.0.113.9, 10.0.0.2"),
        )]);
        assert_eq!(address_of(&headers, proxy, &[proxy]), stranger);
        assert_eq!(address_of(&headers, stranger, &[proxy]), stranger);
        assert_eq!(address_of(&headers, proxy, &[]), proxy);
    }
}

#[cfg(test)]
mod body_tests {
    use super::*;
    use axum::body::Body as HttpBody;
    use futures_util::stream;
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const CHUNK: usize = 10_000;

    /// What reading so many chunks gives, and how many were taken.
    async fn reading(chunks: usize, headers: &[(&str, String)]) -> (Result<usize>, usize) {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let body = stream::iter(0..chunks).map(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; CHUNK]))
        });
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let mut request = request
            .body(HttpBody::from_stream(body))
            .expect("a request");
        request.extensions_mut().insert(BodyMax(3 * CHUNK));
        let read = read(request).await.map(|bytes| bytes.len());
        (read, taken.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn what_is_too_large_is_read_to_its_end_before_it_is_refused_but_not_without_limit() {
        let said = |chunks: usize| [("content-length", (chunks * CHUNK).to_string())];
        let (read, _) = reading(3, &said(3)).await;
        assert_eq!(read, Ok(3 * CHUNK));
        for headers in [&said(9)[..], &[]] {
            let (read, taken) = reading(9, headers).await;
            assert_eq!(read.expect_err("too large").code, Code::TooLarge);
            assert_eq!(taken, 9, "{headers:?}");
        }
        let (read, taken) = reading(1_000, &said(1_000)).await;
        assert_eq!(read.expect_err("too large").code, Code::TooLarge);
        assert_eq!(taken, limits::PASSED_OVER_BYTES_MAX.div_ceil(CHUNK));
        // Who asks first has not sent anything.
        let asks = [
            ("content-length", "90000".to_owned()),
            ("expect", "100-continue".to_owned()),
        ];
        let (read, taken) = reading(9, &asks).await;
        assert_eq!(
            (read.expect_err("too large").code, taken),
            (Code::TooLarge, 0)
        );
    }
}
