//! Settings of a person: profile, appearance, devices, password; and invites of the workspace.

use super::frame::{Appearance, Frame, LOOKS};
use super::places::shell_for;
use super::seat::{Seat, SeatForm, html, html_with, see_other};
use super::shell::Shell;
use super::trouble::{Answer, for_field};
use crate::auth::account::{Changes, change_password, change_profile};
use crate::draft;
use crate::error::{Code, Error};
use crate::ids::LoginId;
use crate::web::extract::Params;
use crate::web::l10n::Piece;
use askama::Template;
use axum::http::StatusCode;

#[derive(Default)]
struct Errors {
    name: Option<String>,
    handle: Option<String>,
    title: Option<String>,
    tz: Option<String>,
    password: Option<String>,
    new: Option<String>,
}

struct Typed {
    name: String,
    handle: String,
    title: String,
    tz: String,
}

#[derive(Template)]
#[template(path = "settings/profile.html")]
struct Profile {
    f: Frame,
    shell: Shell,
    section: &'static str,
    saved: bool,
    form: Typed,
    errors: Errors,
}

/// Whether the page comes after a form that was saved.
fn is_saved(params: &Params) -> Result<bool, Error> {
    Ok(params.text("saved")?.is_some())
}

/// `GET /settings/profile`
pub async fn profile(seat: Seat, params: Params) -> Answer {
    let user = &seat.current.user;
    let form = Typed {
        name: user.name.clone(),
        handle: user.handle.clone(),
        title: user.title.clone(),
        tz: user.tz.clone(),
    };
    let shell = shell_for(&seat, "you").await?;
    Ok(html(&Profile {
        f: seat.frame,
        shell,
        section: "profile",
        saved: is_saved(&params)?,
        form,
        errors: Errors::default(),
    }))
}

/// `POST /settings/profile`
pub async fn profile_post(SeatForm { seat, fields }: SeatForm) -> Answer {
    let value = |name: &str| fields.get(name).trim().to_owned();
    let form = Typed {
        name: value("name"),
        handle: value("handle"),
        title: value("title"),
        tz: value("tz"),
    };
    let changes = Changes {
        name: Some(form.name.clone()),
        handle: Some(form.handle.clone()),
        title: Some(form.title.clone()),
        tz: Some(form.tz.clone()),
    };
    let Err(error) = change_profile(&seat.node, &seat.current.user, &changes).await else {
        return Ok(see_other("/settings/profile?saved"));
    };
    let Some(words) = for_field(&error) else {
        return Err(error.into());
    };
    let mut errors = Errors::default();
    let slot = if error.code == Code::Conflict || draft::clean_handle(&form.handle).is_err() {
        &mut errors.handle
    } else if draft::clean_name(&form.name).is_err() {
        &mut errors.name
    } else if draft::clean_line(&form.title, crate::limits::TITLE_CHARS_MAX).is_err() {
        &mut errors.title
    } else {
        &mut errors.tz
    };
    *slot = Some(words);
    let shell = shell_for(&seat, "you").await?;
    let page = Profile {
        f: seat.frame,
        shell,
        section: "profile",
        saved: false,
        form,
        errors,
    };
    Ok(html_with(StatusCode::BAD_REQUEST, &page))
}

struct Choice {
    value: &'static str,
    label: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "settings/appearance.html")]
struct Look {
    f: Frame,
    shell: Shell,
    section: &'static str,
    saved: bool,
    themes: Vec<Choice>,
    contrasts: Vec<Choice>,
    densities: Vec<Choice>,
}

