//! Invite links of the workspace.

use super::frame::Frame;
use super::places::shell_for;
use super::seat::{Seat, SeatForm, html_with, see_other};
use super::shell::Shell;
use super::trouble::Answer;
use crate::access::{Action, Facts, WorkspaceRole, can};
use crate::auth::CurrentUser;
use crate::auth::tokens::Secret;
use crate::clock::now;
use crate::error::{Error, Result};
use crate::store::Invite;
use crate::web::extract::Params;
use crate::web::l10n::Piece;
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;

/// Length of a code.
const CODE_CHARS: usize = 32;
const DAY_MS: i64 = 86_400_000;

#[derive(Default)]
struct Errors {
    name: Option<String>,
}

struct Link {
    code: String,
    url: String,
    role: String,
    uses: String,
    ends: Vec<Piece>,
}

#[derive(Template)]
#[template(path = "settings/invites.html")]
struct Invites {
    f: Frame,
    shell: Shell,
    section: &'static str,
    saved: bool,
    invites: Vec<Link>,
    uses: String,
    errors: Errors,
}

fn may_invite(current: &CurrentUser) -> Result<()> {
    let facts = Facts {
        room: None,
        role: None,
    };
    let invite = Action::Invite {
        role: WorkspaceRole::Member,
    };
    can(&current.actor(), invite, &facts).map_err(Error::from)
}

/// `GET /admin/invites`
pub async fn page(seat: Seat, params: Params) -> Answer {
    may_invite(&seat.current)?;
    let saved = params.text("saved")?.is_some();
    show(seat, saved, String::new(), Errors::default()).await
}

async fn show(seat: Seat, saved: bool, uses: String, errors: Errors) -> Answer {
    let mut all = seat.node.store.invites().await?;
    all.sort_by_key(|invite| std::cmp::Reverse(invite.created_at));
    let (t, base) = (seat.frame.t, seat.node.config.base_url());
    let invites = all.into_iter().map(|invite| Link {
        url: format!("{base}/invite/{}", invite.code),
        code: invite.code,
        role: match invite.role {
            WorkspaceRole::Member => t.t("member"),
            WorkspaceRole::Admin => t.t("admin"),
            WorkspaceRole::Owner => t.t("owner"),
        },
        uses: match invite.uses_left {
            Some(left) => t.n("invite-left", u64::from(left)),
            None => t.t("invite-unlimited"),
        },
        ends: match invite.expires_at {
            Some(at) => t.pieces("invite-ends", &[("when", Piece::moment(at))]),
            None => vec![Piece::Words(t.t("invite-for-ever"))],
        },
    });
    let status = match errors.name {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::OK,
    };
    let page = Invites {
        invites: invites.collect(),
        shell: shell_for(&seat, "you").await?,
        f: seat.frame,
        section: "invites",
        saved,
        uses,
        errors,
    };
    Ok(html_with(status, &page))
}

/// `POST /admin/invites`
pub async fn create(SeatForm { seat, fields }: SeatForm) -> Answer {
    may_invite(&seat.current)?;
    let typed = fields.get("uses").trim().to_owned();
    let uses: Option<u32> = match typed.as_str() {
        "" => None,
        text => match text.parse() {
            Ok(uses) if uses > 0 => Some(uses),
            _ => {
                let hint = seat.frame.t.t("invite-uses-hint");
                let errors = Errors { name: Some(hint) };
                return show(seat, false, typed, errors).await;
            }
        },
    };
    let days: i64 = fields.get("days").parse().unwrap_or(7);
    let expires_at = match days {
        0 => None,
        days => Some(now().plus_ms(days.clamp(1, 365) * DAY_MS)),
    };
    let invite = Invite {
        code: Secret::mint().reveal().chars().take(CODE_CHARS).collect(),
        by: seat.current.user.id,
        role: WorkspaceRole::Member,
        rooms: Vec::new(),
        uses_left: uses,
        expires_at,
        created_at: now(),
    };
    seat.node.store.create_invite(&invite).await?;
    Ok(see_other("/admin/invites?saved"))
}

/// `POST /admin/invites/{code}/delete`
pub async fn delete(Path(code): Path<String>, SeatForm { seat, .. }: SeatForm) -> Answer {
    may_invite(&seat.current)?;
    if !seat.node.store.delete_invite(&code).await? {
        return Err(Error::not_found().into());
    }
    Ok(see_other("/admin/invites?saved"))
}
