//! The client against the server, in memory: into TLS, and through every
//! mechanism. What stands for TLS here is only that both are told of it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
};

use smtp_proto::{
    Instant, TlsInfo, TlsPolicy,
    client::{self, ErrorKind, Transaction},
    sasl::{Credential, Credentials, Proof, ServerMechanism, Verdict},
    server::{self, Authentication, Identity},
    types::Mailbox,
};

/// The two sessions, and what came of them.
struct Pair {
    client: client::Session,
    server: server::Session,
    /// The most octets that one write takes.
    step: usize,
    tls: TlsInfo,
    /// What is stored for alice.
    stored: Credential,
    /// What went in both directions.
    line: Vec<u8>,
    /// What the client sent.
    said: Vec<u8>,
    /// Everything that could be printed: the transcripts of both sides, their
    /// events, and the sessions themselves.
    shown: Arc<Mutex<String>>,
    waiting: (bool, bool),
    accepted: usize,
    error: Option<client::Error>,
    closed: bool,
}

fn tls() -> TlsInfo {
    TlsInfo::new()
        .version("TLSv1.3")
        .exporter([9; 32])
        .client_certificate(*b"certificate")
}

impl Pair {
    fn new(policy: TlsPolicy, credentials: Credentials, offered: &[ServerMechanism]) -> Self {
        let own = Authentication::new().mechanisms(offered.iter().copied());
        Self::with(policy, credentials, own)
    }

    fn with(policy: TlsPolicy, credentials: Credentials, own: Authentication) -> Self {
        let client = client::Config::new(&"client.example.org".parse().unwrap()).unwrap();
        let client = client
            .tls(policy)
            .authentication(client::Authentication::new(credentials));
        let server = server::Config::new("mx.example.net".parse().unwrap()).unwrap();
        let server = server.tls(policy).authentication(own.required(true));
        let now = Instant::ORIGIN;
        let shown = Arc::new(Mutex::new(format!("{client:?}\n{server:?}\n")));
        let mut pair = Self {
            client: client::Session::new(client, now),
            server: server::Session::new(server, now),
            step: usize::MAX,
            tls: tls(),
            stored: Credential::password("wonderland"),
            line: Vec::new(),
            said: Vec::new(),
            shown,
            waiting: (false, false),
            accepted: 0,
            error: None,
            closed: false,
        };
        let sink = Arc::clone(&pair.shown);
        pair.client.set_transcript(move |entry| {
            writeln!(sink.lock().unwrap(), "{entry} {entry:?}").unwrap();
        });
        let sink = Arc::clone(&pair.shown);
        pair.server.set_transcript(move |entry| {
            writeln!(sink.lock().unwrap(), "{entry} {entry:?}").unwrap();
        });
        pair.client.set_seed([1; 32]);
        pair.server.set_seed([2; 32]);
        let alice: Mailbox = "alice@example.org".parse().unwrap();
        let bob: Mailbox = "bob@example.net".parse().unwrap();
        let message = Transaction::new(alice).recipient(bob).content("hello\r\n");
        pair.client.send(message).unwrap();
        pair.client.quit().unwrap();
        pair
    }

    /// Moves octets until nothing moves any more.
    fn run(&mut self) {
        let now = Instant::ORIGIN;
        loop {
            self.client_events();
            self.server_events();
            if self.waiting == (true, true) {
                self.waiting = (false, false);
                self.client.handle_tls_established(self.tls.clone(), now);
                self.server.handle_tls_established(self.tls.clone(), now);
                continue;
            }
            let mut moved = false;
            if let Some(out) = self.client.poll_transmit() {
                let octets: Vec<u8> = out.slices().flatten().take(self.step).copied().collect();
                self.client.handle_transmitted(octets.len(), now);
                self.server.handle_input(&octets, now);
                self.said.extend(&octets);
                self.line.extend(octets);
                moved = true;
            }
            self.server_events();
            if let Some(out) = self.server.poll_transmit() {
                let octets: Vec<u8> = out.slices().flatten().take(self.step).copied().collect();
                self.server.handle_transmitted(octets.len(), now);
                self.client.handle_input(&octets, now);
                self.line.extend(octets);
                moved = true;
            }
            if !moved {
                return;
            }
        }
    }

    fn show(&self, what: impl std::fmt::Debug) {
        writeln!(self.shown.lock().unwrap(), "{what:?}").unwrap();
    }

