//! The schema: applied by `chapiana schema`, checked at every start.

pub(super) mod judge;

use super::connect;
use super::place::CqlPlace;
use super::values::{Found, found_in, values};
use crate::store::{StoreError, StoreResult};
use scylla::client::session::Session;
use scylla::response::PagingState;
use scylla::statement::Consistency;
use scylla::value::CqlValue;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The version that `schema.cql` makes.
const VERSION: u32 = 4;
const TEXT: &str = include_str!("../../../../schema.cql");

/// The statements of `schema.cql`, without comments.
pub(super) fn statements() -> Vec<String> {
    let code: Vec<&str> = TEXT
        .lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .collect();
    code.join("\n")
        .split(';')
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A database node that died is asked by the others until they notice: so long too few may answer.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);

fn refused(why: impl Into<String>) -> StoreError {
    StoreError::Unavailable(why.into())
}

/// Everything that is asked here may be asked again.
async fn ask(
    session: &Session,
    text: &str,
    values: super::values::Values,
) -> StoreResult<Vec<Found>> {
    let statement = session.prepare(text).await;
    let statement = statement.map_err(|why| refused(format!("{text}: {why}")))?;
    let began = Instant::now();
    let answer = loop {
        let start = PagingState::start();
        let answer = session.execute_single_page(&statement, &values, start);
        match answer.await {
            Ok((answer, _)) => break answer,
            Err(why) if judge::is_too_few(&why) && began.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(why) => return Err(refused(judge::undone(text, &why))),
        }
    };
    match answer.is_rows() {
        true => {
            let rows = answer.into_rows_result();
            found_in(&rows.map_err(|why| refused(format!("{text}: {why}")))?)
        }
        false => Ok(Vec::new()),
    }
}

pub(super) async fn define(session: &Session, text: &str) -> StoreResult<()> {
    let done = session.query_unpaged(text, ()).await;
    done.map_err(|why| refused(judge::undone(text, &why)))?;
    Ok(())
}

#[cfg(test)]
pub(super) async fn drop_keyspace(session: &Session, place: &CqlPlace) -> StoreResult<()> {
    define(
        session,
        &format!("DROP KEYSPACE IF EXISTS {}", place.keyspace),
    )
    .await
}

/// Takes every row out, and leaves the tables: far sooner done than making them.
#[cfg(test)]
pub(super) async fn empty(session: &Session, place: &CqlPlace) -> StoreResult<()> {
    let statements = statements();
    let tables = statements.iter().filter_map(|text| table_of(text));
    // What `meta` says of the tables stays true.
    let truncated = tables.filter(|table| *table != "meta").map(|table| {
        let text = format!("TRUNCATE {}.{table}", place.keyspace);
        async move { define(session, &text).await }
    });
    futures_util::future::try_join_all(truncated).await?;
    Ok(())
}

/// The nodes of each data centre.
fn centres(session: &Session) -> BTreeMap<String, usize> {
    let mut centres = BTreeMap::new();
    for node in session.get_cluster_state().get_nodes_info() {
        let name = node.datacenter.clone().unwrap_or_default();
        *centres.entry(name).or_default() += 1;
    }
    centres
}

