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
use crate::rate::Whom;
use crate::session::SessionMessage;
use crate::session::actor::{Arguments, SessionActor};
use crate::session::followed::Followed;
use crate::session::gate::Gate;
use crate::session::outbox::{Outbox, code};
use crate::web::extract::Address;
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
pub async fn upgrade(
    State(node): State<Arc<Node>>,
    Address(address): Address,
    mut handshake: Handshake,
) -> Response {
    let headers = std::mem::take(&mut handshake.headers);
    if let Err(error) = check_origin(&node.config, &headers) {
        return error.into_response();
    }
    let (ws, plain) = match (handshake.ws, handshake.plain) {
        (Ok(ws), plain) => (ws.protocols([SUBPROTOCOL]), plain),
        (Err(rejection), _) => return rejection.into_response(),
    };
    // Before anybody waits: who is in the line counts for his address.
    let place = match node.sessions.addresses().enter(Whom::address(address)) {
        Ok(place) => place,
        Err(error) => return error.into_response(),
    };
    let current = match arrive(&node, &headers).await {
        Ok(current) => current,
        Err(error) => return error.into_response(),
    };
    let gate = Gate::of(place);
    if let Some(plain) = plain {
        let answer = plain.answer(ws.selected_protocol());
        tokio::spawn(live(async move {
            let socket = plain.upgraded().await?;
            let outbox = Outbox::before(&node.metrics, socket.line());
            open(node, current, socket, outbox, gate).await
        }));
        return answer;
    }
    // The library's own limit is wider, so that one byte too many is still answered with 1009.
    ws.read_buffer_size(limits::WS_READ_BUFFER_BYTES)
        .write_buffer_size(limits::WS_WRITE_BUFFER_BYTES)
        .max_write_buffer_size(limits::WS_WRITE_BUFFER_BYTES_MAX)
        .max_frame_size(2 * limits::FRAME_BYTES_MAX)
        .max_message_size(2 * limits::FRAME_BYTES_MAX)
        .on_upgrade(move |socket| {
            let outbox = Outbox::new(&node.metrics);
            live(open(node, current, AxumSocket(socket), outbox, gate))
        })
}

/// Who it is, when it is his turn.
async fn arrive(node: &Node, headers: &HeaderMap) -> Result<Option<CurrentUser>> {
    let _turn = node.sessions.greetings().arrivals.turn().await?;
    let (store, guesses) = (&node.store, &node.auth.guesses);
    Ok(authenticate(store, guesses, &node.config, headers, now()).await?)
}

/// From the handshake to the last byte. What is done once lies on the heap for that moment: the task
/// of an idle socket is as small as it can be.
async fn live<S: Socket>(opening: impl Future<Output = Option<(S, Connected)>> + Send) {
    let Some((mut socket, connected)) = Box::pin(opening).await else {
        return;
    };
    serve(
        &mut socket,
        &connected.outbox,
        &connected.session,
        &connected.gate,
    )
    .await;
    drop(connected);
    linger(socket).await;
}

async fn linger(mut socket: impl Socket) {
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

/// Starts the session of an authenticated connection; of another only the close remains.
async fn open<S: Socket>(
    node: Arc<Node>,
    current: Option<CurrentUser>,
    mut socket: S,
    outbox: Outbox,
    gate: Gate,
) -> Option<(S, Connected)> {
    let Some(current) = current else {
        socket.close(code::NOT_AUTHENTICATED).await;
        linger(socket).await;
        return None;
    };
    let id = ConnectionId(Uuid::new_v4());
    let gate = Arc::new(gate);
    let followed = Arc::new(Followed::default());
    let user = current.user.id;
    let arguments = Arguments {
        node: Arc::clone(&node),
        current,
        id,
        outbox: outbox.clone(),
        gate: Arc::clone(&gate),
        followed: Arc::clone(&followed),
    };
    let Ok((session, _)) = Actor::spawn(None, SessionActor, arguments).await else {
        socket.close(code::GOING_AWAY).await;
        linger(socket).await;
        return None;
    };
    let connected = Connected {
        node,
        id,
        user,
        outbox,
        gate,
        followed,
        session,
    };
    Some((socket, connected))
}

/// What a connection is to the rest of the node. Taken back when the socket has ended, also if its
/// task is dropped or panics.
struct Connected {
    node: Arc<Node>,
    id: ConnectionId,
    user: UserId,
    outbox: Outbox,
    gate: Arc<Gate>,
    followed: Arc<Followed>,
    session: ActorRef<SessionMessage>,
}

impl Drop for Connected {
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
