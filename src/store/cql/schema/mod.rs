//! The schema: applied by `chapiana schema`, checked at every start.

use super::connect;
use super::place::CqlPlace;
use super::values::{Found, found_in, values};
use crate::store::{StoreError, StoreResult};
use scylla::client::session::Session;
use scylla::response::PagingState;
use scylla::statement::Consistency;
use scylla::value::CqlValue;
use std::collections::BTreeMap;

/// The version that `schema.cql` makes.
const VERSION: u32 = 4;
const TEXT: &str = include_str!("../../../schema.cql");
/// Fewer copies than this, on a cluster that has the nodes for it, cannot lose one.
const COPIES: usize = 3;

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

fn refused(why: impl Into<String>) -> StoreError {
    StoreError::Unavailable(why.into())
}

async fn ask(
    session: &Session,
    text: &str,
    values: super::values::Values,
) -> StoreResult<Vec<Found>> {
    let failed = |why: &dyn std::fmt::Display| refused(format!("{text}: {why}"));
    let statement = session.prepare(text).await;
    let statement = statement.map_err(|why| failed(&why))?;
    let start = PagingState::start();
    let answer = session
        .execute_single_page(&statement, &values, start)
        .await;
    let (answer, _) = answer.map_err(|why| failed(&why))?;
    match answer.is_rows() {
        true => found_in(&answer.into_rows_result().map_err(|why| failed(&why))?),
        false => Ok(Vec::new()),
    }
}

pub(super) async fn define(session: &Session, text: &str) -> StoreResult<()> {
    let done = session.query_unpaged(text, ()).await;
    done.map_err(|why| refused(format!("{text}: {why}")))?;
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
    let tables = statements.iter().filter_map(|statement| {
        let rest = statement.strip_prefix("CREATE TABLE IF NOT EXISTS ")?;
        rest.split_whitespace().next()
    });
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

pub(super) async fn apply(
    session: &Session,
    place: &CqlPlace,
    bucket_bits: u32,
) -> StoreResult<String> {
    let keyspace = &place.keyspace;
    let mut said = String::new();
    if replication(session, keyspace).await?.is_none() {
        let copies: Vec<_> = centres(session)
            .into_iter()
            .map(|(centre, nodes)| format!("'{centre}': {}", nodes.min(COPIES)))
            .collect();
        let copies = copies.join(", ");
        let text = format!(
            "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy', {copies}}}"
        );
        define(session, &text).await?;
        said = format!("created keyspace {keyspace} with copies {copies}\n");
    }
    check_replication(session, keyspace).await?;
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
    Ok(format!("{said}keyspace {keyspace} has schema {VERSION}"))
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
    let text = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'meta'";
    let keyspace = place.keyspace.as_str();
    if ask(session, text, values![keyspace]).await?.is_empty() {
        return Err(refused(format!(
            "keyspace {keyspace} has no schema yet; {remedy}"
        )));
    }
    let text = format!("SELECT key, value FROM {keyspace}.meta");
    let mut meta = BTreeMap::new();
    for row in ask(session, &text, values![]).await? {
        let (key, value): (String, String) = (row.get("key")?, row.get("value")?);
        meta.insert(key, value);
    }
    let number = |key: &str| meta.get(key).and_then(|value| value.parse::<u32>().ok());
    let version = number("schema").unwrap_or(0);
    if version < VERSION {
        return Err(refused(format!(
            "keyspace {keyspace} has schema {version}, this program wants {VERSION}; {remedy}"
        )));
    }
    if version > VERSION {
        return Err(refused(format!(
            "keyspace {keyspace} has schema {version}, which is newer than this program; start a newer one"
        )));
    }
    match number("bucket_bits") {
        Some(there) if there == bucket_bits => Ok(()),
        there => Err(refused(format!(
            "keyspace {keyspace} has bucket_bits {there:?}, not {bucket_bits}; it never changes"
        ))),
    }
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
    judge(keyspace, &found, &centres(session)).map_err(refused)
}

/// Whether copies and cluster fit together, and which quorum they make.
pub(super) fn judge(
    keyspace: &str,
    replication: &BTreeMap<String, String>,
    centres: &BTreeMap<String, usize>,
) -> Result<Consistency, String> {
    let class = replication.get("class").map_or("", String::as_str);
    if !class.ends_with("NetworkTopologyStrategy") {
        return Err(format!(
            "keyspace {keyspace} is replicated by {class}; alter it to NetworkTopologyStrategy"
        ));
    }
    let mut holding = 0;
    for (centre, copies) in replication.iter().filter(|(key, _)| *key != "class") {
        let Some(nodes) = centres.get(centre) else {
            let there: Vec<_> = centres.keys().map(String::as_str).collect();
            let there = there.join(", ");
            return Err(format!(
                "keyspace {keyspace} has copies in data centre {centre}, which the cluster does not have; it has {there}"
            ));
        };
        let copies: usize = copies.parse().map_err(|_| {
            format!("keyspace {keyspace} has {copies:?} copies in {centre}, which is no number")
        })?;
        let wanted = COPIES.min(*nodes);
        if copies > 0 && copies < wanted {
            return Err(format!(
                "keyspace {keyspace} has {copies} copies in {centre}, which has {nodes} nodes: one failure would lose messages; \
                 alter it to {wanted} copies and run a full repair"
            ));
        }
        holding += usize::from(copies > 0);
    }
    match holding {
        0 => Err(format!("keyspace {keyspace} has no copies at all")),
        1 => Ok(Consistency::LocalQuorum),
        _ => Ok(Consistency::Quorum),
    }
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
