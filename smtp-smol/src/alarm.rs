//! Waiting for a deadline that moves all the time.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_io::Timer;
use smtp_proto::Instant;

/// A timer that is set anew only for a deadline that is earlier than what it is
/// set to. To set one costs more than to let it go off for nothing, and nearly
/// every deadline is met long before it passes.
pub(crate) struct Alarm {
    opened: std::time::Instant,
    timer: Timer,
    /// What the timer is set to.
    set_to: Option<Instant>,
}

impl Alarm {
    /// The clock began then.
    pub(crate) fn new(opened: std::time::Instant) -> Self {
        Self {
            opened,
            timer: Timer::never(),
            set_to: None,
        }
    }

    /// Ready once the deadline has passed: what time it is. Who has no deadline
    /// any more need not say so: the task is woken for nothing once.
    pub(crate) fn poll(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<Instant> {
        if self.set_to.is_none_or(|set_to| deadline < set_to) {
            self.set(deadline);
        }
        loop {
            ready!(Pin::new(&mut self.timer).poll(context));
            // A timer that has gone off has to be set anew.
            self.set_to = None;
            let now = Instant::from_origin(self.opened.elapsed());
            if deadline <= now {
                return Poll::Ready(now);
            }
            self.set(deadline);
        }
    }

    fn set(&mut self, deadline: Instant) {
        self.set_to = Some(deadline);
        match self.opened.checked_add(deadline.since_origin()) {
            Some(at) => self.timer.set_at(at),
            None => self.timer = Timer::never(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker, time::Duration};

    use futures_lite::future::block_on;

    use super::*;

    #[test]
    fn c_309_a_deadline_may_move_either_way() {
        let ms = |n| Instant::ORIGIN + Duration::from_millis(n);
        for (first, then) in [(3_600_000, 30), (10, 60), (30, 30)] {
            let mut alarm = Alarm::new(std::time::Instant::now());
            let mut context = Context::from_waker(Waker::noop());
            assert!(alarm.poll(ms(first), &mut context).is_pending());
            for deadline in [ms(then), ms(then + 20)] {
                let now = block_on(poll_fn(|context| alarm.poll(deadline, context)));
                assert!(now >= deadline, "{now:?}, and {deadline:?}");
                assert!(now < deadline + Duration::from_secs(5));
            }
        }
    }
}
