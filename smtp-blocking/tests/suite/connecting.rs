//! Finding a host, connecting, and the opening of a session.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use crate::adapter::{ConnectError, Connection, Error, connect};
use crate::common::{Peer, SHORT, bounded, config, hasty, session_error};
use smtp_proto::client::{ErrorKind, Phase};

/// A port at which nobody listens.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn fails(host: &str, port: u16, timeout: Duration) -> ConnectError {
    connect(host, port, timeout).unwrap_err()
}

#[test]
fn m01_connects_by_address_and_by_name() {
    bounded(|| {
        for host in ["127.0.0.1", "[127.0.0.1]", "localhost"] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let stream = connect(host, port, Duration::from_secs(5)).unwrap();
            assert_eq!(stream.peer_addr().unwrap().port(), port, "{host}");
            assert!(stream.nodelay().unwrap(), "{host}");
        }
    });
}

#[test]
fn m01_connects_to_an_ipv6_address_with_and_without_brackets() {
    bounded(|| {
        // A machine without IPv6 has nothing to try it on.
        let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
            return;
        };
        let port = listener.local_addr().unwrap().port();
        for host in ["::1", "[::1]"] {
            connect(host, port, Duration::from_secs(5)).unwrap();
        }
    });
}

#[test]
fn m01_tries_each_address_of_a_name_in_turn() {
    bounded(|| {
        // Wherever the name has addresses of both kinds, one of these listeners
        // is at the address that comes second.
        for listener in [
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)),
            TcpListener::bind((Ipv6Addr::LOCALHOST, 0)),
        ] {
            let Ok(listener) = listener else { continue };
            let address = listener.local_addr().unwrap();
            match connect("localhost", address.port(), Duration::from_secs(5)) {
                Ok(stream) => assert_eq!(stream.peer_addr().unwrap(), address),
                // The name has no address of this kind.
                Err(error) => {
                    assert!(!error.attempts().is_empty());
                    assert!(error.attempts().iter().all(|(tried, _)| *tried != address));
                }
            }
        }
    });
}

#[test]
fn m10_a_refusal_names_address_and_port() {
    bounded(|| {
        let port = free_port();
        let error = fails("127.0.0.1", port, Duration::from_secs(5));
        assert_eq!((error.host(), error.port()), ("127.0.0.1", port));
        let (address, cause) = &error.attempts()[0];
        assert_eq!(*address, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
        assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
        assert!(!error.is_likely_blocked());
        assert_eq!(
            error.to_string(),
            format!("cannot connect to 127.0.0.1 port {port}; 127.0.0.1:{port}: refused")
        );
        assert!(std::error::Error::source(&error).is_some());
    });
}

#[test]
fn m10_at_port_25_the_error_gives_advice() {
    bounded(|| {
        let Err(error) = connect("127.0.0.1", 25, Duration::from_secs(5)) else {
            return; // This machine has a server of its own.
        };
        assert!(error.is_likely_blocked());
        let text = error.to_string();
        for part in ["127.0.0.1:25", "block port 25", "relay", "587"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let error = Connection::connect("127.0.0.1", 25, config()).unwrap_err();
        assert!(matches!(error, Error::Connect(_)), "{error:?}");
        assert_eq!(error.to_string(), text);
    });
}

/// A listener whose queue is full does not answer: that is how Linux does it.
#[cfg(target_os = "linux")]
#[test]
fn m10_m12_a_silent_address_is_given_up_after_the_time_limit() {
    bounded(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue: Vec<TcpStream> = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, SHORT) {
            queue.push(stream);
            assert!(queue.len() < 10_000, "the queue has no end");
        }
        let start = Instant::now();
        let error = fails("127.0.0.1", address.port(), Duration::from_millis(250));
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(250), "{took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(error.attempts()[0].1.kind(), io::ErrorKind::TimedOut);
        let text = error.to_string();
        assert!(text.contains(&address.to_string()), "{text}");
        assert!(text.contains("no answer for 0.25 s"), "{text}");
    });
}

#[test]
fn m01_m13_a_name_that_cannot_be_looked_up() {
    bounded(|| {
        // Longer than a label may be, so that no resolver asks another for it.
        let host = format!("{}.invalid", "a".repeat(64));
        let error = fails(&host, 25, Duration::from_secs(10));
        assert!(error.attempts().is_empty());
        assert!(!error.is_likely_blocked());
        assert!(std::error::Error::source(&error).is_some());
        let text = error.to_string();
        let start = format!("cannot connect to {host} port 25: ");
        assert!(text.starts_with(&start), "{text}");
    });
}

#[test]
fn m13_a_host_that_is_no_name_is_an_error_and_no_panic() {
    bounded(|| {
        for host in ["", "\0", "mx\0.example.net", "a b", "[", "::1%nowhere", "é"] {
            let error = fails(host, 25, Duration::from_secs(10));
            assert_eq!(error.host(), host);
        }
    });
}

#[test]
fn m12_a_look_up_that_takes_too_long_is_given_up() {
    bounded(|| {
        // The thread that looks it up cannot have an answer yet; and if it has,
        // there is no time to connect.
        let error = fails("localhost", free_port(), Duration::ZERO);
        assert!(!error.is_likely_blocked(), "{error}");
    });
}

#[test]
fn c_309_m12_each_phase_of_the_opening_has_its_deadline() {
    bounded(|| {
        for (said, phase) in [("", Phase::Greeting), ("220 mx\r\n", Phase::Ehlo)] {
            let peer = Peer::new(move |mut talk| {
                talk.say(said);
                talk.rest()
            });
            let start = Instant::now();
            let error = session_error(peer.open(hasty(SHORT)).unwrap_err());
            let took = start.elapsed();
            assert_eq!(error.kind(), &ErrorKind::TimedOut);
            assert_eq!(error.phase(), phase);
            assert!(error.is_transient());
            assert!(took >= SHORT && took < SHORT * 10, "{took:?}");
            // C-130: it is told, where it can be.
            let heard = String::from_utf8(peer.join()).unwrap();
            assert!(heard.ends_with("QUIT\r\n"), "{heard:?}");
        }
    });
}

