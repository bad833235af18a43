//! What drivers have in common: addresses and why none of them would do, the
//! errors of connections, the books of many messages, and slices to write.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use core::time::Duration;
use std::{
    error::Error as _,
    io::{self, ErrorKind},
    net::SocketAddr,
};

use smtp_oracles::talk::{CONTENT, Talk, config, hello, message, secs};
use smtp_proto::{
    Instant, TlsFailure, TlsPolicy,
    client::{
        self, Authentication, CommandError, Event, Fate, NotSent, Outcome, Phase, PoolPolicy,
    },
    driver::{
        Addresses, Batch, ConnectError, Error, Machine, Stock, is_of_the_connection, with_slices,
    },
    server,
    types::{Reply, ReplyCode},
};

const LIMIT: Duration = Duration::from_millis(2500);

fn address(last: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], port))
}

fn failed<T>(kind: ErrorKind) -> io::Result<T> {
    Err(io::Error::new(kind, "what the system says"))
}

// --- Addresses --------------------------------------------------------------

#[test]
fn c_265_each_address_is_tried_in_turn_and_every_failure_is_told() {
    let all: Vec<SocketAddr> = (1..=4).map(|last| address(last, 587)).collect();
    let mut addresses = Addresses::new("mx.example.net", 587, LIMIT, all.clone());
    assert_eq!(
        (addresses.host(), addresses.timeout()),
        ("mx.example.net", LIMIT)
    );
    for (next, kind) in all.iter().zip([
        ErrorKind::TimedOut,
        ErrorKind::ConnectionRefused,
        ErrorKind::PermissionDenied,
    ]) {
        assert!(addresses.has_next());
        assert_eq!(addresses.next_address(), Some(*next));
        // It stays the next.
        assert_eq!(addresses.next_address(), Some(*next));
        assert_eq!(addresses.tried::<()>(failed(kind)), None);
    }
    assert_eq!(addresses.tried(Ok("connected")), Some("connected"));
    assert!(!addresses.has_next());
    assert_eq!(addresses.next_address(), None);
    // There was nothing to try.
    assert_eq!(addresses.tried(Ok("connected")), None);

    let error = addresses.give_up();
    assert_eq!((error.host(), error.port()), ("mx.example.net", 587));
    let attempts = error.attempts().iter().map(|(address, _)| *address);
    assert!(attempts.eq(all[..3].iter().copied()));
    assert_eq!(
        error.to_string(),
        "cannot connect to mx.example.net port 587; 192.0.2.1:587: no answer for 2.5 s; \
         192.0.2.2:587: refused; 192.0.2.3:587: what the system says"
    );
    let source = error.source().unwrap().to_string();
    assert_eq!(source, "what the system says");
    assert!(!error.is_likely_blocked());
}

#[test]
fn an_address_needs_no_name() {
    for (host, shown) in [
        ("192.0.2.1", "192.0.2.1:25"),
        ("[192.0.2.1]", "192.0.2.1:25"),
        ("2001:db8::1", "[2001:db8::1]:25"),
        ("[2001:db8::1]", "[2001:db8::1]:25"),
    ] {
        let addresses = Addresses::literal(host, 25, LIMIT).unwrap();
        assert_eq!(addresses.next_address().unwrap().to_string(), shown);
        assert_eq!((addresses.host(), addresses.timeout()), (host, LIMIT));
    }
    assert!(Addresses::literal("mx.example.net", 25, LIMIT).is_none());
}

#[test]
fn port_25_may_be_blocked() {
    let mut addresses = Addresses::literal("192.0.2.1", 25, LIMIT).unwrap();
    let blocked = "Many providers block port 25";
    let error = addresses.give_up();
    // Nothing was tried, so that nothing is known.
    assert!(!error.is_likely_blocked() && !error.to_string().contains(blocked));
    assert!(error.to_string().ends_with(": no address"), "{error}");
    assert!(error.source().is_none());
    addresses.tried::<()>(failed(ErrorKind::TimedOut));
    let error = addresses.give_up();
    assert!(error.is_likely_blocked());
    assert!(error.to_string().contains(blocked), "{error}");
}

#[test]
fn a_name_that_cannot_be_looked_up() {
    let error = |kind| {
        let error = failed::<()>(kind).unwrap_err();
        ConnectError::of_the_name("mx.example.net", 25, LIMIT, error)
    };
    let start = "cannot connect to mx.example.net port 25: ";
    let slow = error(ErrorKind::TimedOut);
    assert_eq!(
        slow.to_string(),
        format!("{start}looking up the name took more than 2.5 s")
    );
    let unknown = error(ErrorKind::NotFound);
    assert_eq!(unknown.to_string(), format!("{start}what the system says"));
    assert!(unknown.attempts().is_empty() && !unknown.is_likely_blocked());
    assert!(unknown.source().is_some());
}