/// Makes the keyspace and its tables, or what is missing of them. Says what it did; harmless to repeat.
pub(super) async fn apply(
    session: &Session,
    place: &CqlPlace,
    bucket_bits: u32,
    copies: Option<usize>,
) -> StoreResult<String> {
    let keyspace = &place.keyspace;
    let mut said = absent(session);
    // A change on top of two opinions could make one table twice.
    let agreed = session.await_schema_agreement().await;
    agreed.map_err(|why| refused(judge::disagreement(&why, "Nothing was changed")))?;
    said.extend(replicate(session, keyspace, copies).await?);
    check_replication(session, keyspace).await?;
    let before = match tables(session, keyspace).await?.contains_key("meta") {
        true => meta(session, keyspace).await?.get("schema").copied(),
        false => None,
    };
    if let Some(before) = before.filter(|before| *before > VERSION) {
        return Err(refused(judge::newer(keyspace, before, VERSION)));
    }
    connect::enter(session, place).await?;
    for statement in statements() {
        define(session, &statement).await?;
    }
    let text = "INSERT INTO meta (key, value) VALUES (?, ?) IF NOT EXISTS";
    for (key, value) in [("schema", VERSION), ("bucket_bits", bucket_bits)] {
        ask(session, text, values![key, value.to_string()]).await?;
    }
    // Tables are only ever added: an older keyspace is now like a new one.
    let text = "UPDATE meta SET value = ? WHERE key = 'schema' IF value = ?";
    for older in 0..VERSION {
        ask(
            session,
            text,
            values![VERSION.to_string(), older.to_string()],
        )
        .await?;
    }
    check_version(session, place, bucket_bits).await?;
    said.push(match before {
        Some(before) if before == VERSION => {
            format!("keyspace {keyspace} had schema {VERSION} already")
        }
        Some(before) => format!("keyspace {keyspace} went from schema {before} to {VERSION}"),
        None => format!("keyspace {keyspace} has schema {VERSION} now"),
    });
    Ok(said.join("\n"))
}

/// What the operator should know of database nodes that do not answer.
fn absent(session: &Session) -> Vec<String> {
    let state = session.get_cluster_state();
    let nodes = state.get_nodes_info().iter();
    nodes
        .filter(|node| !node.is_connected())
        .map(|node| {
            let address = node.address;
            format!(
                "database node {address} does not answer; it takes the schema over when it is back"
            )
        })
        .collect()
}

/// Makes the keyspace, or gives one that is still empty other copies.
async fn replicate(
    session: &Session,
    keyspace: &str,
    copies: Option<usize>,
) -> StoreResult<Option<String>> {
    let there = replication(session, keyspace).await?;
    let wanted = judge::copies(&centres(session), copies).map_err(refused)?;
    let text = judge::replication_of(&wanted);
    let Some(there) = there else {
        let made =
            format!("CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{{text}}}");
        define(session, &made).await?;
        let text = grow(session, keyspace, copies).await?.unwrap_or(text);
        return Ok(Some(format!("made keyspace {keyspace} with {text}")));
    };
    if copies.is_none() || judge::has(&there, &wanted) {
        return Ok(None);
    }
    if !tables(session, keyspace).await?.is_empty() {
        return Err(refused(judge::no_other_copies(keyspace, &there, &text)));
    }
    let altered = format!("ALTER KEYSPACE {keyspace} WITH replication = {{{text}}}");
    define(session, &altered).await?;
    Ok(Some(format!("gave keyspace {keyspace} {text}")))
}

/// A ring that began a moment ago may have had more nodes than it knew of: a keyspace that was made for fewer is
/// refused for ever after. Answers the copies if they are others now.
async fn grow(
    session: &Session,
    keyspace: &str,
    copies: Option<usize>,
) -> StoreResult<Option<String>> {
    let seen = centres(session);
    let known = session.refresh_metadata().await;
    known.map_err(|why| refused(format!("the nodes of the database: {why}")))?;
    if centres(session) == seen {
        return Ok(None);
    }
    let wanted = judge::copies(&centres(session), copies).map_err(refused)?;
    let text = judge::replication_of(&wanted);
    let altered = format!("ALTER KEYSPACE {keyspace} WITH replication = {{{text}}}");
    define(session, &altered).await?;
    Ok(Some(text))
}

/// Refuses what is not fit, with reason and remedy. Answers the quorum that is one (R10).
pub(super) async fn check(
    session: &Session,
    place: &CqlPlace,
    bucket_bits: u32,
) -> StoreResult<Consistency> {
    let quorum = check_replication(session, &place.keyspace).await?;
    check_version(session, place, bucket_bits).await?;
    Ok(quorum)
}

