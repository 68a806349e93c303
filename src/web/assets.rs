//! What browsers fetch besides pages: built into the program, addressed by content, cached for ever.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// Hash characters in an address.
const HASH_CHARS: usize = 12;

/// Path → hash of the content.
static HASHES: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    Files::iter()
        .filter(|path| is_public(path))
        .filter_map(|path| {
            let file = Files::get(&path)?;
            Some((path.into_owned(), short_hash(&file.metadata.sha256_hash())))
        })
        .collect()
});

static ICONS: LazyLock<String> = LazyLock::new(|| url("icons/icons.svg"));

/// The folder holds sources, too; only what browsers need is served.
fn is_public(path: &str) -> bool {
    path == "css/app.css"
        || path.starts_with("icons/")
        || path.starts_with("fonts/")
        || path.starts_with("js/") && path.ends_with(".js")
}

fn short_hash(hash: &[u8]) -> String {
    let mut text = String::with_capacity(HASH_CHARS);
    for byte in &hash[..HASH_CHARS / 2] {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The address of `path`, with the hash of its content before the ending.
pub fn url(path: &str) -> String {
    match HASHES.get(path) {
        Some(hash) => format!("/static/{}", with_hash(path, hash)),
        None => format!("/static/{path}"),
    }
}

/// The address of the icon sprite.
pub fn icons() -> &'static str {
    &ICONS
}

/// JSON of the import map: modules name each other by plain relative paths, which lead to hashed addresses.
pub fn import_map() -> &'static str {
    static MAP: LazyLock<String> = LazyLock::new(|| {
        let imports: BTreeMap<String, String> = HASHES
            .keys()
            .filter(|path| path.ends_with(".js"))
            .map(|path| (format!("/static/{path}"), url(path)))
            .collect();
        serde_json::json!({ "imports": imports }).to_string()
    });
    &MAP
}

fn with_hash(path: &str, hash: &str) -> String {
    match path.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}.{hash}.{ending}"),
        None => format!("{path}.{hash}"),
    }
}

/// The plain path of an address, and the hash that it carries.
fn without_hash(address: &str) -> Option<(String, &str)> {
    let (rest, ending) = address.rsplit_once('.')?;
    let (stem, hash) = rest.rsplit_once('.')?;
    let is_hash = hash.len() == HASH_CHARS && hash.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| (format!("{stem}.{ending}"), hash))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

/// `GET /static/{*path}`
pub async fn serve(Path(address): Path<String>, headers: HeaderMap) -> Response {
    let (path, asked) = match without_hash(&address) {
        Some((path, hash)) if HASHES.contains_key(&path) => (path, Some(hash)),
        _ => (address.clone(), None),
    };
    let (Some(hash), Some(file)) = (HASHES.get(&path), Files::get(&path)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = format!("\"{hash}\"");
    let cache = if asked == Some(hash.as_str()) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let unchanged = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes() == etag.as_bytes());
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data.into_owned()).into_response()
    };
    let answer = response.headers_mut();
    answer.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(media_type(&path)),
    );
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        answer.insert(header::ETAG, etag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str) -> Response {
        serve(Path(path.to_owned()), HeaderMap::new()).await
    }

    #[tokio::test]
    async fn a_hashed_address_is_cached_for_ever_and_a_plain_one_is_asked_again() {
        let address = url("css/app.css");
        let hashed = get(address.trim_start_matches("/static/")).await;
        assert_eq!(hashed.status(), StatusCode::OK);
        assert_eq!(hashed.headers()["content-type"], "text/css; charset=utf-8");
        assert!(
            hashed.headers()["cache-control"]
                .to_str()
                .is_ok_and(|value| value.contains("immutable"))
        );
        let plain = get("css/app.css").await;
        assert_eq!(plain.headers()["cache-control"], "no-cache");
        let old = get("css/app.0123456789ab.css").await;
        assert_eq!(old.headers()["cache-control"], "no-cache");
    }

    #[tokio::test]
    async fn nothing_outside_the_folder_is_served() {
        for path in [
            "../Cargo.toml",
            "css/source.css",
            "",
            "js/wire.d.ts",
            "%2e%2e/x",
        ] {
            assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
