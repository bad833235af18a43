//! A pool: what is used again, what is not, and what is sent once more.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    net::TcpListener,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use crate::adapter::{Connector, Error, Pool};
use crate::common::{Talk, bounded, config, joined, to_bob};
use smtp_proto::client::{Fate, PoolPolicy, Transaction};

/// A server that follows a script for each connection, one after another; and a
/// pool of connections to it.
struct Host {
    pool: Pool,
    thread: thread::JoinHandle<usize>,
}

type Script = fn(&mut Talk);

impl Host {
    fn new(policy: PoolPolicy, scripts: &'static [Script]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            for script in scripts {
                let (stream, _) = listener.accept().unwrap();
                let mut talk = Talk::new(stream);
                talk.hello(&["PIPELINING"]);
                script(&mut talk);
            }
            scripts.len()
        });
        let pool = Pool::new(Connector::new(config()), "127.0.0.1", port, policy);
        Self { pool, thread }
    }

    fn send(&self) -> Fate {
        self.pool.send(message()).unwrap().fate().clone()
    }

    #[track_caller]
    fn accepted(&self) {
        let fate = self.send();
        assert!(matches!(fate, Fate::Accepted(_)), "{fate}");
    }

    /// Every script was followed to its end.
    fn end(self) {
        self.pool.close();
        joined(self.thread.join());
    }
}

fn message() -> Transaction {
    to_bob().content("Subject: x\r\n\r\nHello.\r\n")
}

fn take(talk: &mut Talk) {
    talk.envelope();
    talk.content();
    talk.say("250 stored\r\n");
}

#[test]
fn one_connection_for_several_messages() {
    bounded(|| {
        let host = Host::new(
            PoolPolicy::default(),
            &[|talk| {
                take(talk);
                take(talk);
                take(talk);
                talk.quit();
            }],
        );
        for _ in 0..3 {
            host.accepted();
        }
        host.end();
    });
}

#[test]
fn no_more_messages_than_allowed() {
    bounded(|| {
        let both: Script = |talk| {
            take(talk);
            take(talk);
            talk.expect("QUIT");
        };
        let scripts = Box::leak(Box::new([both, both]));
        let host = Host::new(PoolPolicy::default().max_messages(2), scripts);
        for _ in 0..4 {
            host.accepted();
        }
        host.end();
    });
}

#[test]
fn what_has_been_idle_for_too_long() {
    bounded(|| {
        let one: Script = |talk| {
            take(talk);
            talk.expect("QUIT");
        };
        let scripts = Box::leak(Box::new([one, one]));
        let host = Host::new(PoolPolicy::default().max_idle(Duration::ZERO), scripts);
        host.accepted();
        host.accepted();
        host.end();
    });
}

#[test]
fn after_a_while_a_noop_is_answered_first() {
    bounded(|| {
        let host = Host::new(
            PoolPolicy::default().probe_after(Duration::ZERO),
            &[
                |talk| {
                    take(talk);
                    talk.turn("NOOP", "250 here");
                    take(talk);
                    talk.turn("NOOP", "421 not any more");
                },
                |talk| {
                    take(talk);
                    talk.quit();
                },
            ],
        );
        for _ in 0..3 {
            host.accepted();
        }
        host.end();
    });
}

#[test]
fn a_connection_that_the_server_closed_meanwhile() {
    bounded(|| {
        for first in [
            (|talk: &mut Talk| {
                take(talk);
                talk.say("421 4.3.2 idle for too long\r\n");
            }) as Script,
            take,
        ] {
            let scripts: &[Script] = Box::leak(Box::new([first, |talk: &mut Talk| {
                take(talk);
                talk.quit();
            }]));
            let host = Host::new(PoolPolicy::default(), scripts);
            host.accepted();
            // Until what the server did has come here.
            thread::sleep(crate::common::SHORT);
            host.accepted();
            host.end();
        }
    });
}

