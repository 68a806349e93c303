//! Shape and size of what people send: the one place where JSON fields become a `Draft`
//! (PROTOCOL.md §1, §3, §4). Both edges, WebSocket and HTTP, come through here.

use crate::error::{Error, Result};
use crate::ids::{ClientId, Seq, parse_uuid};
use crate::limits::{INTEGER_MAX, TOPIC_CHARS_MAX};
use crate::room::Draft;
use serde_json::{Map, Value};

mod text;

pub use text::{clean_body, clean_handle, clean_line, clean_name};

/// The fields of one JSON object.
pub type Fields = Map<String, Value>;

/// Reads the fields of a send: its key, the head known at the first try, and what it wants.
pub fn parse(fields: &Fields) -> Result<(ClientId, Seq, Draft)> {
    let client_id = ClientId(uuid_field(fields, "client_id")?);
    let after = integer_field(fields, "after")?;
    let draft = match text_field(fields, "kind")? {
        "post" => post(fields)?,
        "edit" => Draft::Edit {
            target: target(fields)?,
            body: clean_body(text_field(fields, "body")?)?,
        },
        "delete" => Draft::Delete {
            target: target(fields)?,
        },
        "react" => Draft::React {
            target: target(fields)?,
            emoji: emoji(fields)?,
        },
        "unreact" => Draft::Unreact {
            target: target(fields)?,
            emoji: emoji(fields)?,
        },
        "rename" => Draft::Rename {
            name: clean_name(text_field(fields, "name")?)?,
        },
        "topic" => Draft::Topic {
            topic: clean_line(text_field(fields, "topic")?, TOPIC_CHARS_MAX)?,
        },
        "pin" | "unpin" | "icon" => {
            return Err(Error::bad_request(
                "This `kind` is not supported by this version of the server.",
            ));
        }
        "join" | "leave" | "role" => {
            return Err(Error::bad_request(
                "Members are changed under /rooms/{id}/members, not by an entry.",
            ));
        }
        _ => return Err(Error::bad_request("`kind` is none that can be sent.")),
    };
    Ok((client_id, after, draft))
}

fn post(fields: &Fields) -> Result<Draft> {
    if present(fields, "thread").is_some() {
        return Err(Error::bad_request(
            "`thread` is not supported by this version of the server.",
        ));
    }
    let files = present(fields, "files");
    if files.is_some_and(|files| files.as_array().is_none_or(|list| !list.is_empty())) {
        return Err(Error::bad_request(
            "`files` are not supported by this version of the server.",
        ));
    }
    let reply_to = match present(fields, "reply_to") {
        Some(_) => Some(place_field(fields, "reply_to")?),
        None => None,
    };
    let body = clean_body(text_field(fields, "body")?)?;
    Ok(Draft::Post { body, reply_to })
}

fn target(fields: &Fields) -> Result<Seq> {
    place_field(fields, "target")
}

fn emoji(fields: &Fields) -> Result<String> {
    let emoji = text_field(fields, "emoji")?;
    match is_emoji(emoji) {
        true => Ok(emoji.to_owned()),
        false => Err(Error::bad_request("`emoji` must be one emoji.")),
    }
}

/// Whether `text` is exactly one known emoji, in any skin tone, with or without its selector.
pub fn is_emoji(text: &str) -> bool {
    emojis::get(text).is_some()
}

/// A field that is there and not null.
fn present<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// A required text.
pub fn text_field<'a>(fields: &'a Fields, name: &str) -> Result<&'a str> {
    let text = present(fields, name).and_then(Value::as_str);
    text.ok_or_else(|| Error::bad_request(format!("`{name}` must be a text.")))
}

/// A required integer from 0, below 2^53; `1.0`, `"1"` and `true` are none.
pub fn integer_field(fields: &Fields, name: &str) -> Result<u64> {
    let value = present(fields, name).and_then(integer);
    value.ok_or_else(|| Error::bad_request(format!("`{name}` must be an integer from 0.")))
}

/// The integer that a value is, if it is one from 0 and below 2^53.
pub fn integer(value: &Value) -> Option<u64> {
    value.as_u64().filter(|number| *number <= INTEGER_MAX)
}

