//! Through a file.

use super::{assert_same, furnished};
use crate::house::{Problem, export, import};
use crate::limits::BUCKET_BITS;
use crate::store::Store;
use crate::store::conformance::subject::Subject;

async fn exported(store: &dyn Store, secrets: bool) -> String {
    let mut out = Vec::new();
    let count = export(store, secrets, &mut out).await.expect("exported");
    let text = String::from_utf8(out).expect("text");
    assert_eq!(text.lines().count() as u64, count + 2);
    text
}

async fn imported(store: &dyn Store, text: &str) -> Result<u64, Problem> {
    import(store, 4, &mut text.as_bytes()).await
}

/// A line, what becomes of it, and what is said of that.
type Change<'a> = (usize, &'a dyn Fn(&str) -> String, &'a str);

#[tokio::test]
async fn a_workspace_goes_through_a_file_and_is_the_same_also_if_it_is_read_twice() {
    let old = furnished(&Subject::memory(BUCKET_BITS)).await;
    let text = exported(&*old, true).await;
    let new = Subject::embedded(4);
    let count = imported(&*new.store, &text).await.expect("imported");
    assert_same(&*old, &*new.store).await;
    assert_eq!(imported(&*new.store, &text).await.expect("again"), count);
    assert_same(&*old, &*new.store).await;
}

#[tokio::test]
async fn an_import_that_is_cut_off_says_so_and_goes_on() {
    let old = furnished(&Subject::memory(BUCKET_BITS)).await;
    let text = exported(&*old, true).await;
    let new = Subject::memory(4);
    let lines = text.lines().count();
    for upto in [1, 2, 9, lines / 3, lines / 2, lines - 1] {
        let part: String = text.split_inclusive('\n').take(upto).collect();
        let why = imported(&*new.store, &part).await.expect_err("it is cut");
        let why = why.to_string();
        assert!(why.starts_with(&format!("line {}: ", upto + 1)), "{why}");
        assert!(why.contains("cut"), "{why}");
    }
    imported(&*new.store, &text).await.expect("imported");
    assert_same(&*old, &*new.store).await;
}

#[tokio::test]
async fn without_secrets_nothing_in_the_file_lets_anybody_in() {
    let old = furnished(&Subject::memory(BUCKET_BITS)).await;
    let all = exported(&*old, true).await;
    let text = exported(&*old, false).await;
    for secret in ["$argon2", "\"login\"", "come-aboard"] {
        assert!(all.contains(secret) && !text.contains(secret), "{secret}");
    }
    let new = Subject::memory(4);
    imported(&*new.store, &text).await.expect("imported");
    let people = new.store.all_users(None, 100).await.expect("people");
    assert!(!people.is_empty() && people.iter().all(|user| user.password.is_empty()));
    // A password that was set meanwhile stays.
    let ann = people[0].id;
    new.store.set_password(ann, "hash").await.expect("set");
    imported(&*new.store, &text).await.expect("again");
    let ann = new.store.user(ann).await.expect("read").expect("Ann");
    assert_eq!(ann.password, "hash");
}

#[tokio::test]
async fn a_line_that_is_wrong_is_named() {
    let old = furnished(&Subject::memory(BUCKET_BITS)).await;
    let text = exported(&*old, true).await;
    let lines: Vec<&str> = text.lines().collect();
    let of = |kind: &str| {
        let at = lines.iter().position(|line| line.starts_with(kind));
        at.expect("there is one")
    };
    let (user, entry, room) = (of("{\"user\""), of("{\"entry\""), of("{\"room\""));
    let post = lines
        .iter()
        .position(|line| line.starts_with("{\"entry\"") && line.contains("\"kind\":\"post\""));
    let post = post.expect("a post");
    let changes: [Change<'_>; 8] = [
        (0, &|_| "{}".to_owned(), "no export"),
        (0, &|line| line.replace(":1,", ":2,"), "version 2"),
        (user, &|_| "{\"user\":{}}".to_owned(), "missing field"),
        (
            user,
            &|line| line.replace("\"role\":\"", "\"role\":\"x"),
            "no role",
        ),
        (user, &|_| "nonsense".to_owned(), "no record"),
        (room, &|_| "{\"room_key\":1}".to_owned(), "no record"),
        (
            post,
            &|line| line.replace("\"body\":\"", "\"body\":\"x"),
            "hash chain",
        ),
        (
            entry,
            &|line| line.replace("\"digest\":\"", "\"digest\":\"0"),
            "hexadecimal",
        ),
    ];
    for (at, change, said) in changes {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let changed = change(&lines[at]);
        assert_ne!(changed, lines[at]);
        lines[at] = changed;
        let new = Subject::memory(4);
        let text = lines.join("\n");
        let why = imported(&*new.store, &text)
            .await
            .expect_err(said)
            .to_string();
        assert!(why.starts_with(&format!("line {}: ", at + 1)), "{why}");
        assert!(why.contains(said), "{said}: {why}");
    }
    let long = format!("{}\n{}", lines[0], "x".repeat(2_000_000));
    let why = imported(&*Subject::memory(4).store, &long).await;
    assert!(
        why.expect_err("too long")
            .to_string()
            .contains("longer than")
    );
}
