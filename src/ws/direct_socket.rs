//! Our own WebSocket on a plain TCP connection: nothing is held while it is idle, and relays write
//! to it without waking its task.

use super::codec::{self, Broken, Inbox, Incoming};
use super::line::Line;
use super::socket::{Gone, Received, Socket};
use crate::session::outbox::Frame;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Close code for whatever is not RFC 6455.
const PROTOCOL_ERROR: u16 = 1002;

/// A WebSocket after its handshake.
#[derive(Debug)]
pub struct DirectSocket {
    line: Arc<Line>,
    inbox: Inbox,
}

impl DirectSocket {
    /// `early`: what came right behind the handshake.
    pub fn new(stream: TcpStream, early: &[u8]) -> Self {
        let mut inbox = Inbox::default();
        inbox.add(early);
        Self {
            line: Arc::new(Line::new(stream)),
            inbox,
        }
    }

    /// Where frames may be written without this socket's task.
    pub fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }

    fn received(&mut self, incoming: Incoming) -> Received {
        match incoming {
            Incoming::Text(text) => Received::Text(Frame::from(text)),
            Incoming::Binary => Received::Binary,
            Incoming::Pong => Received::Alive,
            Incoming::Ping(payload) => {
                // One answer at a time: who asks faster than he reads is answered less.
                if self.line.is_flushed() {
                    self.say(codec::pong(&payload));
                }
                Received::Alive
            }
            Incoming::Close(code) => {
                self.say(codec::close(code));
                Received::Ended
            }
        }
    }

    /// Writes what can be written now; `recv` goes on with the rest.
    fn say(&self, frame: Vec<u8>) {
        self.line.feed_raw(frame);
        // An error shows in the next read.
        let _ = self.line.try_flush();
    }
}

impl Socket for DirectSocket {
    async fn recv(&mut self) -> Received {
        loop {
            match self.inbox.next() {
                Ok(Some(incoming)) => return self.received(incoming),
                Ok(None) => {}
                Err(Broken::TooLarge) => return Received::TooLarge,
                Err(Broken::NotUtf8) => return Received::NotUtf8,
                Err(Broken::Protocol) => {
                    self.say(codec::close(Some(PROTOCOL_ERROR)));
                    return Received::Ended;
                }
            }
            let inbox = &mut self.inbox;
            match self.line.read(&mut |bytes| inbox.add(bytes)).await {
                Ok(0) | Err(_) => return Received::Ended,
                Ok(_) => {}
            }
        }
    }

    async fn feed(&mut self, frame: Option<Frame>) -> Result<(), Gone> {
        match frame {
            Some(text) => self.line.feed(&text),
            None => self.line.feed_raw(codec::ping()),
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        self.line.flush().await.map_err(|_| Gone)
    }

    async fn close(&mut self, code: u16) {
        self.line.feed_raw(codec::close(Some(code)));
        let _ = self.line.flush().await;
    }
}
