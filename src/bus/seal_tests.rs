use super::*;
use proptest::prelude::*;

fn node(n: u8) -> NodeId {
    NodeId::from_bytes([n; 16])
}

fn seal(secrets: &[&str]) -> Seal {
    let secrets: Vec<_> = secrets.iter().map(|text| (*text).to_owned()).collect();
    Seal::new("chat", &secrets).expect("there is a secret")
}

fn frame(way: Way) -> Frame {
    Frame {
        from: node(1),
        to: node(2),
        at_ms: 1_000_000,
        way,
        payload: Bytes::from_static("olá".as_bytes()),
    }
}

fn ways() -> [Way; 4] {
    let counts = vec![(node(2), 7), (node(3), 9)];
    [
        Way::Direct(Count { n: 5, opens: false }),
        Way::Direct(Count { n: 1, opens: true }),
        Way::Broadcast { n: 6, counts },
        Way::Probe { n: 8 },
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Bytes {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16);
    digits.map(|pair| byte(pair).expect("hex")).collect()
}

#[test]
fn the_mac_is_the_one_of_rfc_4231() {
    let cases: [(&[u8], &[u8], &str); 3] = [
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            &[0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ];
    for (key, data, mac) in cases {
        assert_eq!(hex(&Key::new(key).mac(&[data])), mac);
    }
}

#[test]
fn a_frame_comes_out_as_it_went_in() {
    for way in ways() {
        let (seal, frame) = (seal(&["secret"]), frame(way));
        let bytes = seal.close(&frame).expect("it is short");
        assert_eq!(seal.open(&bytes, 1_000_000), Ok(frame));
    }
}

#[test]
fn any_changed_bit_is_a_forgery() {
    let seal = seal(&["secret"]);
    for way in ways() {
        let bytes = seal.close(&frame(way)).expect("it is short");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let opened = seal.open(&changed.into(), 1_000_000);
            assert_eq!(opened, Err(Refused::Forged), "bit {bit}");
        }
    }
}

#[test]
fn who_does_not_know_the_secret_or_belongs_to_another_cluster_is_not_believed() {
    let ours = seal(&["secret"]);
    let other = Seal::new("other", &["secret".to_owned()]).expect("there is a secret");
    for theirs in [seal(&["guess"]), other] {
        let bytes = theirs.close(&frame(ways()[0].clone())).expect("short");
        assert_eq!(ours.open(&bytes, 1_000_000), Err(Refused::Forged));
        assert_ne!(ours.fingerprints(), theirs.fingerprints());
    }
}

#[test]
fn a_secret_is_changed_in_three_rounds_and_neighbours_always_understand_each_other() {
    let rounds = [
        seal(&["old"]),
        seal(&["old", "new"]),
        seal(&["new", "old"]),
        seal(&["new"]),
    ];
    for pair in rounds.windows(2) {
        for (from, to) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
            let bytes = from.close(&frame(ways()[0].clone())).expect("short");
            assert!(to.open(&bytes, 1_000_000).is_ok());
        }
    }
    let bytes = rounds[0].close(&frame(ways()[0].clone())).expect("short");
    assert_eq!(rounds[3].open(&bytes, 1_000_000), Err(Refused::Forged));
}

#[test]
fn one_version_older_or_newer_is_understood_and_two_are_not() {
    let seal = seal(&["secret"]);
    let frame = frame(ways()[0].clone());
    for version in [VERSION - 1, VERSION, VERSION + 1] {
        let bytes = seal.close_as(&frame, version).expect("short");
        assert_eq!(seal.open(&bytes, 1_000_000), Ok(frame.clone()));
    }
    let bytes = seal.close_as(&frame, VERSION + 2).expect("short");
    assert_eq!(
        seal.open(&bytes, 1_000_000),
        Err(Refused::Version(VERSION + 2))
    );
}

#[test]
fn what_was_recorded_long_ago_is_not_listened_to() {
    let seal = seal(&["secret"]);
    let bytes = seal.close(&frame(ways()[0].clone())).expect("short");
    assert!(seal.open(&bytes, 1_000_000 + AGE_MS_MAX).is_ok());
    for now in [1_000_001 + AGE_MS_MAX, 999_999 - AGE_MS_MAX] {
        assert_eq!(seal.open(&bytes, now), Err(Refused::Stale));
    }
}

#[test]
fn frames_that_an_earlier_version_wrote_are_still_read() {
    let seal = seal(&["secret"]);
    let mut lines = 0;
    for line in include_str!("corpus.txt").lines() {
        let (name, bytes) = line.split_once(' ').expect("a name and a frame");
        let opened = seal.open(&unhex(bytes), 1_000_000);
        assert!(opened.is_ok(), "{name}: {opened:?}");
        lines += 1;
    }
    assert!(lines >= 4);
    // What is written today stands in the corpus, too: who changes the frame must add to it.
    for way in ways() {
        let bytes = hex(&seal.close(&frame(way)).expect("short"));
        assert!(
            include_str!("corpus.txt").contains(&bytes),
            "not in the corpus: {bytes}"
        );
    }
}

#[test]
fn what_is_too_long_is_not_sent() {
    let mut long = frame(ways()[0].clone());
    long.payload = Bytes::from(vec![0; PAYLOAD_BYTES_MAX + 1]);
    assert_eq!(seal(&["secret"]).close(&long), None);
}

proptest! {
    #[test]
    fn any_bytes_with_a_right_mac_are_read_without_harm(said in proptest::collection::vec(any::<u8>(), 0..200)) {
        let seal = seal(&["secret"]);
        let mac = seal.keys[0].mac(&[&seal.domain, &said]);
        let mut bytes = said.clone();
        bytes.extend_from_slice(&mac[..MAC_BYTES]);
        if let Ok(frame) = seal.open(&bytes.into(), 1_000_000) {
            prop_assert!(frame.payload.len() <= said.len());
        }
    }
}
