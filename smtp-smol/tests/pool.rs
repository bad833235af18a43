//! A pool whose futures are dropped, and whose tasks wait for each other. What
//! else a pool has to do is in the suite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails may panic"
)]

mod adapter;
#[path = "../../smtp-blocking/tests/common/mod.rs"]
mod common;

use std::{
    net::TcpListener,
    pin::pin,
    sync::mpsc,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use async_io::Timer;
use common::{
    SHORT, Talk, bounded, config, joined,
    serving::{Seen, Serving, YES},
    to_bob,
};
use futures_lite::future::{block_on, or, zip};
use smtp_proto::client::{PoolPolicy, Transaction};
use smtp_smol::{Connector, Error, Pool};

/// Waits for it, but not for ever.
fn soon<T>(future: impl Future<Output = T>) -> T {
    block_on(or(async { Some(future.await) }, async {
        Timer::after(Duration::from_secs(10)).await;
        None
    }))
    .expect("it hangs")
}

/// Polls a future so often, with time between, and drops it.
fn cut<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => {
            thread::sleep(Duration::from_millis(3));
            None
        }
    })
}

fn pool(port: u16, connections: usize) -> Pool {
    let policy = PoolPolicy::default()
        .max_connections(connections)
        .max_wait(Duration::from_secs(2));
    Pool::new(Connector::new(config()), "127.0.0.1", port, policy)
}

fn message(text: &str) -> Transaction {
    to_bob().content(format!("{text}\r\n").into_bytes())
}

#[test]
fn m42_a_message_that_nobody_waits_for_leaves_its_place_free() {
    bounded(|| {
        for reused in [true, false] {
            let serving = Serving::new(YES);
            let pool = pool(serving.address.port(), 1);
            let send = |text: String| soon(pool.send(message(&text))).unwrap();
            let mut polls = 0;
            loop {
                assert!(send(format!("before {polls}")).is_complete());
                if !reused {
                    pool.close();
                }
                let cut = cut(pool.send(message(&format!("cut {polls}"))), polls);
                let outcome = send(format!("after {polls}"));
                assert!(outcome.is_complete(), "{outcome:?} after {polls} polls");
                if cut.is_some() {
                    break;
                }
                polls += 1;
                assert!(polls < 1000, "it has no end");
            }
            assert!(polls > 0);
            pool.close();
            let arrived = arrived(serving);
            let times = |text: String| arrived.iter().filter(|&one| *one == text).count();
            for number in 0..=polls {
                assert_eq!(times(format!("before {number}\r\n")), 1);
                assert_eq!(times(format!("after {number}\r\n")), 1);
                assert!(times(format!("cut {number}\r\n")) <= 1);
            }
            assert_eq!(times(format!("cut {polls}\r\n")), 1);
        }
    });
}

/// The messages that a server took.
fn arrived(serving: Serving) -> Vec<String> {
    let seen = serving.stop().into_iter().flatten();
    seen.filter_map(|seen| match seen {
        Seen::Message(_, content) => Some(String::from_utf8(content).unwrap()),
        _ => None,
    })
    .collect()
}

#[test]
fn m42_who_waits_no_more_takes_no_place() {
    bounded(|| {
        let serving = Serving::new(YES);
        let pool = pool(serving.address.port(), 1);
        let held = soon(pool.get()).unwrap();
        for polls in 1..4 {
            assert!(cut(pool.get(), polls).is_none());
        }
        // One is told that a place is free, and is not there any more.
        {
            let mut waiting = pin!(pool.get());
            let mut context = Context::from_waker(Waker::noop());
            assert!(waiting.as_mut().poll(&mut context).is_pending());
            drop(held);
        }
        assert!(soon(pool.get()).unwrap().is_reused());
        pool.close();
        serving.stop();
    });
}

