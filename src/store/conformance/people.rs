use super::subject::{ANN, BEN, CLEO, LOBBY, NOON, Subject};
use crate::access::WorkspaceRole;
use crate::ids::{LoginId, UserId};
use crate::limits::LOGINS_PER_USER_MAX;
use crate::store::{Invite, Login, LoginKind, Taken, User};
use futures_util::future::join_all;
use std::collections::HashMap;
use uuid::Uuid;

fn user(id: UserId, handle: &str) -> User {
    User {
        id,
        name: format!("{} Doe", handle.to_uppercase()),
        handle: handle.to_owned(),
        email: format!("{handle}@example.org"),
        password: "$argon2id$x".to_owned(),
        role: WorkspaceRole::Member,
        title: "Engineer".to_owned(),
        tz: "Europe/Berlin".to_owned(),
        active: true,
        created_at: NOON,
    }
}

fn login(n: u128, person: UserId) -> Login {
    Login {
        id: LoginId(Uuid::from_u128(n)),
        user: person,
        kind: LoginKind::Bearer,
        secret: [n as u8; 32],
        device: "phone".to_owned(),
        created_at: NOON,
        seen_at: NOON.plus_ms(n as i64),
    }
}

fn invite(uses_left: Option<u32>) -> Invite {
    Invite {
        code: "welcome".to_owned(),
        by: ANN,
        role: WorkspaceRole::Admin,
        rooms: vec![LOBBY, LOBBY],
        uses_left,
        expires_at: Some(NOON),
        created_at: NOON,
    }
}

pub(super) async fn of_many_who_want_one_email_one_gets_it(subject: &Subject) {
    let store = &*subject.store;
    let wanted: Vec<_> = (1..20u128)
        .map(|n| User {
            email: "one@example.org".to_owned(),
            ..user(UserId(Uuid::from_u128(n)), &format!("h{n}"))
        })
        .collect();
    let answers = join_all(wanted.iter().map(|user| store.create_user(user, false))).await;
    let won: Vec<_> = answers
        .iter()
        .zip(&wanted)
        .filter(|(answer, _)| **answer == Ok(Ok(())))
        .map(|(_, user)| user)
        .collect();
    let lost = answers.iter().filter(|a| **a == Ok(Err(Taken::Email)));
    assert_eq!((won.len(), lost.count()), (1, 18));
    let there = store.user_by_email("one@example.org").await;
    assert_eq!(there, Ok(Some(won[0].clone())));
}

pub(super) async fn of_many_first_owners_one_becomes_it(subject: &Subject) {
    let store = &*subject.store;
    assert_eq!(store.has_people().await, Ok(false));
    let wanted: Vec<_> = (1..10u128)
        .map(|n| user(UserId(Uuid::from_u128(n)), &format!("h{n}")))
        .collect();
    let answers = join_all(wanted.iter().map(|user| store.create_user(user, true))).await;
    let won = answers.iter().filter(|a| **a == Ok(Ok(()))).count();
    let late = answers.iter().filter(|a| **a == Ok(Err(Taken::FirstOwner)));
    assert_eq!((won, late.count()), (1, 8));
    assert_eq!(store.has_people().await, Ok(true));
}

pub(super) async fn a_handle_is_unique_also_when_it_changes(subject: &Subject) {
    let store = &*subject.store;
    let (ann, ben) = (user(ANN, "ann"), user(BEN, "ben"));
    assert_eq!(store.create_user(&ann, false).await, Ok(Ok(())));
    let thief = User {
        email: "thief@example.org".to_owned(),
        ..user(CLEO, "ann")
    };
    assert_eq!(
        store.create_user(&thief, false).await,
        Ok(Err(Taken::Handle))
    );
    assert_eq!(store.create_user(&ben, false).await, Ok(Ok(())));
    let renamed = User {
        handle: "ann".to_owned(),
        ..ben.clone()
    };
    assert_eq!(store.update_user(&renamed).await, Ok(Err(Taken::Handle)));
    assert_eq!(store.user(BEN).await, Ok(Some(ben)));
    let handles = ["ann".to_owned(), "nobody".to_owned()];
    let found = store.users_by_handle(&handles).await;
    assert_eq!(found, Ok(HashMap::from([("ann".to_owned(), ANN)])));
}

