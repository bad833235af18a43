//! The client against the server, in memory, with a clock that the test owns.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use smtp_proto::{
    Instant,
    client::{self, ErrorKind, Fate, NotSent, Outcome, Pipelining, RecipientPolicy, Transaction},
    server::{self, Discarded, Rejection},
    types::{ForwardPath, Mailbox, ReversePath},
};

/// A message as the receiver has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    reverse_path: ReversePath,
    recipients: Vec<ForwardPath>,
    content: Vec<u8>,
}

/// The two sessions, the line between them, and what became of everything.
struct Pair {
    client: client::Session,
    server: server::Session,
    now: Instant,
    /// The most octets that one write takes, and one read brings.
    step: usize,
    /// Octets on the line, to the server and to the client.
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// All octets that ever went.
    by_client: Vec<u8>,
    by_server: Vec<u8>,
    outcomes: Vec<Outcome>,
    client_error: Option<client::Error>,
    client_closed: bool,
    server_closed: bool,
    stored: Vec<Stored>,
    incoming: Vec<u8>,
    discarded: Vec<Discarded>,
}

fn server_config() -> server::Config {
    server::Config::new("mx.example.net".parse().unwrap()).unwrap()
}

fn client_config() -> client::Config {
    client::Config::new(&"client.example.org".parse().unwrap()).unwrap()
}

impl Pair {
    fn new(client: client::Config, server: server::Config, step: usize) -> Self {
        let now = Instant::ORIGIN;
        Self {
            client: client::Session::new(client, now),
            server: server::Session::new(server, now),
            now,
            step,
            to_server: Vec::new(),
            to_client: Vec::new(),
            by_client: Vec::new(),
            by_server: Vec::new(),
            outcomes: Vec::new(),
            client_error: None,
            client_closed: false,
            server_closed: false,
            stored: Vec::new(),
            incoming: Vec::new(),
            discarded: Vec::new(),
        }
    }

    /// Moves octets until nothing moves any more.
    fn run(&mut self) {
        loop {
            let client = self.run_client();
            let server = self.run_server();
            if !client && !server {
                return;
            }
        }
    }

    fn run_client(&mut self) -> bool {
        let mut moved = false;
        let n = self.step.min(self.to_client.len());
        if n > 0 {
            let octets: Vec<u8> = self.to_client.drain(..n).collect();
            self.client.handle_input(&octets, self.now);
            moved = true;
        }
        self.client_events();
        if let Some(out) = self.client.poll_transmit() {
            let octets: Vec<u8> = out.slices().flatten().take(self.step).copied().collect();
            self.client.handle_transmitted(octets.len(), self.now);
            self.by_client.extend_from_slice(&octets);
            self.to_server.extend(octets);
            moved = true;
        }
        moved
    }

    fn client_events(&mut self) {
        loop {
            match self.client.poll_event() {
                Ok(None) => return,
                Ok(Some(client::Event::Finished { outcome, .. })) => self.outcomes.push(outcome),
                Ok(Some(client::Event::Closed)) => self.client_closed = true,
                Ok(Some(_)) => {}
                Err(error) => {
                    self.client_error = Some(error);
                    return;
                }
            }
        }
    }

    fn run_server(&mut self) -> bool {
        let mut moved = false;
        let n = self.step.min(self.to_server.len());
        if n > 0 && self.server.wants_input() {
            let octets: Vec<u8> = self.to_server.drain(..n).collect();
            self.server.handle_input(&octets, self.now);
            moved = true;
        }
        self.server_events();
        if let Some(out) = self.server.poll_transmit() {
            let octets: Vec<u8> = out.slices().flatten().take(self.step).copied().collect();
            self.server.handle_transmitted(octets.len(), self.now);
            self.by_server.extend_from_slice(&octets);
            self.to_client.extend(octets);
            moved = true;
        }
        moved
    }

