//! What is fit to keep messages, and what an operator is told: decisions without a connection.

use scylla::errors::{DbError, ExecutionError, RequestAttemptError, SchemaAgreementError};
use scylla::statement::Consistency;
use std::collections::BTreeMap;

/// A keyspace with fewer copies than this, on a cluster that has the nodes for it, could lose messages.
const COPIES: usize = 3;

/// Whether copies and cluster fit together, and which quorum they make.
pub(in crate::store::cql) fn replication(
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

/// How many copies each data centre gets; `asked`: how many the operator wants.
pub(in crate::store::cql) fn copies(
    centres: &BTreeMap<String, usize>,
    asked: Option<usize>,
) -> Result<BTreeMap<String, usize>, String> {
    let each = centres.iter().map(|(centre, nodes)| {
        let least = COPIES.min(*nodes);
        let copies = asked.unwrap_or(least);
        if copies > *nodes {
            return Err(format!(
                "{copies} copies want as many nodes, data centre {centre} has {nodes}; \
                 let more nodes join it first, or ask for {nodes}"
            ));
        }
        if copies < least {
            return Err(format!(
                "with {copies} copies in data centre {centre}, which has {nodes} nodes, one failure would \
                 lose messages; ask for at least {least}"
            ));
        }
        Ok((centre.clone(), copies))
    });
    each.collect()
}

/// The same as CQL writes it.
pub(super) fn replication_of(copies: &BTreeMap<String, usize>) -> String {
    let each = copies
        .iter()
        .map(|(centre, copies)| format!(", '{centre}': {copies}"));
    format!(
        "'class': 'NetworkTopologyStrategy'{}",
        String::from_iter(each)
    )
}

/// Whether a keyspace has these copies already.
pub(in crate::store::cql) fn has(
    replication: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, usize>,
) -> bool {
    let class = replication.get("class").map_or("", String::as_str);
    let there = replication.iter().filter(|(key, _)| *key != "class");
    let there = there.map(|(centre, copies)| (centre, copies.parse().unwrap_or(0)));
    let wanted = wanted.iter().map(|(centre, copies)| (centre, *copies));
    class.ends_with("NetworkTopologyStrategy") && there.eq(wanted)
}

/// Why a keyspace with tables keeps its copies, and how they are changed.
pub(super) fn no_other_copies(
    keyspace: &str,
    there: &BTreeMap<String, String>,
    wanted: &str,
) -> String {
    format!(
        "keyspace {keyspace} has tables and {there:?}; with other copies a quorum of before and one of after \
         may have no node in common, so this is not done while somebody may write. Stop every node of Chapiana, \
         run: ALTER KEYSPACE {keyspace} WITH replication = {{{wanted}}}; then on each database node: \
         nodetool repair --full {keyspace}; then start them again. Nothing was changed"
    )
}

/// Whether every table is there, and keeps what is in it (R8).
pub(in crate::store::cql) fn tables<'a>(
    keyspace: &str,
    names: impl Iterator<Item = &'a str>,
    there: &BTreeMap<String, i32>,
    remedy: &str,
) -> Result<(), String> {
    for name in names {
        match there.get(name) {
            None => return Err(format!("keyspace {keyspace} lacks table {name}; {remedy}")),
            Some(0) => {}
            Some(seconds) => {
                return Err(format!(
                    "what is in table {name} expires after {seconds} s: messages would be lost; \
                     run: ALTER TABLE {keyspace}.{name} WITH default_time_to_live = 0"
                ));
            }
        }
    }
    Ok(())
}

pub(super) fn newer(keyspace: &str, there: u32, wanted: u32) -> String {
    format!(
        "keyspace {keyspace} has schema {there}, which is newer than this program (schema {wanted}); start a newer one"
    )
}

/// What is said when the database nodes hold different schemas.
pub(super) fn disagreement(why: &SchemaAgreementError, done: &str) -> String {
    format!(
        "the nodes of the database do not agree on the schema ({why}). {done}. Look at `nodetool describecluster`: \
         a node with a version of its own is cut off from the others, or restarts; mend or stop it, wait until one \
         version is left, then run the same again: it goes on where it was"
    )
}

/// Whether not enough nodes of the database answered; it may be otherwise a little later.
pub(in crate::store::cql) fn is_too_few(why: &ExecutionError) -> bool {
    use DbError::{ReadTimeout, Unavailable, WriteTimeout};
    matches!(
        why,
        ExecutionError::EmptyPlan
            | ExecutionError::ConnectionPoolError(_)
            | ExecutionError::LastAttemptError(RequestAttemptError::BrokenConnectionError(_))
            | ExecutionError::LastAttemptError(RequestAttemptError::DbError(
                Unavailable { .. } | WriteTimeout { .. } | ReadTimeout { .. },
                _,
            ))
    )
}

/// Why a statement was not done, and what to do.
pub(in crate::store::cql) fn undone(text: &str, why: &ExecutionError) -> String {
    let few = "too few nodes of the database answer; start those that are down (`nodetool status`), then run \
               the same again: it goes on where it was";
    match why {
        ExecutionError::SchemaAgreementError(why) => {
            let short = text.lines().next().unwrap_or_default();
            disagreement(why, &format!("Only some nodes have this: {short}"))
        }
        _ if is_too_few(why) => format!("{few}. ({text}: {why})"),
        _ => format!("{text}: {why}"),
    }
}
