//! Errors as pages: what happened, then what can be done.

use super::frame::Frame;
use super::seat::{html_with, see_other};
use crate::config::Config;
use crate::error::{Code, Error};
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A page that has to wait is asked for again not sooner than this, seconds.
const ASK_AGAIN_S: u64 = 3;

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
        let mut response = self.page(f, false);
        response.extensions_mut().insert(Failed(self.0));
        response
    }
}

impl Trouble {
    /// The page, inside `f`. `asked`: nothing was done, so what only has to wait is asked for again, by
    /// the browser itself.
    pub fn page(&self, f: Frame, asked: bool) -> Response {
        let error = &self.0;
        if error.code == Code::Unauthenticated {
            return see_other("/login");
        }
        let t = f.t;
        let waits = matches!(error.code.status(), 429 | 503);
        let again = waits && asked;
        let (title, more) = match error.code {
            Code::NotFound => (t.t("lost-title"), t.t("lost-more")),
            Code::Denied => (t.t("error-denied-title"), error.detail.to_string()),
            _ if waits => (t.t("error-wait-title"), error.detail.to_string()),
            _ => (t.t("error-title"), error.detail.to_string()),
        };
        let status = error.code.status();
        let page = Lost {
            title,
            more,
            // An empty reference is the page itself.
            href: if again { "" } else { "/" },
            action: t.t(if again {
                "error-try-again"
            } else {
                "lost-back"
            }),
            note: t.a("request-note", &status.to_string()),
            f,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = html_with(status, &page);
        if let Some(ms) = error.retry_after_ms {
            let seconds = HeaderValue::from(ms.div_ceil(1_000));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if again {
            let wait = error.retry_after_ms.unwrap_or_default().div_ceil(1_000);
            let seconds = HeaderValue::from(wait.max(ASK_AGAIN_S));
            response.headers_mut().insert(header::REFRESH, seconds);
        }
        response
    }
}

/// An error page in the words and under the name of the workspace; `asked`: the request changes nothing.
pub fn at_home(config: &Config, asked: bool, response: Response) -> Response {
    let Some(Failed(error)) = response.extensions().get::<Failed>() else {
        return response;
    };
    let frame = Frame {
        t: config.texts,
        workspace: config.workspace_name.clone(),
        ..Frame::default()
    };
    Trouble(error.clone()).page(frame, asked)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_only_has_to_wait_is_asked_for_again_by_the_browser_itself() {
        let refresh = |code, asked| {
            let response = Trouble(Error::new(code, "why")).page(Frame::default(), asked);
            response.headers().get(header::REFRESH).is_some()
        };
        assert!(refresh(Code::Unavailable, true) && refresh(Code::RateLimited, true));
        assert!(
            !refresh(Code::Unavailable, false),
            "a form is not sent twice"
        );
        assert!(!refresh(Code::NotFound, true) && !refresh(Code::Denied, true));
    }
}
