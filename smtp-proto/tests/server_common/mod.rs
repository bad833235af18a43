//! A server session with an application that takes every message and knows
//! alice, whose password is wonderland, a clock of the test's own, and a client
//! that reads everything at once.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use core::time::Duration;

use smtp_proto::{
    Instant, TlsInfo, TlsPolicy,
    sasl::{Claim, Credential, Proof, Verdict},
    server::{Authenticate, Config, Event, Rejection, Session},
};

pub(crate) const SUITE: &str = "TLS_AES_128_GCM_SHA256";

pub(crate) struct Server {
    pub(crate) session: Session,
    /// What was sent and not taken by [`Server::take`].
    output: Vec<u8>,
    /// The events, in a few words each.
    pub(crate) seen: Vec<String>,
    pub(crate) now: Instant,
    /// How often each question is dropped before it is answered.
    pub(crate) hesitate: usize,
}

pub(crate) fn config(policy: TlsPolicy) -> Config {
    Config::new("mx.example.net".parse().unwrap())
        .unwrap()
        .tls(policy)
}

pub(crate) fn tls_info() -> TlsInfo {
    TlsInfo::new().version("TLSv1.3").cipher_suite(SUITE)
}

impl Server {
    pub(crate) fn new(config: Config) -> Self {
        Self::of(Session::new(config, Instant::ORIGIN))
    }

    /// Runs the session up to its first wait.
    pub(crate) fn of(session: Session) -> Self {
        let mut server = Self {
            session,
            output: Vec::new(),
            seen: Vec::new(),
            now: Instant::ORIGIN,
            hesitate: 0,
        };
        server.drive();
        server
    }

    /// A session that is past STARTTLS, its handshake and another EHLO.
    pub(crate) fn secured(config: Config) -> Self {
        Self::secured_with(config, tls_info())
    }

    pub(crate) fn secured_with(config: Config, tls: TlsInfo) -> Self {
        let mut server = Self::new(config);
        server.ask("EHLO client.example.org");
        assert_eq!(server.ask("STARTTLS"), "220 2.0.0 ready for TLS\r\n");
        server.secure_with(tls);
        server.ask("EHLO client.example.org");
        server.seen.clear();
        server
    }

    pub(crate) fn secure(&mut self) {
        self.secure_with(tls_info());
    }

    pub(crate) fn secure_with(&mut self, tls: TlsInfo) {
        assert_eq!(self.seen.last().map(String::as_str), Some("starttls"));
        self.session.handle_tls_established(tls, self.now);
        self.drive();
    }

    pub(crate) fn send(&mut self, input: impl AsRef<[u8]>) {
        let input = input.as_ref();
        if !input.is_empty() {
            self.session.handle_input(input, self.now);
        }
        self.drive();
    }

    pub(crate) fn end(&mut self) {
        self.session.handle_input(b"", self.now);
        self.drive();
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.session.handle_timeout(self.now);
        self.drive();
    }

    /// Sends a line, and returns what comes back.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.take();
        self.send(format!("{line}\r\n"));
        self.take()
    }

    /// Sends a line, and returns code and enhanced code of the one reply.
    pub(crate) fn code(&mut self, line: &str) -> String {
        let text = self.ask(line);
        assert_eq!(text.matches("\r\n").count(), 1, "{line}: {text}");
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// What was sent since it was asked last.
    pub(crate) fn take(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.output)).unwrap()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.seen.last().map(String::as_str) == Some("closed")
    }

    pub(crate) fn drive(&mut self) {
        loop {
            let mut left = self.hesitate;
            while let Some(event) = self.session.poll_event().unwrap() {
                if left > 0 && matches!(event, Event::Authenticate(_)) {
                    left -= 1;
                    continue;
                }
                left = self.hesitate;
                self.seen.push(answer(event));
            }
            let Some(transmit) = self.session.poll_transmit() else {
                return;
            };
            let octets = transmit.slices().collect::<Vec<_>>().concat();
            self.output.extend_from_slice(&octets);
            self.session.handle_transmitted(octets.len(), self.now);
        }
    }
}

fn answer(event: Event<'_>) -> String {
    match event {
        Event::Hello(hello) => {
            let text = format!("hello {}", hello.name());
            hello.accept();
            text
        }
        Event::Authenticate(question) => authenticate(question),
        Event::Mail(mail) => {
            let text = format!("mail {}", mail.reverse_path());
            mail.accept();
            text
        }
        Event::Rcpt(rcpt) => {
            let text = format!("rcpt {}", rcpt.path());
            rcpt.accept();
            text
        }
        Event::Data(data) => {
            data.accept();
            "data".into()
        }
        Event::Content(_) => "content".into(),
        Event::Message(message) => {
            message.accept();
            "message".into()
        }
        Event::StartTls => "starttls".into(),
        Event::Discarded(why) => format!("discarded {why:?}"),
        Event::Closed => "closed".into(),
        other => panic!("{other:?}"),
    }
}

/// Nothing of what may not be seen is in the text.
fn authenticate(question: Authenticate<'_>) -> String {
    let claim = question.claim();
    let name = claim.authentication_identity().to_owned();
    let mut text = format!("{} {name}", claim.mechanism());
    if let Some(other) = claim.authorization_identity() {
        text += &format!(" as {other}");
    }
    let may_act = claim.authorization_identity().is_none_or(|to| to == name);
    match name.as_str() {
        "" => question.accept_as("certified"),
        "later" => question.answer(Ok(Verdict::Unavailable)),
        "locked" => question.reject(&rejection(534, "5.7.9", "change your password first")),
        "changed" => question.reject(&rejection(432, "4.7.12", "a password transition is needed")),
        "away" => question.reject(&Rejection::service_not_available()),
        _ if !may_act => question.reject(&Rejection::bad_credentials()),
        "alice" => match token(question.claim()) {
            Some(true) => question.accept(),
            Some(false) => question.answer(Ok(Verdict::Refuse)),
            None => question.check(&Credential::password("wonderland")),
        },
        _ => question.unknown_user(),
    }
    text
}

/// Whether it is the right token, if it is one.
fn token(claim: &Claim) -> Option<bool> {
    match claim.proof() {
        Proof::Token(token) => Some(token.expose() == b"wonderland"),
        _ => None,
    }
}

fn rejection(code: u16, enhanced: &str, text: &str) -> Rejection {
    Rejection::new(code, Some(enhanced.parse().unwrap()), text).unwrap()
}
