//! Real answers against their description: every field that comes is described, and every field that is
//! promised comes.

use crate::web::api::openapi::document;
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(document()).expect("JSON"));

/// What is wrong with an answer to `method` `path` (as routed).
pub fn faults(method: &str, path: &str, status: u16, json: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if status >= 400 {
        let problem = &DOCUMENT["components"]["schemas"]["Problem"];
        compare("problem", problem, json, &mut faults);
        return faults;
    }
    let operation = &DOCUMENT["paths"][path][method.to_lowercase()];
    let response = &operation["responses"][status.to_string()];
    if response.is_null() {
        return vec![format!("{method} {path} answers {status}: not described")];
    }
    let schema = &response["content"]["application/json"]["schema"];
    match (schema.is_null(), json.is_null()) {
        (true, true) => {}
        (true, false) => faults.push(format!(
            "{method} {path} {status}: its body is not described"
        )),
        (false, true) => faults.push(format!("{method} {path} {status}: no body came")),
        (false, false) => compare(path, schema, json, &mut faults),
    }
    faults
}

fn compare(place: &str, schema: &Value, json: &Value, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        let target = DOCUMENT
            .pointer(pointer)
            .expect("a reference leads somewhere");
        return compare(place, target, json, faults);
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(options) = schema[word].as_array() {
            let fits = options.iter().any(|option| {
                let mut wrong = Vec::new();
                compare(place, option, json, &mut wrong);
                wrong.is_empty()
            });
            if !fits {
                faults.push(format!("{place}: {json} is none of what is described"));
            }
            return;
        }
    }
    if !is_of_type(&schema["type"], json) {
        return faults.push(format!("{place}: {json} is not {}", schema["type"]));
    }
    match json {
        Value::Array(items) => {
            for item in items {
                compare(&format!("{place}[]"), &schema["items"], item, faults);
            }
        }
        Value::Object(fields) => compare_fields(place, schema, fields, faults),
        _ => {}
    }
}

fn is_of_type(described: &Value, json: &Value) -> bool {
    let one = |name: &str| match name {
        "null" => json.is_null(),
        "boolean" => json.is_boolean(),
        "integer" => json.is_u64() || json.is_i64(),
        "number" => json.is_number(),
        "string" => json.is_string(),
        "array" => json.is_array(),
        "object" => json.is_object(),
        _ => false,
    };
    match described {
        Value::String(name) => one(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(one),
        _ => true,
    }
}

fn compare_fields(
    place: &str,
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    faults: &mut Vec<String>,
) {
    let properties = schema["properties"].as_object();
    let rest = &schema["additionalProperties"];
    // A whole document of another kind is `Object` here.
    if properties.is_none() && rest.is_null() {
        return;
    }
    for (name, value) in fields {
        let place = format!("{place}.{name}");
        match properties.and_then(|properties| properties.get(name)) {
            Some(schema) => compare(&place, schema, value, faults),
            None if rest.is_object() => compare(&place, rest, value, faults),
            None => faults.push(format!("{place} is not described")),
        }
    }
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            faults.push(format!("{place}.{name} is promised and did not come"));
        }
    }
}

#[test]
fn an_answer_with_a_field_too_many_or_too_few_is_noticed() {
    let device = serde_json::json!({"items": [], "next": null});
    let path = "/api/v1/sessions";
    assert_eq!(faults("GET", path, 200, &device), [""; 0]);
    for wrong in [
        serde_json::json!({"items": [], "next": null, "secret": 1}),
        serde_json::json!({"next": null}),
        serde_json::json!({"items": [{"id": 1}], "next": null}),
        serde_json::json!({"items": {}, "next": null}),
        Value::Null,
    ] {
        assert_ne!(faults("GET", path, 200, &wrong), [""; 0], "{wrong}");
    }
    assert_ne!(faults("GET", path, 201, &device), [""; 0]);
    let problem = serde_json::json!({"code": "denied"});
    assert_ne!(faults("GET", path, 403, &problem), [""; 0]);
}
