//! From one store straight into another.

use super::sink::{OTHER_WORKSPACE, Sink};
use super::{PAGE, Problem, ROOMS_AT_ONCE, refused, walk};
use crate::ids::RoomId;
use crate::store::Store;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::io::Write;

/// Copies everything; what is there already is passed over. Says on `told` how far it is.
pub async fn copy(
    from: &dyn Store,
    to: &dyn Store,
    bits: u32,
    told: &mut (dyn Write + Send),
) -> Result<(), Problem> {
    if !from.has_people().await? && from.all_rooms(None, 1).await?.is_empty() {
        return Err(refused("the source is empty: is it the right place?"));
    }
    knows_all_of(from, to).await?;
    let mut people = Sink::new(to, bits);
    walk::people(from, &mut people).await?;
    writeln!(told, "people, log-ins, settings and invites are over")?;
    let mut after = None;
    let mut rooms = 0;
    loop {
        let page = from.all_rooms(after, PAGE).await?;
        after = page.last().copied();
        if after.is_none() {
            break;
        }
        rooms += page.len();
        let moving = stream::iter(page).map(|room| copy_room(from, to, bits, room));
        moving
            .buffer_unordered(ROOMS_AT_ONCE)
            .try_for_each(|()| async { Ok(()) })
            .await?;
        writeln!(told, "{rooms} rooms are over")?;
    }
    let mut keys = Sink::new(to, bits);
    walk::room_keys(from, &mut keys).await
}

async fn copy_room(
    from: &dyn Store,
    to: &dyn Store,
    bits: u32,
    room: RoomId,
) -> Result<(), Problem> {
    let mut sink = Sink::new(to, bits);
    walk::room(from, room, &mut sink).await?;
    sink.finish().await
}

/// Refuses a target in which somebody or some room is that the source does not know.
async fn knows_all_of(from: &dyn Store, to: &dyn Store) -> Result<(), Problem> {
    let mut after = None;
    loop {
        let page = to.all_users(after, PAGE).await?;
        let ids: Vec<_> = page.iter().map(|user| user.id).collect();
        let Some(last) = ids.last() else { break };
        after = Some(*last);
        if from.users(&ids).await?.len() < ids.len() {
            return Err(refused(OTHER_WORKSPACE));
        }
    }
    let mut after = None;
    loop {
        let ids = to.all_rooms(after, PAGE).await?;
        after = ids.last().copied();
        if after.is_none() {
            return Ok(());
        }
        if from.rooms(&ids).await?.len() < ids.len() {
            return Err(refused(OTHER_WORKSPACE));
        }
    }
}
