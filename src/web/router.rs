//! Every route in one list, each with who may call it, its rate and its size.

use super::api::{
    entries, health, invites, markers, me, members, openapi, rooms, scheduled, sessions, users,
};
use super::extract::{Address, BodyMax};
use super::{headers, pages};
use crate::auth::{CurrentUser, csrf};
use crate::clock::now;
use crate::error::{Code, Error};
use crate::limits::{self, Rate};
use crate::node::Node;
use crate::rate::Whom;
use crate::ws;
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

/// Names each request in logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Anybody,
    SignedIn,
}

/// The rate of a route, counted per person, or per address where nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    name: &'static str,
    rate: Rate,
}

const READ: Limit = Limit {
    name: "read",
    rate: limits::READS_PER_USER,
};
const CHANGE: Limit = Limit {
    name: "change",
    rate: limits::CHANGES_PER_USER,
};
const PEOPLE: Limit = Limit {
    name: "people",
    rate: limits::PEOPLE_PER_USER,
};
const SEND: Limit = Limit {
    name: "send_request",
    rate: limits::SEND_PER_USER,
};
/// Sign-up and log-in count by themselves, by address.
const DOOR: Limit = Limit {
    name: "door",
    rate: limits::PAGES_PER_ADDRESS,
};
const SOCKET: Limit = Limit {
    name: "socket",
    rate: limits::SOCKETS_PER_ADDRESS,
};
const INVITE: Limit = Limit {
    name: "invite_lookup",
    rate: limits::INVITE_LOOKUP_PER_ADDRESS,
};

/// One route of the interface for programs.
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub who: Who,
    pub limit: Limit,
    /// Largest body, bytes.
    pub body_max: usize,
    handler: MethodRouter<Arc<Node>>,
}

fn route<H, T>(method: Method, path: &'static str, who: Who, limit: Limit, handler: H) -> Route
where
    H: Handler<T, Arc<Node>>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).expect("a usual method");
    Route {
        handler: on(filter, handler),
        method,
        path,
        who,
        limit,
        body_max: limits::JSON_BYTES_MAX,
    }
}

/// The list.
pub fn routes() -> Vec<Route> {
    use Who::{Anybody, SignedIn};
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let (patch, delete) = (Method::PATCH, Method::DELETE);
    let get = || get.clone();
    let post = || post.clone();
    let put = || put.clone();
    let patch = || patch.clone();
    let delete = || delete.clone();
    const USER: &str = "/api/v1/users/{id}";
    const SESSION: &str = "/api/v1/sessions/{id}";
    const CURRENT: &str = "/api/v1/sessions/current";
    const ROOM: &str = "/api/v1/rooms/{id}";
    const MEMBERS: &str = "/api/v1/rooms/{id}/members";
    const MEMBER: &str = "/api/v1/rooms/{id}/members/{user}";
    const ENTRIES: &str = "/api/v1/rooms/{id}/entries";
    const MESSAGES: &str = "/api/v1/rooms/{id}/messages";
    const MARKERS: &str = "/api/v1/rooms/{id}/markers";
    const SCHEDULED: &str = "/api/v1/rooms/{id}/scheduled";
    const TIMER: &str = "/api/v1/scheduled/{id}";
    const CODE: &str = "/api/v1/invites/{code}";
    vec![
        route(post(), "/api/v1/users", Anybody, DOOR, users::post),
        route(get(), "/api/v1/users", SignedIn, PEOPLE, users::list),
        route(get(), USER, SignedIn, READ, users::get),
        route(post(), "/api/v1/sessions", Anybody, DOOR, sessions::post),
        route(get(), "/api/v1/sessions", SignedIn, READ, sessions::list),
        route(
            delete(),
            CURRENT,
            SignedIn,
            CHANGE,
            sessions::delete_current,
        ),
        route(delete(), SESSION, SignedIn, CHANGE, sessions::delete),
        route(get(), "/api/v1/me", SignedIn, READ, me::get),
        route(patch(), "/api/v1/me", SignedIn, CHANGE, me::patch),
        route(
            put(),
            "/api/v1/me/password",
            SignedIn,
            CHANGE,
            me::put_password,
        ),
        route(get(), "/api/v1/rooms", SignedIn, READ, rooms::list),
        route(post(), "/api/v1/rooms", SignedIn, CHANGE, rooms::post),
        route(get(), ROOM, SignedIn, READ, rooms::get),
        route(patch(), ROOM, SignedIn, CHANGE, rooms::patch),
        route(get(), MEMBERS, SignedIn, READ, members::list),
        route(put(), MEMBER, SignedIn, CHANGE, members::put),
        route(delete(), MEMBER, SignedIn, CHANGE, members::delete),
        route(get(), ENTRIES, SignedIn, READ, entries::list),
        route(post(), ENTRIES, SignedIn, SEND, entries::post),
        route(get(), MESSAGES, SignedIn, READ, entries::messages),
        route(get(), MARKERS, SignedIn, READ, markers::list),
        route(put(), MARKERS, SignedIn, CHANGE, markers::put),
        route(post(), SCHEDULED, SignedIn, CHANGE, scheduled::post),
        route(get(), "/api/v1/scheduled", SignedIn, READ, scheduled::list),
        route(delete(), TIMER, SignedIn, CHANGE, scheduled::delete),
        route(post(), "/api/v1/invites", SignedIn, CHANGE, invites::post),
        route(get(), "/api/v1/invites", SignedIn, READ, invites::list),
        route(get(), CODE, Anybody, INVITE, invites::get),
        route(delete(), CODE, SignedIn, CHANGE, invites::delete),
        route(get(), "/api/v1/openapi.json", Anybody, DOOR, openapi::get),
        route(get(), "/api/v1/asyncapi.json", Anybody, DOOR, ws::asyncapi),
        route(get(), "/ws", Anybody, SOCKET, ws::upgrade),
        route(get(), "/health/live", Anybody, DOOR, health::live),
        route(get(), "/health/ready", Anybody, DOOR, health::ready),
    ]
}

