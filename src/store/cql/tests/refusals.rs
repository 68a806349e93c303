//! What keeps a program from starting, or `chapiana schema` from changing something: the decisions alone.

use super::super::schema::judge;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError, SchemaAgreementError};
use scylla::statement::Consistency;
use std::collections::BTreeMap;
use std::time::Duration;

fn judged(copies: &[(&str, &str)], nodes: &[(&str, usize)]) -> Result<Consistency, String> {
    let class = (
        "class",
        "org.apache.cassandra.locator.NetworkTopologyStrategy",
    );
    let replication: BTreeMap<_, _> = std::iter::once(&class)
        .chain(copies)
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let centres = nodes.iter().map(|(name, n)| ((*name).to_owned(), *n));
    judge::replication("chat", &replication, &centres.collect())
}

#[test]
fn one_data_centre_commits_locally_and_two_together() {
    assert_eq!(
        judged(&[("a", "3")], &[("a", 3)]),
        Ok(Consistency::LocalQuorum)
    );
    assert_eq!(
        judged(&[("a", "1")], &[("a", 1)]),
        Ok(Consistency::LocalQuorum)
    );
    assert_eq!(
        judged(&[("a", "3"), ("b", "3")], &[("a", 3), ("b", 3)]),
        Ok(Consistency::Quorum)
    );
}

#[test]
fn a_keyspace_that_could_lose_messages_is_refused_with_a_remedy() {
    let too_few = judged(&[("a", "1")], &[("a", 3)]).expect_err("one failure loses");
    assert!(
        too_few.contains("3 copies") && too_few.contains("repair"),
        "{too_few}"
    );
    let elsewhere = judged(&[("b", "3")], &[("a", 3)]).expect_err("nobody holds it");
    assert!(elsewhere.contains("data centre b"), "{elsewhere}");
    assert!(judged(&[], &[("a", 3)]).is_err());
    assert!(judged(&[("a", "3/1")], &[("a", 3)]).is_err());
    let simple = BTreeMap::from([("class".to_owned(), "SimpleStrategy".to_owned())]);
    let simple = judge::replication("chat", &simple, &BTreeMap::new()).expect_err("no topology");
    assert!(simple.contains("NetworkTopologyStrategy"), "{simple}");
}

fn nodes(centres: &[(&str, usize)]) -> BTreeMap<String, usize> {
    let centres = centres.iter().map(|(name, n)| ((*name).to_owned(), *n));
    centres.collect()
}

#[test]
fn copies_are_three_or_what_is_asked_for_if_that_can_lose_nothing() {
    for (there, asked, each) in [
        (3, None, Ok(3)),
        (5, None, Ok(3)),
        (1, None, Ok(1)),
        (2, None, Ok(2)),
        (5, Some(5), Ok(5)),
        (1, Some(1), Ok(1)),
        (3, Some(4), Err("let more nodes join")),
        (3, Some(1), Err("lose messages")),
        (5, Some(2), Err("at least 3")),
    ] {
        let said = judge::copies(&nodes(&[("a", there)]), asked);
        match (said, each) {
            (Ok(said), Ok(each)) => assert_eq!(said, nodes(&[("a", each)])),
            (Err(said), Err(why)) => assert!(said.contains(why), "{said}"),
            (said, each) => panic!("{there} nodes, {asked:?}: {said:?}, not {each:?}"),
        }
    }
    assert_eq!(
        judge::copies(&nodes(&[("a", 4), ("b", 2)]), None),
        Ok(nodes(&[("a", 3), ("b", 2)]))
    );
}

#[test]
fn copies_that_are_there_already_are_known_again() {
    let there = |class: &str, copies: &[(&str, &str)]| {
        let class = ("class", class);
        let all = std::iter::once(&class).chain(copies);
        let all = all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        all.collect::<BTreeMap<_, _>>()
    };
    let wanted = nodes(&[("a", 3), ("b", 3)]);
    let topology = "org.apache.cassandra.locator.NetworkTopologyStrategy";
    assert!(judge::has(
        &there(topology, &[("a", "3"), ("b", "3")]),
        &wanted
    ));
    for (class, copies) in [
        (topology, &[("a", "3"), ("b", "2")][..]),
        (topology, &[("a", "3")]),
        ("SimpleStrategy", &[("a", "3"), ("b", "3")]),
    ] {
        assert!(!judge::has(&there(class, copies), &wanted), "{copies:?}");
    }
}

#[test]
fn tables_that_are_missing_or_forget_are_refused() {
    let there = |log: Option<i32>| {
        let log = log.map(|seconds| ("log".to_owned(), seconds));
        let all = log.into_iter().chain([("meta".to_owned(), 0)]);
        judge::tables(
            "chat",
            ["meta", "log"].into_iter(),
            &all.collect(),
            "run it",
        )
    };
    assert_eq!(there(Some(0)), Ok(()));
    let missing = there(None).expect_err("there is no log");
    assert!(missing.contains("lacks table log; run it"), "{missing}");
    let forgets = there(Some(86_400)).expect_err("a day is not for ever");
    assert!(
        forgets.contains("86400 s") && forgets.contains("ALTER TABLE chat.log"),
        "{forgets}"
    );
}

#[test]
fn an_operator_is_told_what_to_do_when_the_database_does_not_agree_or_is_too_few() {
    let apart = SchemaAgreementError::Timeout(Duration::from_secs(60));
    let apart = judge::undone(
        "CREATE TABLE log (\n)",
        &ExecutionError::SchemaAgreementError(apart),
    );
    for word in [
        "do not agree",
        "describecluster",
        "run the same again",
        "CREATE TABLE log (",
    ] {
        assert!(apart.contains(word), "{word}: {apart}");
    }
    let few = DbError::Unavailable {
        consistency: Consistency::Quorum,
        required: 2,
        alive: 1,
    };
    let few = RequestAttemptError::DbError(few, String::new());
    let few = judge::undone("INSERT", &ExecutionError::LastAttemptError(few));
    assert!(
        few.contains("too few nodes") && few.contains("nodetool status"),
        "{few}"
    );
    let late = ExecutionError::RequestTimeout(Duration::from_secs(60));
    let other = judge::undone("INSERT", &late);
    assert!(other.starts_with("INSERT: "), "{other}");
}
