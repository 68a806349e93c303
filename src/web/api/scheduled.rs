//! `/rooms/{id}/scheduled` and `/scheduled`: messages that are sent later.

use super::List;
use crate::access::Action;
use crate::auth::CurrentUser;
use crate::clock::{Timestamp, now};
use crate::draft;
use crate::error::{Error, Result};
use crate::ids::{ClientId, RoomId, Seq, TimerId};
use crate::node::Node;
use crate::rooms::seat;
use crate::store::{SetTimer, Task, Timer};
use crate::timers::scheduled::{self, Scheduled as Outcome};
use crate::web::extract::{Body, Id};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Deserialize, utoipa::ToSchema)]
pub struct NewScheduled {
    /// The key under which it is sent: the same again changes nothing.
    client_id: ClientId,
    /// The head that the client knew when it first tried.
    after: Seq,
    body: String,
    /// When it is sent.
    at: Timestamp,
}

/// A message that is sent later.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Scheduled {
    pub id: TimerId,
    pub room: RoomId,
    pub client_id: ClientId,
    pub body: String,
    pub at: Timestamp,
    /// Why it was not sent and will not be: the code of the refusal.
    pub failed: Option<String>,
    /// Where it stands in the room, if it was sent already: what a repeat learns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
}

impl Scheduled {
    fn of(timer: Timer) -> Self {
        let Task::Post {
            room,
            client_id,
            body,
            ..
        } = timer.task;
        Self {
            id: timer.id,
            room,
            client_id,
            body,
            at: timer.due,
            failed: None,
            seq: None,
        }
    }
}

impl From<SetTimer> for Scheduled {
    fn from(set: SetTimer) -> Self {
        Self {
            failed: set.failed,
            ..Self::of(set.timer)
        }
    }
}

/// Schedules a message; under the same `client_id` again: 200, what stands; after it was sent: 200, what
/// was asked for and the `seq` at which it stands.
#[utoipa::path(post, path = "/api/v1/rooms/{id}/scheduled", params(("id" = RoomId, Path)), request_body = NewScheduled, responses((status = 201, body = Scheduled), (status = 200, body = Scheduled)))]
pub async fn post(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(room): Id<RoomId>,
    body: Result<Body<NewScheduled>>,
) -> Result<(StatusCode, Json<Scheduled>)> {
    let (store, actor) = (&*node.store, current.actor());
    seat(store, &actor, room, Action::Read).await?;
    let Body(new) = body?;
    let text = draft::clean_body(&new.body)?;
    if new.after > scheduled::head(store, room).await? {
        return Err(Error::bad_request("`after` is above the head of the room."));
    }
    let task = Task::Post {
        room,
        client_id: new.client_id,
        after: new.after,
        body: text,
    };
    Ok(
        match scheduled::schedule(store, &actor, now(), new.at, task).await? {
            Outcome::Set(timer) => (StatusCode::CREATED, Json(Scheduled::of(timer))),
            Outcome::Stands(set) => (StatusCode::OK, Json(set.into())),
            Outcome::Sent(timer, seq) => {
                let mut answer = Scheduled::of(timer);
                answer.seq = Some(seq);
                (StatusCode::OK, Json(answer))
            }
        },
    )
}

/// My scheduled messages, the next one first.
#[utoipa::path(get, path = "/api/v1/scheduled", responses((status = 200, body = List<Scheduled>)))]
pub async fn list(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
) -> Result<Json<List<Scheduled>>> {
    let timers = node.store.timers_of(current.user.id).await?;
    let items = timers.into_iter().map(Scheduled::from).collect();
    Ok(Json(List::whole(items)))
}

/// Takes one back.
#[utoipa::path(delete, path = "/api/v1/scheduled/{id}", params(("id" = TimerId, Path)), responses((status = 204)))]
pub async fn delete(
    State(node): State<Arc<Node>>,
    current: CurrentUser,
    Id(id): Id<TimerId>,
) -> Result<StatusCode> {
    scheduled::cancel(&*node.store, &current.actor(), id, now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
