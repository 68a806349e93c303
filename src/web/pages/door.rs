//! The doors: signing in, signing up, invites, signing out.

use super::frame::Frame;
use super::seat::{Guest, GuestForm, SeatForm, html, html_with, own_path, see_other};
use super::trouble::{Answer, for_field};
use crate::auth::{NewPerson, extract, login, sign_up};
use crate::clock::now;
use crate::config::SignUp;
use crate::error::{Code, Error};
use crate::limits;
use crate::rate::Whom;
use crate::store::{Invite, LoginKind, User};
use crate::web::api::users::device;
use crate::web::extract::{Address, Params};
use crate::web::face::Face;
use crate::web::l10n::Piece;
use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

#[derive(Template)]
#[template(path = "pages/login.html")]
struct Login {
    f: Frame,
    email: String,
    next: String,
    error: Option<String>,
    notice: Option<String>,
    open: bool,
}

#[derive(Default)]
struct Errors {
    name: Option<String>,
    email: Option<String>,
    password: Option<String>,
}

#[derive(Default)]
struct Typed {
    name: String,
    email: String,
}

struct Invited {
    face: Face,
    by: Vec<Piece>,
    rooms: u64,
    until: Option<Vec<Piece>>,
}

#[derive(Template)]
#[template(path = "pages/signup.html")]
struct SignUpPage {
    f: Frame,
    first: bool,
    code: String,
    invite: Option<Invited>,
    form: Typed,
    errors: Errors,
    notice: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/lost.html")]
struct Closed {
    f: Frame,
    title: String,
    more: String,
    href: &'static str,
    action: String,
    note: String,
}

/// `GET /login`
pub async fn login_page(mut guest: Guest, params: Params) -> Answer {
    let next = own_path(params.text("next")?.unwrap_or("/")).to_owned();
    if guest.current.is_some() {
        return Ok(see_other(&next));
    }
    let fresh = guest.take_fresh();
    let page = html(&login_form(guest, next, String::new(), None));
    Ok(Guest::welcome(fresh, page))
}

fn login_form(guest: Guest, next: String, email: String, error: Option<&Error>) -> Login {
    let wrong = error.filter(|error| error.code == Code::Unauthenticated);
    let other = error.filter(|error| error.code != Code::Unauthenticated);
    Login {
        error: wrong.map(|_| guest.frame.t.t("wrong-password")),
        notice: other.map(|error| error.detail.to_string()),
        open: guest.node.config.sign_up == SignUp::Open,
        f: guest.frame,
        email,
        next,
    }
}

/// `POST /login`
pub async fn login_post(
    Address(address): Address,
    headers: HeaderMap,
    GuestForm { guest, fields }: GuestForm,
) -> Answer {
    let node = &guest.node;
    let next = own_path(fields.get("next")).to_owned();
    let email = fields.get("email").to_owned();
    let credentials = (email.as_str(), fields.get("password"));
    match login::check(node, credentials, address, now()).await {
        Ok(user) => enter(&guest, &user, &headers, &next).await,
        Err(error) => {
            let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::OK);
            let page = login_form(guest, next, email, Some(&error));
            Ok(html_with(status, &page))
        }
    }
}

/// Opens a session for `user` and leads him to `next`.
async fn enter(guest: &Guest, user: &User, headers: &HeaderMap, next: &str) -> Answer {
    let node = &guest.node;
    let device = device(headers);
    let (_, secret, ended) =
        login::open(&node.store, user, LoginKind::Cookie, &device, now()).await?;
    for login in ended {
        node.sessions.revoke(login).await;
    }
    Ok(with_cookie(guest, secret.reveal(), next))
}