/// `GET /settings/appearance`
pub async fn appearance(seat: Seat, params: Params) -> Answer {
    let shell = shell_for(&seat, "you").await?;
    let (t, look) = (seat.frame.t, seat.frame.look.clone());
    let choices = |chosen: &str, all: &[(&'static str, String)]| -> Vec<Choice> {
        let choice = |(value, label): &(&'static str, String)| Choice {
            value,
            label: label.clone(),
            chosen: *value == chosen,
        };
        all.iter().map(choice).collect()
    };
    let themes = [
        ("", t.t("theme-system")),
        ("light", t.t("theme-light")),
        ("dark", t.t("theme-dark")),
    ];
    let contrasts = [
        ("", t.t("contrast-system")),
        ("normal", t.t("contrast-normal")),
        ("more", t.t("contrast-more")),
    ];
    let densities = [
        ("", t.t("density-comfortable")),
        ("compact", t.t("density-compact")),
    ];
    Ok(html(&Look {
        f: seat.frame,
        shell,
        section: "appearance",
        saved: is_saved(&params)?,
        themes: choices(&look.theme, &themes),
        contrasts: choices(&look.contrast, &contrasts),
        densities: choices(&look.density, &densities),
    }))
}

/// `POST /settings/appearance`
pub async fn appearance_post(SeatForm { seat, fields }: SeatForm) -> Answer {
    let mut look = Appearance::default();
    let user = Some(seat.current.user.id);
    for (name, _) in LOOKS {
        look.set(name, fields.get(name));
        let value = Some(look.get(name)).filter(|value| !value.is_empty());
        let key = format!("look:{name}");
        seat.node.store.set_setting(user, &key, value).await?;
    }
    Ok(see_other("/settings/appearance?saved"))
}

struct Device {
    id: LoginId,
    name: String,
    created: Vec<Piece>,
    seen: Vec<Piece>,
    current: bool,
}

#[derive(Template)]
#[template(path = "settings/devices.html")]
struct Devices {
    f: Frame,
    shell: Shell,
    section: &'static str,
    saved: bool,
    devices: Vec<Device>,
}

/// `GET /settings/devices`
pub async fn devices(seat: Seat, params: Params) -> Answer {
    let current = seat.current.login.id;
    let mut logins = seat.node.store.logins_of(seat.current.user.id).await?;
    logins.sort_by_key(|login| (login.id != current, std::cmp::Reverse(login.seen_at)));
    let t = seat.frame.t;
    let when = |key, at| t.pieces(key, &[("when", Piece::moment(at))]);
    let devices = logins.into_iter().map(|login| Device {
        current: login.id == current,
        id: login.id,
        created: match login.id == current {
            true => when("signed-in-here", login.created_at),
            false => when("signed-in-at", login.created_at),
        },
        seen: when("seen-at", login.seen_at),
        name: login.device,
    });
    let shell = shell_for(&seat, "you").await?;
    Ok(html(&Devices {
        devices: devices.collect(),
        f: seat.frame,
        shell,
        section: "devices",
        saved: is_saved(&params)?,
    }))
}

/// `POST /settings/devices`: signs a device out; its sockets close before the answer.
pub async fn devices_post(SeatForm { seat, fields }: SeatForm) -> Answer {
    let login: LoginId = fields.get("id").parse().map_err(|_| Error::not_found())?;
    let user = seat.current.user.id;
    if !seat.node.store.delete_login(user, login).await? {
        return Err(Error::not_found().into());
    }
    seat.node.sessions.revoke(login).await;
    Ok(see_other("/settings/devices?saved"))
}

#[derive(Template)]
#[template(path = "settings/password.html")]
struct Password {
    f: Frame,
    shell: Shell,
    section: &'static str,
    saved: bool,
    email: String,
    errors: Errors,
}

/// `GET /settings/password`
pub async fn password(seat: Seat, params: Params) -> Answer {
    let saved = is_saved(&params)?;
    password_page(seat, saved, Errors::default()).await
}

async fn password_page(seat: Seat, saved: bool, errors: Errors) -> Answer {
    let failed = errors.password.is_some() || errors.new.is_some();
    let shell = shell_for(&seat, "you").await?;
    let page = Password {
        email: seat.current.user.email.clone(),
        f: seat.frame,
        shell,
        section: "password",
        saved,
        errors,
    };
    let status = match failed {
        true => StatusCode::BAD_REQUEST,
        false => StatusCode::OK,
    };
    Ok(html_with(status, &page))
}

/// `POST /settings/password`
pub async fn password_post(SeatForm { seat, fields }: SeatForm) -> Answer {
    let (present, new) = (fields.get("current"), fields.get("new"));
    let Err(error) = change_password(&seat.node, &seat.current, present, new).await else {
        return Ok(see_other("/settings/password?saved"));
    };
    let mut errors = Errors::default();
    match error.code {
        Code::Denied => errors.password = Some(seat.frame.t.t("password-wrong")),
        Code::BadRequest => errors.new = Some(error.detail.to_string()),
        _ => return Err(error.into()),
    }
    password_page(seat, false, errors).await
}
