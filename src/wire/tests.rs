use super::CloseCode;
use super::client::{ClientFrame, Element, Format, Mark, read};
use super::json::Bad;
use crate::error::Code;

const ROOM: &str = "0190a000-0000-7000-8000-00000000000a";

fn one(text: &str) -> Element {
    let mut elements = read(text).expect("the frame is JSON");
    assert_eq!(elements.len(), 1, "{text}");
    elements.remove(0)
}

fn refused(text: &str) -> Bad {
    match one(text).frame {
        Err(bad) => {
            assert_eq!(bad.error.code, Code::BadRequest, "{text}");
            bad
        }
        Ok(frame) => panic!("{text} was taken for {frame:?}"),
    }
}

#[test]
fn what_is_not_json_or_too_deep_closes_with_4009() {
    let deep = format!("{}{}", "[".repeat(17), "]".repeat(17));
    let deep_object = format!(
        r#"{{"t":"ping","n":1,"x":{}{}}}"#,
        "[".repeat(16),
        "]".repeat(16)
    );
    for text in [
        "",
        " ",
        "{nope",
        "{\"t\":\"ping\",}",
        "{}{}",
        "[1",
        "NaN",
        r#"{"t":"ping","n":NaN}"#,
        r#"{"t":"ping","n":01}"#,
        "\u{feff}{}",
        &deep,
        &deep_object,
    ] {
        assert_eq!(read(text), Err(CloseCode::Protocol), "{text:?}");
    }
    let within = format!(
        r#"{{"t":"ping","n":1,"x":{}{}}}"#,
        "[".repeat(15),
        "]".repeat(15)
    );
    assert_eq!(one(&within).frame, Ok(ClientFrame::Ping { n: 1 }));
    let brackets = format!(
        r#"{{"t":"ping","n":1,"x":"{}\"{}"}}"#,
        "[".repeat(50),
        "{".repeat(9)
    );
    assert_eq!(one(&brackets).frame, Ok(ClientFrame::Ping { n: 1 }));
}

#[test]
fn json_that_is_no_frame_is_a_bad_request() {
    for text in [
        "\"words\"",
        "5",
        "null",
        "{}",
        r#"{"t":1}"#,
        r#"{"t":"nonsense"}"#,
        "[[]]",
        r#"[[{"t":"ping","n":7}]]"#,
        "[null]",
    ] {
        assert_eq!(refused(text).reference, None, "{text}");
    }
    assert_eq!(read("[]").as_deref(), Ok(&[][..]));
    assert_eq!(read(" [ \n ] ").as_deref(), Ok(&[][..]));
}