pub(super) async fn a_change_of_profile_keeps_the_password(subject: &Subject) {
    let store = &*subject.store;
    let ann = user(ANN, "ann");
    assert_eq!(store.create_user(&ann, false).await, Ok(Ok(())));
    let changed = User {
        name: "Ann Smith".to_owned(),
        handle: "annie".to_owned(),
        password: "stolen".to_owned(),
        created_at: NOON.plus_ms(9),
        active: false,
        role: WorkspaceRole::Owner,
        ..ann.clone()
    };
    assert_eq!(store.update_user(&changed).await, Ok(Ok(())));
    let expected = User {
        password: ann.password,
        created_at: NOON,
        ..changed
    };
    assert_eq!(store.user(ANN).await, Ok(Some(expected.clone())));
    assert_eq!(store.set_password(ANN, "new").await, Ok(()));
    let expected = User {
        password: "new".to_owned(),
        ..expected
    };
    let users = store.users(&[ANN, BEN]).await;
    assert_eq!(users, Ok(HashMap::from([(ANN, expected)])));
}

pub(super) async fn people_are_found_by_name_and_handle(subject: &Subject) {
    let store = &*subject.store;
    let named = |id, handle, name: &str| User {
        name: name.to_owned(),
        ..user(id, handle)
    };
    let gone = User {
        active: false,
        ..named(UserId(Uuid::from_u128(9)), "gone", "Ann Gone")
    };
    let people = [
        named(ANN, "ann", "Ann Ünal"),
        named(BEN, "ben", "Ben"),
        named(CLEO, "cleo", "Ben"),
        gone,
    ];
    for person in &people {
        assert_eq!(store.create_user(person, false).await, Ok(Ok(())));
    }
    let find = async |query: &str, after, limit| -> Vec<UserId> {
        let found = store.find_users(query, after, limit).await;
        found
            .expect("people")
            .into_iter()
            .map(|user| user.id)
            .collect()
    };
    assert_eq!(find("", None, 9).await, [ANN, BEN, CLEO]);
    assert_eq!(find("üNAL", None, 9).await, [ANN]);
    assert_eq!(find("CLE", None, 9).await, [CLEO]);
    assert_eq!(find("", None, 1).await, [ANN]);
    let place = Some(("Ben".to_owned(), BEN));
    assert_eq!(find("", place, 9).await, [CLEO]);
}

pub(super) async fn the_idlest_login_gives_way(subject: &Subject) {
    let store = &*subject.store;
    let limit = LOGINS_PER_USER_MAX as u128;
    for n in 1..=limit {
        assert_eq!(store.create_login(&login(n, ANN)).await, Ok(vec![]));
    }
    assert_eq!(store.create_login(&login(200, BEN)).await, Ok(vec![]));
    let (first, second) = (login(1, ANN), login(2, ANN));
    let busy = NOON.plus_ms(1_000);
    assert_eq!(store.touch_login(first.id, busy).await, Ok(()));
    assert_eq!(store.touch_login(first.id, NOON).await, Ok(()));
    let ended = store.create_login(&login(100, ANN)).await;
    assert_eq!(ended, Ok(vec![second.id]));
    assert_eq!(store.login_by_secret(&second.secret).await, Ok(None));
    let kept = Login {
        seen_at: busy,
        ..first
    };
    assert_eq!(
        store.login_by_secret(&kept.secret).await,
        Ok(Some(kept.clone()))
    );
    let logins = store.logins_of(ANN).await.expect("log-ins");
    assert_eq!((logins.len() as u128, &logins[0]), (limit, &kept));
}

pub(super) async fn a_login_is_ended_only_by_its_person(subject: &Subject) {
    let store = &*subject.store;
    let phone = Login {
        kind: LoginKind::Cookie,
        ..login(1, ANN)
    };
    assert_eq!(store.create_login(&phone).await, Ok(vec![]));
    assert_eq!(store.delete_login(BEN, phone.id).await, Ok(false));
    assert_eq!(store.logins_of(ANN).await, Ok(vec![phone.clone()]));
    assert_eq!(store.delete_login(ANN, phone.id).await, Ok(true));
    assert_eq!(store.delete_login(ANN, phone.id).await, Ok(false));
    assert_eq!(store.login_by_secret(&phone.secret).await, Ok(None));
}

