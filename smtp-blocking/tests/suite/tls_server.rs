//! The receiver inside TLS, with our own client, and with none that is any good.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    io::{ErrorKind, Read},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::adapter::{Connection, Connector, Error, Server, serve_with_tls, smtp_proto};
use crate::common::{
    SHORT, Talk, bounded,
    choppy::Choppy,
    config, joined, lines,
    pki::Ca,
    secured::server,
    serving::{Recorder, Seen, Serving, YES, local, mx},
    to_bob,
};
use smtp_proto::{
    Instant as ProtoInstant, TlsFailure, TlsPolicy,
    client::{Authentication as Login, ErrorKind as Ended},
    sasl::{Credentials, ServerMechanism},
    server::{Authentication, Config, Session, Timeouts},
    tls::{ClientTls, ServerTls},
};

/// An authority, and what each side has of it.
struct Pki {
    ca: Ca,
    client: ClientTls,
    server: ServerTls,
}

fn pki() -> Pki {
    let ca = Ca::new("ca");
    Pki {
        client: ClientTls::with_ca_pem(ca.pem.as_bytes()).unwrap(),
        server: server(&ca.issue(&["127.0.0.1"])),
        ca,
    }
}

impl Pki {
    fn serve(&self, config: Config) -> Serving {
        Serving::start(config, local().tls(self.server.clone()), YES)
    }

    fn connect(&self, serving: &Serving, config: smtp_proto::client::Config) -> Connection {
        Connector::new(config)
            .tls(self.client.clone())
            .connect("127.0.0.1", serving.address.port())
            .unwrap()
    }
}

fn hasty() -> Config {
    let mut timeouts = Timeouts::default();
    timeouts.tls_handshake = SHORT;
    mx().timeouts(timeouts)
}