#[test]
fn t24_an_object_array_null_or_number_as_an_id_is_a_bad_request() {
    for wrong in [
        "1",
        "1.0",
        "true",
        "null",
        "{}",
        "[]",
        "\"1\"",
        "\"\"",
        "\"0190A000-0000-7000-8000-00000000000A\"",
        r#"{"$ne":null}"#,
        r#"["0190a000-0000-7000-8000-00000000000a"]"#,
    ] {
        for frame in [
            format!(r#"{{"t":"watch","ref":"r","room":{wrong},"after":0}}"#),
            format!(r#"{{"t":"unwatch","ref":"r","room":{wrong}}}"#),
            format!(r#"{{"t":"mark","ref":"r","room":{wrong},"read":1}}"#),
            format!(r#"{{"t":"typing","ref":"r","room":{wrong},"on":true}}"#),
            format!(
                r#"{{"t":"send","ref":"r","room":"{ROOM}","client_id":{wrong},"after":0,"kind":"post","body":"x"}}"#
            ),
            format!(r#"{{"t":"presence","ref":"r","state":"away","watch":[{wrong}]}}"#),
        ] {
            assert_eq!(refused(&frame).reference.as_deref(), Some("r"), "{frame}");
        }
    }
    let right = format!(r#"{{"t":"unwatch","ref":"r","room":"{ROOM}"}}"#);
    assert!(one(&right).frame.is_ok());
}

#[test]
fn t34_numbers_out_of_range_or_not_exact_are_refused_and_their_neighbours_are_not() {
    for wrong in [
        "1.0",
        "\"1\"",
        "true",
        "-1",
        "-0",
        "1e2",
        "1e999",
        "9007199254740992",
        "9223372036854775808",
        "18446744073709551616",
        "null",
        "[1]",
    ] {
        let text = format!(r#"[{{"t":"ping","ref":"a","n":{wrong}}},{{"t":"ping","n":2}}]"#);
        let elements = read(&text).expect("the frame is JSON");
        let bad = elements[0].frame.as_ref().expect_err(&text);
        assert_eq!(bad.error.code, Code::BadRequest, "{text}");
        assert_eq!(bad.reference.as_deref(), Some("a"), "{text}");
        assert_eq!(elements[1].frame, Ok(ClientFrame::Ping { n: 2 }), "{text}");
    }
    let most = r#"{"t":"ping","n":9007199254740991}"#;
    assert_eq!(
        one(most).frame,
        Ok(ClientFrame::Ping {
            n: 9_007_199_254_740_991
        })
    );
}

#[test]
fn an_unpaired_surrogate_is_a_bad_request_with_its_ref_and_a_pair_is_text() {
    let send = |body: &str| {
        format!(
            r#"{{"t":"send","ref":"s","room":"{ROOM}","client_id":"{ROOM}","after":0,"kind":"post","body":"{body}"}}"#
        )
    };
    for broken in [r"\ud800", r"a\udc00b", r"\ud800\u0041", r"\udc00\ud800"] {
        assert_eq!(
            refused(&send(broken)).reference.as_deref(),
            Some("s"),
            "{broken}"
        );
    }
    let Ok(ClientFrame::Send(sent)) = one(&send(r"\ud83d\udc4d")).frame else {
        panic!("a surrogate pair is a character");
    };
    assert_eq!(sent.fields["body"], "👍");
    assert_eq!(
        refused(r#"{"t":"ping","ref":"\ud800","n":1}"#).reference,
        None
    );
}

#[test]
fn a_ref_is_a_string_of_at_most_64_bytes() {
    let fits = "é".repeat(32);
    let frame = |reference: &str| format!(r#"{{"t":"nonsense","ref":{reference}}}"#);
    assert_eq!(
        refused(&frame(&format!("\"{fits}\""))).reference,
        Some(fits.clone())
    );
    for wrong in [format!("\"{fits}x\""), "5".to_owned(), "{}".to_owned()] {
        assert_eq!(refused(&frame(&wrong)).reference, None, "{wrong}");
        let watch = format!(r#"{{"t":"watch","ref":{wrong},"room":"{ROOM}","after":0}}"#);
        assert_eq!(refused(&watch).reference, None, "{wrong}");
    }
}

#[test]
fn more_than_64_elements_take_no_effect_and_64_do() {
    let ping = r#"{"t":"ping","n":1}"#;
    let array = |count| format!("[{}]", vec![ping; count].join(","));
    assert_eq!(read(&array(64)).map(|all| all.len()), Ok(64));
    refused(&array(65));
}

#[test]
fn a_hello_names_its_format_and_at_most_100_cursors() {
    let cursors = |count: usize| {
        let members: Vec<String> = (0..count)
            .map(|n| format!(r#""0190a000-0000-7000-8000-{n:012x}":{n}"#))
            .collect();
        format!(
            r#"{{"t":"hello","format":"html","cursors":{{{}}}}}"#,
            members.join(",")
        )
    };
    let Ok(ClientFrame::Hello {
        format,
        cursors: hundred,
        ..
    }) = one(&cursors(100)).frame
    else {
        panic!("100 cursors are allowed");
    };
    assert_eq!((format, hundred.len()), (Format::Html, 100));
    for text in [
        cursors(101).as_str(),
        r#"{"t":"hello"}"#,
        r#"{"t":"hello","format":"xml"}"#,
        r#"{"t":"hello","format":"data","cursors":[]}"#,
        r#"{"t":"hello","format":"data","cursors":{"x":1}}"#,
        r#"{"t":"hello","format":"data","device":7}"#,
    ] {
        assert!(one(text).is_hello);
        refused(text);
    }
}

#[test]
fn a_mark_raises_or_goes_back_but_not_both() {
    let mark = |rest: &str| format!(r#"{{"t":"mark","room":"{ROOM}"{rest}}}"#);
    let Ok(ClientFrame::Mark { mark: raised, .. }) = one(&mark(r#","read":3"#)).frame else {
        panic!("a read marker can be raised");
    };
    assert_eq!(
        raised,
        Mark::Raise {
            read: Some(3),
            delivered: None
        }
    );
    let Ok(ClientFrame::Mark { mark: back, .. }) = one(&mark(r#","unread_from":3"#)).frame else {
        panic!("a room can be marked unread");
    };
    assert_eq!(back, Mark::UnreadFrom(3));
    for wrong in [
        "",
        r#","read":1,"unread_from":1"#,
        r#","unread_from":0"#,
        r#","read":-1"#,
    ] {
        refused(&mark(wrong));
    }
}