    /// The application of the receiver: it knows nobody whose name begins with
    /// `no`, and takes no message that says `refuse me`.
    fn server_events(&mut self) {
        while let Some(event) = self.server.poll_event().unwrap() {
            match event {
                server::Event::Hello(hello) => hello.accept(),
                server::Event::Mail(mail) => mail.accept(),
                server::Event::Rcpt(rcpt) => match rcpt.path().mailbox() {
                    Some(mailbox) if mailbox.local_part().as_str().starts_with("no") => {
                        rcpt.reject(&Rejection::no_such_user());
                    }
                    _ => rcpt.accept(),
                },
                server::Event::Data(data) => {
                    self.incoming.clear();
                    data.accept();
                }
                server::Event::Content(slice) => self.incoming.extend_from_slice(slice),
                server::Event::Message(message) => {
                    if self
                        .incoming
                        .windows(9)
                        .any(|window| window == b"refuse me")
                    {
                        message.reject(&Rejection::policy());
                    } else {
                        let envelope = message.envelope();
                        let recipients = envelope.recipients().iter();
                        self.stored.push(Stored {
                            reverse_path: envelope.reverse_path().clone(),
                            recipients: recipients.map(|r| r.path().clone()).collect(),
                            content: std::mem::take(&mut self.incoming),
                        });
                        message.accept();
                    }
                }
                server::Event::Discarded(why) => self.discarded.push(why),
                server::Event::Closed => self.server_closed = true,
                other => panic!("{other:?}"),
            }
        }
    }
}

fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

fn transaction(recipients: &[&str], content: &[u8]) -> Transaction {
    Transaction::new(mailbox("alice@example.org"))
        .recipients(recipients.iter().map(|recipient| mailbox(recipient)))
        .content(content.to_vec())
}

/// What the receiver has of a content: with a CRLF at its end.
fn completed(content: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    if !content.is_empty() && !content.ends_with(b"\r\n") {
        content.extend_from_slice(b"\r\n");
    }
    content
}

#[test]
fn m03_a_message_goes_through_at_every_step() {
    let content = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\nplain";
    for pipelining in [Pipelining::Off, Pipelining::WithinTransaction] {
        for step in [1, 2, 3, 5, 7, 64, 100_000] {
            let mut config = client_config();
            config = config.pipelining(pipelining);
            let mut pair = Pair::new(config, server_config(), step);
            let recipients = ["bob@example.net", "nobody@example.net", "bob@example.net"];
            pair.client.send(transaction(&recipients, content)).unwrap();
            pair.client.quit().unwrap();
            pair.run();
            assert!(pair.client_closed && pair.server_closed, "{step}");
            let fates = pair.outcomes[0].recipients();
            assert!(fates[0].is_accepted() && fates[2].is_accepted());
            assert!(matches!(fates[1], Fate::Refused { .. }));
            assert_eq!(pair.stored.len(), 1);
            assert_eq!(pair.stored[0].content, completed(content));
            assert_eq!(pair.stored[0].recipients.len(), 2);
            assert!(pair.discarded.is_empty());
        }
    }
}

