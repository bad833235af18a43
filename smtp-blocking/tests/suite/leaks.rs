//! What is left behind: nothing. The counts are those of a process, so that the
//! tests take turns.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    fs,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::adapter::{Connection, connect};
use crate::common::{
    Talk, bounded, config, hasty, lines,
    load::Load,
    serving::{Serving, YES, local, mx},
    to_bob,
};

static TURN: Mutex<()> = Mutex::new(());

/// Runs a round a few times, so that what is set up once is; then often, after
/// which there are no more file descriptors and threads than before.
fn leaves_nothing<R: FnMut()>(rounds: usize, set_up: impl FnOnce() -> R + Send + 'static) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    bounded(move || {
        let mut round = set_up();
        (0..3).for_each(|_| round());
        let before = Load::settled(Load::now, None);
        (0..rounds).for_each(|_| round());
        let after = Load::settled(Load::now, Some(before));
        assert!(
            after.is_no_more_than(before),
            "{after:?}, and {before:?} before"
        );
    });
}

#[test]
fn m01_connecting_again_and_again_leaves_nothing() {
    leaves_nothing(200, || {
        let serving = Serving::new(YES);
        let port = serving.address.port();
        move || {
            let mut connection = Connection::connect("localhost", port, config()).unwrap();
            let outcome = connection.send(to_bob().content(lines(1000))).unwrap();
            assert!(outcome.is_complete());
            connection.quit().unwrap();
            serving.reports.recv().unwrap();
        }
    });
}

#[test]
fn m01_a_connection_that_is_dropped_leaves_nothing() {
    leaves_nothing(100, || {
        let serving = Serving::new(YES);
        let port = serving.address.port();
        move || {
            let mut connection = Connection::connect("127.0.0.1", port, config()).unwrap();
            let message = connection.begin(to_bob()).unwrap();
            // In the middle of the content.
            drop(message.content().unwrap());
            drop(connection);
            serving.reports.recv().unwrap();
        }
    });
}

#[test]
fn m01_connecting_in_vain_leaves_nothing() {
    leaves_nothing(50, || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = listener.local_addr().unwrap().port();
        move || {
            connect("127.0.0.1", 1, Duration::from_secs(5)).unwrap_err();
            let patience = hasty(Duration::from_millis(5));
            Connection::connect("127.0.0.1", silent, patience).unwrap_err();
            // The queue of the listener has it still.
            listener.accept().unwrap();
        }
    });
}

#[test]
fn s_208_sessions_of_every_kind_leave_nothing() {
    leaves_nothing(100, || {
        let serving = Serving::start(mx(), local().max_connections(3), YES);
        move || {
            let mut sessions = 0;
            let talks: Vec<Talk> = (0..5)
                .map(|_| {
                    let mut talk = Talk::connect(serving.address);
                    sessions += usize::from(talk.hear().starts_with("220 "));
                    talk
                })
                .collect();
            assert!(sessions <= 3);
            for (number, mut talk) in talks.into_iter().enumerate() {
                match number {
                    0 => talk.say("HELO x\r\nMAIL FROM:<>\r\nQUIT\r\n"),
                    1 => talk.say("HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx"),
                    _ => {}
                }
            }
            for _ in 0..sessions {
                serving.reports.recv().unwrap();
            }
        }
    });
}

#[test]
fn s_009_servers_that_have_ended_leave_nothing() {
    leaves_nothing(50, || {
        || {
            let serving = Serving::new(YES);
            let mut talk = Talk::connect(serving.address);
            talk.expect("220 ");
            talk.say("QUIT\r\n");
            talk.expect("221 ");
            talk.ended();
            drop(talk);
            serving.stop();
        }
    });
}

/// Content passes through: it is not gathered on either side.
#[test]
fn m12_memory_does_not_grow_with_the_message() {
    use crate::adapter::{Service, smtp_proto::server::*};
    use std::io::{self, Read};

    struct Sink;
    impl Service for Sink {
        fn rcpt(&mut self, _: &Rcpt<'_>) -> Result<(), Rejection> {
            Ok(())
        }
        fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
            Ok(())
        }
        fn content(&mut self, _: &[u8]) -> Result<(), Rejection> {
            Ok(())
        }
        fn message(&mut self, message: &Message<'_>) -> Result<String, Rejection> {
            Ok(message.octets().to_string())
        }
    }

    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    bounded(|| {
        let server = local();
        let port = server.local_addr().unwrap().port();
        let shutdown = server.shutdown_handle().unwrap();
        let config_of_server = mx().max_message_size(None);
        let running = std::thread::spawn(move || server.run(&config_of_server, |_| Sink));
        let limits = config().max_line(None);
        let mut connection = Connection::connect("127.0.0.1", port, limits).unwrap();
        let mut resident = Vec::new();
        for octets in [1 << 20, 100 << 20] {
            let outcome = connection.send_with(to_bob(), |writer| {
                io::copy(&mut io::repeat(b'x').take(octets), writer).map(drop)
            });
            let text = outcome.unwrap().fate().reply().unwrap().text();
            assert_eq!(text, (octets + 2).to_string());
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let peak = status
                .lines()
                .find(|line| line.starts_with("VmHWM"))
                .unwrap();
            let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
            resident.push(peak);
        }
        assert!(resident[1] < resident[0] + 20_000, "KiB: {resident:?}");
        connection.quit().unwrap();
        shutdown.shutdown();
        running.join().unwrap().unwrap();
    });
}
