//! What page handlers take from a request: who sits there, and the fields of a form.

use super::frame::{Appearance, Frame};
use super::trouble::Trouble;
use crate::auth::tokens::{hex, random};
use crate::auth::{CurrentUser, csrf, extract};
use crate::config::Config;
use crate::error::{Code, Error};
use crate::node::Node;
use crate::web::extract::Signed;
use crate::web::headers::Nonce;
use askama::Template;
use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::sync::Arc;

/// Somebody who is signed in, before a page.
pub struct Seat {
    pub node: Arc<Node>,
    pub current: CurrentUser,
    pub frame: Frame,
}

/// Anybody before a page.
pub struct Guest {
    pub node: Arc<Node>,
    pub current: Option<CurrentUser>,
    pub frame: Frame,
    /// A browser that comes for the first time: what it is to keep, so that its forms have a token.
    fresh: Option<String>,
}

/// The fields of a form at the door, which belongs to the browser.
pub struct GuestForm {
    pub guest: Guest,
    pub fields: Fields,
}

impl Guest {
    /// A page with forms: gives a new browser its cookie.
    pub fn welcome(fresh: Option<String>, mut response: Response) -> Response {
        if let Some(cookie) = fresh.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Takes out what `welcome` needs.
    pub fn take_fresh(&mut self) -> Option<String> {
        self.fresh.take()
    }
}

/// The fields of a form that belongs to the session.
pub struct SeatForm {
    pub seat: Seat,
    pub fields: Fields,
}

/// Names and values; of a name that comes twice the last counts.
#[derive(Clone, Debug, Default)]
pub struct Fields(HashMap<String, String>);

impl Fields {
    /// The value, or nothing.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The value with plain line ends: forms send CR LF whatever was typed.
    pub fn text(&self, name: &str) -> String {
        self.get(name).replace("\r\n", "\n")
    }
}

impl FromRequest<Arc<Node>> for Fields {
    type Rejection = Trouble;

    async fn from_request(request: Request, node: &Arc<Node>) -> Result<Self, Trouble> {
        let form = Form::<Vec<(String, String)>>::from_request(request, node).await;
        let Form(pairs) = form.map_err(|rejection| {
            let code = match rejection.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
                StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMedia,
                _ => Code::BadRequest,
            };
            Trouble(Error::new(code, "The form could not be read."))
        })?;
        Ok(Self(pairs.into_iter().collect()))
    }
}

impl Guest {
    /// Without the look that a person chose.
    async fn undressed(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Trouble> {
        let signed =
            <Signed as OptionalFromRequestParts<Arc<Node>>>::from_request_parts(parts, node)
                .await?;
        let nonce = parts.extensions.get::<Nonce>();
        let config = &node.config;
        let kept = extract::cookie_secret(config, &parts.headers)
            .or_else(|| extract::cookie(&parts.headers, extract::visitor_cookie_name(config)));
        let new = kept.is_none().then(|| hex(&random::<32>()));
        let fresh = new
            .as_deref()
            .map(|new| extract::visitor_cookie(config, new));
        let secret = kept.or(new).unwrap_or_default();
        let frame = Frame {
            t: node.config.texts,
            nonce: nonce.map(|nonce| nonce.0.to_string()).unwrap_or_default(),
            csrf: csrf::form_token(&secret),
            workspace: node.config.workspace_name.clone(),
            host: host(&node.config),
            look: Appearance::default(),
        };
        Ok(Self {
            node: Arc::clone(node),
            current: signed.map(|Signed(current)| current),
            frame,
            fresh,
        })
    }
}

impl FromRequestParts<Arc<Node>> for Guest {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Trouble> {
        let mut guest = Self::undressed(parts, node).await?;
        if let Some(current) = &guest.current {
            guest.frame.look = Appearance::of(&*node.store, current.user.id).await?;
        }
        Ok(guest)
    }
}

fn host(config: &Config) -> String {
    let url = config.base_url();
    url.split_once("://")
        .map_or(url.as_str(), |(_, host)| host)
        .to_owned()
}

impl FromRequestParts<Arc<Node>> for Seat {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Response> {
        seat(Guest::from_request_parts(parts, node).await, parts).map_err(|sent| *sent)
    }
}

/// A seat whose look is read with everything else that the page needs.
pub struct Undressed(pub Seat);

impl FromRequestParts<Arc<Node>> for Undressed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, node: &Arc<Node>) -> Result<Self, Response> {
        seat(Guest::undressed(parts, node).await, parts)
            .map(Undressed)
            .map_err(|sent| *sent)
    }
}

fn seat(guest: Result<Guest, Trouble>, parts: &Parts) -> Result<Seat, Box<Response>> {
    let guest = guest.map_err(|trouble| Box::new(trouble.into_response()))?;
    let Some(current) = guest.current else {
        return Err(Box::new(to_sign_in(parts)));
    };
    Ok(Seat {
        node: guest.node,
        current,
        frame: guest.frame,
    })
}

/// The way back leads to the page that was asked for.
fn to_sign_in(parts: &Parts) -> Response {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if parts.method != Method::GET || path == "/" {
        return see_other("/login");
    }
    let mut next = String::from("/login?next=");
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                next.push(char::from(byte));
            }
            _ => next.push_str(&format!("%{byte:02X}")),
        }
    }
    see_other(&next)
}

impl FromRequest<Arc<Node>> for SeatForm {
    type Rejection = Response;

    async fn from_request(request: Request, node: &Arc<Node>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let seat = Seat::from_request_parts(&mut parts, node).await?;
        let fields = Fields::from_request(Request::from_parts(parts, body), node)
            .await
            .map_err(IntoResponse::into_response)?;
        check_token(&seat.frame, &fields).map_err(IntoResponse::into_response)?;
        Ok(Self { seat, fields })
    }
}

impl FromRequest<Arc<Node>> for GuestForm {
    type Rejection = Trouble;

    async fn from_request(request: Request, node: &Arc<Node>) -> Result<Self, Trouble> {
        let (mut parts, body) = request.into_parts();
        let guest = Guest::from_request_parts(&mut parts, node).await?;
        let fields = Fields::from_request(Request::from_parts(parts, body), node).await?;
        check_token(&guest.frame, &fields)?;
        Ok(Self { guest, fields })
    }
}

fn check_token(frame: &Frame, fields: &Fields) -> Result<(), Trouble> {
    if csrf::same_token(&frame.csrf, fields.get("csrf")) {
        return Ok(());
    }
    Err(Trouble(Error::new(
        Code::Denied,
        "This form is from an earlier visit. Load its page again, then send it.",
    )))
}

/// A page.
pub fn html(template: &impl Template) -> Response {
    html_with(StatusCode::OK, template)
}

/// A page with another status: a form that comes back with its errors.
pub fn html_with(status: StatusCode, template: &impl Template) -> Response {
    let text = crate::web::render::rendered(template);
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, kind, text).into_response()
}

/// After a form: look there (POST, redirect, GET).
pub fn see_other(path: &str) -> Response {
    let place = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// A path of our own, or `/`: never another site (T25).
pub fn own_path(next: &str) -> &str {
    let plain = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.chars().all(|c| c.is_ascii_graphic());
    if plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t25_the_way_back_leads_only_to_our_own_pages() {
        for good in ["/", "/r/x", "/settings/profile?a=b", "/r/x#m5"] {
            assert_eq!(own_path(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x",
            "evil",
        ] {
            assert_eq!(own_path(bad), "/", "{bad:?}");
        }
    }
}
