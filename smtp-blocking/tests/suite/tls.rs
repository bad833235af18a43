//! TLS, with certificates of our own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crate::adapter::{Addresses, Connection, Connector, Error, smtp_proto};
use crate::common::{
    Peer, SHORT, Talk, bounded,
    choppy::Choppy,
    config, hasty, joined, lines,
    pki::{Ca, Identity},
    secured::{SecureTalk, server},
    session_error, to_bob,
};
use smtp_proto::{
    TlsFailure, TlsPolicy,
    client::{ErrorKind as Ended, Fate, Phase},
    tls::{ClientTls, ServerTls},
};

const HOST: &str = "mx.example.net";

/// An authority, and what each side has of it.
struct Pki {
    ca: Ca,
    client: ClientTls,
    server: ServerTls,
}

fn pki() -> Pki {
    let ca = Ca::new("ca");
    Pki {
        client: trusting(&ca),
        server: server(&ca.issue(&[HOST])),
        ca,
    }
}

fn trusting(ca: &Ca) -> ClientTls {
    ClientTls::with_ca_pem(ca.pem.as_bytes()).unwrap()
}

fn connector(policy: TlsPolicy, tls: &ClientTls) -> Connector {
    Connector::new(config().tls(policy)).tls(tls.clone())
}

/// The dialogue in clear that comes before TLS.
fn starttls(mut talk: Talk, tls: &ServerTls) -> SecureTalk {
    talk.hello(&["STARTTLS", "SIZE 1"]);
    talk.turn("STARTTLS", "220 go ahead");
    SecureTalk::new(talk, tls)
}

/// A session inside TLS, whose greeting was said or is not needed.
fn hello(talk: &mut SecureTalk) {
    talk.expect("EHLO client.example.org");
    talk.say("250-mx.example.net\r\n250 PIPELINING\r\n");
}

fn failure(error: Error) -> TlsFailure {
    match error {
        Error::Tls { failure, error } => {
            assert_eq!(*error.kind(), Ended::TlsFailed);
            assert_eq!(error.phase(), Phase::Handshake);
            failure
        }
        error => panic!("{error:?}"),
    }
}

#[test]
fn c_189_a_message_after_starttls_and_from_the_first_octet() {
    bounded(|| {
        let pki = pki();
        for policy in [
            TlsPolicy::Required,
            TlsPolicy::Opportunistic,
            TlsPolicy::Implicit,
        ] {
            let tls = pki.server.clone();
            let peer = Peer::new(move |talk| {
                let mut talk = if policy == TlsPolicy::Implicit {
                    let mut talk = SecureTalk::new(talk, &tls);
                    talk.say("220 mx.example.net\r\n");
                    talk
                } else {
                    starttls(talk, &tls)
                };
                hello(&mut talk);
                talk.envelope();
                let content = talk.content();
                talk.say("250 ok\r\n");
                talk.quit();
                content
            });
            let mut connection = connector(policy, &pki.client)
                .open(peer.stream(), HOST)
                .unwrap();
            let info = connection.session().tls().unwrap().to_string();
            assert!(info.starts_with("TLSv1.3 TLS_"), "{info}");
            // C-177: what was offered in clear is forgotten.
            assert_eq!(connection.capabilities().to_string().trim(), "PIPELINING");
            let outcome = connection.send(to_bob().content("hi\r\n")).unwrap();
            assert!(outcome.is_complete());
            connection.quit().unwrap();
            assert_eq!(peer.join(), b"hi\r\n");
        }
    });
}

#[test]
fn c_183_each_kind_of_bad_certificate_has_its_error() {
    bounded(|| {
        let ca = Ca::new("ca");
        let refused = |identity: &Identity| {
            let tls = server(identity);
            let peer = Peer::new(move |talk| starttls(talk, &tls).refusal());
            let opened = connector(TlsPolicy::Required, &trusting(&ca)).open(peer.stream(), HOST);
            let failure = failure(opened.unwrap_err());
            // The server hears why, and nothing else.
            assert!(peer.join().contains("Alert"), "{failure}");
            failure
        };
        let mismatch = TlsFailure::NameMismatch {
            asked: HOST.to_owned(),
            presented: vec!["mx.example.org".to_owned()],
        };
        assert_eq!(refused(&ca.issue(&["mx.example.org"])), mismatch);
        assert_eq!(refused(&ca.expired(&[HOST])), TlsFailure::Expired);
        assert_eq!(refused(&ca.not_yet_valid(&[HOST])), TlsFailure::NotValidYet);
        let stranger = Ca::new("stranger");
        assert_eq!(refused(&stranger.issue(&[HOST])), TlsFailure::UnknownIssuer);
    });
}

