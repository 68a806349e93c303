//! Frames of clients.

use super::{Tried, text_of};
use crate::limits::{FRAME_ELEMENTS_MAX, JSON_DEPTH_MAX};
use crate::wire;

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "0",
    "1",
    "-1",
    "1.0",
    "1e3",
    "42",
    " ",
    "\n",
    "\"t\":",
    "\"hello\"",
    "\"watch\"",
    "\"unwatch\"",
    "\"send\"",
    "\"mark\"",
    "\"typing\"",
    "\"ping\"",
    "\"room\":",
    "\"ref\":",
    "\"client_id\":",
    "\"after\":",
    "\"kind\":",
    "\"post\"",
    "\"edit\"",
    "\"delete\"",
    "\"react\"",
    "\"target\":",
    "\"emoji\":",
    "\"👍\"",
    "\"body\":",
    "\"reply_to\":",
    "\"format\":",
    "\"data\"",
    "\"html\"",
    "\"cursors\":",
    "\"read\":",
    "\"unread_from\":",
    "\"on\":",
    "\"0190a000-0000-7000-8000-00000000000a\"",
    "\"0190A000-0000-7000-8000-00000000000A\"",
    "9007199254740991",
    "9007199254740992",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "\\udc00",
    "\\\"",
    "\u{202e}",
    "\u{200b}",
    "{\"t\":\"ping\",\"n\":1}",
    "[[[[[[[[[[[[[[[[[",
    "]]]]]]]]]]]]]]]]]",
    "{\"t\":\"send\",\"room\":\"0190a000-0000-7000-8000-00000000000a\",\"client_id\":\"0190a000-0000-7000-8000-00000000000b\",\"after\":0,",
    "\"kind\":\"post\",\"body\":\"x\"}",
];

#[test]
fn fuzz_frames_are_read_or_refused_within_their_bounds() {
    let tried = Tried::new("frames");
    bolero::check!().for_each(|bytes: &[u8]| {
        tried.one();
        let text = text_of(bytes, JSON);
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        match wire::client::read(&text) {
            Ok(elements) => {
                assert!(is_json, "{text:?}");
                assert!(elements.len() <= FRAME_ELEMENTS_MAX);
            }
            Err(_) => assert!(!is_json || deepest(&text) > JSON_DEPTH_MAX, "{text:?}"),
        }
    });
    tried.judge();
}

/// Brackets of the text, inside strings too: never less than the depth of its JSON.
fn deepest(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}
