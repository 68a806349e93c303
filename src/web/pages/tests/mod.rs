//! People use the pages without any script.

mod forms;
mod stories;
mod threats;

use crate::config::Config;
use crate::store::memory::MemoryStore;
use crate::testing::stand::{Door, Stand};
use crate::web::router::router;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use scraper::{Html, Selector};
use std::sync::Arc;
use tower::ServiceExt as _;

const ORIGIN: &str = "http://chat.example";

struct Site {
    door: Door<Router>,
    _stand: Stand,
    _dir: tempfile::TempDir,
}

struct Page {
    status: StatusCode,
    location: String,
    cookie: Option<String>,
    text: String,
}

/// Somebody with a browser.
struct Reader<'a> {
    site: &'a Site,
    cookie: String,
}

impl Site {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = Config::for_test(dir.path());
        config.public_url = Some(ORIGIN.to_owned());
        let stand = Stand::over(|| Arc::new(MemoryStore::new())).await;
        let nodes = stand.nodes(vec![config; stand.count()]).await;
        Self {
            door: Door::to(nodes.iter().map(router).collect()),
            _stand: stand,
            _dir: dir,
        }
    }

    fn stranger(&self) -> Reader<'_> {
        Reader {
            site: self,
            cookie: String::new(),
        }
    }

    async fn signed_up(&self, name: &str) -> Reader<'_> {
        let email = format!("{name}@halden.example");
        let mut reader = self.stranger();
        let fields = [
            ("name", name),
            ("email", &email),
            ("password", "three green lanterns"),
        ];
        let page = reader.submit("/signup", "/signup", &fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        reader.cookie = page.cookie.expect("a session");
        reader
    }
}

impl Reader<'_> {
    async fn send(&self, request: axum::http::request::Builder, body: String) -> Page {
        let request = request
            .header(header::COOKIE, &self.cookie)
            .header(header::ACCEPT, "text/html")
            .body(Body::from(body))
            .expect("a request");
        let answer = self.site.door.next().oneshot(request).await;
        let answer = answer.expect("an answer");
        let text = |name| {
            let value = answer.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let cookie = text(header::SET_COOKIE);
        let cookie = cookie.and_then(|cookie| cookie.split(';').next().map(str::to_owned));
        let (status, location) = (answer.status(), text(header::LOCATION));
        let body = to_bytes(answer.into_body(), 1 << 22).await.expect("a body");
        Page {
            status,
            location: location.unwrap_or_default(),
            cookie,
            text: String::from_utf8(body.to_vec()).expect("text"),
        }
    }

    async fn get(&self, path: &str) -> Page {
        self.send(Request::get(path), String::new()).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = Request::post(path)
            .header(header::ORIGIN, ORIGIN)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, encoded(fields)).await
    }

    /// Fills in the form of the page at `path` that leads to `action`, and sends it.
    async fn submit(&self, path: &str, action: &str, typed: &[(&str, &str)]) -> Page {
        let page = self.get(path).await;
        let hidden = page.hidden(action);
        let mut fields: Vec<(&str, &str)> = hidden
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        fields.extend_from_slice(typed);
        let keeps = Reader {
            site: self.site,
            cookie: page.cookie.clone().unwrap_or_else(|| self.cookie.clone()),
        };
        keeps.post(action, &fields).await
    }

    async fn room(&self, name: &str) -> String {
        let fields = [("name", name), ("topic", ""), ("kind", "channel")];
        let page = self.submit("/rooms/new", "/rooms/new", &fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        page.location
    }
}

impl Page {
    fn texts(&self, selector: &str) -> Vec<String> {
        let selector = Selector::parse(selector).expect("a selector");
        let html = Html::parse_document(&self.text);
        let found = html.select(&selector);
        found.map(|node| node.text().collect::<String>()).collect()
    }

    fn hidden(&self, action: &str) -> Vec<(String, String)> {
        let selector = format!("form[action='{action}'] input[type=hidden]");
        let selector = Selector::parse(&selector).expect("a selector");
        let html = Html::parse_document(&self.text);
        let fields = html.select(&selector).map(|it| {
            let value = |name| it.attr(name).unwrap_or_default().to_owned();
            (value("name"), value("value"))
        });
        fields.collect()
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let byte = |byte: u8| format!("%{byte:02X}");
        text.bytes().map(byte).collect()
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}
