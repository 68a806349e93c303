//! What is set to happen later, as a line of JSON.

use super::Problem;
use crate::clock::Timestamp;
use crate::ids::{TimerId, UserId};
use crate::store::{SetTimer, Store, Task, Timer};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimerLine {
    pub id: TimerId,
    pub user: UserId,
    pub due: Timestamp,
    pub task: Task,
    /// The code of the refusal, if it will not be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl From<SetTimer> for TimerLine {
    fn from(set: SetTimer) -> Self {
        Self {
            id: set.timer.id,
            user: set.timer.user,
            due: set.timer.due,
            task: set.timer.task,
            failed: set.failed,
        }
    }
}

/// Sets it in the target, unless it is there already.
pub(super) async fn put(store: &dyn Store, line: TimerLine) -> Result<(), Problem> {
    let timer = Timer {
        id: line.id,
        user: line.user,
        due: line.due,
        task: line.task,
    };
    store.set_timer(&timer, usize::MAX).await?;
    let Some(why) = line.failed else {
        return Ok(());
    };
    // As whoever tried it would: claimed, then failed.
    let claimant = Uuid::new_v4();
    let due = crate::store::DueTimer {
        timer,
        claimant: Uuid::nil(),
        tries: 0,
    };
    if store.claim_timer(&due, claimant, line.due).await? {
        store.fail_timer(&due.timer, claimant, &why).await?;
    }
    Ok(())
}
