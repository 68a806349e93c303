//! Frames of other nodes.

use super::Tried;
use crate::bus::seal::{Frame, Seal, Way};
use crate::cluster;
use crate::ids::NodeId;
use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};

const BUS: &[&str] = &[
    "{\"t\":\"bye\"}",
    "{\"t\":\"want_interest\"}",
    "{\"t\":\"confirm\",\"fence\":7}",
    "{\"t\":\"heartbeat\",\"draining\":false,\"interest\":1}",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "1",
    "-1",
    "\"t\":",
    "\"send\"",
    "\"found\"",
    "\"publication\"",
    "\"interest\"",
    "\"head\"",
    "\"mark\"",
    "\"room\":",
    "\"user\":",
    "\"entries\":",
    "\"fence\":",
    "\"follow\":",
    "\"leave\":",
    "\"base\":",
    "\"version\":",
    "\"id\":",
    "\"0190a000-0000-7000-8000-00000000000a\"",
];

#[test]
fn fuzz_bus_frames_of_a_neighbour_are_read_or_refused() {
    let tried = Tried::new("bus frames");
    let seal = Seal::new("chat", &["secret".to_owned()]).expect("there is a secret");
    let frame = Frame {
        from: NodeId::from_bytes([1; 16]),
        to: NodeId::from_bytes([2; 16]),
        at_ms: 1_000,
        way: Way::Probe { n: 1 },
        payload: Bytes::new(),
    };
    let opened = AtomicUsize::new(0);
    bolero::check!().for_each(|bytes: &[u8]| {
        tried.one();
        // A neighbour signs whatever he says, so what is said must be read with care, too.
        let said = message_of(bytes);
        let read = cluster::wire::decode(&said);
        if let Ok(message) = &read {
            opened.fetch_add(1, Ordering::Relaxed);
            let again = cluster::wire::decode(&cluster::wire::encode(message));
            assert_eq!(again.as_ref(), Ok(message));
        }
        let payload = Bytes::from(said);
        let whole = seal.close(&Frame {
            payload,
            ..frame.clone()
        });
        let whole = whole.expect("it is short");
        assert!(seal.open(&whole, 1_000).is_ok());
        assert!(seal.open(&Bytes::copy_from_slice(bytes), 1_000).is_err());
        let _ = seal.open_unsigned(bytes);
    });
    let opened = opened.into_inner();
    assert!(
        opened > 0,
        "no input was ever a message: the target is blind"
    );
    tried.judge();
}

/// A whole message of some version, with up to two pieces put in anywhere.
fn message_of(bytes: &[u8]) -> Vec<u8> {
    const WHOLE: usize = 4;
    let (head, rest) = bytes.split_at(bytes.len().min(2));
    let byte = |at: usize| usize::from(head.get(at).copied().unwrap_or(1));
    let mut said = vec![byte(0) as u8 % 4];
    said.extend_from_slice(BUS[byte(1) % WHOLE].as_bytes());
    for pair in rest.chunks_exact(2).take(rest.len() % 3) {
        let at = 1 + usize::from(pair[0]) % said.len();
        let piece = BUS[usize::from(pair[1]) % BUS.len()];
        said.splice(at..at, piece.bytes());
    }
    said
}
