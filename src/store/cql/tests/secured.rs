//! On a real server that asks for a password and speaks TLS alone:
//! `python3 tests/cql/cassandra.py --secured -- cargo test --lib secured_ -- --include-ignored`.

use super::super::{CqlPlace, CqlStore, Secret};
use crate::store::Durability;
use crate::store::Store as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn place(keyspace: &str) -> CqlPlace {
    let server = std::env::var("CHAPIANA_TEST_CQL").expect("CHAPIANA_TEST_CQL=HOST:PORT");
    let login = std::env::var("CHAPIANA_TEST_CQL_LOGIN").expect("cassandra.py --secured sets it");
    let ca = std::env::var("CHAPIANA_TEST_CQL_CA").expect("cassandra.py --secured sets it");
    let (name, password) = login.split_once(':').expect("name:password");
    let mut place = CqlPlace::parse(&format!("{server}/{keyspace}")).expect("a place");
    place.login = Some((name.to_owned(), Secret(password.to_owned())));
    place.ca = Some(PathBuf::from(ca));
    place
}

/// The server makes its first account some seconds after it takes connections.
async fn applied(place: &CqlPlace) {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        match CqlStore::apply_schema(place, 13, None).await {
            Ok(_) => return,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

async fn refusal(place: &CqlPlace) -> String {
    match CqlStore::open(place, 13).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
#[ignore = "needs a secured CQL server: ./check cql"]
async fn secured_who_has_password_and_certificate_gets_in_and_nobody_else() {
    let right = place("secured");
    applied(&right).await;
    let store = CqlStore::open(&right, 13).await.expect("it opens");
    assert_eq!(store.durability(), Durability::Durable);

    let mut guessing = right.clone();
    guessing.login = Some(("cassandra".to_owned(), Secret("hunter2".to_owned())));
    let refused = refusal(&guessing).await;
    assert!(refused.contains("store-password-file"), "{refused}");
    assert!(
        !refused.contains("hunter2"),
        "a password in a message: {refused}"
    );

    let mut nameless = right.clone();
    nameless.login = None;
    let refused = refusal(&nameless).await;
    assert!(refused.contains("store-user"), "{refused}");

    let mut plain = right.clone();
    plain.ca = None;
    let refused = refusal(&plain).await;
    assert!(refused.contains("store-ca"), "{refused}");

    let mut wary = right.clone();
    let other = tempfile::tempdir().expect("a folder");
    let stranger = other.path().join("ca.pem");
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-keyout",
            "/dev/null",
            "-subj",
            "/CN=stranger",
            "-days",
            "2",
            "-out",
        ])
        .arg(&stranger)
        .output()
        .expect("openssl is installed (./check install)");
    assert!(made.status.success(), "{made:?}");
    wary.ca = Some(stranger);
    let refused = refusal(&wary).await;
    assert!(refused.contains("store-ca"), "{refused}");

    CqlStore::drop_keyspace(&right).await.expect("it goes");
}