#[test]
fn c_034_the_name_that_is_checked_is_that_which_was_asked_for() {
    bounded(|| {
        let ca = Ca::new("ca");
        let connect = |names: &[&str], host: &str, tls: ClientTls| {
            let tls_of_server = server(&ca.issue(names));
            let peer = Peer::new(move |talk| {
                let mut talk = starttls_lenient(talk, &tls_of_server)?;
                talk.expect("EHLO");
                talk.say("250 mx\r\n");
                talk.quit();
                Some(())
            });
            let opened = connector(TlsPolicy::Required, &tls).connect(host, peer.address.port());
            opened.and_then(Connection::quit).map_err(failure)
        };
        let trusted = || trusting(&ca);
        // By address, the certificate needs the address; by name, the name.
        connect(&["127.0.0.1"], "127.0.0.1", trusted()).unwrap();
        connect(&["localhost"], "localhost", trusted()).unwrap();
        for (names, host) in [
            (["localhost"], "127.0.0.1"),
            (["127.0.0.2"], "127.0.0.1"),
            (["127.0.0.1"], "localhost"),
            // What the greeting says is of no account.
            (["mx.example.net"], "localhost"),
        ] {
            let failure = connect(&names, host, trusted()).unwrap_err();
            assert!(
                matches!(failure, TlsFailure::NameMismatch { .. }),
                "{failure}"
            );
        }
        let renamed = trusted().server_name("mx.example.net").unwrap();
        connect(&["mx.example.net"], "127.0.0.1", renamed).unwrap();
    });
}

/// As [`starttls`], for a client that may not like what it gets.
fn starttls_lenient(talk: Talk, tls: &ServerTls) -> Option<SecureTalk> {
    let mut talk = starttls(talk, tls);
    talk.handshake().then_some(talk)
}

#[test]
fn c_179_without_a_name_or_without_trust_there_is_no_tls() {
    bounded(|| {
        let pki = pki();
        let silent = || {
            Peer::new(|mut talk| {
                talk.hello(&["STARTTLS"]);
                talk.turn("STARTTLS", "220 go ahead");
                talk.rest()
            })
        };
        let peer = silent();
        let required = config().tls(TlsPolicy::Required);
        let error = Connection::open(peer.stream(), required).unwrap_err();
        assert!(matches!(failure(error), TlsFailure::Configuration(_)));
        assert!(peer.join().is_empty());

        let peer = silent();
        let opened =
            connector(TlsPolicy::Required, &pki.client).open(peer.stream(), "bücher.example");
        let failure = failure(opened.unwrap_err());
        assert!(failure.to_string().contains("bücher"), "{failure}");
        assert!(peer.join().is_empty());
    });
}

#[test]
fn c_176_octets_behind_the_220_end_the_session() {
    bounded(|| {
        let pki = pki();
        let peer = Peer::new(|mut talk| {
            talk.hello(&["STARTTLS"]);
            talk.expect("STARTTLS");
            talk.say("220 go ahead\r\n250 evil\r\n");
            talk.rest()
        });
        let opened = connector(TlsPolicy::Required, &pki.client).open(peer.stream(), HOST);
        let error = session_error(opened.unwrap_err());
        assert_eq!(*error.kind(), Ended::PlaintextAfterStartTls);
        assert!(peer.join().is_empty());

        // A moment later they are the beginning of TLS, and no good one.
        let peer = Peer::new(|mut talk| {
            talk.hello(&["STARTTLS"]);
            talk.turn("STARTTLS", "220 go ahead");
            let mut octet = [0];
            talk.stream.read_exact(&mut octet).unwrap();
            talk.say("250 evil\r\n");
            talk.rest();
        });
        let opened = connector(TlsPolicy::Required, &pki.client).open(peer.stream(), HOST);
        assert_eq!(failure(opened.unwrap_err()), TlsFailure::NotTls);
        peer.join();
    });
}

