//! axum's WebSocket as our `Socket`.

use super::socket::{Gone, Received, Socket};
use crate::session::outbox::Frame;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt as _;
use tungstenite::error::{CapacityError, Error as WsError};

/// A WebSocket of axum.
pub struct AxumSocket(pub WebSocket);

impl Socket for AxumSocket {
    async fn recv(&mut self) -> Received {
        match self.0.recv().await {
            Some(Ok(Message::Text(text))) => Received::Text(text),
            Some(Ok(Message::Binary(_))) => Received::Binary,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Received::Alive,
            Some(Ok(Message::Close(_))) | None => Received::Ended,
            Some(Err(error)) => broken(error),
        }
    }

    async fn feed(&mut self, frame: Option<Frame>) -> Result<(), Gone> {
        let message = match frame {
            Some(text) => Message::Text(text),
            None => Message::Ping(Bytes::new()),
        };
        self.0.feed(message).await.map_err(|_| Gone)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        self.0.flush().await.map_err(|_| Gone)
    }

    async fn close(&mut self, code: u16) {
        let reason = Frame::from_static("");
        let _ = self
            .0
            .send(Message::Close(Some(CloseFrame { code, reason })))
            .await;
    }
}

fn broken(error: axum::Error) -> Received {
    match error.into_inner().downcast::<WsError>().as_deref() {
        Ok(WsError::Capacity(CapacityError::MessageTooLong { .. })) => Received::TooLarge,
        Ok(WsError::Utf8(_)) => Received::NotUtf8,
        _ => Received::Ended,
    }
}