/// The whole of HTTP.
pub fn router(node: &Arc<Node>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        let guard = Guard {
            node: Arc::clone(node),
            who: route.who,
            limit: route.limit,
            body_max: route.body_max,
        };
        let guarded = route.handler.layer(from_fn_with_state(guard, admit));
        router = router.route(route.path, guarded);
    }
    router
        .merge(pages::router(node))
        .fallback(lost)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(node), headers::secure))
        .layer(CompressionLayer::new().br(true).gzip(true))
        .layer(CatchPanicLayer::custom(|_| {
            Error::internal().into_response()
        }))
        .layer(from_fn(log))
        .with_state(Arc::clone(node))
}

/// What a route asks of every request before its handler runs.
#[derive(Clone)]
struct Guard {
    node: Arc<Node>,
    who: Who,
    limit: Limit,
    body_max: usize,
}

async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let node = &guard.node;
    if let Err(error) = csrf::check_api(&node.config, &parts.method, &parts.headers) {
        return error.into_response();
    }
    let address = match Address::from_request_parts(&mut parts, node).await {
        Ok(Address(address)) => Whom::address(address),
        Err(error) => return error.into_response(),
    };
    let whom = match guard.who {
        Who::Anybody => address,
        Who::SignedIn => match CurrentUser::from_request_parts(&mut parts, node).await {
            Ok(current) => Whom::User(current.user.id),
            Err(error) => return error.into_response(),
        },
    };
    let (name, rate) = (guard.limit.name, guard.limit.rate);
    if let Err(error) = node.limiter.take(now(), name, whom, rate) {
        return error.into_response();
    }
    parts.extensions.insert(BodyMax(guard.body_max));
    next.run(Request::from_parts(parts, body)).await
}

/// No such path: a page for browsers, problem details for programs.
async fn lost(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    let page = accept.is_some_and(|accept| accept.contains("text/html"));
    pages::trouble::at_home(&node.config, false, pages::trouble::not_found(page))
}

/// The path exists, the method does not; `Allow` says which do.
async fn wrong_method(method: Method) -> Response {
    match method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => Error::new(
            Code::MethodNotAllowed,
            "This path does not take this method.",
        )
        .into_response(),
    }
}

/// One line for each request: no bodies, no queries, no ids of rooms or people.
async fn log(mut request: Request, next: Next) -> Response {
    let id = uuid::Uuid::now_v7().to_string();
    let name = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"));
    request.headers_mut().insert(REQUEST_ID, name.clone());
    let method = request.method().clone();
    let path = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let began = std::time::Instant::now();
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    let elapsed_ms = began.elapsed().as_millis();
    let route = path.as_deref().unwrap_or("none");
    tracing::debug!(request = %id, %method, route, status, elapsed_ms, "answered");
    if status == 500 {
        tracing::error!(request = %id, %method, route, "a request failed on our side");
    }
    response.headers_mut().insert(REQUEST_ID, name);
    response
}
