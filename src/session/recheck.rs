//! Open sockets against the log-ins behind them. Whoever ends a log-in on this node closes its sockets
//! himself; this finds the rest: what ran out, and what was ended elsewhere while no word of it came
//! (RELIABILITY.md §5.2).

use crate::auth::extract::is_over;
use crate::clock::{Timestamp, now};
use crate::ids::{LoginId, UserId};
use crate::node::Node;
use crate::store::{Login, StoreResult, User};
use futures_util::future::join_all;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::sleep;

/// People who are looked up at once; between two such groups there is a pause, so that a round of
/// many people is spread over its time.
const GROUP: usize = 50;
/// An open socket is use of its log-in; that is written this often, milliseconds.
const SEEN_EVERY_MS: u64 = 3_600_000;

/// Looks at every connection once per `every`, for as long as the node lives.
pub fn start(node: &Arc<Node>, every: Duration) {
    let node = Arc::downgrade(node);
    tokio::spawn(async move { while round(&node, every).await.is_some() {} });
}

/// One round. `None`: the node is gone.
async fn round(node: &Weak<Node>, every: Duration) -> Option<()> {
    let people = logins(&*node.upgrade()?);
    let groups: Vec<_> = people.into_iter().collect();
    let count = u32::try_from(groups.len().div_ceil(GROUP)).unwrap_or(u32::MAX);
    let pause = every / (count + 1);
    for group in groups.chunks(GROUP) {
        sleep(pause).await;
        look(&*node.upgrade()?, group, now()).await;
    }
    sleep(pause).await;
    Some(())
}

/// The log-ins that have sockets here, by person.
fn logins(node: &Node) -> HashMap<UserId, HashSet<LoginId>> {
    let mut people: HashMap<UserId, HashSet<LoginId>> = HashMap::new();
    for connection in node.sessions.all() {
        people
            .entry(connection.user)
            .or_default()
            .insert(connection.login);
    }
    people
}

async fn look(node: &Node, group: &[(UserId, HashSet<LoginId>)], now: Timestamp) {
    let looks = group.iter().map(|(user, open)| async move {
        match valid(node, *user, now).await {
            Ok(valid) => open
                .iter()
                .copied()
                .filter(|id| !valid.contains(id))
                .collect(),
            // A store that does not answer ends nobody's session.
            Err(error) => {
                tracing::debug!(%error, "log-ins could not be looked at");
                Vec::new()
            }
        }
    });
    let over: Vec<LoginId> = join_all(looks).await.concat();
    if !over.is_empty() {
        tracing::info!(
            count = over.len(),
            "log-ins have ended elsewhere or run out"
        );
    }
    join_all(
        over.into_iter()
            .map(|login| node.sessions.revoke_here(login)),
    )
    .await;
}

/// The person's log-ins that still hold.
async fn valid(node: &Node, user: UserId, now: Timestamp) -> StoreResult<HashSet<LoginId>> {
    let Some(person) = node.store.user(user).await?.filter(|person| person.active) else {
        return Ok(HashSet::new());
    };
    let logins = node.store.logins_of(user).await?;
    let holds = |login: &&Login| !is_over(login, &person, now);
    let valid = logins.iter().filter(holds).map(|login| login.id).collect();
    touch(node, &person, &logins, &valid, now).await?;
    Ok(valid)
}

async fn touch(
    node: &Node,
    person: &User,
    logins: &[Login],
    valid: &HashSet<LoginId>,
    now: Timestamp,
) -> StoreResult<()> {
    let open = node.sessions.of_user(person.id);
    let open: HashSet<LoginId> = open.iter().map(|connection| connection.login).collect();
    for login in logins {
        let is_used = open.contains(&login.id) && valid.contains(&login.id);
        if is_used && now.since(login.seen_at) > SEEN_EVERY_MS {
            node.store.touch_login(login.id, now).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{LOGIN_ABSOLUTE_MS, LOGIN_IDLE_MS};
    use crate::testing::node::{Person, TestNode};
    use serde_json::json;

    fn id(person: &Person) -> UserId {
        person.id.parse().expect("an id")
    }

    async fn login_of(node: &Node, person: &Person) -> Login {
        let logins = node.store.logins_of(id(person)).await.expect("read");
        logins.into_iter().next().expect("one log-in")
    }

    async fn all(node: &Node, now: Timestamp) {
        let people: Vec<_> = logins(node).into_iter().collect();
        look(node, &people, now).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn t16_a_log_in_that_ended_without_a_word_loses_its_sockets_and_no_other_does() {
        let place = TestNode::start().await;
        let node = &place.node;
        let (ann, bob) = (place.sign_up("ann").await, place.sign_up("bob").await);
        let carol = place.sign_up("carol").await;
        let (mut laptop, mut phone) = (ann.hello("data").await, bob.hello("data").await);
        let mut tablet = carol.hello("data").await;
        all(node, now()).await;
        assert_eq!(node.sessions.count(), 3, "all of them hold");
        let ended = login_of(node, &ann).await;
        assert!(
            node.store
                .delete_login(id(&ann), ended.id)
                .await
                .expect("deleted")
        );
        let mut person = node
            .store
            .user(id(&carol))
            .await
            .expect("read")
            .expect("there");
        person.active = false;
        node.store
            .update_user(&person)
            .await
            .expect("written")
            .expect("free");
        all(node, now()).await;
        assert_eq!(laptop.closed().await, 4001);
        assert_eq!(tablet.closed().await, 4001);
        phone.send(json!({ "t": "ping", "n": 1 })).await;
        phone.sees("pong").await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_open_socket_is_use_of_its_log_in_until_the_log_in_is_too_old() {
        let place = TestNode::start().await;
        let node = &place.node;
        let ann = place.sign_up("ann").await;
        let mut laptop = ann.hello("data").await;
        let began = login_of(node, &ann).await.created_at;
        let step = LOGIN_IDLE_MS / 2;
        let mut at = began;
        while at.plus_ms(step) < began.plus_ms(LOGIN_ABSOLUTE_MS) {
            at = at.plus_ms(step);
            all(node, at).await;
            assert_eq!(login_of(node, &ann).await.seen_at, at);
        }
        laptop.send(json!({ "t": "ping", "n": 1 })).await;
        laptop.sees("pong").await;
        all(node, began.plus_ms(LOGIN_ABSOLUTE_MS + 1)).await;
        assert_eq!(laptop.closed().await, 4001);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn rounds_follow_each_other_by_themselves() {
        let place = TestNode::start().await;
        let node = &place.node;
        let ann = place.sign_up("ann").await;
        let mut laptop = ann.hello("data").await;
        start(node, Duration::from_millis(20));
        let login = login_of(node, &ann).await;
        node.store
            .delete_login(id(&ann), login.id)
            .await
            .expect("deleted");
        assert_eq!(laptop.closed().await, 4001);
    }
}
