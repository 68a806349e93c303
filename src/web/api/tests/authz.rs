//! Every route for every subject: each denial beside its permitted case (RELIABILITY.md §5.1).

use super::described::faults;
use super::world::{PASSWORD, Person, World};
use crate::web::router::routes;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;

/// Outsider, member, room admin, room owner, owner of the workspace outside the room, signed out, revoked.
type Expected = [u16; 7];

struct Row {
    route: &'static str,
    /// `group` or `channel`; what `{id}` stands for in routes of rooms.
    kind: &'static str,
    /// What `{user}`, `{code}` or another `{id}` stands for.
    fill: &'static str,
    body: &'static str,
    expected: Expected,
}

const INSIDE: Expected = [404, 200, 200, 200, 404, 401, 401];
const SIGNED_IN: Expected = [200, 200, 200, 200, 200, 401, 401];
const ANYBODY: Expected = [200; 7];
const MADE_BY_ANYBODY: Expected = [201; 7];

const fn row(
    route: &'static str,
    kind: &'static str,
    fill: &'static str,
    body: &'static str,
    expected: Expected,
) -> Row {
    Row {
        route,
        kind,
        fill,
        body,
        expected,
    }
}

const POST: &str = r#"{"client_id":"{new}","after":0,"kind":"post","body":"hi"}"#;
const LATER: &str = r#"{"client_id":"{new}","after":0,"body":"hi","at":"{later}"}"#;
const NEW_USER: &str = r#"{"name":"X","email":"{new}@example.org","password":"{password}"}"#;
const LOG_IN: &str = r#"{"email":"owner@example.org","password":"{password}"}"#;
const NEW_PASSWORD: &str = r#"{"present":"{password}","new":"{password}"}"#;

