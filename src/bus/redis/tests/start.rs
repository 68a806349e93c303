//! How a node begins: what it accepts, what it refuses, what it says.

use super::*;
use crate::bus::transport::Leases as _;
use crate::testing::redis::Server;

#[test]
fn settings_of_redis_are_read_or_refused_with_a_reason() {
    crate::tls::install_provider();
    for right in [
        "redis://127.0.0.1",
        "redis://:secret@redis.example.org:6380/2",
        "redis-cluster://user:secret@10.0.0.1:7000,10.0.0.2:7000,10.0.0.3:7000",
        "redis-sentinel://10.0.0.1:26379,10.0.0.2:26379/1?service=chat",
        "rediss://redis.example.org",
    ] {
        let url = RedisUrl::parse(right);
        assert!(url.is_ok(), "{right}: {url:?}");
    }
    let cluster = RedisUrl::parse("redis-cluster://a:1,b:2,c:3").expect("it is right");
    assert!(cluster.is_clustered());
    assert_eq!(
        cluster.hosts().matches(',').count(),
        2,
        "{}",
        cluster.hosts()
    );
    for wrong in [
        "",
        "127.0.0.1:6379",
        "http://127.0.0.1",
        "redis://",
        "redis://a:1,b:2",
        "redis-sentinel://a:1",
        "redis-cluster://a:1,b",
    ] {
        assert!(RedisUrl::parse(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_two_nodes_hear_each_other_over_resp3_with_a_password_in_order() {
    let redis = Server::start(&["requirepass s3cret"]);
    let url = format!("redis://:s3cret@127.0.0.1:{}", redis.port);
    let (lisbon, porto) = (seat(1, &url).await, seat(2, &url).await);
    for n in 0..1_000 {
        assert!(lisbon.transport.send(porto.id, Bytes::from(n.to_string())));
    }
    call(&lisbon, &porto, "beat").await;
    call(&porto, &lisbon, "beat").await;
    eventually("everything came", || porto.ear.heard("999")).await;
    let texts = porto.ear.texts().into_iter().filter(|text| text != "beat");
    let expected: Vec<_> = (0..1_000).map(|n| n.to_string()).collect();
    assert_eq!(texts.collect::<Vec<_>>(), expected);
    assert!(!lisbon.ear.heard("0"), "nobody hears himself");
    let clients = redis.cli(&["client", "list"]);
    assert_eq!(clients.matches("resp=3").count(), 6, "{clients}");
    assert_eq!(porto.ear.gaps.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_a_wrong_password_keeps_a_node_from_starting_and_says_so() {
    let redis = Server::start(&["requirepass s3cret"]);
    let url = format!("redis://:guess@127.0.0.1:{}", redis.port);
    let refused = try_seat(1, options(&url, "chat", &["secret"])).await.err();
    let text = refused.expect("it must not start").to_string();
    assert!(text.contains("password"), "{text}");
    assert!(!text.contains("guess"), "a password in a message: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_two_clusters_on_one_server_are_refused_with_reason_and_remedy() {
    let redis = Server::start(&[]);
    let _first = seat(1, &redis.url()).await;
    for (cluster, secret, reason) in [
        ("other", "secret", "belongs to cluster \"chat\""),
        ("chat", "guess", "another secret"),
    ] {
        let refused = try_seat(2, options(&redis.url(), cluster, &[secret])).await;
        let text = refused.err().expect("it must not start").to_string();
        assert!(text.contains(reason), "{text}");
    }
    for secrets in [&["secret", "new"][..], &["new", "secret"], &["new"]] {
        let round = try_seat(3, options(&redis.url(), "chat", secrets)).await;
        assert!(round.is_ok(), "{secrets:?}: {:?}", round.err());
    }
    let other_database = format!("{}/1", redis.url());
    let beside = try_seat(4, options(&other_database, "other", &["secret"])).await;
    assert!(beside.is_ok(), "{:?}", beside.err());
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_a_node_starts_without_redis_and_finds_it_later() {
    let mut redis = Server::start(&[]);
    redis.kill();
    let porto = try_seat(2, options(&redis.url(), "chat", &["secret"])).await;
    let porto = porto.expect("a missing Redis is waited for");
    assert!(!porto.transport.connected());
    assert!(!porto.transport.broadcast(Bytes::from("beat")));
    assert!(porto.transport.roll().await.is_err());
    redis.restart();
    let lisbon = seat(1, &redis.url()).await;
    say(&lisbon, &porto, "olá").await;
    say(&porto, &lisbon, "olá").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_what_others_write_into_the_channels_is_dropped_and_counted() {
    let redis = Server::start(&[]);
    let porto = seat(2, &redis.url()).await;
    let own = format!("chapiana:chat:node:{}", porto.id);
    redis.cli(&["publish", &own, "olá"]);
    redis.cli(&["publish", "chapiana:chat:ctl", &"x".repeat(500)]);
    eventually("both are counted", || {
        porto.metrics.bus_malformed.get() == 1 && porto.metrics.bus_forged.get() == 1
    })
    .await;
    assert!(porto.ear.texts().is_empty());
    let lisbon = seat(1, &redis.url()).await;
    say(&lisbon, &porto, "genuine").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_speaks_over_tls_to_whom_its_certificate_is_known() {
    let plain = Server::start(&[]);
    let made = std::process::Command::new("openssl")
        .current_dir(plain.dir())
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args([
            "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .expect("openssl is installed (./check install)");
    assert!(made.status.success(), "{made:?}");
    let port = crate::testing::redis::free_port();
    let file = |name: &str| plain.dir().join(name).display().to_string();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let settings = [
        format!("tls-port {port}"),
        format!("tls-cert-file {cert}"),
        format!("tls-key-file {key}"),
        "tls-auth-clients no".to_owned(),
    ];
    let settings: Vec<_> = settings.iter().map(String::as_str).collect();
    let _redis = Server::start(&settings);
    let mut trusting = options(&format!("rediss://localhost:{port}"), "chat", &["secret"]);
    let wary = trusting.clone();
    trusting.url = trusting
        .url
        .with_ca(&plain.dir().join("cert.pem"))
        .expect("a certificate");
    let lisbon = try_seat(1, trusting.clone()).await.expect("it starts");
    let porto = try_seat(2, trusting).await.expect("it starts");
    say(&lisbon, &porto, "olá").await;
    if let Ok(stranger) = try_seat(3, wary).await {
        assert!(!stranger.transport.connected(), "an unknown certificate");
    }
}
