//! One socket: what comes goes to the session, what is queued is written, and somebody who is not
//! there any more is noticed. Holds no rules.

use crate::limits::{FRAME_BYTES_MAX, HELLO_MS_MAX, IDLE_MS_MAX, PING_MS, WRITE_BYTES_MAX};
use crate::session::SessionMessage;
use crate::session::gate::Gate;
use crate::session::outbox::{Drained, Frame, Outbox};
use crate::wire::CloseCode;
use ractor::ActorRef;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a close may wait for a reader who is slow or gone.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// What a socket hands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    Text(Frame),
    Binary,
    /// A ping or pong: somebody is there.
    Alive,
    TooLarge,
    NotUtf8,
    /// The other side is gone.
    Ended,
}

/// The other side cannot be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// The four things that are done with a WebSocket; tests use one in memory.
pub trait Socket: Send {
    /// The next frame. Cancel safe.
    fn recv(&mut self) -> impl Future<Output = Received> + Send;
    /// Queues a text frame, or with `None` a ping, for the next `flush`.
    fn feed(&mut self, frame: Option<Frame>) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Writes what is queued.
    fn flush(&mut self) -> impl Future<Output = Result<(), Gone>> + Send;
    /// Says goodbye.
    fn close(&mut self, code: u16) -> impl Future<Output = ()> + Send;
}

/// Serves the socket until it ends. The outbox alone decides about closing.
pub async fn serve(
    socket: &mut impl Socket,
    outbox: &Outbox,
    session: &ActorRef<SessionMessage>,
    gate: &Gate,
) {
    let hello_by = Instant::now() + Duration::from_millis(HELLO_MS_MAX);
    let idle_max = Duration::from_millis(IDLE_MS_MAX);
    let mut ping_at = Instant::now() + Duration::from_millis(PING_MS);
    let mut heard = Instant::now();
    loop {
        let mut batch = Vec::new();
        let reads = gate.is_open() && outbox.closing().is_none();
        let due = match gate.greeted() {
            true => ping_at,
            false => hello_by.min(ping_at),
        };
        tokio::select! {
            drained = outbox.drain(&mut batch, WRITE_BYTES_MAX) => {
                // On the heap for this moment: the task of an idle socket stays small.
                if Box::pin(write(socket, outbox, batch)).await.is_err() {
                    return;
                }
                if let Drained::Close(code) = drained {
                    let _ = Box::pin(timeout(CLOSE_WAIT, socket.close(code))).await;
                    return;
                }
            }
            received = socket.recv(), if reads => {
                heard = Instant::now();
                if received == Received::Ended {
                    return;
                }
                take(received, outbox, session, gate);
            }
            () = gate.changed(), if !reads => heard = Instant::now(),
            () = sleep_until(due) => {
                if Instant::now() < ping_at {
                    if !gate.greeted() {
                        outbox.close(CloseCode::NoHello.number(), None);
                    }
                    gate.greet();
                    continue;
                }
                if heard.elapsed() >= idle_max {
                    outbox.close(CloseCode::GoingAway.number(), None);
                }
                ping_at = Instant::now() + Duration::from_millis(PING_MS);
                if Box::pin(feed_and_flush(socket, vec![None])).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn take(received: Received, outbox: &Outbox, session: &ActorRef<SessionMessage>, gate: &Gate) {
    let code = match received {
        Received::Text(text) if text.len() > FRAME_BYTES_MAX => CloseCode::TooLarge,
        Received::Text(text) => {
            gate.enter();
            if session.send_message(SessionMessage::Frame(text)).is_ok() {
                return;
            }
            CloseCode::Internal
        }
        Received::Binary => CloseCode::Protocol,
        Received::TooLarge => CloseCode::TooLarge,
        Received::NotUtf8 => CloseCode::InvalidUtf8,
        Received::Alive | Received::Ended => return,
    };
    outbox.close(code.number(), None);
}

/// Everything that is queued in one write. A reader who takes nothing is waited for until the
/// connection is closed from elsewhere, and then a moment longer.
async fn write(socket: &mut impl Socket, outbox: &Outbox, batch: Vec<Frame>) -> Result<(), Gone> {
    let writing = feed_and_flush(socket, batch.into_iter().map(Some));
    tokio::pin!(writing);
    tokio::select! {
        biased;
        written = &mut writing => return written,
        () = outbox.closed() => {}
        () = tokio::time::sleep(Duration::from_millis(IDLE_MS_MAX)) => {}
    }
    timeout(CLOSE_WAIT, writing).await.unwrap_or(Err(Gone))
}

async fn feed_and_flush(
    socket: &mut impl Socket,
    frames: impl IntoIterator<Item = Option<Frame>>,
) -> Result<(), Gone> {
    for frame in frames {
        socket.feed(frame).await?;
    }
    socket.flush().await
}