// --- Errors -----------------------------------------------------------------

/// The error of a session of which the server said this.
fn session(said: &str) -> client::Error {
    let mut talk = Talk::new(config());
    talk.say(said);
    talk.events();
    talk.error.unwrap()
}

fn reply(code: u16) -> Reply {
    Reply::new(ReplyCode::new(code).unwrap(), None, "no").unwrap()
}

/// A message that was accepted, refused, or lost with its session.
fn outcome(said: &str) -> Outcome {
    let mut talk = Talk::open(config(), &[]);
    let id = talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    match said {
        "" => talk.eof(),
        _ => talk.say(said),
    }
    talk.events();
    let mut events = talk.log.into_iter();
    events.find_map(|event| event.outcome_of(id)).unwrap()
}

fn every_error() -> Vec<Error> {
    let refused = session("554 not you\r\n");
    let io = || failed::<()>(ErrorKind::BrokenPipe).unwrap_err();
    let mut talk = Talk::open(config(), &["AUTH PLAIN"]);
    let login = Authentication::password("alice", "wonderland").secrets_in_clear(true);
    let id = talk.session.authenticate(login).unwrap();
    talk.out();
    talk.say("535 wrong\r\n");
    talk.events();
    let mut events = talk.log.into_iter();
    let not_authenticated = events.find_map(|event| event.authenticated_by(id));
    vec![
        ConnectError::of_the_name("mx.example.net", 25, LIMIT, io()).into(),
        Error::Session {
            error: refused.clone(),
            cause: None,
        },
        Error::Session {
            error: refused.clone(),
            cause: Some(io()),
        },
        Error::Tls {
            failure: TlsFailure::Expired,
            error: refused,
        },
        CommandError::QueueFull.into(),
        Error::Refused {
            phase: Phase::Request,
            reply: Box::new(reply(502)),
        },
        Error::NotAuthenticated(not_authenticated.unwrap().unwrap_err()),
        Error::NotSent(Box::new(outcome("550 no\r\n"))),
        Error::NoContent,
        Error::HasContent,
        Error::PoolExhausted,
        Error::Content {
            error: io(),
            outcome: Box::new(outcome("551 no\r\n")),
        },
    ]
}

#[test]
fn what_errors_say() {
    let texts = [
        "cannot connect to mx.example.net port 25: what the system says",
        "refused at the greeting: 554 not you",
        "refused at the greeting: 554 not you (what the system says)",
        "refused at the greeting: 554 not you: the certificate has expired",
        "too many requests are queued",
        "refused at a command: 502 no",
        "not authenticated: PLAIN refused: 535 wrong",
        "refused at MAIL: 550 no",
        "a transaction without content",
        "a transaction with content, where it is written",
        "every connection of the pool is in use",
        "no content: what the system says",
    ];
    let errors = every_error();
    assert_eq!(errors.len(), texts.len());
    for (error, text) in errors.iter().zip(texts) {
        assert_eq!(error.to_string(), text);
        assert!(!format!("{error:?}").contains("wonderland"));
    }
}

#[test]
fn what_errors_know() {
    let errors = every_error();
    let codes: Vec<u16> = errors
        .iter()
        .map(|error| error.reply().map_or(0, |reply| reply.code().get()))
        .collect();
    assert_eq!(codes, [0, 554, 554, 554, 0, 502, 535, 550, 0, 0, 0, 551]);
    let phases: Vec<Option<Phase>> = errors.iter().map(Error::phase).collect();
    let greeting = Some(Phase::Greeting);
    assert_eq!(phases[..4], [None, greeting, greeting, greeting]);
    assert_eq!(
        phases[4..7],
        [None, Some(Phase::Request), Some(Phase::Auth)]
    );
    assert_eq!(phases[7..], [None; 5]);
    let are = |is: fn(&Error) -> bool| {
        let all = errors.iter().enumerate();
        let those: Vec<usize> = all.filter(|(_, e)| is(e)).map(|(i, _)| i).collect();
        those
    };
    assert_eq!(are(|error| !error.is_harmless()), [0, 1, 2, 3, 11]);
    assert_eq!(are(Error::is_of_the_opening), [1, 2, 3]);
    assert_eq!(are(|error| error.session().is_some()), [1, 2, 3]);
    // What is printed already is not the source of itself.
    assert_eq!(are(|error| error.source().is_some()), [0]);
    let of = |error| Error::Content {
        error: io::Error::other(error),
        outcome: Box::new(outcome("551 no\r\n")),
    };
    assert!(of(Error::NoContent).source().is_none());
    let name = failed::<()>(ErrorKind::NotFound).unwrap_err();
    let connect = ConnectError::of_the_name("mx.example.net", 25, LIMIT, name);
    assert!(of(connect.into()).source().is_some());
}

