//! The handshake of a WebSocket. axum checks it; on HTTP/1.1 over plain TCP we answer it ourselves
//! and take the connection back from hyper, so that nothing of theirs stays with an idle session.

use super::direct_socket::DirectSocket;
use crate::listen::Watched;
use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::downcast;
use sha1::{Digest as _, Sha1};
use std::convert::Infallible;

/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A request for a WebSocket.
pub struct Handshake {
    pub headers: HeaderMap,
    /// What axum says of it, and its way: HTTP/2, and whatever is not plain TCP.
    pub ws: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    /// Our own way.
    pub plain: Option<Plain>,
}

/// A handshake over HTTP/1.1.
pub struct Plain {
    accept: HeaderValue,
    upgrade: OnUpgrade,
}

impl<S: Send + Sync> FromRequestParts<S> for Handshake {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let plain = Plain::of(parts);
        Ok(Self {
            plain,
            headers: parts.headers.clone(),
            ws: WebSocketUpgrade::from_request_parts(parts, state).await,
        })
    }
}

impl Plain {
    fn of(parts: &Parts) -> Option<Self> {
        let key = parts.headers.get(header::SEC_WEBSOCKET_KEY)?;
        let upgrade = parts.extensions.get::<OnUpgrade>()?;
        (parts.version == Version::HTTP_11).then_some(())?;
        let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
        Some(Self {
            accept: HeaderValue::from_str(&STANDARD.encode(digest)).ok()?,
            upgrade: upgrade.clone(),
        })
    }

    /// 101.
    pub fn answer(&self, protocol: Option<&HeaderValue>) -> Response {
        let mut answer = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = answer.headers_mut();
        headers.clear();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        if let Some(protocol) = protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol.clone());
        }
        answer
    }

    /// The socket, once the answer is written.
    pub async fn upgraded(self) -> Option<DirectSocket> {
        let upgraded = self.upgrade.await.ok()?;
        match downcast::<TokioIo<Watched>>(upgraded) {
            Ok(parts) => {
                let stream = parts.io.into_inner().into_stream();
                Some(DirectSocket::new(stream, &parts.read_buf))
            }
            Err(_) => {
                tracing::error!("a WebSocket came over something else than TCP");
                None
            }
        }
    }
}
