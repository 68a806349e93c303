//! When a connection last moved a byte, and since when it owes us the end of a request's headers.

use super::Bounds;
use axum::http::Version;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// No headers are under way.
const NONE: u64 = u64::MAX;

/// The pulse of one connection. Times are milliseconds since it began.
pub(super) struct Pulse {
    began: Instant,
    moved: AtomicU64,
    head_since: AtomicU64,
    asking: AtomicUsize,
    /// Its frames other than headers come at any time; it has bounds of its own for those.
    is_http2: AtomicBool,
}

impl Pulse {
    /// A new connection owes its first request from now on.
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            moved: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            asking: AtomicUsize::new(0),
            is_http2: AtomicBool::new(false),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(NONE - 1)
    }

    fn came(&self) {
        let now = self.now();
        self.moved.store(now, Relaxed);
        if self.asking.load(Relaxed) == 0 && !self.is_http2.load(Relaxed) {
            let _ = self
                .head_since
                .compare_exchange(NONE, now, Relaxed, Relaxed);
        }
    }

    fn went(&self) {
        self.moved.store(self.now(), Relaxed);
    }

    /// The headers of a request are whole; it is answered while the guard lives.
    pub(super) fn asking(self: &Arc<Self>, version: Version) -> Asking {
        self.is_http2.store(version == Version::HTTP_2, Relaxed);
        self.asking.fetch_add(1, Relaxed);
        self.head_since.store(NONE, Relaxed);
        Asking(Arc::clone(self))
    }

    /// Whether it has been waited for long enough.
    pub(super) fn is_overdue(&self, bounds: &Bounds) -> bool {
        let now = self.now();
        let over = |since: u64, max: Duration| now.saturating_sub(since) >= max.as_millis() as u64;
        let head_since = self.head_since.load(Relaxed);
        head_since != NONE && over(head_since, bounds.head)
            || over(self.moved.load(Relaxed), bounds.idle)
    }
}

/// A request that is being answered.
pub(super) struct Asking(Arc<Pulse>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Relaxed);
    }
}

/// A stream that tells its pulse what it moves. No buffer.
pub struct Watched {
    stream: TcpStream,
    pulse: Arc<Pulse>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }

    /// The stream alone, for whoever keeps the time of it himself.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn wrote(&self, result: Poll<Result<usize>>) -> Poll<Result<usize>> {
        if matches!(result, Poll::Ready(Ok(_))) {
            self.pulse.went();
        }
        result
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pulse.came();
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
