//! What a socket does when nobody does anything: a socket in memory under a clock that jumps.

use crate::limits::{HELLO_MS_MAX, IDLE_MS_MAX, PING_MS};
use crate::session::gate::Gate;
use crate::session::outbox::Frame;
use crate::testing::probe;
use crate::ws::socket::{Gone, Received, Socket, serve};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep};

/// What was done to the socket, and when, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Did {
    Ping(u64),
    Close(u16, u64),
}

struct Quiet {
    heard: UnboundedReceiver<Received>,
    did: Vec<Did>,
    began: Instant,
    /// A reader who takes nothing.
    stuck: bool,
}

fn quiet() -> (UnboundedSender<Received>, Quiet) {
    let (mouth, heard) = unbounded_channel();
    let quiet = Quiet {
        heard,
        did: Vec::new(),
        began: Instant::now(),
        stuck: false,
    };
    (mouth, quiet)
}

impl Quiet {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).expect("a short test")
    }
}

impl Socket for Quiet {
    async fn recv(&mut self) -> Received {
        match self.heard.recv().await {
            Some(received) => received,
            None => std::future::pending().await,
        }
    }

    async fn feed(&mut self, frame: Option<Frame>) -> Result<(), Gone> {
        if frame.is_none() {
            self.did.push(Did::Ping(self.now()));
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        match self.stuck {
            true => std::future::pending().await,
            false => Ok(()),
        }
    }

    async fn close(&mut self, code: u16) {
        self.did.push(Did::Close(code, self.now()));
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_no_hello_is_closed_after_ten_seconds() {
    let (_mouth, mut socket) = quiet();
    let (connection, _ears) = probe::connect(probe::user(1)).await;
    let gate = Gate::default();
    serve(&mut socket, &connection.outbox, &connection.actor, &gate).await;
    assert_eq!(socket.did, [Did::Close(4010, HELLO_MS_MAX)]);
}

#[tokio::test(start_paused = true)]
async fn who_is_greeted_and_silent_is_asked_twice_and_then_closed() {
    let (_mouth, mut socket) = quiet();
    let (connection, _ears) = probe::connect(probe::user(1)).await;
    let gate = Gate::default();
    gate.greet();
    serve(&mut socket, &connection.outbox, &connection.actor, &gate).await;
    let close = socket.did.pop();
    assert_eq!(close, Some(Did::Close(1001, IDLE_MS_MAX)));
    let pings = [Did::Ping(PING_MS), Did::Ping(2 * PING_MS)];
    assert_eq!(socket.did[..2], pings, "{:?}", socket.did);
}

#[tokio::test(start_paused = true)]
async fn who_answers_the_pings_stays() {
    let (mouth, mut socket) = quiet();
    let (connection, _ears) = probe::connect(probe::user(1)).await;
    let gate = Gate::default();
    gate.greet();
    let outbox = connection.outbox.clone();
    let answers = async move {
        for _ in 0..20 {
            sleep(Duration::from_millis(PING_MS)).await;
            mouth.send(Received::Alive).expect("the socket is served");
        }
        outbox.close(1001, None);
        mouth
    };
    let served = serve(&mut socket, &connection.outbox, &connection.actor, &gate);
    let ((), _mouth) = tokio::join!(served, answers);
    assert_eq!(socket.did.pop(), Some(Did::Close(1001, 20 * PING_MS)));
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_takes_nothing_is_left_after_a_moment() {
    let (_mouth, mut socket) = quiet();
    socket.stuck = true;
    let (connection, _ears) = probe::connect(probe::user(1)).await;
    let gate = Gate::default();
    gate.greet();
    let outbox = connection.outbox.clone();
    outbox.push(Frame::from("words"));
    let began = Instant::now();
    let closing = async {
        sleep(Duration::from_secs(1)).await;
        outbox.close(4008, None);
    };
    let served = serve(&mut socket, &connection.outbox, &connection.actor, &gate);
    tokio::join!(served, closing);
    assert!(
        began.elapsed() <= Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
}
