//! All records of a store, page by page.

use super::record::{MarkerLine, Record, RoomKeyLine, RoomLine, SettingLine};
use super::{PAGE, Problem, Taker, refused};
use crate::ids::RoomId;
use crate::store::Store;

/// People with what is theirs; then settings of the workspace and invites.
pub(super) async fn people(from: &dyn Store, to: &mut dyn Taker) -> Result<(), Problem> {
    let mut after = None;
    loop {
        let page = from.all_users(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for user in page {
            let id = user.id;
            to.take(Record::User(user.into())).await?;
            // The idlest first: each is younger than what is there.
            for login in from.logins_of(id).await?.into_iter().rev() {
                to.take(Record::Login(login.into())).await?;
            }
            settings(from, Some(id), to).await?;
            for timer in from.timers_of(id).await? {
                to.take(Record::Timer(timer.into())).await?;
            }
        }
    }
    settings(from, None, to).await?;
    for invite in from.invites().await? {
        to.take(Record::Invite(invite.into())).await?;
    }
    Ok(())
}

async fn settings(
    from: &dyn Store,
    owner: Option<crate::ids::UserId>,
    to: &mut dyn Taker,
) -> Result<(), Problem> {
    for (key, value) in from.settings(owner, "").await? {
        let line = SettingLine { owner, key, value };
        to.take(Record::Setting(line)).await?;
    }
    Ok(())
}

/// A room, its entries from the taker's head on, and its markers.
pub(super) async fn room(
    from: &dyn Store,
    room: RoomId,
    to: &mut dyn Taker,
) -> Result<(), Problem> {
    let row = from.room(room).await?;
    let end = from.last_bucket(room, 0).await?;
    let (Some(row), Some(end)) = (row, end) else {
        let what = "has no row or no log: run chapiana verify";
        return Err(refused(format!("room {room} {what}")));
    };
    to.take(Record::Room(RoomLine::new(row, &end)?)).await?;
    let mut next = to.head().max(1);
    while next <= end.head() {
        let page = from.log(room, next, end.head(), PAGE, true).await?;
        if page.is_empty() {
            return Err(refused(format!("room {room} ends before its head")));
        }
        next += page.len() as u64;
        for stored in page {
            to.take(Record::Entry(Box::new(stored.into()))).await?;
        }
    }
    let mut after = None;
    loop {
        let page = from.markers(room, after, PAGE).await?;
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        for (user, marker) in page {
            let line = MarkerLine::new(room, user, marker);
            to.take(Record::Marker(line)).await?;
        }
    }
    Ok(())
}

/// Under which keys rooms were founded.
pub(super) async fn room_keys(from: &dyn Store, to: &mut dyn Taker) -> Result<(), Problem> {
    let mut after = None;
    loop {
        let page = from.room_keys(after, PAGE).await?;
        after = page.last().copied();
        if after.is_none() {
            return Ok(());
        }
        for (creator, client_id, room) in page {
            let line = RoomKeyLine {
                creator,
                client_id,
                room,
            };
            to.take(Record::RoomKey(line)).await?;
        }
    }
}