#[test]
fn c_061_m07_more_recipients_than_the_server_takes() {
    let names: Vec<String> = (0..250).map(|n| format!("user{n}@example.net")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for pipelining in [Pipelining::Off, Pipelining::WithinTransaction] {
        let mut config = client_config();
        config = config.pipelining(pipelining);
        let mut pair = Pair::new(config, server_config().max_recipients(100), 4096);
        pair.client.send(transaction(&names, b"hello\r\n")).unwrap();
        pair.run();
        assert!(pair.outcomes[0].is_complete());
        assert_eq!(pair.stored.len(), 3);
        let got: Vec<String> = pair
            .stored
            .iter()
            .flat_map(|stored| stored.recipients.iter().map(ToString::to_string))
            .collect();
        let wanted: Vec<String> = names.iter().map(|name| format!("<{name}>")).collect();
        assert_eq!(got, wanted);
    }
}

#[test]
fn c_139_a_session_goes_on_after_each_kind_of_refusal() {
    let mut pair = Pair::new(client_config(), server_config(), 4096);
    pair.client
        .send(transaction(&["nobody@example.net"], b"one\r\n"))
        .unwrap();
    pair.client
        .send(transaction(&["bob@example.net"], b"refuse me\r\n"))
        .unwrap();
    pair.client
        .send(
            transaction(&["bob@example.net", "none@example.net"], b"three\r\n")
                .policy(RecipientPolicy::AllOrNothing),
        )
        .unwrap();
    pair.client
        .send(transaction(&["bob@example.net"], b"four\r\n"))
        .unwrap();
    pair.client
        .send(transaction(&["bob@example.net"], &[b'x'; 30 << 20]))
        .unwrap_err(); // one line of 30 MiB
    let lines = b"0123456789abcdef0123456789abcdef\r\n".repeat(1 << 20);
    pair.client
        .send(transaction(&["bob@example.net"], &lines))
        .unwrap();
    pair.run();
    let fates: Vec<&Fate> = pair.outcomes.iter().map(Outcome::fate).collect();
    assert!(matches!(fates[0], Fate::Refused { .. }));
    assert!(matches!(fates[1], Fate::Refused { .. }));
    assert!(matches!(fates[2], Fate::NotSent(NotSent::AllOrNothing)));
    assert!(fates[3].is_accepted());
    assert!(matches!(fates[4], Fate::NotSent(NotSent::TooLarge { .. })));
    assert_eq!(pair.stored.len(), 1);
    assert!(pair.client.is_reusable());
    assert!(pair.server.is_idle());
}

#[test]
fn s_010_a_client_that_is_idle_for_too_long_is_told_so() {
    let mut pair = Pair::new(client_config(), server_config(), 4096);
    pair.run();
    assert!(pair.client.is_idle());
    assert_eq!(pair.client.poll_timeout(), None);
    pair.now = pair.now + Duration::from_secs(301);
    pair.server.handle_timeout(pair.now);
    pair.run();
    assert_eq!(
        pair.client_error.as_ref().map(client::Error::kind),
        Some(&ErrorKind::Closing)
    );
    assert!(pair.server_closed);
}

#[test]
fn s_009_a_server_that_shuts_down_finishes_what_has_begun() {
    let mut pair = Pair::new(client_config(), server_config(), 10);
    pair.client
        .send(transaction(&["bob@example.net"], b"a message\r\n"))
        .unwrap();
    while pair.incoming.is_empty() {
        pair.run_client();
        pair.run_server();
    }
    pair.server.shutdown(pair.now);
    pair.run();
    assert!(pair.outcomes[0].is_complete());
    assert!(pair.server_closed);
    assert_eq!(pair.stored.len(), 1);
}

/// Runs a dialogue until one side has sent `cut` octets, and then cuts the line.
fn cut(cut: usize, by_client: bool) -> Pair {
    let mut pair = Pair::new(client_config(), server_config(), 1);
    pair.client
        .send(transaction(
            &["bob@example.net", "no@example.net"],
            b".x\r\n",
        ))
        .unwrap();
    pair.client
        .send(transaction(&["bob@example.net"], b"second\r\n"))
        .unwrap();
    pair.client.quit().unwrap();
    while by_client && pair.by_client.len() < cut || !by_client && pair.by_server.len() < cut {
        let client = pair.run_client();
        let server = pair.run_server();
        if !client && !server {
            break;
        }
    }
    // What is on the line still arrives, and then nothing more does.
    let to_server = std::mem::take(&mut pair.to_server);
    pair.server.handle_input(&to_server, pair.now);
    pair.server.handle_input(&[], pair.now);
    pair.server_events();
    let to_client = std::mem::take(&mut pair.to_client);
    if !to_client.is_empty() {
        pair.client.handle_input(&to_client, pair.now);
    }
    pair.client.handle_input(&[], pair.now);
    pair.client_events();
    pair
}

#[test]
fn c_113_s_008_a_line_that_is_cut_at_any_octet_loses_nothing_silently() {
    let whole = cut(usize::MAX, true);
    assert!(whole.client_closed);
    for (length, by_client) in [
        (whole.by_client.len(), true),
        (whole.by_server.len(), false),
    ] {
        for at in 0..=length {
            let pair = cut(at, by_client);
            assert_eq!(pair.outcomes.len(), 2, "{at} {by_client}");
            let mut stored = pair.stored.iter();
            for outcome in &pair.outcomes {
                let fate = &outcome.recipients()[0];
                match fate {
                    Fate::Accepted(_) => assert!(stored.next().is_some(), "{at} {by_client}"),
                    Fate::InDoubt(_) => {
                        stored.next();
                    }
                    Fate::NotSent(_) | Fate::Refused { .. } => {}
                    other => panic!("{other}"),
                }
            }
            assert!(
                stored.next().is_none(),
                "stored and not sent, {at} {by_client}"
            );
            assert!(pair.discarded.len() <= 1);
        }
    }
}
