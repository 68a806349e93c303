//! What only a store on CQL can go through.

mod cost;
mod refusals;
mod rounds;
mod secured;
mod server;
mod timers;

use super::driver::Answer;
use super::place::{CqlPlace, Secret};
use super::schema;
use super::values::{Column, Found};
use crate::ids::OwnerId;
use scylla::value::CqlValue;
use uuid::Uuid;

fn flag(applied: bool) -> (&'static str, Option<CqlValue>) {
    ("[applied]", applied.put())
}

#[test]
fn cassandra_says_applied_in_one_row_of_one_column() {
    let answer = Answer::read(vec![Found::of(&[flag(true)])]).expect("an answer");
    assert!(answer.applied);
}

#[test]
fn cassandra_says_refused_with_what_the_condition_read() {
    let owner = OwnerId(Uuid::from_u128(7));
    let row = Found::of(&[
        flag(false),
        ("seq", None),
        ("owner", owner.put()),
        ("next_seq", 5u64.put()),
    ]);
    let answer = Answer::read(vec![row]).expect("an answer");
    assert!(!answer.applied);
    assert_eq!(answer.row.get("owner"), Ok(Some(owner)));
    assert_eq!(answer.row.get("next_seq"), Ok(5u64));
    let alone = Answer::read(vec![Found::of(&[flag(false)])]).expect("an answer");
    assert!(!alone.applied);
    assert_eq!(alone.row.get::<Option<OwnerId>>("owner"), Ok(None));
}

#[test]
fn scylla_answers_with_a_row_for_every_statement_and_the_first_one_counts() {
    let row = |applied, next: u64| {
        Found::of(&[
            flag(applied),
            ("room", Uuid::from_u128(1).put()),
            ("bucket", 0u64.put()),
            ("seq", None),
            ("owner", Uuid::from_u128(7).put()),
            ("next_seq", next.put()),
            ("content", None),
        ])
    };
    let applied = Answer::read(vec![row(true, 1), row(true, 1), row(true, 1)]);
    assert!(applied.expect("an answer").applied);
    let refused = Answer::read(vec![row(false, 9), row(false, 9)]);
    let refused = refused.expect("an answer");
    assert!(!refused.applied);
    assert_eq!(refused.row.get("next_seq"), Ok(9u64));
}

#[test]
fn an_answer_without_rows_is_an_unknown_outcome() {
    assert!(Answer::read(Vec::new()).is_err());
}

#[test]
fn a_place_names_hosts_with_ports_and_a_keyspace() {
    let place = CqlPlace::parse("db1:9042,10.0.0.2:9043/chapiana").expect("a place");
    assert_eq!(place.hosts, ["db1:9042", "10.0.0.2:9043"]);
    assert_eq!(place.to_string(), "cql:db1:9042,10.0.0.2:9043/chapiana");
    for wrong in [
        "",
        "db1:9042",
        "db1:9042/",
        "db1/chapiana",
        ":9042/chapiana",
        "db1:0/chapiana",
        "db1:9042,/chapiana",
        "db1:9042/Chapiana",
        "db1:9042/9",
        "db1:9042/a; DROP KEYSPACE a",
    ] {
        assert_eq!(CqlPlace::parse(wrong), None, "{wrong:?}");
    }
}

#[test]
fn a_password_shows_in_no_log_line() {
    let mut place = CqlPlace::parse("db1:9042/chapiana").expect("a place");
    place.login = Some(("ann".to_owned(), Secret("hunter2".to_owned())));
    assert!(!format!("{place:?} {place}").contains("hunter2"));
}

#[test]
fn every_table_of_the_schema_is_a_statement_of_its_own() {
    let statements = schema::statements();
    let tables = include_str!("../../../../schema.cql")
        .matches("CREATE TABLE")
        .count();
    assert_eq!(statements.len(), tables);
    for statement in statements {
        assert!(
            statement.starts_with("CREATE TABLE IF NOT EXISTS"),
            "{statement}"
        );
        assert!(!statement.contains("--"), "{statement}");
    }
}