async fn check_version(session: &Session, place: &CqlPlace, bucket_bits: u32) -> StoreResult<()> {
    let remedy = format!("run: chapiana schema --store {place}");
    let keyspace = place.keyspace.as_str();
    let tables = tables(session, keyspace).await?;
    if !tables.contains_key("meta") {
        return Err(refused(format!(
            "keyspace {keyspace} has no schema yet; {remedy}"
        )));
    }
    let meta = meta(session, keyspace).await?;
    let version = meta.get("schema").copied().unwrap_or(0);
    if version < VERSION {
        return Err(refused(format!(
            "keyspace {keyspace} has schema {version}, this program wants {VERSION}; {remedy}"
        )));
    }
    if version > VERSION {
        return Err(refused(judge::newer(keyspace, version, VERSION)));
    }
    let statements = statements();
    let names = statements.iter().filter_map(|text| table_of(text));
    judge::tables(keyspace, names, &tables, &remedy).map_err(refused)?;
    match meta.get("bucket_bits") {
        Some(there) if *there == bucket_bits => Ok(()),
        there => Err(refused(format!(
            "keyspace {keyspace} has bucket_bits {there:?}, not {bucket_bits}; it never changes"
        ))),
    }
}

/// The table that a statement of `schema.cql` makes.
fn table_of(statement: &str) -> Option<&str> {
    let rest = statement.strip_prefix("CREATE TABLE IF NOT EXISTS ")?;
    rest.split_whitespace().next()
}

/// The tables that are there, and after how many seconds what is in them expires.
async fn tables(session: &Session, keyspace: &str) -> StoreResult<BTreeMap<String, i32>> {
    let text =
        "SELECT table_name, default_time_to_live FROM system_schema.tables WHERE keyspace_name = ?";
    let rows = ask(session, text, values![keyspace]).await?;
    rows.iter()
        .map(|row| {
            let expires: Option<i32> = row.get("default_time_to_live")?;
            Ok((row.get("table_name")?, expires.unwrap_or(0)))
        })
        .collect()
}

/// The numbers that the keyspace says of itself.
async fn meta(session: &Session, keyspace: &str) -> StoreResult<BTreeMap<String, u32>> {
    let text = format!("SELECT key, value FROM {keyspace}.meta");
    let mut meta = BTreeMap::new();
    for row in ask(session, &text, values![]).await? {
        let (key, value): (String, String) = (row.get("key")?, row.get("value")?);
        if let Ok(number) = value.parse() {
            meta.insert(key, number);
        }
    }
    Ok(meta)
}

/// The replication of the keyspace; `None` if there is none of that name.
async fn replication(
    session: &Session,
    keyspace: &str,
) -> StoreResult<Option<BTreeMap<String, String>>> {
    let text = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?";
    let rows = ask(session, text, values![keyspace]).await?;
    rows.first().map(|row| row.get("replication")).transpose()
}

async fn check_replication(session: &Session, keyspace: &str) -> StoreResult<Consistency> {
    let found = replication(session, keyspace).await?;
    let found = found.ok_or_else(|| {
        refused(format!(
            "there is no keyspace {keyspace}; run: chapiana schema, which creates it"
        ))
    })?;
    judge::replication(keyspace, &found, &centres(session)).map_err(refused)
}

impl super::values::Column for BTreeMap<String, String> {
    fn put(self) -> Option<CqlValue> {
        let pairs = self.into_iter();
        let text = |text| CqlValue::Text(text);
        Some(CqlValue::Map(
            pairs.map(|(k, v)| (text(k), text(v))).collect(),
        ))
    }
    fn take(value: Option<CqlValue>) -> Option<Self> {
        let CqlValue::Map(pairs) = value? else {
            return None;
        };
        let text = |value| String::take(Some(value));
        pairs
            .into_iter()
            .map(|(key, value)| Some((text(key)?, text(value)?)))
            .collect()
    }
}