    fn client_events(&mut self) {
        self.show((&self.client, &self.server, self.client.poll_transmit()));
        loop {
            let polled = self.client.poll_event();
            self.show(&polled);
            match polled {
                Ok(None) => return,
                Ok(Some(client::Event::StartTls)) => self.waiting.0 = true,
                Ok(Some(client::Event::Closed)) => self.closed = true,
                Ok(Some(_)) => {}
                Err(error) => {
                    self.error = Some(error);
                    return;
                }
            }
        }
    }

    fn server_events(&mut self) {
        while let Some(event) = self.server.poll_event().unwrap() {
            writeln!(self.shown.lock().unwrap(), "{event:?}").unwrap();
            match event {
                server::Event::StartTls => self.waiting.1 = true,
                server::Event::Hello(hello) => hello.accept(),
                server::Event::Authenticate(question) => {
                    let claim = question.claim();
                    let is_alice = claim.authentication_identity() == "alice";
                    let verdict = match claim.proof() {
                        Proof::Certificate(b"certificate") => return question.accept_as("alice"),
                        Proof::Token(token) if is_alice && token.expose() == b"wonderland" => {
                            Verdict::Accept
                        }
                        Proof::Token(_) => Verdict::Refuse,
                        _ if is_alice => Verdict::Check(self.stored.clone()),
                        _ => Verdict::UnknownUser,
                    };
                    question.answer(Ok(verdict));
                }
                server::Event::Mail(mail) => {
                    assert!(mail.authenticated().is_some());
                    mail.accept();
                }
                server::Event::Rcpt(rcpt) => rcpt.accept(),
                server::Event::Data(data) => data.accept(),
                server::Event::Message(message) => {
                    self.accepted += 1;
                    message.accept();
                }
                _ => {}
            }
        }
    }

    /// Whether the message went through, and nothing was wrong.
    fn assert_sent(&self, mechanism: ServerMechanism) {
        assert_eq!(self.error, None, "{mechanism}");
        assert!(self.closed && self.accepted == 1, "{mechanism}");
        let identity = self.server.authenticated().unwrap();
        assert_eq!(identity.mechanism(), mechanism);
        assert_eq!(identity.authentication(), "alice");
    }
}

fn credentials(mechanism: ServerMechanism, user: &str, secret: &str) -> Credentials {
    match mechanism {
        ServerMechanism::External => Credentials::external(),
        ServerMechanism::OauthBearer | ServerMechanism::Xoauth2 => Credentials::token(user, secret),
        _ => Credentials::password(user, secret),
    }
}

/// The mechanisms that this build has.
fn mechanisms() -> impl Iterator<Item = ServerMechanism> {
    let digests = ["SCRAM", "CRAM"];
    ServerMechanism::ALL.into_iter().filter(move |mechanism| {
        cfg!(feature = "digest")
            || !digests
                .iter()
                .any(|name| mechanism.name().starts_with(name))
    })
}

#[test]
fn every_mechanism_into_and_inside_tls() {
    for mechanism in mechanisms() {
        for policy in [
            TlsPolicy::Opportunistic,
            TlsPolicy::Required,
            TlsPolicy::Implicit,
        ] {
            for step in [1, 7, usize::MAX] {
                let right = credentials(mechanism, "alice", "wonderland");
                let mut pair = Pair::new(policy, right, &[mechanism]);
                pair.step = step;
                pair.run();
                pair.assert_sent(mechanism);
                assert!(pair.server.is_secured());
            }
        }
    }
}

#[test]
fn s_155_wrong_passwords_and_unknown_users_get_one_answer() {
    for mechanism in mechanisms().filter(|mechanism| *mechanism != ServerMechanism::External) {
        let mut replies = Vec::new();
        for (user, secret) in [
            ("alice", "queen"),
            ("nobody", "wonderland"),
            ("nobody", "queen"),
        ] {
            let wrong = credentials(mechanism, user, secret);
            let mut pair = Pair::new(TlsPolicy::Required, wrong, &[mechanism]);
            pair.run();
            assert_eq!(pair.accepted, 0);
            assert!(pair.server.authenticated().is_none());
            let error = pair.error.unwrap();
            let ErrorKind::Authentication(error) = error.kind() else {
                panic!("{error}")
            };
            assert!(error.is_about_credentials(), "{mechanism}: {error}");
            replies.push(error.reply().unwrap().to_string());
        }
        assert_eq!(
            replies, ["535 5.7.8 authentication failed"; 3],
            "{mechanism}"
        );
    }
}

