//! The description of the interface, OpenAPI 3.1, from the code itself.

use super::{entries, health, invites, markers, me, members, rooms, scheduled, sessions, users};
use crate::web::problem::Problem;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Chapiana",
        description = "Errors are RFC 9457 problem details with a stable `code`."
    ),
    paths(
        users::post, users::list, users::get,
        sessions::post, sessions::list, sessions::delete_current, sessions::delete,
        me::get, me::patch, me::put_password,
        rooms::list, rooms::post, rooms::get, rooms::patch,
        members::list, members::put, members::delete,
        entries::list, entries::post, entries::messages,
        markers::list, markers::put,
        scheduled::post, scheduled::list, scheduled::delete,
        invites::post, invites::list, invites::get, invites::delete,
        get, crate::ws::upgrade, crate::ws::asyncapi, health::live, health::ready,
    ),
    components(schemas(Problem)),
    modifiers(&Security, &Names)
)]
struct Description;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("__Host-chapiana"));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// Handlers of different files share names; operations are named by method and path.
struct Names;

impl utoipa::Modify for Names {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut openapi.paths.paths {
            let place: Vec<&str> = path
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|part| !part.is_empty() && !matches!(*part, "api" | "v1"))
                .collect();
            let operations = [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    operation.operation_id = Some(format!("{method}_{}", place.join("_")));
                }
            }
        }
    }
}

static TEXT: LazyLock<String> =
    LazyLock::new(|| Description::openapi().to_json().unwrap_or_default());

/// The description as JSON.
pub fn document() -> &'static str {
    &TEXT
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200, body = Object)))]
pub async fn get() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], document()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::router::routes;
    use std::collections::BTreeSet;

    fn documented() -> BTreeSet<String> {
        let text: serde_json::Value = serde_json::from_str(&TEXT).expect("JSON");
        let paths = text["paths"].as_object().expect("paths");
        let operations = paths.iter().flat_map(|(path, operations)| {
            let operations = operations.as_object().expect("operations");
            operations
                .keys()
                .map(move |method| format!("{} {path}", method.to_uppercase()))
        });
        operations.collect()
    }

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let routed: BTreeSet<String> = routes()
            .iter()
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        assert_eq!(documented(), routed);
    }

    #[test]
    fn the_description_is_openapi_3_1_and_names_every_code() {
        let text: serde_json::Value = serde_json::from_str(&TEXT).expect("JSON");
        assert!(
            text["openapi"]
                .as_str()
                .is_some_and(|version| version.starts_with("3.1"))
        );
        let codes = text["components"]["schemas"]["Code"]["enum"].as_array();
        assert_eq!(codes.map(Vec::len), Some(crate::error::Code::ALL.len()));
    }
}