fn with_cookie(guest: &Guest, secret: &str, next: &str) -> Response {
    let mut response = see_other(next);
    let cookie = extract::session_cookie(&guest.node.config, secret);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// `GET /signup`
pub async fn signup_page(guest: Guest) -> Answer {
    signup(guest, String::new(), Typed::default(), None).await
}

/// `GET /invite/{code}`
pub async fn invite_page(guest: Guest, Path(code): Path<String>) -> Answer {
    signup(guest, code, Typed::default(), None).await
}

async fn signup(mut guest: Guest, code: String, form: Typed, error: Option<Error>) -> Answer {
    let node = &guest.node;
    let first = !node.store.has_people().await?;
    let invite = match code.as_str() {
        "" => None,
        code => match crate::web::api::invites::valid(node, code).await {
            Ok(invite) => Some(invited(&guest, &invite).await?),
            Err(error) if error.code == Code::NotFound => {
                return Ok(closed(guest, "invite-gone", "invite-gone-more"));
            }
            Err(error) => return Err(error.into()),
        },
    };
    let open = first || invite.is_some() || node.config.sign_up == SignUp::Open;
    if !open {
        return Ok(closed(guest, "sign-up-closed", "sign-up-closed-more"));
    }
    let status = match &error {
        Some(error) => StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::OK),
        None => StatusCode::OK,
    };
    let (errors, notice) = place(error);
    let fresh = guest.take_fresh();
    let page = SignUpPage {
        f: guest.frame,
        first,
        code,
        invite,
        form,
        errors,
        notice,
    };
    Ok(Guest::welcome(fresh, html_with(status, &page)))
}

/// Puts an error beside the field that it is about.
fn place(error: Option<Error>) -> (Errors, Option<String>) {
    let mut errors = Errors::default();
    let Some(error) = error else {
        return (errors, None);
    };
    let Some(words) = for_field(&error) else {
        return (errors, Some(error.detail.to_string()));
    };
    let lower = words.to_lowercase();
    if lower.contains("password") {
        errors.password = Some(words);
    } else if lower.contains("mail") {
        errors.email = Some(words);
    } else if lower.contains("name") {
        errors.name = Some(words);
    } else {
        return (errors, Some(words));
    }
    (errors, None)
}

async fn invited(guest: &Guest, invite: &Invite) -> Result<Invited, Error> {
    let by = guest.node.people.one(invite.by).await?;
    let texts = guest.frame.t;
    let name = by.map_or_else(|| texts.t("somebody"), |by| by.name.clone());
    Ok(Invited {
        face: Face::of(Some(invite.by), &name),
        by: texts.pieces("invited-you", &[("who", name.as_str())]),
        rooms: invite.rooms.len() as u64,
        until: invite
            .expires_at
            .map(|at| texts.pieces("invite-until", &[("when", Piece::moment(at))])),
    })
}

fn closed(guest: Guest, title: &str, more: &str) -> Response {
    let t = guest.frame.t;
    let page = Closed {
        title: t.t(title),
        more: t.t(more),
        href: "/login",
        action: t.t("have-account"),
        note: String::new(),
        f: guest.frame,
    };
    html_with(StatusCode::NOT_FOUND, &page)
}

/// `POST /signup`
pub async fn signup_post(
    Address(address): Address,
    headers: HeaderMap,
    GuestForm { guest, fields }: GuestForm,
) -> Answer {
    let code = fields.get("invite").to_owned();
    let (what, rate) = match code.as_str() {
        "" => ("sign_up", limits::SIGN_UP_PER_ADDRESS),
        _ => ("sign_up_invited", limits::SIGN_UP_WITH_INVITE_PER_ADDRESS),
    };
    let new = NewPerson {
        name: fields.get("name").to_owned(),
        handle: None,
        email: fields.get("email").to_owned(),
        password: fields.get("password").to_owned(),
        invite: Some(code.clone()).filter(|code| !code.is_empty()),
    };
    let node = &guest.node;
    let made = match node.limiter.take(now(), what, Whom::address(address), rate) {
        Ok(()) => sign_up(node, &new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok(user) => enter(&guest, &user, &headers, "/").await,
        Err(error) => {
            let form = Typed {
                name: new.name,
                email: new.email,
            };
            signup(guest, code, form, Some(error)).await
        }
    }
}

/// `POST /logout`
pub async fn logout(SeatForm { seat, .. }: SeatForm) -> Answer {
    let (node, current) = (&seat.node, &seat.current);
    node.store
        .delete_login(current.user.id, current.login.id)
        .await?;
    node.sessions.revoke(current.login.id).await;
    let mut response = see_other("/login");
    let cookie = extract::session_cookie(&node.config, "");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
