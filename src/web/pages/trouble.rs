//! Errors as pages: what happened, then what can be done.

use super::frame::Frame;
use super::seat::{html_with, see_other};
use crate::config::Config;
use crate::error::{Code, Error};
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// An error on its way to a page.
#[derive(Debug)]
pub struct Trouble(pub Error);

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Trouble(error.into())
    }
}

/// What page handlers answer.
pub type Answer = Result<Response, Trouble>;

#[derive(Template)]
#[template(path = "pages/lost.html")]
struct Lost {
    f: Frame,
    title: String,
    more: String,
    href: &'static str,
    action: String,
    note: String,
}

/// Left with a response, so that the page can be made again in the words of the workspace.
#[derive(Clone)]
pub struct Failed(Error);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let f = Frame {
            workspace: "Chapiana".to_owned(),
            ..Frame::default()
        };
        let mut response = self.page(f);
        response.extensions_mut().insert(Failed(self.0));
        response
    }
}

impl Trouble {
    /// The page, inside `f`.
    pub fn page(&self, f: Frame) -> Response {
        let error = &self.0;
        if error.code == Code::Unauthenticated {
            return see_other("/login");
        }
        let t = f.t;
        let (title, more) = match error.code {
            Code::NotFound => (t.t("lost-title"), t.t("lost-more")),
            Code::Denied => (t.t("error-denied-title"), error.detail.to_string()),
            code if code.status() == 429 || code.status() == 503 => {
                (t.t("error-wait-title"), error.detail.to_string())
            }
            _ => (t.t("error-title"), error.detail.to_string()),
        };
        let status = error.code.status();
        let page = Lost {
            title,
            more,
            href: "/",
            action: t.t("lost-back"),
            note: t.a("request-note", &status.to_string()),
            f,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = html_with(status, &page);
        if let Some(ms) = error.retry_after_ms {
            let seconds = HeaderValue::from(ms.div_ceil(1_000));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// An error page in the words and under the name of the workspace.
pub fn at_home(config: &Config, response: Response) -> Response {
    match response.extensions().get::<Failed>() {
        Some(Failed(error)) => Trouble(error.clone()).page(Frame {
            t: config.texts,
            workspace: config.workspace_name.clone(),
            ..Frame::default()
        }),
        None => response,
    }
}

/// No such page: a page for browsers, problem details for programs.
pub fn not_found(accepts_html: bool) -> Response {
    if accepts_html {
        Trouble(Error::not_found()).into_response()
    } else {
        Error::not_found().into_response()
    }
}

/// The error of a form, if it is about what was typed and not about our side.
pub fn for_field(error: &Error) -> Option<String> {
    let typed = matches!(
        error.code,
        Code::BadRequest | Code::Conflict | Code::TooLarge | Code::Denied
    );
    typed.then(|| error.detail.to_string())
}