#[test]
fn c_309_a_greeting_that_trickles_does_not_move_the_deadline() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.stream
                .set_read_timeout(Some(Duration::from_millis(10)))
                .unwrap();
            // An octet every 10 ms, until the client has gone.
            let mut nothing = [0; 64];
            loop {
                talk.say("2");
                match io::Read::read(&mut talk.stream, &mut nothing) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(n) if n > 0 => {}
                    _ => return,
                }
            }
        });
        let start = Instant::now();
        let error = session_error(peer.open(hasty(Duration::from_millis(150))).unwrap_err());
        let took = start.elapsed();
        assert_eq!(error.kind(), &ErrorKind::TimedOut, "{error}");
        assert!(took >= Duration::from_millis(150), "{took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
        peer.join();
    });
}

#[test]
fn c_309_a_slow_greeting_within_the_time_is_taken() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            // Longer than one read waits, so that the deadline has several.
            talk.stream
                .set_read_timeout(Some(Duration::from_millis(700)))
                .unwrap();
            io::Read::read(&mut talk.stream, &mut [0]).unwrap_err();
            talk.stream
                .set_read_timeout(Some(Duration::from_secs(15)))
                .unwrap();
            talk.hello(&[]);
            talk.quit();
        });
        peer.connect().quit().unwrap();
        peer.join();
    });
}

/// What a server says instead of a greeting, and what the client makes of it.
#[test]
fn m13_what_is_no_greeting_is_a_typed_error() {
    bounded(|| {
        let malformed = |kind: &ErrorKind| matches!(kind, ErrorKind::Malformed(_));
        let lost = |kind: &ErrorKind| *kind == ErrorKind::ConnectionLost;
        let refused = |kind: &ErrorKind| *kind == ErrorKind::Refused;
        let closing = |kind: &ErrorKind| *kind == ErrorKind::Closing;
        type Check = fn(&ErrorKind) -> bool;
        let cases: [(&str, Check, bool); 8] = [
            ("554 5.7.1 no\r\n", refused, false),
            ("521 never any mail\r\n", refused, false),
            ("450-later\r\n450 perhaps\r\n", refused, true),
            ("421 4.3.2 too many\r\n", closing, true),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", malformed, true),
            ("\x16\x03\x01\x02\0\x01", malformed, true),
            ("22", lost, true),
            ("", lost, true),
        ];
        for (said, check, transient) in cases {
            let peer = Peer::new(move |mut talk| {
                talk.say(said);
                talk.shut();
                talk.rest()
            });
            let error = session_error(peer.open(config()).unwrap_err());
            assert!(check(error.kind()), "{said:?}: {error}");
            assert_eq!(error.phase(), Phase::Greeting, "{said:?}");
            assert_eq!(error.is_transient(), transient, "{said:?}");
            let replied = said
                .as_bytes()
                .first()
                .is_some_and(|&c| c == b'4' || c == b'5');
            assert_eq!(error.reply().is_some(), replied, "{said:?}");
            if let Some(reply) = error.reply() {
                // The words of the server are in the text for the user.
                for line in reply.text().lines() {
                    assert!(error.to_string().contains(line), "{error}");
                }
            }
            peer.join();
        }
    });
}

#[test]
fn m13_a_reset_instead_of_a_greeting_tells_the_cause() {
    bounded(|| {
        let peer = Peer::new(|talk| {
            // Closed with something unread: a reset.
            let _ = talk.stream.peek(&mut [0]);
        });
        let mut stream = peer.stream();
        io::Write::write_all(&mut stream, b"unread").unwrap();
        peer.join();
        match Connection::open(stream, config()).unwrap_err() {
            Error::Session {
                error,
                cause: Some(cause),
            } => {
                assert_eq!(error.kind(), &ErrorKind::ConnectionLost);
                assert_eq!(cause.kind(), io::ErrorKind::ConnectionReset);
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn m21_hello_is_tried_where_ehlo_is_unknown() {
    bounded(|| {
        let peer = Peer::new(|mut talk| {
            talk.say("220 mx.example.net\r\n");
            talk.turn("EHLO client.example.org", "502 what?");
            talk.turn("HELO client.example.org", "250 mx.example.net");
            talk.quit();
        });
        let connection = peer.connect();
        assert!(connection.session().is_reusable());
        connection.quit().unwrap();
        peer.join();
    });
}

/// C-274: a server that answers and will not have a session is not the last.
#[test]
fn c_274_the_next_address_when_a_server_refuses_the_session() {
    bounded(|| {
        let busy = Peer::new(|mut talk| {
            talk.say("421 busy\r\n");
            talk.rest();
        });
        let full = Peer::new(|mut talk| {
            talk.say("554 no mail here\r\n");
            talk.rest();
        });
        let open = Peer::new(|mut talk| {
            talk.hello(&[]);
            talk.quit();
        });
        let all = [busy.address, full.address, open.address];
        let addresses = |of: &[SocketAddr]| {
            crate::adapter::Addresses::new("mx.example.net", 25, SHORT, of.to_vec())
        };
        let connection = Connection::connect_to(addresses(&all), config()).unwrap();
        connection.quit().unwrap();
        let refused = [TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()];
        let error = Connection::connect_to(addresses(&refused), config()).unwrap_err();
        assert!(matches!(error, Error::Connect(_)));
    });
}
