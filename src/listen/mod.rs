//! The listener: connections in, requests to the router, and no patience for those who only hold a
//! connection open (RELIABILITY.md §5.4).

mod paced;
mod pulse;
#[cfg(test)]
mod tests;

use crate::limits::{self, Rate};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use pulse::Pulse;
pub use pulse::Watched;
use std::convert::Infallible;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Connections that the kernel keeps for us while we take no new ones.
const BACKLOG: u32 = 4_096;
/// How long no connection is taken when none can be (no file descriptor is left).
const PAUSE: Duration = Duration::from_millis(100);

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From its first byte (or from the connect) to the end of a request's headers.
    pub head: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
    /// A body brings its bytes at this rate, judged over `body_window`.
    pub body_bytes_per_second: u64,
    pub body_window: Duration,
    /// New connections.
    pub accepts: Rate,
    /// How often a connection is looked at.
    pub look: Duration,
}

impl Bounds {
    /// The bounds of `limits.rs`; `factor` multiplies the rate of new connections.
    pub fn new(factor: u64) -> Self {
        Self {
            head: Duration::from_millis(limits::HEAD_MS_MAX),
            idle: Duration::from_millis(limits::IDLE_MS_MAX),
            body_bytes_per_second: limits::BODY_BYTES_PER_SECOND_MIN,
            body_window: Duration::from_millis(limits::BODY_WINDOW_MS),
            accepts: limits::ACCEPTS.times(factor as f64),
            look: Duration::from_secs(1),
        }
    }
}

/// Binds, with a queue that is long enough for everybody who comes back at once.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A listener that serves. Dropping it lets it go on: end it with `refuse` and `finish`.
pub struct Listening {
    refusing: CancellationToken,
    finishing: CancellationToken,
    accepting: JoinHandle<()>,
    connections: TaskTracker,
}

impl Listening {
    /// Serves `app` on `listener`.
    pub fn start(listener: TcpListener, app: Router, bounds: Bounds) -> Self {
        let refusing = CancellationToken::new();
        let finishing = CancellationToken::new();
        let connections = TaskTracker::new();
        let door = Door {
            app,
            bounds,
            builder: Arc::new(builder()),
            connections: connections.clone(),
            finishing: finishing.clone(),
        };
        let accepting = tokio::spawn(accept(listener, door, refusing.clone()));
        Self {
            refusing,
            finishing,
            accepting,
            connections,
        }
    }

    /// Takes no new connections: on return the port is closed. Those that are there go on.
    pub async fn refuse(&mut self) {
        self.refusing.cancel();
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, "the listener had failed");
        }
    }

    /// Ends each connection after the request that it is at. False: some took longer than `within`.
    pub async fn finish(self, within: Duration) -> bool {
        self.refusing.cancel();
        self.finishing.cancel();
        self.connections.close();
        let ended = tokio::time::timeout(within, self.connections.wait()).await;
        ended.is_ok()
    }
}

/// What every connection needs.
#[derive(Clone)]
struct Door {
    app: Router,
    bounds: Bounds,
    builder: Arc<auto::Builder<TokioExecutor>>,
    connections: TaskTracker,
    finishing: CancellationToken,
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .max_headers(limits::HEAD_FIELDS_MAX)
        .max_buf_size(limits::HEAD_BYTES_MAX)
        // `Pulse` keeps the time: hyper's own would also end connections that rest between requests.
        .header_read_timeout(None);
    builder
        .http2()
        .max_concurrent_streams(limits::HTTP2_STREAMS_MAX)
        .max_header_list_size(limits::HEAD_BYTES_MAX as u32)
        .initial_stream_window_size(limits::HTTP2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::HTTP2_CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(limits::HTTP2_SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(limits::HTTP2_RESETS_MAX)
        .max_local_error_reset_streams(limits::HTTP2_RESETS_MAX)
        .enable_connect_protocol();
    builder
}

async fn accept(listener: TcpListener, door: Door, refusing: CancellationToken) {
    let mut pace = Pace::new(door.bounds.accepts);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = refusing.cancelled() => return,
        };
        let wait = match accepted {
            Ok((stream, peer)) => {
                door.connections.spawn(serve(door.clone(), stream, peer));
                pace.after_one(Instant::now())
            }
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tracing::error!(%error, "no connection can be taken now");
                Some(Instant::now() + PAUSE)
            }
        };
        if let Some(until) = wait {
            tokio::select! {
                () = sleep_until(until) => {}
                () = refusing.cancelled() => return,
            }
        }
    }
}

fn is_of_one_connection(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

/// How fast connections are taken; who waits does so in the kernel.
struct Pace {
    interval: Duration,
    burst: Duration,
    /// When the next one would be due if they came evenly.
    due: Option<Instant>,
}

impl Pace {
    fn new(rate: Rate) -> Self {
        let interval = Duration::from_secs_f64(1.0 / rate.per_second);
        Self {
            interval,
            burst: interval.mul_f64(rate.burst),
            due: None,
        }
    }

    /// One was taken: until when the next one waits.
    fn after_one(&mut self, now: Instant) -> Option<Instant> {
        let due = self.due.map_or(now, |due| due.max(now)) + self.interval;
        self.due = Some(due);
        (due > now + self.burst).then(|| due - self.burst)
    }
}

/// One connection to its end.
async fn serve(door: Door, stream: TcpStream, peer: SocketAddr) {
    // Small frames must not wait for the acknowledgement of the ones before them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let Door {
        app,
        bounds,
        builder,
        finishing,
        connections: _,
    } = door;
    let pulse = Arc::new(Pulse::new());
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&pulse)));
    let asked = Arc::clone(&pulse);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        answer(app.clone(), request, peer, bounds, Arc::clone(&asked))
    });
    let mut served = pin!(builder.serve_connection_with_upgrades(io, service));
    let mut finish = pin!(finishing.cancelled());
    let mut finishing = false;
    loop {
        tokio::select! {
            ended = served.as_mut() => {
                if let Err(error) = ended {
                    tracing::trace!(%error, "a connection broke");
                }
                return;
            }
            () = &mut finish, if !finishing => {
                finishing = true;
                served.as_mut().graceful_shutdown();
            }
            () = sleep(bounds.look) => {
                if pulse.is_overdue(&bounds) {
                    tracing::debug!("a connection that only waited was closed");
                    return;
                }
            }
        }
    }
}

async fn answer(
    app: Router,
    request: Request<Incoming>,
    peer: SocketAddr,
    bounds: Bounds,
    pulse: Arc<Pulse>,
) -> Result<Response, Infallible> {
    let _asking = pulse.asking(request.version());
    if request.headers().len() > limits::HEAD_FIELDS_MAX {
        return Ok(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response());
    }
    let mut request = request.map(|body| match body.is_end_stream() {
        true => Body::empty(),
        false => paced::paced(body, &bounds),
    });
    request.extensions_mut().insert(ConnectInfo(peer));
    app.oneshot(request).await
}