#[test]
fn lost_before_anything_came_of_it_it_is_sent_once_more() {
    bounded(|| {
        let host = Host::new(
            PoolPolicy::default(),
            &[
                |talk| {
                    take(talk);
                    talk.turn("MAIL", "250 ok");
                },
                |talk| {
                    take(talk);
                    talk.quit();
                },
            ],
        );
        host.accepted();
        host.accepted();
        host.end();
    });
}

#[test]
fn in_doubt_is_not_sent_again() {
    bounded(|| {
        let host = Host::new(
            PoolPolicy::default(),
            &[
                |talk| {
                    take(talk);
                    talk.envelope();
                    talk.content();
                },
                |talk| {
                    take(talk);
                    talk.quit();
                },
            ],
        );
        host.accepted();
        let fate = host.send();
        assert!(matches!(fate, Fate::InDoubt(_)), "{fate}");
        // The next message is another one.
        host.accepted();
        host.end();
    });
}

#[test]
fn a_new_connection_that_is_lost_is_not_tried_again() {
    bounded(|| {
        let host = Host::new(PoolPolicy::default(), &[|talk| talk.turn("MAIL", "250 ok")]);
        let fate = host.send();
        assert!(matches!(fate, Fate::NotSent(_)), "{fate}");
        host.end();
    });
}

#[test]
fn nothing_odd_is_used_again() {
    bounded(|| {
        let host = Host::new(
            PoolPolicy::default(),
            &[
                |talk| {
                    talk.envelope();
                    talk.content();
                    talk.say("250-stored\r\n251 or so\r\n");
                    talk.expect("QUIT");
                },
                |talk| {
                    take(talk);
                    talk.quit();
                },
            ],
        );
        host.accepted();
        host.accepted();
        host.end();
    });
}

#[test]
fn a_message_left_in_stages_is_given_up() {
    bounded(|| {
        let host = Host::new(
            PoolPolicy::default(),
            &[
                |talk| {
                    talk.turn("MAIL", "250 ok");
                    talk.expect("QUIT");
                },
                |talk| {
                    take(talk);
                    talk.quit();
                },
            ],
        );
        let mut connection = host.pool.get().unwrap();
        drop(connection.begin(crate::common::from_alice()).unwrap());
        drop(connection);
        host.accepted();
        host.end();
    });
}

#[test]
fn no_more_connections_than_allowed() {
    bounded(|| {
        let one: Script = |talk| {
            take(talk);
            talk.quit();
        };
        let scripts = Box::leak(Box::new([one]));
        let policy = PoolPolicy::default()
            .max_connections(1)
            .max_wait(crate::common::SHORT);
        let host = Host::new(policy, scripts);
        let held = host.pool.get().unwrap();
        assert!(!held.is_reused());
        assert!(matches!(host.pool.get(), Err(Error::PoolExhausted)));
        drop(held);
        let again = host.pool.get().unwrap();
        assert!(again.is_reused());
        drop(again);
        host.accepted();
        host.end();
    });
}

#[test]
fn a_place_that_gets_free_is_taken() {
    bounded(|| {
        let one: Script = |talk| {
            take(talk);
            talk.quit();
        };
        let scripts = Box::leak(Box::new([one]));
        let host = Host::new(PoolPolicy::default().max_connections(1), scripts);
        let Host { pool, thread } = host;
        let pool = Arc::new(pool);
        let held = pool.get().unwrap();
        let (sender, receiver) = mpsc::channel();
        let waiting = thread::spawn({
            let pool = Arc::clone(&pool);
            move || {
                sender.send(()).unwrap();
                pool.send(message()).unwrap()
            }
        });
        receiver.recv().unwrap();
        drop(held);
        let outcome = joined(waiting.join());
        assert!(matches!(outcome.fate(), Fate::Accepted(_)));
        pool.close();
        joined(thread.join());
    });
}

#[test]
fn a_host_that_cannot_be_reached_leaves_the_place_free() {
    bounded(|| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let policy = PoolPolicy::default().max_connections(1);
        let pool = Pool::new(Connector::new(config()), "127.0.0.1", port, policy);
        for _ in 0..3 {
            assert!(matches!(pool.send(message()), Err(Error::Connect(_))));
        }
    });
}