#[test]
fn two_places_that_get_free_are_taken_by_two() {
    bounded(|| {
        let serving = Serving::new(YES);
        let pool = pool(serving.address.port(), 2);
        let held = [soon(pool.get()).unwrap(), soon(pool.get()).unwrap()];
        let start = Instant::now();
        soon(async {
            let free = async {
                Timer::after(SHORT).await;
                drop(held);
            };
            let both = zip(pool.get(), pool.get());
            let ((one, other), ()) = zip(both, free).await;
            assert!(one.unwrap().is_reused() && other.unwrap().is_reused());
        });
        assert!(start.elapsed() < Duration::from_secs(1));
        pool.close();
        serving.stop();
    });
}

#[test]
fn who_waits_for_too_long_is_told() {
    bounded(|| {
        let serving = Serving::new(YES);
        let policy = PoolPolicy::default().max_connections(1).max_wait(SHORT);
        let port = serving.address.port();
        let pool = Pool::new(Connector::new(config()), "127.0.0.1", port, policy);
        let held = soon(pool.get()).unwrap();
        assert!(matches!(soon(pool.get()), Err(Error::PoolExhausted)));
        drop(held);
        soon(pool.get()).unwrap();
        pool.close();
        serving.stop();
    });
}

#[test]
fn m42_a_request_that_nobody_waits_for_may_end_in_time() {
    bounded(|| {
        for answered in [true, false] {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let pool = pool(listener.local_addr().unwrap().port(), 1);
            let (say, said) = mpsc::channel();
            let host = thread::spawn(move || {
                let mut talk = Talk::new(listener.accept().unwrap().0);
                talk.hello(&[]);
                talk.expect("NOOP");
                said.recv().unwrap();
                if answered {
                    talk.say("250 here\r\n");
                    talk.quit();
                } else {
                    talk.ended();
                    let mut talk = Talk::new(listener.accept().unwrap().0);
                    talk.hello(&[]);
                    talk.quit();
                }
            });
            let mut connection = soon(pool.get()).unwrap();
            assert!(cut(connection.noop(), 1).is_none());
            say.send(()).unwrap();
            thread::sleep(SHORT);
            drop(connection);
            assert_eq!(soon(pool.get()).unwrap().is_reused(), answered);
            pool.close();
            joined(host.join());
        }
    });
}

/// Neither is found out by sending a message.
#[test]
fn what_the_server_said_meanwhile_is_looked_at() {
    bounded(|| {
        for end in ["421 4.3.2 idle for too long\r\n", ""] {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let pool = pool(listener.local_addr().unwrap().port(), 1);
            let (say, said) = mpsc::channel();
            let host = thread::spawn(move || {
                let mut talk = Talk::new(listener.accept().unwrap().0);
                talk.hello(&[]);
                said.recv().unwrap();
                talk.say(end);
                if end.is_empty() {
                    talk.shut();
                }
                let mut next = Talk::new(listener.accept().unwrap().0);
                next.hello(&[]);
                next.quit();
            });
            drop(soon(pool.get()).unwrap());
            say.send(()).unwrap();
            thread::sleep(SHORT);
            assert!(!soon(pool.get()).unwrap().is_reused(), "{end:?}");
            pool.close();
            joined(host.join());
        }
    });
}

/// What an executor with several threads wants of a future.
fn can_be_spawned<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn m42_tasks_in_other_threads_use_a_pool() {
    bounded(|| {
        let serving = Serving::new(YES);
        let pool = pool(serving.address.port(), 2);
        drop(can_be_spawned(pool.get()));
        let numbers = 0..8;
        thread::scope(|scope| {
            for number in numbers.clone() {
                let send = can_be_spawned(pool.send(message(&number.to_string())));
                scope.spawn(|| assert!(soon(send).unwrap().is_complete()));
            }
        });
        pool.close();
        let mut arrived = arrived(serving);
        arrived.sort();
        let expected: Vec<_> = numbers.map(|number| format!("{number}\r\n")).collect();
        assert_eq!(arrived, expected);
    });
}
