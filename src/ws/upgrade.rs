//! Who may open a WebSocket (PROTOCOL.md §4, RELIABILITY.md §5.2), and its life from there.

use super::axum_socket::AxumSocket;
use super::handshake::Handshake;
use super::socket::{Received, Socket, serve};
use crate::auth::CurrentUser;
use crate::auth::extract::{Credential, authenticate, credential};
use crate::clock::now;
use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::ids::{ConnectionId, UserId};
use crate::limits;
use crate::node::Node;
use crate::session::SessionMessage;
use crate::session::actor::{Arguments, SessionActor};
use crate::session::followed::Followed;
use crate::session::gate::Gate;
use crate::session::outbox::{Outbox, code};
use crate::wire::{ASYNCAPI, SUBPROTOCOL};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use ractor::{Actor, ActorRef};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

/// After our close the other side may answer within this; a socket dropped at once could lose the
/// close frame to a reset.
const LINGER: Duration = Duration::from_secs(1);

/// The contract of the WebSocket.
#[utoipa::path(get, path = "/api/v1/asyncapi.json", responses((status = 200, body = Object)))]
pub async fn asyncapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], ASYNCAPI).into_response()
}

/// The WebSocket; `/api/v1/asyncapi.json` describes its frames.
#[utoipa::path(get, path = "/ws", responses((status = 101, description = "Speaks chapiana.v1"), (status = 403, body = crate::web::problem::Problem)))]
pub async fn upgrade(State(node): State<Arc<Node>>, mut handshake: Handshake) -> Response {
    let headers = std::mem::take(&mut handshake.headers);
    if let Err(error) = check_origin(&node.config, &headers) {
        return error.into_response();
    }
    let (ws, plain) = match (handshake.ws, handshake.plain) {
        (Ok(ws), plain) => (ws.protocols([SUBPROTOCOL]), plain),
        (Err(rejection), _) => return rejection.into_response(),
    };
    let current = match authenticate(
        &node.store,
        &node.auth.guesses,
        &node.config,
        &headers,
        now(),
    )
    .await
    {
        Ok(current) => current,
        Err(error) => return Error::from(error).into_response(),
    };
    if let Some(plain) = plain {
        let answer = plain.answer(ws.selected_protocol());
        tokio::spawn(async move {
            if let Some(socket) = plain.upgraded().await {
                let outbox = Outbox::before(&node.metrics, socket.line());
                live(&node, current, socket, outbox).await;
            }
        });
        return answer;
    }
    // The library's own limit is wider, so that one byte too many is still answered with 1009.
    ws.read_buffer_size(limits::WS_READ_BUFFER_BYTES)
        .write_buffer_size(limits::WS_WRITE_BUFFER_BYTES)
        .max_write_buffer_size(limits::WS_WRITE_BUFFER_BYTES_MAX)
        .max_frame_size(2 * limits::FRAME_BYTES_MAX)
        .max_message_size(2 * limits::FRAME_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            let outbox = Outbox::new(&node.metrics);
            live(&node, current, AxumSocket(socket), outbox).await;
        })
}

/// From the handshake to the last byte.
async fn live(
    node: &Arc<Node>,
    current: Option<CurrentUser>,
    mut socket: impl Socket,
    outbox: Outbox,
) {
    match current {
        Some(current) => connected(node, current, &mut socket, outbox).await,
        None => socket.close(code::NOT_AUTHENTICATED).await,
    }
    let _ = Box::pin(timeout(LINGER, until_ended(&mut socket))).await;
}

/// A cookie counts only from our own pages; a bearer token needs no origin, but takes no foreign one.
fn check_origin(config: &Config, headers: &HeaderMap) -> Result<()> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST);
    let is_own = |origin: &str| config.is_own_origin(origin, host);
    let allowed = match headers.get(header::ORIGIN) {
        Some(_) => text(header::ORIGIN).is_some_and(is_own),
        None => !matches!(credential(config, headers), Credential::Cookie(_)),
    };
    match allowed {
        true => Ok(()),
        false => Err(Error::new(
            Code::Denied,
            "This request comes from another site.",
        )),
    }
}

/// Serves an authenticated connection and cleans up behind it, however it ends.
async fn connected(
    node: &Arc<Node>,
    current: CurrentUser,
    socket: &mut impl Socket,
    outbox: Outbox,
) {
    let id = ConnectionId(Uuid::new_v4());
    let gate = Arc::new(Gate::default());
    let followed = Arc::new(Followed::default());
    let user = current.user.id;
    let arguments = Arguments {
        node: Arc::clone(node),
        current,
        id,
        outbox: outbox.clone(),
        gate: Arc::clone(&gate),
        followed: Arc::clone(&followed),
    };
    // What happens once lies on the heap for that moment: the task of an idle socket stays small.
    let started = Box::pin(Actor::spawn(None, SessionActor, arguments)).await;
    let Ok((session, _)) = started else {
        return Box::pin(socket.close(code::GOING_AWAY)).await;
    };
    let cleanup = Cleanup {
        node,
        id,
        user,
        followed: &followed,
        session: &session,
    };
    serve(socket, &outbox, &session, &gate).await;
    drop(cleanup);
}

/// Runs when the socket has ended, also if its task is dropped or panics.
struct Cleanup<'a> {
    node: &'a Arc<Node>,
    id: ConnectionId,
    user: UserId,
    followed: &'a Followed,
    session: &'a ActorRef<SessionMessage>,
}

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        self.node.presence.leave(self.id, self.user);
        self.node.sessions.unregister(self.id);
        for room in self.followed.end().keys() {
            self.node.relays.forget(*room, self.id);
        }
        self.session.stop(None);
    }
}

async fn until_ended(socket: &mut impl Socket) {
    loop {
        match socket.recv().await {
            Received::Ended => return,
            // Nothing more can be read, but what is on its way out needs its moment.
            Received::TooLarge => std::future::pending().await,
            _ => {}
        }
    }
}
