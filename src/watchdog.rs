//! Ends a process whose threads stand still.
//!
//! A node that froze would keep its sockets open and answer nobody: the cluster takes its rooms, but its people wait.
//! One that ends is started again by whoever keeps it, and whatever it acknowledged is in the store. SIGABRT leaves a
//! core, where cores are kept, which shows what each thread waited for.

use crate::limits::{WATCHDOG_STEP_MS, WATCHDOG_STEPS};
use crate::node::Node;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread::Builder;
use std::time::Duration;
use tokio::runtime::Handle;

const STEP: Duration = Duration::from_millis(WATCHDOG_STEP_MS);
/// The last words may meet what stands still, too.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Watches the runtime of this node until the process ends.
///
/// # Errors
/// The system gives no thread.
pub fn start(node: &Arc<Node>) -> std::io::Result<()> {
    let node = Arc::clone(node);
    // Whoever waits for himself holds one of these, and soon everybody waits for him.
    let touch = move || {
        let _ = (
            node.rooms.count(),
            node.relays.count(),
            node.sessions.count(),
        );
        let _ = node.cluster.as_ref().map(|cluster| cluster.peers().len());
    };
    let runtime = Handle::current();
    let watch = move || {
        // Nobody ends it: it lives as long as the process.
        let (_lives, end) = channel();
        if !lives_until(&runtime, &Arc::new(touch), STEP, &end) {
            give_up();
        }
    };
    Builder::new().name("watchdog".to_owned()).spawn(watch)?;
    Ok(())
}

/// True once there is an `end`, or the runtime has ended; false if it did not come to `touch` in
/// `WATCHDOG_STEPS` steps.
fn lives_until(
    runtime: &Handle,
    touch: &Arc<impl Fn() + Send + Sync + 'static>,
    step: Duration,
    end: &Receiver<()>,
) -> bool {
    loop {
        let (tell, touched) = sync_channel(1);
        let touch = Arc::clone(touch);
        runtime.spawn(async move { answer(&*touch, &tell) });
        // A process that was stopped for long finds one step over when it goes on, not all of them.
        let mut steps = (0..WATCHDOG_STEPS).map(|_| touched.recv_timeout(step));
        match steps.find(|came| *came != Err(RecvTimeoutError::Timeout)) {
            None => return false,
            Some(Err(_)) => return true,
            Some(Ok(())) => {}
        }
        if end.recv_timeout(step) != Err(RecvTimeoutError::Timeout) {
            return true;
        }
    }
}

fn answer(touch: &impl Fn(), tell: &SyncSender<()>) {
    touch();
    // Nobody hears it who has given up.
    let _ = tell.try_send(());
}

fn give_up() -> ! {
    let (said, done) = sync_channel(1);
    let speak = move || {
        let seconds = WATCHDOG_STEP_MS * u64::from(WATCHDOG_STEPS) / 1_000;
        tracing::error!(
            "this process stood still for {seconds} s and ends itself; what it acknowledged is safe"
        );
        let _ = said.try_send(());
    };
    if Builder::new().spawn(speak).is_ok() {
        let _ = done.recv_timeout(LAST_WORDS);
    }
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    const SHORT: Duration = Duration::from_millis(2);

    fn runtime() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let built = builder.worker_threads(2).build();
        built.expect("a runtime")
    }

    #[test]
    fn threads_that_wait_for_a_lock_are_found() {
        let runtime = runtime();
        let (lock, (_lives, end)) = (Arc::new(Mutex::new(())), channel());
        let held = lock.lock().expect("free");
        let wanted = Arc::clone(&lock);
        let touch = Arc::new(move || drop(wanted.lock()));
        let began = Instant::now();
        assert!(!lives_until(runtime.handle(), &touch, SHORT, &end));
        assert!(began.elapsed() >= SHORT * WATCHDOG_STEPS);
        drop(held);
    }

    #[test]
    fn whoever_answers_is_left_alone_until_the_end() {
        let runtime = runtime();
        let (count, (tell, end)) = (Arc::new(AtomicUsize::new(0)), channel());
        let counted = Arc::clone(&count);
        let touch = Arc::new(move || {
            // The third look meets the end.
            if counted.fetch_add(1, Ordering::Relaxed) == 2 {
                tell.send(()).expect("it is watched");
            }
        });
        assert!(lives_until(runtime.handle(), &touch, SHORT, &end));
        assert_eq!(count.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_runtime_that_has_ended_does_not_stand_still() {
        let (runtime, (_lives, end)) = (runtime(), channel());
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        assert!(lives_until(&handle, &Arc::new(|| ()), SHORT, &end));
    }
}