#[test]
fn what_may_be_sent_over_another_connection() {
    for error in every_error() {
        let is_session = matches!(error, Error::Session { .. });
        assert_eq!(Error::permits_another_try(&Err(error)), is_session);
    }
    assert!(Error::permits_another_try(&Ok(outcome(""))));
    assert!(!Error::permits_another_try(&Ok(outcome("550 no\r\n"))));
}

// --- Many messages ----------------------------------------------------------

#[test]
fn what_became_of_each_is_told_in_their_order_and_once() {
    let mut talk = Talk::open(config(), &[]);
    let mut batch = Batch::default();
    assert!(batch.is_empty() && batch.pop().is_none());
    for name in ["a", "c"] {
        let sent = talk.session.send(message(&["bob"]));
        batch.push(name, sent.map_err(Error::from));
        if name == "a" {
            batch.push("b", Err(Error::NoContent));
        }
    }
    assert_eq!(format!("{batch:?}"), "Batch(3 transactions)");
    // The second is known, and waits for the first.
    assert!(batch.pop().is_none() && !batch.is_empty());

    talk.out();
    talk.exchange("250 ok\r\n", "RCPT TO:<bob@example.net>\r\n");
    talk.exchange("250 ok\r\n", "DATA\r\n");
    talk.exchange("354 go\r\n", CONTENT);
    talk.exchange("250 stored\r\n", "MAIL FROM:<alice@example.org>\r\n");
    talk.say("550 no\r\n");
    talk.events();
    // The end of somebody else's comes back, and so does all that is no end.
    let mut others = Batch::<()>::new();
    for event in talk.log.clone() {
        assert_eq!(others.take(event.clone()), Some(event.clone()));
        let is_end = matches!(event, Event::Finished { .. });
        assert_eq!(batch.take(event).is_none(), is_end);
    }
    let (name, sent) = batch.pop().unwrap();
    assert!(name == "a" && sent.unwrap().is_complete());
    let (name, sent) = batch.pop().unwrap();
    assert!(name == "b" && matches!(sent, Err(Error::NoContent)));
    let (name, sent) = batch.pop().unwrap();
    assert!(name == "c" && matches!(sent.unwrap().fate(), Fate::Refused { .. }));
    assert!(batch.is_empty() && batch.pop().is_none());
}

#[test]
fn an_outcome_is_entered_once() {
    let mut batch = Batch::new();
    let mut talk = Talk::open(config(), &[]);
    let sent = talk.session.send(message(&["bob"]));
    batch.push((), sent.map_err(Error::from));
    talk.eof();
    talk.events();
    let end = talk.log.pop().unwrap();
    assert_eq!(batch.take(end.clone()), None);
    assert_eq!(batch.take(end.clone()), Some(end));
    let ((), sent) = batch.pop().unwrap();
    assert!(matches!(
        sent.unwrap().fate(),
        Fate::NotSent(NotSent::Session(_))
    ));
}

// --- Slices -----------------------------------------------------------------

/// A session in whose output so many slices wait, and their octets.
fn in_slices(lines: usize) -> (Talk, Vec<u8>) {
    let mut talk = Talk::open(config(), &[]);
    // Each line gets a dot, between two slices of the content, which are too long to
    // be gathered.
    let content = format!(".{}\r\n", "x".repeat(900)).repeat(lines);
    let message = smtp_oracles::talk::transaction(&["bob"]).content(content);
    talk.session.send(message).unwrap();
    talk.out();
    talk.exchange("250 ok\r\n", "RCPT TO:<bob@example.net>\r\n");
    talk.exchange("250 ok\r\n", "DATA\r\n");
    talk.say("354 go\r\n");
    let octets = talk.pending();
    (talk, octets)
}

#[test]
fn output_is_written_in_slices_a_bounded_number() {
    let mut counts = Vec::new();
    for lines in [1, 3, 4, 5, 100, 2000] {
        let (talk, octets) = in_slices(lines);
        let output = talk.session.poll_transmit().unwrap();
        let all = output.slices().count();
        let (count, written) = with_slices(output, |slices| {
            let octets: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            (slices.len(), octets)
        });
        assert_eq!(count, all.min(256), "{lines}");
        assert!(octets.starts_with(&written));
        assert_eq!(written.len() == octets.len(), all <= 256);
        counts.push(count);
    }
    assert!(counts[0] < 8 && counts[4] > 8, "{counts:?}");
}

