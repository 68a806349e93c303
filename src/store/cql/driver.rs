//! Statements at work: prepared once, paged by our own token, with the consistency of their kind.

use super::route::StableOrder;
use super::values::{Found, Values, found_in};
use crate::store::{LogQueries, StoreError, StoreResult};
use scylla::client::execution_profile::{ExecutionProfile, ExecutionProfileHandle};
use scylla::client::session::Session;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::response::query_result::QueryResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Above the longest that the server itself waits (5 s): it gives up first, so that what is
/// reported as unknown has come to its end (R12).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(7);
/// A read that has no answer by then is asked of one more coordinator: the first may have died or stand
/// still, or itself wait for a replica that did. Writes are not: a late one could undo a later one.
const SECOND_COORDINATOR: Duration = Duration::from_secs(2);
/// How long a conditional write of unknown outcome is repeated, as it is, before the caller is told (R3).
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows in one page.
const PAGE_ROWS: i32 = 500;

/// What a statement is for: its consistency, its route, its retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A read at quorum.
    Read,
    /// A read that finishes whatever write was under way (R4, R11).
    SerialRead,
    /// A write at quorum that may be repeated: views and lists.
    Plain,
    /// A conditional write. Never repeated by the driver: R3 decides.
    Conditional,
}

/// What a conditional write answered. Only the first row counts: ScyllaDB answers with one row per
/// statement of a batch, Cassandra with one.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub applied: bool,
    /// What stands instead, as far as the server tells.
    pub row: Found,
}

impl Answer {
    pub fn read(rows: Vec<Found>) -> StoreResult<Self> {
        let first = rows.into_iter().next();
        let row = first.ok_or_else(|| StoreError::Unknown("an empty answer".to_owned()))?;
        Ok(Self {
            applied: row.get::<Option<bool>>("[applied]")? == Some(true),
            row,
        })
    }
}

/// One session in one keyspace.
pub(super) struct Driver {
    session: Session,
    /// LOCAL_QUORUM with one data centre, QUORUM with several (R10).
    quorum: Consistency,
    prepared: RwLock<HashMap<(&'static str, Kind), PreparedStatement>>,
    conditional: ExecutionProfileHandle,
    plain: ExecutionProfileHandle,
    reading: ExecutionProfileHandle,
    pub queries: LogQueries,
    #[cfg(test)]
    pub(crate) rounds: crate::testing::rounds::Rounds,
}

impl Driver {
    pub fn new(session: Session, quorum: Consistency) -> Self {
        let plain = ExecutionProfile::builder()
            .consistency(quorum)
            .serial_consistency(Some(SerialConsistency::Serial))
            .request_timeout(Some(REQUEST_TIMEOUT));
        let conditional = plain
            .clone()
            .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
            .load_balancing_policy(Arc::new(StableOrder::new()));
        let second = SimpleSpeculativeExecutionPolicy {
            max_retry_count: 1,
            retry_interval: SECOND_COORDINATOR,
        };
        let reading = plain
            .clone()
            .speculative_execution_policy(Some(Arc::new(second)));
        Self {
            session,
            quorum,
            prepared: RwLock::default(),
            conditional: conditional.build().into_handle(),
            plain: plain.build().into_handle(),
            reading: reading.build().into_handle(),
            queries: LogQueries::default(),
            #[cfg(test)]
            rounds: crate::testing::rounds::Rounds::default(),
        }
    }

