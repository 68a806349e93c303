//! Raw connections against a listener with short bounds.

use super::*;
use crate::testing::poll::until;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

struct Place {
    address: SocketAddr,
    listening: Listening,
    /// `/slow` answers when told to, and says when it was asked.
    asked: Arc<Notify>,
    go_on: Arc<Notify>,
}

async fn place(bounds: Bounds) -> Place {
    let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&go_on));
    let slow = move || {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            tell.notify_one();
            wait.notified().await;
            "done"
        }
    };
    let from = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
    let echo = |body: axum::body::Bytes| async move { body.len().to_string() };
    let app = Router::new()
        .route("/", get(from))
        .route("/slow", get(slow))
        .route("/echo", post(echo));
    let listener = bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let address = listener.local_addr().expect("bound");
    let listening = Listening::start(listener, app, bounds);
    Place {
        address,
        listening,
        asked,
        go_on,
    }
}

fn short() -> Bounds {
    Bounds {
        head: Duration::from_millis(150),
        idle: Duration::from_secs(60),
        body_window: Duration::from_millis(150),
        look: Duration::from_millis(10),
        ..Bounds::new(1)
    }
}

async fn connect(place: &Place) -> TcpStream {
    let stream = TcpStream::connect(place.address).await;
    stream.expect("a connection")
}

/// What comes until the connection is closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A reset is an end, too.
    let _ = read.expect("the connection is closed in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer on a connection that stays open.
async fn answer_to(stream: &mut TcpStream, request: &str) -> String {
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is open");
    let mut answer = Vec::new();
    loop {
        let mut chunk = [0; 1024];
        let read = timeout(PATIENCE, stream.read(&mut chunk)).await;
        let count = read.expect("an answer in time").expect("it is open");
        assert_ne!(count, 0, "closed after {answer:?}");
        answer.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&answer);
        let head = text.split_once("\r\n\r\n");
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if let (Some((_, body)), Some(length)) = (head, length)
            && body.len() >= length.parse().expect("a length")
        {
            return text.into_owned();
        }
    }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn mallory_who_says_nothing_or_trickles_a_header_is_closed() {
    let place = place(short()).await;
    let mut silent = connect(&place).await;
    let mut half = connect(&place).await;
    half.write_all(b"GET / HTTP/1.1\r\nhost: ")
        .await
        .expect("open");
    let mut preface = connect(&place).await;
    preface.write_all(b"PRI * HT").await.expect("open");
    for stream in [&mut silent, &mut half, &mut preface] {
        assert_eq!(rest(stream).await, "");
    }
    // One byte now and then does not help.
    let mut trickle = connect(&place).await;
    until("it is cut off", async || {
        trickle.write_all(b"x").await.is_err()
    })
    .await;
}

#[tokio::test]
async fn a_second_request_has_no_more_time_for_its_headers_than_the_first() {
    let place = place(short()).await;
    let mut stream = connect(&place).await;
    assert!(
        answer_to(&mut stream, GET)
            .await
            .starts_with("HTTP/1.1 200")
    );
    stream.write_all(b"GET / HT").await.expect("open");
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn anns_connection_rests_between_requests_for_longer_than_headers_may_take() {
    let place = place(short()).await;
    let mut stream = connect(&place).await;
    let own = stream.local_addr().expect("connected").to_string();
    let first = answer_to(&mut stream, GET).await;
    assert!(first.ends_with(&own), "the peer is known: {first}");
    // Two connections that are cut off for saying nothing are the clock.
    for _ in 0..2 {
        assert_eq!(rest(&mut connect(&place).await).await, "");
    }
    assert!(answer_to(&mut stream, GET).await.ends_with(&own));
}

#[tokio::test]
async fn a_connection_without_any_traffic_ends() {
    let idle = Duration::from_millis(200);
    let place = place(Bounds { idle, ..short() }).await;
    let mut stream = connect(&place).await;
    assert!(
        answer_to(&mut stream, GET)
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn headers_have_sixty_four_fields_and_sixteen_kibibytes_at_most() {
    let place = place(short()).await;
    let with = |count: usize, size: usize| {
        let fields: String = (1..count)
            .map(|number| format!("x-{number}: {}\r\n", "a".repeat(size)))
            .collect();
        format!("GET / HTTP/1.1\r\nhost: x\r\n{fields}\r\n")
    };
    for (request, status) in [
        (with(64, 1), "HTTP/1.1 200"),
        (with(65, 1), "HTTP/1.1 431"),
        (with(2, 15_000), "HTTP/1.1 200"),
        (with(2, 17_000), "HTTP/1.1 431"),
    ] {
        let mut stream = connect(&place).await;
        let answer = answer_to(&mut stream, &request).await;
        assert!(answer.starts_with(status), "{status}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_stalls_breaks_off_and_one_that_comes_arrives() {
    let place = place(short()).await;
    let mut stream = connect(&place).await;
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("open");
    stream.write_all(b"a few bytes").await.expect("open");
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let whole = format!("{head}{}", "x".repeat(100_000));
    let answer = answer_to(&mut connect(&place).await, &whole).await;
    assert!(answer.ends_with("100000"), "{answer}");
}

#[tokio::test]
async fn who_is_being_answered_gets_the_answer_and_nobody_new_comes_in() {
    let mut place = place(short()).await;
    let mut stream = connect(&place).await;
    let slow = "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(slow.as_bytes()).await.expect("open");
    place.asked.notified().await;
    let mut resting = connect(&place).await;
    answer_to(&mut resting, GET).await;
    place.listening.refuse().await;
    assert!(TcpStream::connect(place.address).await.is_err());
    // Who was there before is still served.
    answer_to(&mut resting, GET).await;
    let finish = tokio::spawn(place.listening.finish(PATIENCE));
    assert_eq!(rest(&mut resting).await, "");
    place.go_on.notify_one();
    let answer = rest(&mut stream).await;
    assert!(answer.ends_with("done"), "{answer}");
    assert!(finish.await.expect("it ends"), "nothing was cut off");
}

#[test]
fn connections_are_taken_evenly_once_the_burst_is_used_up() {
    let rate = Rate {
        per_second: 10.0,
        burst: 5.0,
    };
    let mut pace = Pace::new(rate);
    let now = Instant::now();
    for number in 1..=5 {
        assert_eq!(pace.after_one(now), None, "number {number}");
    }
    for number in 1..=3_u32 {
        let wait = Some(now + Duration::from_millis(100) * number);
        assert_eq!(pace.after_one(now), wait, "number {number}");
    }
    assert_eq!(pace.after_one(now + Duration::from_secs(60)), None);
}
