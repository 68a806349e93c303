//! From the text of a frame to its elements, as strict as PROTOCOL.md §4 ("Broken frames").
//!
//! The grammar is checked apart from the values: an unpaired surrogate or a number out of range is
//! JSON that cannot mean anything (`bad_request` for its element), not a protocol error.

use super::CloseCode;
use crate::error::Error;
use crate::limits::{FRAME_ELEMENTS_MAX, INTEGER_MAX, JSON_DEPTH_MAX, REF_BYTES_MAX};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use std::str::FromStr;

/// The members of one JSON object.
pub type Fields = Map<String, Value>;

/// An element that is answered with `error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub reference: Option<String>,
    pub error: Error,
}

impl Bad {
    fn new(reference: Option<String>, why: &'static str) -> Self {
        Self {
            reference,
            error: Error::bad_request(why),
        }
    }
}

/// The elements of a text frame in their order. `Err`: the connection is closed.
pub fn elements(text: &str) -> Result<Vec<Result<Fields, Bad>>, CloseCode> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| CloseCode::Protocol)?;
    let slices = split(text)?;
    if slices.len() > FRAME_ELEMENTS_MAX {
        let bad = Bad::new(None, "An array holds at most 64 frames.");
        return Ok(vec![Err(bad)]);
    }
    Ok(slices.into_iter().map(fields).collect())
}

/// Cuts an array into its elements; anything else is one element. The grammar was checked before.
fn split(text: &str) -> Result<Vec<&str>, CloseCode> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let is_array = text.starts_with('[');
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let (mut slices, mut start) = (Vec::new(), 1);
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Err(CloseCode::Protocol);
                }
            }
            b']' | b'}' => depth -= 1,
            b',' if is_array && depth == 1 => {
                slices.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if !is_array {
        return Ok(vec![text]);
    }
    let last = &text[start..text.len() - 1];
    if !slices.is_empty() || !last.trim().is_empty() {
        slices.push(last);
    }
    Ok(slices)
}

fn fields(element: &str) -> Result<Fields, Bad> {
    match serde_json::from_str(element) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Bad::new(None, "A frame is a JSON object.")),
        Err(_) => Err(Bad::new(
            salvaged_ref(element),
            "A string has an unpaired surrogate, or a number is out of range.",
        )),
    }
}

/// The `ref` of an object whose other members cannot be read.
fn salvaged_ref(element: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct OnlyRef {
        r#ref: String,
    }
    let only: OnlyRef = serde_json::from_str(element).ok()?;
    Some(only.r#ref).filter(|reference| reference.len() <= REF_BYTES_MAX)
}

/// The `ref` with which answers are sent, if it can be one.
pub fn reference(fields: &Fields) -> Option<String> {
    let text = fields.get("ref")?.as_str()?;
    (text.len() <= REF_BYTES_MAX).then(|| text.to_owned())
}

type Read<T> = Result<T, Error>;

fn wrong(what: &'static str) -> Error {
    Error::bad_request(format!(
        "`{what}` is missing, of the wrong type or out of range."
    ))
}

/// A member that is there and not `null`.
fn present<'a>(fields: &'a Fields, key: &'static str) -> Option<&'a Value> {
    fields.get(key).filter(|value| !value.is_null())
}

/// An id, if the member is there.
pub fn optional_id<T: FromStr>(fields: &Fields, key: &'static str) -> Read<Option<T>> {
    present(fields, key)
        .map(|value| id_of(value).ok_or_else(|| wrong(key)))
        .transpose()
}

/// An id that must be there.
pub fn id<T: FromStr>(fields: &Fields, key: &'static str) -> Read<T> {
    optional_id(fields, key)?.ok_or_else(|| wrong(key))
}

/// The id that a value is.
pub fn id_of<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

/// An integer from 0 below 2^53, if the member is there: `1.0`, `"1"` and `true` are none.
pub fn optional_integer(fields: &Fields, key: &'static str) -> Read<Option<u64>> {
    present(fields, key)
        .map(|value| integer_of(value).ok_or_else(|| wrong(key)))
        .transpose()
}

/// An integer that must be there.
pub fn integer(fields: &Fields, key: &'static str) -> Read<u64> {
    optional_integer(fields, key)?.ok_or_else(|| wrong(key))
}

/// The integer that a value is.
pub fn integer_of(value: &Value) -> Option<u64> {
    value.as_u64().filter(|number| *number <= INTEGER_MAX)
}

/// A text, if the member is there.
pub fn optional_text<'a>(fields: &'a Fields, key: &'static str) -> Read<Option<&'a str>> {
    present(fields, key)
        .map(|value| value.as_str().ok_or_else(|| wrong(key)))
        .transpose()
}

/// A text that must be there.
pub fn text<'a>(fields: &'a Fields, key: &'static str) -> Read<&'a str> {
    optional_text(fields, key)?.ok_or_else(|| wrong(key))
}

/// `true` or `false`, which must be there.
pub fn boolean(fields: &Fields, key: &'static str) -> Read<bool> {
    present(fields, key)
        .and_then(Value::as_bool)
        .ok_or_else(|| wrong(key))
}

/// An array, if the member is there.
pub fn optional_array<'a>(fields: &'a Fields, key: &'static str) -> Read<Option<&'a Vec<Value>>> {
    present(fields, key)
        .map(|value| value.as_array().ok_or_else(|| wrong(key)))
        .transpose()
}

/// An object, if the member is there.
pub fn optional_object<'a>(fields: &'a Fields, key: &'static str) -> Read<Option<&'a Fields>> {
    present(fields, key)
        .map(|value| value.as_object().ok_or_else(|| wrong(key)))
        .transpose()
}
