//! The HTTP interface, as far as the driver needs it.

use serde_json::Value;

/// Calls as one person at one server.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    host: String,
}

impl Http {
    pub fn new(host: &str) -> Self {
        Self {
            client: reqwest::Client::new(),
            host: host.to_owned(),
        }
    }

    /// A JSON call that must succeed.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Value {
        let url = format!("http://{}/api/v1{path}", self.host);
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, &url).bearer_auth(token);
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.expect("the server answers");
        let status = answer.status();
        let text = answer.text().await.expect("the server answers to the end");
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// The status of an answer; 0: there is none.
    pub async fn status(&self, url: &str) -> u16 {
        let answer = self.client.get(url).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    }

    /// A text that nobody has to sign in for.
    pub async fn text(&self, url: &str) -> String {
        let answer = self.client.get(url).send().await;
        let answer = answer.expect("the server answers");
        answer.text().await.expect("the server answers to the end")
    }

    /// A page as a browser gets it, compressed: its bytes and its encoding.
    pub async fn page(&self, path: &str, token: &str) -> (usize, String) {
        let url = format!("http://{}{path}", self.host);
        let request = self.client.get(&url).bearer_auth(token);
        let request = request
            .header("accept-encoding", "gzip, br")
            .header("accept", "text/html");
        let answer = request.send().await.expect("the server answers");
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        let encoding = answer.headers().get("content-encoding");
        let encoding = encoding
            .and_then(|text| text.to_str().ok())
            .unwrap_or("none")
            .to_owned();
        let bytes = answer.bytes().await.expect("the server answers to the end");
        (bytes.len(), encoding)
    }
}