#[test]
fn c_181_a_server_that_leaves_in_the_handshake() {
    bounded(|| {
        let pki = pki();
        let peer = Peer::new(|mut talk| {
            talk.hello(&["STARTTLS"]);
            talk.turn("STARTTLS", "220 go ahead");
        });
        let opened = connector(TlsPolicy::Required, &pki.client).open(peer.stream(), HOST);
        assert_eq!(failure(opened.unwrap_err()), TlsFailure::PeerClosed);
        peer.join();
        // At the port for clear text.
        let peer = Peer::new(|mut talk| talk.say("220 mx.example.net\r\n"));
        let opened = connector(TlsPolicy::Implicit, &pki.client).open(peer.stream(), HOST);
        assert_eq!(failure(opened.unwrap_err()), TlsFailure::NotTls);
        peer.join();
    });
}

#[test]
fn c_124_a_server_that_stops_in_the_handshake_or_trickles() {
    bounded(|| {
        let pki = pki();
        for trickles in [false, true] {
            let tls = pki.server.clone();
            let peer = Peer::new(move |mut talk| {
                talk.hello(&["STARTTLS"]);
                talk.turn("STARTTLS", "220 go ahead");
                let answer = first_flight(&mut talk, &tls);
                talk.say(&answer[..100]);
                for octet in &answer[100..] {
                    if !trickles || talk.stream.write_all(&[*octet]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                talk.rest()
            });
            let start = Instant::now();
            let config = hasty(Duration::from_millis(300)).tls(TlsPolicy::Required);
            let opened = Connector::new(config)
                .tls(pki.client.clone())
                .open(peer.stream(), HOST);
            let error = session_error(opened.unwrap_err());
            assert_eq!(
                (error.kind(), error.phase()),
                (&Ended::TimedOut, Phase::Handshake)
            );
            assert!(start.elapsed() < Duration::from_secs(3));
            // Nothing in clear comes behind a half handshake.
            let rest = peer.join();
            assert!(!rest.windows(4).any(|word| word == b"QUIT"));
        }
    });
}

/// What a server answers to the first octets of a client.
fn first_flight(talk: &mut Talk, tls: &ServerTls) -> Vec<u8> {
    let mut connection = tls.connection().unwrap();
    while !connection.wants_write() {
        connection.read_tls(&mut talk.stream).unwrap();
        connection.process_new_packets().unwrap();
    }
    let mut answer = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut answer).unwrap();
    }
    answer
}

#[test]
fn c_181_opportunistic_tls_that_fails_is_followed_by_clear_text() {
    bounded(|| {
        let (ca, client) = (Ca::new("stranger"), pki().client);
        let tls = server(&ca.issue(&["127.0.0.1"]));
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let secured = starttls_lenient(Talk::new(stream), &tls);
            assert!(secured.is_none());
            drop(secured);
            let (stream, _) = listener.accept().unwrap();
            let mut talk = Talk::new(stream);
            talk.hello(&["STARTTLS"]);
            talk.quit();
        });
        let connection = connector(TlsPolicy::Opportunistic, &client)
            .connect("127.0.0.1", port)
            .unwrap();
        assert_eq!(connection.session().tls(), None);
        connection.quit().unwrap();
        joined(serving.join());
    });
}