#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("POST /api/v1/users", "", "", NEW_USER, MADE_BY_ANYBODY),
    row("GET /api/v1/users", "", "", "", SIGNED_IN),
    row("GET /api/v1/users/{id}", "", "extra", "", SIGNED_IN),
    row("POST /api/v1/sessions", "", "", LOG_IN, MADE_BY_ANYBODY),
    row("GET /api/v1/sessions", "", "", "", SIGNED_IN),
    row("DELETE /api/v1/sessions/current", "", "", "", [204, 204, 204, 204, 204, 401, 401]),
    row("DELETE /api/v1/sessions/{id}", "", "session of owner", "", [404, 404, 404, 204, 404, 401, 401]),
    row("GET /api/v1/me", "", "", "", SIGNED_IN),
    row("PATCH /api/v1/me", "", "", r#"{"title":"x"}"#, SIGNED_IN),
    row("GET /api/v1/rooms", "", "", "", SIGNED_IN),
    row("POST /api/v1/rooms", "", "", r#"{"kind":"group"}"#, [201, 201, 201, 201, 201, 401, 401]),
    row("GET /api/v1/rooms/{id}", "group", "", "", INSIDE),
    row("GET /api/v1/rooms/{id}", "channel", "", "", SIGNED_IN),
    row("PATCH /api/v1/rooms/{id}", "group", "", r#"{"name":"new"}"#, [404, 403, 200, 200, 404, 401, 401]),
    row("PATCH /api/v1/rooms/{id}", "channel", "", r#"{"topic":"new"}"#, [404, 403, 200, 200, 404, 401, 401]),
    row("GET /api/v1/rooms/{id}/members", "group", "", "", INSIDE),
    row("GET /api/v1/rooms/{id}/members", "channel", "", "", INSIDE),
    row("PUT /api/v1/rooms/{id}/members/{user}", "group", "me", "{}", INSIDE),
    row("PUT /api/v1/rooms/{id}/members/{user}", "channel", "me", "{}", SIGNED_IN),
    row("PUT /api/v1/rooms/{id}/members/{user}", "group", "extra", "{}", INSIDE),
    row("PUT /api/v1/rooms/{id}/members/{user}", "group", "extra", r#"{"role":"admin"}"#, [404, 403, 200, 200, 404, 401, 401]),
    row("PUT /api/v1/rooms/{id}/members/{user}", "group", "extra", r#"{"role":"owner"}"#, [404, 403, 403, 200, 404, 401, 401]),
    row("DELETE /api/v1/rooms/{id}/members/{user}", "group", "victim", "", [404, 403, 200, 200, 404, 401, 401]),
    row("GET /api/v1/rooms/{id}/entries", "group", "", "", INSIDE),
    row("GET /api/v1/rooms/{id}/entries", "channel", "", "", INSIDE),
    row("POST /api/v1/rooms/{id}/entries", "group", "", POST, [404, 201, 201, 201, 404, 401, 401]),
    row("POST /api/v1/rooms/{id}/entries", "channel", "", POST, [404, 201, 201, 201, 404, 401, 401]),
    row("GET /api/v1/rooms/{id}/messages", "group", "", "", INSIDE),
    row("GET /api/v1/rooms/{id}/messages", "channel", "", "", INSIDE),
    row("GET /api/v1/rooms/{id}/markers", "group", "", "", INSIDE),
    row("PUT /api/v1/rooms/{id}/markers", "group", "", r#"{"read":1}"#, INSIDE),
    row("POST /api/v1/rooms/{id}/scheduled", "group", "", LATER, [404, 201, 201, 201, 404, 401, 401]),
    row("POST /api/v1/rooms/{id}/scheduled", "channel", "", LATER, [404, 201, 201, 201, 404, 401, 401]),
    row("GET /api/v1/scheduled", "", "", "", SIGNED_IN),
    row("DELETE /api/v1/scheduled/{id}", "", "scheduled by owner", "", [404, 404, 404, 204, 404, 401, 401]),
    row("POST /api/v1/invites", "", "", "{}", [403, 403, 403, 403, 201, 401, 401]),
    row("GET /api/v1/invites", "", "", "", [403, 403, 403, 403, 200, 401, 401]),
    row("GET /api/v1/invites/{code}", "", "invite", "", ANYBODY),
    row("DELETE /api/v1/invites/{code}", "", "invite", "", [403, 403, 403, 403, 204, 401, 401]),
    row("GET /api/v1/openapi.json", "", "", "", ANYBODY),
    row("GET /health/live", "", "", "", ANYBODY),
    row("GET /health/ready", "", "", "", ANYBODY),
    row("GET /api/v1/asyncapi.json", "", "", "", ANYBODY),
    // Without an upgrade; frames have a matrix of their own.
    row("GET /ws", "", "", "", [400; 7]),
    // The last one: it ends the other sessions of who changes his password.
    row("PUT /api/v1/me/password", "", "", NEW_PASSWORD, [204, 204, 204, 204, 204, 401, 401]),
];

fn later() -> String {
    crate::clock::now().plus_ms(3_600_000).to_rfc3339()
}

/// Who is there.
struct Cast {
    workspace_owner: Person,
    owner: Person,
    admin: Person,
    member: Person,
    victim: Person,
    extra: Person,
    outsider: Person,
}

impl Cast {
    async fn of(world: &World) -> Self {
        Self {
            workspace_owner: world.person("first").await,
            owner: world.person("owner").await,
            admin: world.person("admin").await,
            member: world.person("member").await,
            victim: world.person("victim").await,
            extra: world.person("extra").await,
            outsider: world.person("outsider").await,
        }
    }

    async fn token(&self, world: &World, subject: usize) -> Option<String> {
        let person = match subject {
            0 => &self.outsider,
            1 | 6 => &self.member,
            2 => &self.admin,
            3 => &self.owner,
            4 => &self.workspace_owner,
            _ => return None,
        };
        let token = world.fresh_token(person).await;
        if subject == 6 {
            let path = "/api/v1/sessions/current";
            let ended = world.call(Method::DELETE, path, Some(&token), None).await;
            assert_eq!(ended.status, 204);
        }
        Some(token)
    }

    async fn room(&self, world: &World, kind: &str) -> String {
        let members = [&self.admin, &self.member, &self.victim];
        let room = world.room(&self.owner, kind, &members).await;
        let path = format!("/rooms/{room}/members/{}", self.admin.id);
        let role = serde_json::json!({"role": "admin"});
        let raised = world.put(&self.owner, &path, role).await;
        assert_eq!(raised.status, 200, "{}", raised.text);
        room
    }

    async fn path(&self, world: &World, row: &Row, template: &str) -> String {
        let fill = match row.fill {
            "extra" => self.extra.id.clone(),
            "victim" => self.victim.id.clone(),
            "invite" => {
                let body = serde_json::json!({});
                let made = world
                    .post(Some(&self.workspace_owner), "/invites", body)
                    .await;
                made.json["code"].as_str().expect("a code").to_owned()
            }
            "scheduled by owner" => self.scheduled_by_owner(world).await,
            "session of owner" => self.session_of_owner(world).await,
            other => other.to_owned(),
        };
        let id = match row.kind {
            "" => fill.clone(),
            kind => self.room(world, kind).await,
        };
        template
            .replace("{id}", &id)
            .replace("{user}", &fill)
            .replace("{code}", &fill)
    }

    async fn scheduled_by_owner(&self, world: &World) -> String {
        let room = self.room(world, "group").await;
        let body = serde_json::json!({
            "client_id": uuid::Uuid::now_v7(), "after": 0, "body": "hi", "at": later(),
        });
        let path = format!("/rooms/{room}/scheduled");
        let made = world.post(Some(&self.owner), &path, body).await;
        made.json["id"].as_str().expect("an id").to_owned()
    }

    async fn session_of_owner(&self, world: &World) -> String {
        let token = world.fresh_token(&self.owner).await;
        let owner = Person {
            token,
            ..self.owner.clone()
        };
        let sessions = world.get(&owner, "/sessions").await;
        let items = sessions.json["items"].as_array().expect("a list").clone();
        let current = items.iter().find(|item| item["current"] == true);
        current.expect("one is current")["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }
}

#[tokio::test]
async fn authz_matrix() {
    let world = World::new().await;
    let cast = Cast::of(&world).await;
    let mut wrong = Vec::new();
    for row in TABLE {
        let (method, template) = row.route.split_once(' ').expect("a route");
        let method: Method = method.parse().expect("a method");
        for (subject, expected) in row.expected.into_iter().enumerate() {
            let path = cast.path(&world, row, template).await;
            let token = cast.token(&world, subject).await;
            let new = uuid::Uuid::now_v7().to_string();
            let body = row
                .body
                .replace("{new}", &new)
                .replace("{later}", &later())
                .replace("{password}", PASSWORD);
            let body: Option<Value> = serde_json::from_str(&body).ok();
            let answer = world
                .call(method.clone(), &path, token.as_deref(), body)
                .await;
            // What is answered is also what is described.
            if row.route != "GET /ws" {
                let found = faults(method.as_str(), template, answer.status, &answer.json);
                wrong.extend(
                    found
                        .into_iter()
                        .map(|fault| format!("{}: {fault}", row.route)),
                );
            }
            if answer.status != expected {
                wrong.push(format!(
                    "{} ({} {}) as subject {subject}: got {}, expected {expected}: {}",
                    row.route, row.kind, row.fill, answer.status, answer.text
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn authz_matrix_lists_every_route() {
    let listed: BTreeSet<String> = TABLE.iter().map(|row| row.route.to_owned()).collect();
    let routed: BTreeSet<String> = routes()
        .iter()
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(listed, routed);
}