#[test]
fn s_041_the_strongest_that_both_have_is_used() {
    let all: Vec<ServerMechanism> = ServerMechanism::ALL.to_vec();
    let password = || credentials(ServerMechanism::Plain, "alice", "wonderland");
    let mut pair = Pair::new(TlsPolicy::Required, password(), &all);
    pair.run();
    pair.assert_sent(
        mechanisms()
            .next()
            .filter(|_| cfg!(feature = "digest"))
            .unwrap_or(ServerMechanism::Plain),
    );

    // Nothing to bind to.
    let mut pair = Pair::new(TlsPolicy::Required, password(), &all);
    pair.tls = TlsInfo::new();
    pair.run();
    pair.assert_sent(if cfg!(feature = "digest") {
        ServerMechanism::ScramSha256
    } else {
        ServerMechanism::Plain
    });

    // Only what shows nothing goes in clear.
    let mut pair = Pair::new(TlsPolicy::None, password(), &all);
    pair.run();
    if cfg!(feature = "digest") {
        pair.assert_sent(ServerMechanism::ScramSha256);
    } else {
        assert!(pair.error.is_some());
    }
    let line = String::from_utf8(pair.line).unwrap();
    assert!(!line.contains("PLAIN") && !line.contains("LOGIN") && !line.contains("PLUS"));
}

#[cfg(feature = "digest")]
#[test]
fn s_155_a_store_of_keys_and_one_salt_for_a_name_that_nobody_has() {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use smtp_proto::sasl::{ScramHash, ScramKeys};

    let mechanism = ServerMechanism::ScramSha256;
    let own = || {
        let own = Authentication::new().mechanisms([mechanism]);
        own.scram_decoy("nobody knows", 5000)
    };
    let password = "wonderland".into();
    let keys = ScramKeys::derive(ScramHash::Sha256, &password, *b"salt", 5000).unwrap();
    let salt = |user, seed| {
        let credentials = Credentials::password(user, "wonderland");
        let mut pair = Pair::with(TlsPolicy::Implicit, credentials, own());
        pair.server.set_seed([seed; 32]);
        pair.stored = Credential::scram(keys.clone());
        pair.run();
        if user == "alice" {
            pair.assert_sent(mechanism);
        }
        let line = String::from_utf8(pair.line).unwrap();
        let challenge = line.split("\r\n334 ").nth(1).unwrap();
        let challenge = STANDARD
            .decode(challenge.split("\r\n").next().unwrap())
            .unwrap();
        let challenge = String::from_utf8(challenge).unwrap();
        challenge.split_once(',').unwrap().1.to_owned()
    };
    assert_eq!(salt("alice", 1), "s=c2FsdA==,i=5000");
    let of_nobody = salt("nobody", 1);
    assert!(of_nobody.ends_with(",i=5000"), "{of_nobody}");
    assert_eq!(salt("nobody", 2), of_nobody);
    assert_ne!(salt("somebody", 1), of_nobody);
}

/// A password by itself, and each response as it went over the line: with those
/// of CRAM-MD5 and SCRAM a guess of the password could be tried.
#[test]
fn c_220_c_313_s_159_no_secret_is_ever_shown() {
    for mechanism in mechanisms().filter(|mechanism| *mechanism != ServerMechanism::External) {
        for secret in ["wonderland", "looking-glass"] {
            let credentials = credentials(mechanism, "alice", secret);
            let mut pair = Pair::new(TlsPolicy::Required, credentials, &[mechanism]);
            pair.run();
            assert_eq!(pair.accepted == 1, secret == "wonderland");
            let identity = pair.server.authenticated().map(Identity::authorization);
            assert_eq!(identity.is_some(), secret == "wonderland");
            pair.show((
                identity,
                &pair.error,
                pair.error.as_ref().map(ToString::to_string),
            ));

            let said = String::from_utf8(pair.said.clone()).unwrap();
            let exchange = said.split_once("AUTH ").unwrap().1;
            let exchange = exchange.split("MAIL").next().unwrap();
            let responses = exchange.split(['\r', '\n', ' ']);
            let mut needles: Vec<&str> = responses
                .filter(|word| word.len() > 4 && *word != mechanism.name() && *word != "QUIT")
                .collect();
            assert!(!needles.is_empty(), "{mechanism}");
            needles.push(secret);
            needles.push("wonderland");
            let shown = pair.shown.lock().unwrap();
            for needle in needles {
                assert!(!shown.contains(needle), "{mechanism}: {needle} in {shown}");
            }
            // It was worth looking at.
            assert!(shown.contains("C: AUTH ") && shown.contains("***"));
        }
    }
}
