//! A body that must keep coming: who sends one byte now and then does not hold a request open.

use super::Bounds;
use axum::BoxError;
use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::Stream;
use hyper::body::Incoming;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// The body, which breaks off if it comes slower than `bounds` allow.
pub(super) fn paced(body: Incoming, bounds: &Bounds) -> Body {
    Body::from_stream(Paced {
        body: Body::new(body).into_data_stream(),
        window: bounds.body_window,
        bytes_min: bounds.body_bytes_per_second * bounds.body_window.as_millis() as u64 / 1_000,
        bytes: 0,
        judged: None,
    })
}

struct Paced {
    body: BodyDataStream,
    window: Duration,
    bytes_min: u64,
    /// Since the last judgement.
    bytes: u64,
    /// The end of this window; set when it is first waited for, which most bodies never are.
    judged: Option<Pin<Box<Sleep>>>,
}

impl Stream for Paced {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let paced = &mut *self;
        match Pin::new(&mut paced.body).poll_next(cx) {
            Poll::Ready(chunk) => {
                if let Some(Ok(bytes)) = &chunk {
                    paced.bytes += bytes.len() as u64;
                }
                Poll::Ready(chunk.map(|chunk| chunk.map_err(BoxError::from)))
            }
            Poll::Pending => {
                let window = paced.window;
                let judged = paced.judged.get_or_insert_with(|| Box::pin(sleep(window)));
                loop {
                    ready!(judged.as_mut().poll(cx));
                    if paced.bytes < paced.bytes_min {
                        return Poll::Ready(Some(Err("the body came too slowly".into())));
                    }
                    paced.bytes = 0;
                    judged.as_mut().reset(Instant::now() + window);
                }
            }
        }
    }
}