/// What the only session has seen.
fn seen(serving: Serving) -> Vec<Seen> {
    let mut reports = serving.stop();
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

/// Waits for the report of a session that ends by itself.
fn ended(serving: &Serving) -> Vec<Seen> {
    serving
        .reports
        .recv_timeout(Duration::from_secs(5))
        .unwrap()
}

#[test]
fn s_134_a_message_after_starttls_and_from_the_first_octet() {
    bounded(|| {
        let pki = pki();
        for policy in [
            TlsPolicy::Opportunistic,
            TlsPolicy::Required,
            TlsPolicy::Implicit,
        ] {
            let serving = pki.serve(mx().tls(policy));
            let mut connection = pki.connect(&serving, config().tls(policy));
            let content = lines(300_000);
            let outcome = connection.send(to_bob().content(content.clone())).unwrap();
            assert!(outcome.is_complete());
            connection.quit().unwrap();
            let seen = seen(serving);
            let hellos: Vec<_> = seen
                .iter()
                .take_while(|seen| !matches!(seen, Seen::Mail(_)))
                .map(|seen| match seen {
                    Seen::Secured(info) if info.starts_with("TLSv1.3 TLS_") => "secured",
                    Seen::Hello(_) => "hello",
                    seen => panic!("{seen:?}"),
                })
                .collect();
            let expected: &[&str] = match policy {
                TlsPolicy::Implicit => &["secured", "hello"],
                _ => &["hello", "secured", "hello"],
            };
            assert_eq!(hellos, expected);
            let message = Seen::Message(vec!["<bob@example.net>".to_owned()], content);
            assert!(seen.contains(&message));
        }
    });
}

#[test]
fn s_138_who_has_to_use_tls_is_told() {
    bounded(|| {
        let pki = pki();
        let serving = pki.serve(mx().tls(TlsPolicy::Required));
        let mut connection =
            Connection::open(TcpStream::connect(serving.address).unwrap(), config()).unwrap();
        let outcome = connection.send(to_bob().content("hi\r\n")).unwrap();
        assert_eq!(outcome.fate().reply().unwrap().code().get(), 530);
        connection.quit().unwrap();
        serving.stop();
    });
}

#[test]
fn s_139_what_cannot_be_had_is_not_offered() {
    bounded(|| {
        let config = mx().tls(TlsPolicy::Opportunistic);
        let run = local().run(&config, |_| Recorder::new(YES, mpsc::channel().0));
        assert_eq!(run.unwrap_err().kind(), ErrorKind::InvalidInput);

        // Who is served one at a time, and has no certificate all the same.
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = thread::spawn(move || {
            let session = Session::new(mx().tls(TlsPolicy::Implicit), ProtoInstant::ORIGIN);
            let mut recorder = Recorder::new(YES, mpsc::channel().0);
            let stream = listener.accept().unwrap().0;
            crate::adapter::serve(stream, session, &mut recorder).unwrap();
            std::mem::take(&mut recorder.seen)
        });
        // Not a word is said in clear.
        assert!(Talk::connect(address).rest().is_empty());
        let seen = joined(serving.join());
        assert!(
            matches!(seen[..], [Seen::NotSecured(TlsFailure::Configuration(_))]),
            "{seen:?}"
        );
    });
}

#[test]
fn s_012_clear_text_where_tls_is_spoken_and_the_other_way() {
    bounded(|| {
        let pki = pki();
        let serving = pki.serve(mx().tls(TlsPolicy::Implicit));
        let mut talk = Talk::connect(serving.address);
        talk.say("EHLO client.example.org\r\n");
        talk.rest();
        assert_eq!(ended(&serving), [Seen::NotSecured(TlsFailure::NotTls)]);
        serving.stop();

        let serving = Serving::new(YES);
        let start = Instant::now();
        let opened = Connector::new(config().tls(TlsPolicy::Implicit))
            .tls(pki.client.clone())
            .connect("127.0.0.1", serving.address.port());
        let Err(Error::Tls { failure, error }) = opened else {
            panic!("{opened:?}");
        };
        assert_eq!(
            (failure, error.kind()),
            (TlsFailure::NotTls, &Ended::TlsFailed)
        );
        assert!(start.elapsed() < Duration::from_secs(5));
        serving.stop();
    });
}

#[test]
fn s_133_octets_behind_starttls_are_not_looked_at() {
    bounded(|| {
        let pki = pki();
        let serving = pki.serve(mx().tls(TlsPolicy::Opportunistic));
        let mut talk = Talk::connect(serving.address);
        talk.expect("220");
        talk.say("EHLO client.example.org\r\n");
        while talk.hear().starts_with("250-") {}
        talk.say("STARTTLS\r\nMAIL FROM:<mallory@example.org>\r\n");
        let rest = String::from_utf8(talk.rest()).unwrap();
        assert!(!rest.contains("220 ") && !rest.contains("250 "), "{rest}");
        let seen = seen(serving);
        assert!(
            !seen.iter().any(|seen| matches!(seen, Seen::Mail(_))),
            "{seen:?}"
        );
    });
}

#[test]
fn s_010_a_client_that_is_silent_or_leaves_in_the_handshake() {
    bounded(|| {
        let pki = pki();
        let serving = pki.serve(hasty().tls(TlsPolicy::Implicit));
        let start = Instant::now();
        let mut silent = Talk::connect(serving.address);
        assert_eq!(ended(&serving), [Seen::NotSecured(TlsFailure::TimedOut)]);
        assert!(start.elapsed() < Duration::from_secs(3));
        assert!(silent.rest().is_empty());

        // The beginning of a record, and no more.
        let talk = Talk::connect(serving.address);
        let mut hello = pki.client.connection("127.0.0.1").unwrap();
        let mut octets = Vec::new();
        hello.write_tls(&mut octets).unwrap();
        std::io::Write::write_all(&mut &talk.stream, &octets[..50]).unwrap();
        assert_eq!(ended(&serving), [Seen::NotSecured(TlsFailure::TimedOut)]);

        drop(Talk::connect(serving.address));
        assert_eq!(ended(&serving), [Seen::NotSecured(TlsFailure::PeerClosed)]);
        serving.stop();
    });
}

#[test]
fn m_a_server_that_shuts_down_does_not_wait_for_a_handshake() {
    bounded(|| {
        let pki = pki();
        let serving = pki.serve(mx().tls(TlsPolicy::Implicit));
        let talk = Talk::connect(serving.address);
        thread::sleep(SHORT);
        let start = Instant::now();
        assert_eq!(serving.stop(), [[]]);
        assert!(start.elapsed() < Duration::from_secs(5));
        drop(talk);
    });
}

#[test]
fn m_a_client_that_does_not_trust_the_server_is_told_of() {
    bounded(|| {
        let pki = pki();
        let serving = pki.serve(mx().tls(TlsPolicy::Required));
        let stranger = ClientTls::with_ca_pem(Ca::new("stranger").pem.as_bytes()).unwrap();
        let opened = Connector::new(config().tls(TlsPolicy::Required))
            .tls(stranger)
            .connect("127.0.0.1", serving.address.port());
        assert!(matches!(
            opened,
            Err(Error::Tls {
                failure: TlsFailure::UnknownIssuer,
                ..
            })
        ));
        let seen = ended(&serving);
        let alert = Seen::NotSecured(TlsFailure::Alert("unknown CA".to_owned()));
        assert_eq!(seen.last(), Some(&alert));
        serving.stop();
    });
}

#[test]
fn s_141_who_a_certificate_belongs_to() {
    bounded(|| {
        let pki = pki();
        let alice = pki.ca.person("alice@example.org", "Alice");
        let config_of_server = mx()
            .tls(TlsPolicy::Required)
            .authentication(Authentication::new().mechanisms([ServerMechanism::External]));
        let asking = pki
            .server
            .clone()
            .client_ca_pem(pki.ca.pem.as_bytes())
            .unwrap();
        let serving = Serving::start(config_of_server, local().tls(asking), YES);
        let client = pki
            .client
            .clone()
            .client_certificate_pem(alice.chain.as_bytes(), alice.key.as_bytes())
            .unwrap();
        let login = Login::new(Credentials::external());
        let connection = Connector::new(config().tls(TlsPolicy::Required).authentication(login))
            .tls(client)
            .connect("127.0.0.1", serving.address.port())
            .unwrap();
        assert_eq!(connection.session().authenticated(), Some("EXTERNAL"));
        connection.quit().unwrap();
        let who = Seen::Authenticate("EXTERNAL".to_owned(), "alice@example.org".to_owned());
        assert!(seen(serving).contains(&who));
    });
}

#[test]
fn s_151_passwords_bound_to_the_connection_and_plain_ones() {
    bounded(|| {
        let pki = pki();
        for (mechanism, policy) in [
            ("SCRAM-SHA-256-PLUS", TlsPolicy::Required),
            ("SCRAM-SHA-1-PLUS", TlsPolicy::Implicit),
            ("SCRAM-SHA-256", TlsPolicy::Required),
            ("SCRAM-SHA-256", TlsPolicy::None),
            ("PLAIN", TlsPolicy::Required),
            ("LOGIN", TlsPolicy::Implicit),
        ] {
            let config_of_server = mx()
                .tls(policy)
                .authentication(Authentication::new().required(true));
            let serving = match policy {
                TlsPolicy::None => Serving::start(config_of_server, local(), YES),
                _ => pki.serve(config_of_server),
            };
            for (password, works) in [("wonderland", true), ("looking-glass", false)] {
                let login = Login::password("alice", password).mechanisms([mechanism]);
                let opened = Connector::new(config().tls(policy).authentication(login))
                    .tls(pki.client.clone())
                    .connect("127.0.0.1", serving.address.port());
                match opened {
                    Ok(mut connection) => {
                        assert!(works, "{mechanism}");
                        let outcome = connection.send(to_bob().content("hi\r\n")).unwrap();
                        assert!(outcome.is_complete());
                        connection.quit().unwrap();
                    }
                    Err(error) => assert!(!works, "{mechanism}: {error}"),
                }
            }
            let reports = serving.stop();
            let who = Seen::Authenticate(mechanism.to_owned(), "alice".to_owned());
            assert!(
                reports.iter().all(|seen| seen.contains(&who)),
                "{mechanism}"
            );
        }
    });
}

#[test]
fn c_306_a_server_behind_streams_that_do_everything_a_stream_may() {
    bounded(|| {
        let pki = pki();
        let kinds = [
            None,
            Some((3, ErrorKind::Interrupted)),
            Some((5, ErrorKind::WouldBlock)),
            Some((7, ErrorKind::TimedOut)),
        ];
        for (most, octets) in [(1, 2000), (100, 20_000)] {
            for kind in kinds {
                let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
                let address = listener.local_addr().unwrap();
                let tls = pki.server.clone();
                let (report, _reports) = mpsc::channel();
                let serving = thread::spawn(move || {
                    let mut stream = Choppy::new(listener.accept().unwrap().0, most);
                    stream.fails = kind;
                    let config = mx().tls(TlsPolicy::Required);
                    let session = Session::new(config, ProtoInstant::ORIGIN);
                    let mut recorder = Recorder::new(YES, report);
                    serve_with_tls(stream, session, &mut recorder, &tls).unwrap();
                    std::mem::take(&mut recorder.seen)
                });
                let mut connection = Connector::new(config().tls(TlsPolicy::Required))
                    .tls(pki.client.clone())
                    .open(TcpStream::connect(address).unwrap(), "127.0.0.1")
                    .unwrap();
                let content = lines(octets);
                let outcome = connection.send(to_bob().content(content.clone())).unwrap();
                assert!(outcome.is_complete());
                connection.quit().unwrap();
                let message = Seen::Message(vec!["<bob@example.net>".to_owned()], content);
                assert!(joined(serving.join()).contains(&message), "{most} {kind:?}");
            }
        }
    });
}

#[test]
fn c_189_a_server_announces_the_end() {
    bounded(|| {
        let pki = pki();
        let serving = pki.serve(mx().tls(TlsPolicy::Implicit));
        let stream = TcpStream::connect(serving.address).unwrap();
        let connection = pki.client.connection("127.0.0.1").unwrap();
        let mut stream = smtp_proto::tls::rustls::StreamOwned::new(connection, stream);
        std::io::Write::write_all(&mut stream, b"QUIT\r\n").unwrap();
        let mut said = String::new();
        // It is an error if the end is not announced.
        stream.read_to_string(&mut said).unwrap();
        assert!(
            said.starts_with("220 ") && said.contains("\r\n221 "),
            "{said}"
        );
        serving.stop();
    });
}

#[test]
fn m_too_many_connections_do_not_wait_for_handshakes() {
    bounded(|| {
        let pki = pki();
        let few: Server = local().max_connections(1).tls(pki.server.clone());
        let serving = Serving::start(mx().tls(TlsPolicy::Implicit), few, YES);
        let first = Talk::connect(serving.address);
        thread::sleep(SHORT);
        let start = Instant::now();
        // Inside TLS nothing can be said at once.
        assert!(Talk::connect(serving.address).rest().is_empty());
        assert!(start.elapsed() < Duration::from_secs(1));
        drop(first);
        serving.stop();
    });
}
