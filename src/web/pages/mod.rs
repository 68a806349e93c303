//! Pages: view structs, their handlers, and the forms that work without scripts.

pub mod act;
pub mod details;
pub mod door;
pub mod frame;
pub mod invites;
pub mod join;
pub mod places;
pub mod reading;
pub mod room;
pub mod room_forms;
pub mod seat;
pub mod settings;
pub mod shell;
pub mod timeline;
pub mod trouble;

#[cfg(test)]
mod tests;

use crate::auth::csrf;
use crate::clock::now;
use crate::limits;
use crate::node::Node;
use crate::rate::Whom;
use crate::web::assets;
use crate::web::extract::Address;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use trouble::Trouble;

/// Largest form, bytes: the longest body, each character in its longest spelling, and a little more.
const FORM_BYTES_MAX: usize = limits::BODY_CHARS_MAX * 12 + 16_384;

/// Every page and form in one list.
pub fn router(node: &Arc<Node>) -> Router<Arc<Node>> {
    Router::new()
        .route("/", get(places::home))
        .route("/login", get(door::login_page).post(door::login_post))
        .route("/signup", get(door::signup_page).post(door::signup_post))
        .route("/logout", post(door::logout))
        .route("/invite/{code}", get(door::invite_page))
        .route("/r/{room}", get(room::room))
        .route("/r/{room}/post", post(room_forms::post))
        .route("/r/{room}/read", post(reading::read))
        .route("/r/{room}/items", get(room::items))
        .route("/r/{room}/details", get(room::details))
        .route("/r/{room}/facts", post(room_forms::facts))
        .route("/r/{room}/members", post(room_forms::members))
        .route("/r/{room}/{seq}", get(room::permalink))
        .route("/r/{room}/{seq}/edit", post(room_forms::edit))
        .route("/r/{room}/{seq}/delete", post(room_forms::delete))
        .route("/r/{room}/{seq}/react", post(room_forms::react))
        .route(
            "/rooms/new",
            get(places::new_room).post(places::new_room_post),
        )
        .route("/rooms/browse", get(places::browse))
        .route("/people", get(places::people).post(places::people_post))
        .route(
            "/settings/profile",
            get(settings::profile).post(settings::profile_post),
        )
        .route(
            "/settings/appearance",
            get(settings::appearance).post(settings::appearance_post),
        )
        .route(
            "/settings/devices",
            get(settings::devices).post(settings::devices_post),
        )
        .route(
            "/settings/password",
            get(settings::password).post(settings::password_post),
        )
        .route("/admin/invites", get(invites::page).post(invites::create))
        .route("/admin/invites/{code}/delete", post(invites::delete))
        .layer(from_fn_with_state(Arc::clone(node), admit))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .route("/static/{*path}", get(assets::serve))
}

/// Forms come from our own pages, and no address asks too often.
async fn admit(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Err(error) = csrf::check_form(&node.config, &parts.method, &parts.headers) {
        return Trouble(error).into_response();
    }
    let whom = match Address::from_request_parts(&mut parts, &node).await {
        Ok(Address(address)) => Whom::address(address),
        Err(error) => return Trouble(error).into_response(),
    };
    let rate = limits::PAGES_PER_ADDRESS;
    if let Err(error) = node.limiter.take(now(), "page", whom, rate) {
        return Trouble(error).into_response();
    }
    let asked = parts.method.is_safe();
    let response = next.run(Request::from_parts(parts, body)).await;
    trouble::at_home(&node.config, asked, response)
}

#[cfg(test)]
mod rounds_tests;
