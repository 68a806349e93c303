//! Requests whose outcome is not known are made again, as a session does with its sends.

use crate::error::Code;
use crate::limits::{RESEND_MS_MAX, RESEND_PAUSE_MS, RESEND_PAUSE_MS_MAX};
use crate::node::Node;
use crate::room::Reply;
use crate::room::answer::unknown;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// A try whose outcome is not known is repeated for a while: a send's key finds what was stored (R5), and
/// members' commands and foundings are safe to repeat. After such a try no refusal is final.
pub(super) async fn until_known<F>(node: &Node, attempt: impl Fn() -> F) -> Reply
where
    F: Future<Output = Reply>,
{
    let until = Instant::now() + Duration::from_millis(RESEND_MS_MAX);
    let mut pause_ms = RESEND_PAUSE_MS;
    let mut tried = false;
    loop {
        let reply = attempt().await;
        let Reply::Refused(why) = &reply else {
            return reply;
        };
        if !tried && why.code != Code::Unknown {
            return reply;
        }
        tried = true;
        if !why.code.holds_order() || Instant::now() >= until {
            return Reply::Refused(unknown());
        }
        node.metrics.sends_again.inc();
        sleep(Duration::from_millis(pause_ms)).await;
        pause_ms = RESEND_PAUSE_MS_MAX.min(2 * pause_ms);
    }
}