#[test]
fn m_each_address_is_tried_and_each_session_has_its_transcript() {
    bounded(|| {
        let pki = pki();
        let stranger = server(&Ca::new("stranger").issue(&[HOST]));
        let first = Peer::new(move |talk| starttls_lenient(talk, &stranger).is_none());
        let tls = pki.server.clone();
        let second = Peer::new(move |talk| {
            let mut talk = starttls(talk, &tls);
            hello(&mut talk);
            talk.quit();
        });
        let addresses = vec![first.address, second.address];
        let addresses = Addresses::new(HOST, 25, Duration::from_secs(5), addresses);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let connection = connector(TlsPolicy::Required, &pki.client)
            .timeout(Duration::from_secs(5))
            .transcript(move || {
                let (log, mut number) = (Arc::clone(&log), 0);
                move |entry| {
                    number += 1;
                    log.lock().unwrap().push(format!("{number} {entry}"));
                }
            })
            .connect_to(addresses)
            .unwrap();
        connection.quit().unwrap();
        assert!(first.join());
        second.join();
        let seen = seen.lock().unwrap();
        let greetings = seen.iter().filter(|line| line.starts_with("1 ")).count();
        assert_eq!(greetings, 2, "{seen:?}");
        assert!(seen.iter().any(|line| line.contains("STARTTLS")));
    });
}

#[test]
fn c_190_an_end_that_was_not_announced() {
    bounded(|| {
        let pki = pki();
        for announced in [false, true] {
            // After QUIT it is harmless.
            let tls = pki.server.clone();
            let peer = Peer::new(move |talk| {
                let mut talk = starttls(talk, &tls);
                hello(&mut talk);
                talk.expect("QUIT");
                if announced {
                    talk.close();
                }
            });
            let connection = connector(TlsPolicy::Required, &pki.client)
                .open(peer.stream(), HOST)
                .unwrap();
            connection.quit().unwrap();
            peer.join();

            // Where an answer was due, nobody knows.
            let tls = pki.server.clone();
            let peer = Peer::new(move |talk| {
                let mut talk = starttls(talk, &tls);
                hello(&mut talk);
                talk.envelope();
                talk.content();
                talk.say("250-half a reply\r\n25");
                if announced {
                    talk.close();
                }
            });
            let mut connection = connector(TlsPolicy::Required, &pki.client)
                .open(peer.stream(), HOST)
                .unwrap();
            let outcome = connection.send(to_bob().content("hi\r\n")).unwrap();
            let Fate::InDoubt(error) = outcome.fate() else {
                panic!("{outcome:?}");
            };
            assert_eq!(*error.kind(), Ended::ConnectionLost);
            assert!(connection.noop().is_err());
            peer.join();
        }
    });
}

#[test]
fn c_306_streams_that_do_everything_a_stream_may() {
    bounded(|| {
        let pki = pki();
        let dialogue = |content: &[u8], stream: &dyn Fn(&Peer<Vec<u8>>) -> Choppy| {
            let tls = pki.server.clone();
            let peer = Peer::new(move |talk| {
                let mut talk = starttls(talk, &tls);
                hello(&mut talk);
                talk.envelope();
                let content = talk.content();
                talk.say("250 ok\r\n");
                talk.quit();
                content
            });
            let mut connection = connector(TlsPolicy::Required, &pki.client)
                .open(stream(&peer), HOST)
                .unwrap();
            let content_of_ours = content.to_vec();
            let outcome = connection.send(to_bob().content(content_of_ours)).unwrap();
            assert!(outcome.is_complete());
            connection.quit().unwrap();
            assert!(peer.join() == content);
        };
        let text = "A line of the message.\r\n";
        for (most, times) in [(1, 100), (2, 100), (7, 500), (1000, 10_000)] {
            let content = text.repeat(times).into_bytes();
            dialogue(&content, &|peer| Choppy::new(peer.stream(), most));
        }
        for kind in [
            ErrorKind::Interrupted,
            ErrorKind::WouldBlock,
            ErrorKind::TimedOut,
        ] {
            for every in [3, 5, 7] {
                let content = text.repeat(100).into_bytes();
                dialogue(&content, &|peer| {
                    Choppy::new(peer.stream(), 100).failing(every, kind)
                });
            }
        }
    });
}

