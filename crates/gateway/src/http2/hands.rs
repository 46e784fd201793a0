//! The tasks of a worker that answer streams, kept for the streams that come after.
//!
//! A task is several kilobytes of memory, and a stream lives for one request: making a new one for each costs a small
//! request more than its parsing does.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Tasks kept while there is nothing for them to do, on all connections together.
const KEPT_MAX: usize = 256;

/// What one task is given.
struct Hand<J> {
    job: RefCell<Option<J>>,
    waker: RefCell<Option<Waker>>,
}

impl<J> Hand<J> {
    fn give(&self, job: J) {
        *self.job.borrow_mut() = Some(job);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    async fn next(&self) -> J {
        poll_fn(|context| match self.job.borrow_mut().take() {
            Some(job) => Poll::Ready(job),
            None => {
                *self.waker.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

/// Gives jobs to tasks.
pub struct Hands<J>(Rc<RefCell<Vec<Rc<Hand<J>>>>>);

impl<J> Default for Hands<J> {
    fn default() -> Self {
        Self(Rc::default())
    }
}

impl<J> fmt::Debug for Hands<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hands({} idle)", self.0.borrow().len())
    }
}

impl<J: 'static> Hands<J> {
    /// Has `work` done on a job by a task that has nothing else to do, or by a new one.
    pub fn give<F: Future<Output = ()>>(&self, job: J, work: impl Fn(J) -> F + 'static) {
        if let Some(hand) = self.0.borrow_mut().pop() {
            return hand.give(job);
        }
        let idle = Rc::clone(&self.0);
        let hand = Rc::new(Hand { job: RefCell::new(Some(job)), waker: RefCell::default() });
        tokio::task::spawn_local(async move {
            loop {
                work(hand.next().await).await;
                if idle.borrow().len() >= KEPT_MAX {
                    return;
                }
                idle.borrow_mut().push(Rc::clone(&hand));
            }
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use tokio::task::yield_now;

    type Job = (u32, Rc<RefCell<Vec<u32>>>);

    async fn work((number, done): Job) {
        yield_now().await;
        done.borrow_mut().push(number);
    }

    #[test]
    fn every_job_is_done_once_and_no_more_tasks_wait_than_may() {
        let runtime = tokio::runtime::Builder::new_current_thread().build_local(Default::default()).unwrap();
        runtime.block_on(async {
            let (hands, done) = (Hands::<Job>::default(), Rc::new(RefCell::new(Vec::new())));
            for round in 1..4 {
                (0..round * 200).for_each(|number| hands.give((number, Rc::clone(&done)), work));
                while done.borrow().len() < (round * 200) as usize {
                    yield_now().await;
                }
                yield_now().await;
                let mut numbers = done.take();
                numbers.sort_unstable();
                assert_eq!(numbers, (0..round * 200).collect::<Vec<_>>());
                assert_eq!(hands.0.borrow().len(), KEPT_MAX.min(round as usize * 200));
            }
        });
    }
}