pub(super) async fn the_last_use_of_an_invite_is_taken_once(subject: &Subject) {
    let store = &*subject.store;
    let now = NOON.plus_ms(-1);
    assert_eq!(store.create_invite(&invite(Some(3))).await, Ok(()));
    let answers = join_all((0..20).map(|_| store.use_invite("welcome", now))).await;
    let mut left: Vec<_> = answers
        .into_iter()
        .filter_map(|answer| answer.expect("an answer"))
        .map(|invite| invite.uses_left)
        .collect();
    left.sort();
    assert_eq!(left, [Some(0), Some(1), Some(2)]);
    assert_eq!(store.invite("welcome").await, Ok(Some(invite(Some(0)))));
}

pub(super) async fn an_invite_ends_and_can_be_given_back(subject: &Subject) {
    let store = &*subject.store;
    let now = NOON.plus_ms(-1);
    assert_eq!(store.use_invite("welcome", now).await, Ok(None));
    assert_eq!(store.create_invite(&invite(Some(1))).await, Ok(()));
    assert_eq!(store.use_invite("welcome", NOON).await, Ok(None));
    let used = store.use_invite("welcome", now).await;
    assert_eq!(used, Ok(Some(invite(Some(0)))));
    assert_eq!(store.use_invite("welcome", now).await, Ok(None));
    assert_eq!(store.return_invite("welcome").await, Ok(()));
    assert_eq!(store.invites().await, Ok(vec![invite(Some(1))]));
    assert_eq!(store.create_invite(&invite(None)).await, Ok(()));
    let unlimited = store.use_invite("welcome", now).await;
    assert_eq!(unlimited, Ok(Some(invite(None))));
    assert_eq!(store.return_invite("welcome").await, Ok(()));
    assert_eq!(store.invite("welcome").await, Ok(Some(invite(None))));
    assert_eq!(store.delete_invite("welcome").await, Ok(true));
    assert_eq!(store.delete_invite("welcome").await, Ok(false));
    assert_eq!(store.invite("welcome").await, Ok(None));
}

pub(super) async fn settings_belong_to_one_owner(subject: &Subject) {
    let store = &*subject.store;
    for (owner, key, value) in [
        (None, "name", "Works"),
        (Some(ANN), "draft:2", "two"),
        (Some(ANN), "draft:1", "one"),
        (Some(ANN), "theme", "dark"),
        (Some(BEN), "draft:1", "his"),
    ] {
        assert_eq!(store.set_setting(owner, key, Some(value)).await, Ok(()));
    }
    let drafts = [("draft:1", "one"), ("draft:2", "two")];
    let drafts: Vec<_> = drafts.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(store.settings(Some(ANN), "draft:").await, Ok(drafts));
    assert_eq!(store.setting(None, "theme").await, Ok(None));
    assert_eq!(
        store.setting(None, "name").await,
        Ok(Some("Works".to_owned()))
    );
    assert_eq!(
        store.set_setting(Some(ANN), "theme", Some("light")).await,
        Ok(())
    );
    let theme = store.setting(Some(ANN), "theme").await;
    assert_eq!(theme, Ok(Some("light".to_owned())));
    assert_eq!(store.set_setting(Some(ANN), "theme", None).await, Ok(()));
    assert_eq!(store.setting(Some(ANN), "theme").await, Ok(None));
    assert_eq!(store.settings(Some(CLEO), "").await, Ok(vec![]));
}

pub(super) async fn everybody_is_listed_in_pages_also_who_is_not_active(subject: &Subject) {
    let store = &*subject.store;
    let mut expected = HashMap::new();
    for n in 1..8u128 {
        let mut person = user(UserId(Uuid::from_u128(n)), &format!("h{n}"));
        assert_eq!(store.create_user(&person, n == 1).await, Ok(Ok(())));
        if n % 3 == 0 {
            person.active = false;
            assert_eq!(store.update_user(&person).await, Ok(Ok(())));
        }
        expected.insert(person.id, person);
    }
    let mut listed: Vec<User> = Vec::new();
    loop {
        let after = listed.last().map(|user| user.id);
        let page = store.all_users(after, 3).await.expect("a page");
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed.len(), expected.len());
    let listed: HashMap<_, _> = listed.into_iter().map(|user| (user.id, user)).collect();
    assert_eq!(listed, expected);
}
