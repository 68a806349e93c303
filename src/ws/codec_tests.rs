use super::*;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    let bytes = payload.iter().zip(MASK.iter().cycle());
    frame.extend(bytes.map(|(byte, mask)| byte ^ mask));
    frame
}

fn heard(frames: &[Vec<u8>]) -> (Vec<Incoming>, Option<Broken>) {
    let mut inbox = Inbox::default();
    let mut all = Vec::new();
    for frame in frames {
        inbox.add(frame);
        loop {
            match inbox.next() {
                Ok(Some(incoming)) => all.push(incoming),
                Ok(None) => break,
                Err(broken) => return (all, Some(broken)),
            }
        }
    }
    (all, None)
}

fn text(text: &str) -> Incoming {
    Incoming::Text(text.to_owned())
}

#[test]
fn the_masked_hello_of_the_rfc_is_read_also_byte_by_byte() {
    let hello = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    let mut inbox = Inbox::default();
    for byte in &hello[..10] {
        inbox.add(&[*byte]);
        assert_eq!(inbox.next(), Ok(None));
    }
    inbox.add(&hello[10..]);
    assert_eq!(inbox.next(), Ok(Some(text("Hello"))));
    assert_eq!(inbox.next(), Ok(None));
    assert_eq!(inbox.bytes.capacity(), 0, "idle, it holds no memory");
}

#[test]
fn several_messages_may_come_at_once_and_one_in_pieces_with_a_ping_in_between() {
    let two = [masked(0x81, b"one"), masked(0x81, "zwei €".as_bytes())].concat();
    let pieces = [
        masked(0x01, "€".as_bytes()[..1].as_ref()),
        masked(0x89, b"there?"),
        masked(0x00, &"€".as_bytes()[1..]),
        masked(0x80, b""),
    ]
    .concat();
    let (all, broken) = heard(&[two, pieces]);
    let ping = Incoming::Ping(b"there?".to_vec());
    assert_eq!(all, [text("one"), text("zwei €"), ping, text("€")]);
    assert_eq!(broken, None);
}

#[test]
fn every_length_comes_whole_up_to_the_largest() {
    for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
        let body = "x".repeat(length);
        let (all, broken) = heard(&[masked(0x81, body.as_bytes())]);
        assert_eq!((all, broken), (vec![text(&body)], None), "{length}");
    }
}

#[test]
fn what_is_too_large_is_refused_by_its_head_and_in_pieces_too() {
    let huge = [0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0].to_vec();
    let endless = [0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255].to_vec();
    let half = vec![b'x'; 40_000];
    let pieces = [masked(0x01, &half), masked(0x80, &half)];
    let by_one = masked(0x81, &vec![b'x'; 65_537]);
    for frames in [&[huge][..], &[endless], &pieces, &[by_one]] {
        assert_eq!(heard(frames).1, Some(Broken::TooLarge));
    }
}

#[test]
fn what_is_not_the_protocol_breaks_the_connection() {
    let unmasked = vec![0x81, 0x01, b'x'];
    let mut long_ping = masked(0x89, &[0; 125]);
    long_ping[1] = 0x80 | 126;
    for (what, frames) in [
        ("unmasked", &[unmasked][..]),
        ("a reserved bit", &[masked(0xc1, b"x")]),
        ("an opcode of the future", &[masked(0x83, b"x")]),
        ("a control opcode of the future", &[masked(0x8b, b"x")]),
        ("a ping in pieces", &[masked(0x09, b"x")]),
        ("a long ping", &[long_ping]),
        ("a piece of nothing", &[masked(0x80, b"x")]),
        (
            "a message in a message",
            &[masked(0x01, b"x"), masked(0x81, b"y")],
        ),
        ("half a close code", &[masked(0x88, &[3])]),
        (
            "a close code that nobody sends",
            &[masked(0x88, &1006_u16.to_be_bytes())],
        ),
        (
            "a close reason that is no text",
            &[masked(0x88, &[3, 232, 255])],
        ),
    ] {
        assert_eq!(heard(frames).1, Some(Broken::Protocol), "{what}");
    }
    assert_eq!(heard(&[masked(0x81, &[0xff])]).1, Some(Broken::NotUtf8));
}

#[test]
fn binary_pong_and_close_are_told_apart() {
    let close = [&1001_u16.to_be_bytes()[..], b"bye"].concat();
    let frames = [
        masked(0x82, &[0xff]),
        masked(0x8a, b""),
        masked(0x88, &close),
        masked(0x88, b""),
    ];
    let (all, broken) = heard(&frames);
    let closes = [Incoming::Close(Some(1001)), Incoming::Close(None)];
    assert_eq!(
        all,
        [&[Incoming::Binary, Incoming::Pong][..], &closes].concat()
    );
    assert_eq!(broken, None);
}

#[test]
fn heads_and_control_frames_are_as_short_as_they_may_be() {
    assert_eq!(Head::text(125).bytes(), [0x81, 125]);
    assert_eq!(Head::text(126).bytes(), [0x81, 126, 0, 126]);
    assert_eq!(Head::text(65_535).bytes(), [0x81, 126, 255, 255]);
    assert_eq!(
        Head::text(65_536).bytes(),
        [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]
    );
    assert_eq!(ping(), [0x89, 0]);
    assert_eq!(pong(b"x"), [0x8a, 1, b'x']);
    assert_eq!(close(Some(4001)), [0x88, 2, 0x0f, 0xa1]);
    assert_eq!(close(None), [0x88, 0]);
}
