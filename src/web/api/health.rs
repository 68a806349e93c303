//! `/health`: for those who keep the server running.

use crate::node::Node;
use crate::store::Durability;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// How the server is, with reasons where it is not well.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok` or `not_ready`.
    pub status: &'static str,
    pub reasons: Vec<String>,
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", responses((status = 200, body = Health)))]
pub async fn live() -> Json<Health> {
    Json(Health {
        status: "ok",
        reasons: Vec::new(),
    })
}

/// The server takes new work.
#[utoipa::path(get, path = "/health/ready", responses((status = 200, body = Health), (status = 503, body = Health)))]
pub async fn ready(State(node): State<Arc<Node>>) -> (StatusCode, Json<Health>) {
    let mut reasons = Vec::new();
    if let Durability::NotDurable(why) = node.store.durability() {
        reasons.push(format!("not_durable: {why}"));
    }
    if node.is_draining() {
        reasons.push("draining".to_owned());
    }
    match reasons.is_empty() {
        true => (
            StatusCode::OK,
            Json(Health {
                status: "ok",
                reasons,
            }),
        ),
        false => {
            let health = Health {
                status: "not_ready",
                reasons,
            };
            (StatusCode::SERVICE_UNAVAILABLE, Json(health))
        }
    }
}