/// A required seq of an entry: an integer from 1.
pub fn place_field(fields: &Fields, name: &str) -> Result<Seq> {
    match integer_field(fields, name) {
        Ok(0) | Err(_) => {
            let why = format!("`{name}` must be an integer from 1.");
            Err(Error::bad_request(why))
        }
        place => place,
    }
}

/// A required id in lower-case canonical text.
pub fn uuid_field(fields: &Fields, name: &str) -> Result<uuid::Uuid> {
    let id = present(fields, name).and_then(Value::as_str);
    let id = id.and_then(|text| parse_uuid(text).ok());
    id.ok_or_else(|| Error::bad_request(format!("`{name}` must be a UUID in lower case.")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::limits::BODY_CHARS_MAX;
    use serde_json::json;

    const KEY: &str = "0190a000-0000-7000-8000-00000000000a";

    fn read(extra: Value) -> Result<Draft> {
        let mut fields = json!({"client_id": KEY, "after": 0, "kind": "post", "body": "hi"});
        let (Value::Object(all), Value::Object(extra)) = (&mut fields, extra) else {
            panic!("objects only");
        };
        all.extend(extra);
        parse(all).map(|(_, _, draft)| draft)
    }

    fn code(extra: Value) -> Option<Code> {
        read(extra).err().map(|error| error.code)
    }

    #[test]
    fn every_kind_is_read_into_its_draft() {
        let cases = [
            (json!({}), "Post"),
            (json!({"reply_to": 3, "thread": null, "files": []}), "Post"),
            (json!({"kind": "edit", "target": 1}), "Edit"),
            (json!({"kind": "delete", "target": 1}), "Delete"),
            (
                json!({"kind": "react", "target": 1, "emoji": "👍🏽"}),
                "React",
            ),
            (
                json!({"kind": "unreact", "target": 1, "emoji": "❤"}),
                "Unreact",
            ),
            (json!({"kind": "rename", "name": "x"}), "Rename"),
            (json!({"kind": "topic", "topic": ""}), "Topic"),
        ];
        for (given, kind) in cases {
            let draft = read(given.clone()).expect("a whole draft");
            assert!(format!("{draft:?}").starts_with(kind), "{given}");
        }
    }

    #[test]
    fn integers_ids_and_kinds_are_exact() {
        let wrong = [
            json!({"after": "1"}),
            json!({"after": 1.0}),
            json!({"after": true}),
            json!({"after": -1}),
            json!({"after": null}),
            json!({"after": 9_007_199_254_740_992_u64}),
            json!({"client_id": KEY.to_uppercase()}),
            json!({"client_id": 7}),
            json!({"kind": "pin", "target": 1}),
            json!({"kind": "join"}),
            json!({"kind": "dance"}),
            json!({"kind": "edit"}),
            json!({"kind": "delete", "target": 0}),
            json!({"kind": "react", "target": 1, "emoji": "👍👍"}),
            json!({"kind": "react", "target": 1, "emoji": "x"}),
            json!({"kind": "react", "target": 1, "emoji": ""}),
            json!({"thread": 1}),
            json!({"files": [{}]}),
            json!({"reply_to": "1"}),
            json!({"body": 1}),
            json!({"kind": "rename", "name": " \u{200b}"}),
        ];
        for given in wrong {
            assert_eq!(code(given.clone()), Some(Code::BadRequest), "{given}");
        }
        assert_eq!(code(json!({"after": 9_007_199_254_740_991_u64})), None);
    }

    #[test]
    fn empty_long_and_control_bodies_are_refused() {
        for empty in ["", " \n", "\u{200b}", "\u{ad} \u{fe0f}\u{e0041}"] {
            assert_eq!(
                code(json!({"body": empty})),
                Some(Code::BadRequest),
                "{empty:?}"
            );
        }
        for control in ["a\0", "\u{1b}[1m", "a\u{b}b", "a\u{c}"] {
            assert_eq!(code(json!({"body": control})), Some(Code::BadRequest));
        }
        let full = "ä".repeat(BODY_CHARS_MAX);
        assert_eq!(code(json!({"body": format!("\n{full}  ")})), None);
        assert_eq!(code(json!({"body": full + "x"})), Some(Code::TooLarge));
        assert_eq!(code(json!({"body": "a\u{7f}\u{9f}b"})), None);
    }
}