    fn at_hand(&self, key: (&'static str, Kind)) -> Option<PreparedStatement> {
        let there = self.prepared.read();
        let there = there.unwrap_or_else(PoisonError::into_inner);
        there.get(&key).cloned()
    }

    /// The statement, prepared at its first use.
    pub(super) async fn prepared(
        &self,
        kind: Kind,
        text: &'static str,
    ) -> StoreResult<PreparedStatement> {
        let key = (text, kind);
        if let Some(prepared) = self.at_hand(key) {
            return Ok(prepared);
        }
        let prepared = self.session.prepare(text).await;
        let mut prepared = prepared.map_err(|why| StoreError::Unavailable(why.to_string()))?;
        let conditional = kind == Kind::Conditional;
        prepared.set_is_idempotent(!conditional);
        prepared.set_page_size(PAGE_ROWS);
        prepared.set_serial_consistency(Some(SerialConsistency::Serial));
        prepared.set_consistency(match kind {
            Kind::SerialRead => Consistency::Serial,
            _ => self.quorum,
        });
        let profile = match kind {
            Kind::Conditional => &self.conditional,
            Kind::Plain => &self.plain,
            Kind::Read | Kind::SerialRead => &self.reading,
        };
        prepared.set_execution_profile_handle(Some(profile.clone()));
        let mut all = self
            .prepared
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(all.entry(key).or_insert(prepared).clone())
    }

    /// Gives every row to `each`, page by page, until it breaks.
    pub async fn each_row(
        &self,
        kind: Kind,
        text: &'static str,
        values: Values,
        mut each: impl FnMut(Found) -> StoreResult<ControlFlow<()>> + Send,
    ) -> StoreResult<()> {
        let statement = self.prepared(kind, text).await?;
        let mut place = PagingState::start();
        if text.contains("FROM log ") {
            self.queries.count();
        }
        loop {
            #[cfg(test)]
            let _under_way = self.rounds.begin().await;
            let page = self.session.execute_single_page(&statement, &values, place);
            let (page, next) = page.await.map_err(read_failed)?;
            for row in rows_of(page)? {
                if each(row)?.is_break() {
                    return Ok(());
                }
            }
            match next {
                PagingStateResponse::HasMorePages { state } => place = state,
                PagingStateResponse::NoMorePages => return Ok(()),
            }
        }
    }

    pub async fn rows(
        &self,
        kind: Kind,
        text: &'static str,
        values: Values,
    ) -> StoreResult<Vec<Found>> {
        let mut rows = Vec::new();
        self.each_row(kind, text, values, |row| {
            rows.push(row);
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        Ok(rows)
    }

    pub async fn row(
        &self,
        kind: Kind,
        text: &'static str,
        values: Values,
    ) -> StoreResult<Option<Found>> {
        let rows = self.rows(kind, text, values).await?;
        Ok(rows.into_iter().next())
    }

    /// A write that is harmless to repeat.
    pub async fn write(&self, text: &'static str, values: Values) -> StoreResult<()> {
        let statement = self.prepared(Kind::Plain, text).await?;
        let start = PagingState::start();
        let done = self.session.execute_single_page(&statement, &values, start);
        done.await.map_err(write_failed)?;
        Ok(())
    }

    /// One try of a conditional write.
    async fn try_conditional(
        &self,
        statement: &PreparedStatement,
        values: &Values,
    ) -> StoreResult<Answer> {
        let start = PagingState::start();
        let done = self.session.execute_single_page(statement, values, start);
        let (answer, _) = done.await.map_err(write_failed)?;
        Answer::read(rows_of(answer)?)
    }

    /// A conditional write, repeated as it is while its outcome is unknown (R3). `true` beside the
    /// answer: a refusal may stand for an earlier try that won.
    pub async fn settled(&self, text: &'static str, values: Values) -> StoreResult<(Answer, bool)> {
        let statement = self.prepared(Kind::Conditional, text).await?;
        let began = Instant::now();
        let mut again = false;
        loop {
            match self.try_conditional(&statement, &values).await {
                Ok(answer) => return Ok((answer, again)),
                Err(StoreError::Unknown(why)) if began.elapsed() > SETTLE_TIMEOUT => {
                    return Err(StoreError::Unknown(why));
                }
                Err(StoreError::Unknown(_)) => again = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// A conditional batch, repeated as it is while its outcome is unknown (R3).
    pub async fn settled_batch(
        &self,
        first: (&'static str, Values),
        more: &'static str,
        rows: Vec<Values>,
    ) -> StoreResult<Answer> {
        let began = Instant::now();
        loop {
            let values = (first.0, first.1.clone());
            match self.batch(values, more, rows.clone()).await {
                Err(StoreError::Unknown(_)) if began.elapsed() <= SETTLE_TIMEOUT => {}
                settled => return settled,
            }
        }
    }

    /// One conditional batch on one partition: `first` carries the condition, `more` is inserted with it.
    pub async fn batch(
        &self,
        first: (&'static str, Values),
        more: &'static str,
        mut rows: Vec<Values>,
    ) -> StoreResult<Answer> {
        let condition = self.prepared(Kind::Conditional, first.0).await?;
        let insert = self.prepared(Kind::Conditional, more).await?;
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_consistency(self.quorum);
        batch.set_serial_consistency(Some(SerialConsistency::Serial));
        batch.set_execution_profile_handle(Some(self.conditional.clone()));
        batch.set_is_idempotent(false);
        batch.append_statement(condition);
        for _ in &rows {
            batch.append_statement(insert.clone());
        }
        rows.insert(0, first.1);
        let answer = self.session.batch(&batch, &rows).await;
        Answer::read(rows_of(answer.map_err(write_failed)?)?)
    }
}

fn rows_of(answer: QueryResult) -> StoreResult<Vec<Found>> {
    if !answer.is_rows() {
        return Ok(Vec::new());
    }
    let rows = answer.into_rows_result();
    found_in(&rows.map_err(|why| StoreError::Corrupt(why.to_string()))?)
}

fn read_failed(error: ExecutionError) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// What never left this process, or was refused for what it says, did surely not happen; everything
/// else may have.
fn write_failed(error: ExecutionError) -> StoreError {
    let why = error.to_string();
    match error {
        ExecutionError::EmptyPlan | ExecutionError::ConnectionPoolError(_) => {
            StoreError::NotDurable(why)
        }
        ExecutionError::BadQuery(_) | ExecutionError::PrepareError(_) => {
            StoreError::Unavailable(why)
        }
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(
            DbError::SyntaxError | DbError::Invalid | DbError::Unauthorized | DbError::ConfigError,
            _,
        )) => StoreError::Unavailable(why),
        _ => StoreError::Unknown(why),
    }
}