#[test]
fn c_308_a_large_message_that_is_refused_early() {
    bounded(|| {
        let pki = pki();
        let tls = pki.server.clone();
        let peer = Peer::new(move |talk| {
            let mut talk = starttls(talk, &tls);
            hello(&mut talk);
            talk.envelope();
            talk.swallow(1_000_000);
            talk.say("552 enough\r\n");
            // It reads no more, and leaves when the client does.
            thread::sleep(Duration::from_secs(1));
            talk.rest().len()
        });
        let mut connection = connector(TlsPolicy::Required, &pki.client)
            .open(peer.stream(), HOST)
            .unwrap();
        let start = Instant::now();
        let content = vec![b'x'; 64 * 1024 * 1024];
        let content: Vec<u8> = content
            .chunks(510)
            .flat_map(|line| [line, b"\r\n"].concat())
            .collect();
        let outcome = connection.send(to_bob().content(content)).unwrap();
        assert_eq!(outcome.fate().reply().unwrap().code().get(), 552);
        assert!(start.elapsed() < Duration::from_secs(15));
        drop(connection);
        // The socket holds some of it, and no more than that.
        assert!(peer.join() < 32 * 1024 * 1024);
    });
}

#[test]
fn m_a_large_message_arrives_whole() {
    bounded(|| {
        let pki = pki();
        let tls = pki.server.clone();
        let peer = Peer::new(move |talk| {
            let mut talk = starttls(talk, &tls);
            hello(&mut talk);
            talk.envelope();
            let content = talk.content();
            talk.say("250 ok\r\n");
            talk.quit();
            content
        });
        let mut connection = connector(TlsPolicy::Required, &pki.client)
            .open(peer.stream(), HOST)
            .unwrap();
        let content: Vec<u8> = lines(8 * 1024 * 1024)
            .into_iter()
            .map(|octet| if octet == b'.' { b':' } else { octet })
            .collect();
        let outcome = connection.send(to_bob().content(content.clone())).unwrap();
        assert!(outcome.is_complete());
        connection.quit().unwrap();
        assert!(peer.join() == content);
    });
}

#[test]
fn m_a_peer_that_takes_nothing_is_given_up_in_time() {
    bounded(|| {
        let pki = pki();
        let tls = pki.server.clone();
        let peer = Peer::new(move |talk| {
            let mut talk = starttls(talk, &tls);
            hello(&mut talk);
            talk.envelope();
            thread::sleep(Duration::from_secs(2));
        });
        let config = crate::common::with_timeouts(|timeouts| timeouts.content = SHORT);
        let mut connection = Connector::new(config.tls(TlsPolicy::Required))
            .tls(pki.client.clone())
            .open(peer.stream(), HOST)
            .unwrap();
        let start = Instant::now();
        let content = b"0123456789abcdef0123456789abcdef\r\n".repeat(1_000_000);
        let outcome = connection.send(to_bob().content(content)).unwrap();
        assert!(!outcome.is_complete());
        assert!(start.elapsed() < Duration::from_secs(2));
        drop(connection);
        peer.join();
    });
}

#[test]
fn m_a_client_certificate_is_given_to_a_server_that_asks() {
    bounded(|| {
        let pki = pki();
        let alice = pki.ca.person("alice@example.org", "Alice");
        let tls = pki
            .server
            .clone()
            .client_ca_pem(pki.ca.pem.as_bytes())
            .unwrap();
        let peer = Peer::new(move |talk| {
            let mut talk = starttls(talk, &tls);
            hello(&mut talk);
            let certificate = talk.client_certificate();
            talk.quit();
            certificate
        });
        let client = pki
            .client
            .clone()
            .client_certificate_pem(alice.chain.as_bytes(), alice.key.as_bytes())
            .unwrap();
        let connection = connector(TlsPolicy::Required, &client)
            .open(peer.stream(), HOST)
            .unwrap();
        connection.quit().unwrap();
        assert_eq!(peer.join(), Some(alice.der));
    });
}

#[test]
fn m_a_stream_that_is_shut_down_by_the_caller() {
    bounded(|| {
        let pki = pki();
        let tls = pki.server.clone();
        let peer = Peer::new(move |talk| {
            let mut talk = starttls(talk, &tls);
            hello(&mut talk);
            talk.rest()
        });
        let mut connection = connector(TlsPolicy::Required, &pki.client)
            .open(peer.stream(), HOST)
            .unwrap();
        connection.stream().shutdown(Shutdown::Both).unwrap();
        let error = session_error(connection.noop().unwrap_err());
        assert_eq!(*error.kind(), Ended::ConnectionLost);
        peer.join();
    });
}