#[test]
fn c_312_which_failures_are_those_of_a_connection() {
    for kind in [
        ErrorKind::ConnectionAborted,
        ErrorKind::ConnectionReset,
        ErrorKind::Interrupted,
    ] {
        assert!(is_of_the_connection(&kind.into()), "{kind}");
    }
    for kind in [
        ErrorKind::WouldBlock,
        ErrorKind::OutOfMemory,
        ErrorKind::Other,
    ] {
        assert!(!is_of_the_connection(&kind.into()), "{kind}");
    }
}

// --- Both sides, as a driver sees them --------------------------------------

/// Sends all that a side has to say, and returns it.
fn output(side: &mut impl Machine, now: Instant) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(out) = side.poll_transmit() {
        let octets = out.slices().collect::<Vec<_>>().concat();
        side.handle_transmitted(octets.len(), now);
        all.extend(octets);
    }
    all
}

#[test]
fn a_driver_serves_either_side() {
    let now = Instant::ORIGIN;
    let mut client = client::Session::new(config(), now);
    let host = "mx.example.net".parse().unwrap();
    let config = server::Config::new(host).unwrap().tls(TlsPolicy::None);
    let mut server = server::Session::new(config, now);
    assert!(server.poll_event().unwrap().is_none());

    let greeting = output(&mut server, now);
    assert!(greeting.starts_with(b"220 mx.example.net"));
    assert!(Machine::wants_input(&client) && Machine::wants_input(&server));
    assert!(!Machine::expects_secrets(&client) && !Machine::expects_secrets(&server));
    Machine::handle_input(&mut client, &greeting, now);
    let ehlo = output(&mut client, now);
    assert_eq!(ehlo, b"EHLO client.example.org\r\n");
    Machine::handle_input(&mut server, &ehlo, now);
    let Some(server::Event::Hello(question)) = server.poll_event().unwrap() else {
        panic!("no EHLO");
    };
    question.accept();
    assert!(server.poll_event().unwrap().is_none());
    let answer = output(&mut server, now);
    assert!(answer.starts_with(hello(&[]).split(' ').next().unwrap().as_bytes()));
    Machine::handle_input(&mut client, &answer, now);
    assert_eq!(client.poll_event(), Ok(Some(Event::Ready)));

    // An open session waits for its application; a server for its client.
    assert_eq!(Machine::poll_timeout(&client), None);
    let late = now + secs(3600);
    assert!(Machine::poll_timeout(&server).is_some_and(|deadline| deadline < late));
    Machine::handle_timeout(&mut server, late);
    assert!(server.poll_event().unwrap().is_none());
    assert!(output(&mut server, late).starts_with(b"421 "));
    assert!(matches!(
        server.poll_event(),
        Ok(Some(server::Event::Closed))
    ));

    client.noop().unwrap();
    assert!(Machine::poll_transmit(&client).is_some());
    Machine::handle_write_closed(&mut client, late);
    Machine::handle_timeout(&mut client, late + secs(3600));
    while let Ok(Some(_)) = client.poll_event() {}
    let error = client.poll_event().unwrap_err();
    assert!(!error.is_of_the_opening());
}

#[test]
fn c_220_a_server_expects_secrets_until_its_client_is_authenticated() {
    let now = Instant::ORIGIN;
    let host = "mx.example.net".parse().unwrap();
    let authentication = server::Authentication::default().secrets_in_clear(true);
    let config = server::Config::new(host)
        .unwrap()
        .authentication(authentication);
    let mut server = server::Session::new(config, now);
    assert!(server.poll_event().unwrap().is_none());
    output(&mut server, now);
    server.handle_input(b"EHLO x\r\n", now);
    let Ok(Some(server::Event::Hello(question))) = server.poll_event() else {
        panic!("no EHLO");
    };
    question.accept();
    assert!(server.poll_event().unwrap().is_none());
    output(&mut server, now);
    assert!(Machine::expects_secrets(&server));
    server.handle_input(b"AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=\r\n", now);
    let Ok(Some(server::Event::Authenticate(question))) = server.poll_event() else {
        panic!("no AUTH");
    };
    assert!(question.tls().is_none());
    question.accept();
    assert!(server.poll_event().unwrap().is_none());
    assert_eq!(output(&mut server, now)[..4], *b"235 ");
    assert!(!Machine::expects_secrets(&server));
}

// --- The stock of a pool ----------------------------------------------------

#[test]
fn a_stock_shows_how_many_there_are() {
    let mut stock = Stock::new(PoolPolicy::default());
    assert!(stock.admit());
    assert!(stock.keep("secret", Instant::ORIGIN).is_empty());
    assert_eq!(format!("{stock:?}"), "Stock { idle: 1, in_use: 1, .. }");
}
