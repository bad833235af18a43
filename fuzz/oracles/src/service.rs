//! A server session with an application whose answers depend on the addresses, a
//! client that reads or does not, and a clock of the test's own. Every dialogue
//! can be replayed whole, octet by octet and at every split into two.

use core::time::Duration;

use smtp_proto::{
    Instant, TlsInfo,
    sasl::{Claim, Credential, Proof},
    server::{Config, Discarded, Event, Rejection, Session},
    types::Reply,
    wire::ReplyParser,
};

use crate::talk::mailbox;

/// What the application saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Hello(String),
    Mail(String),
    Rcpt(String),
    Data,
    Content(Vec<u8>),
    Message(Vec<String>),
    Inquiry(String),
    /// By what mechanism, and who the client says it is.
    Authenticate(String),
    StartTls,
    Discarded(Discarded),
    Closed,
}

/// A session, an application, and a client that reads or does not.
#[derive(Debug)]
pub struct Server {
    pub session: Session,
    pub seen: Vec<Seen>,
    pub output: Vec<u8>,
    pub now: Instant,
    pub client_reads: bool,
    /// Answers to withhold: each question is dropped so often first.
    pub hesitate: usize,
    /// How many messages were refused in the middle of their content.
    pub refused: usize,
}

pub fn config() -> Config {
    Config::new("mx.example.net".parse().unwrap()).unwrap()
}

pub fn rejection(code: u16, enhanced: &str) -> Rejection {
    Rejection::new(
        code,
        Some(enhanced.parse().unwrap()),
        "as the test wants it",
    )
    .unwrap()
}

pub fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

impl Server {
    pub fn new(config: Config) -> Self {
        Self::of(Session::new(config, Instant::ORIGIN))
    }

    pub fn of(session: Session) -> Self {
        let mut server = Self {
            session,
            seen: Vec::new(),
            output: Vec::new(),
            now: Instant::ORIGIN,
            client_reads: true,
            hesitate: 0,
            refused: 0,
        };
        server.drive();
        server
    }

    pub fn send(&mut self, input: impl AsRef<[u8]>) {
        let input = input.as_ref();
        if !input.is_empty() {
            self.session.handle_input(input, self.now);
        }
        self.drive();
    }

    pub fn end(&mut self) {
        self.session.handle_input(b"", self.now);
        self.drive();
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.session.handle_timeout(self.now);
        self.drive();
    }

    /// Sends a line, and returns the one reply to it.
    pub fn ask(&mut self, line: &str) -> Reply {
        let before = self.output.len();
        self.send(format!("{line}\r\n"));
        let replies = replies(&self.output[before..]);
        assert_eq!(replies.len(), 1, "{line}: {replies:?}");
        replies[0].clone()
    }

    pub fn drive(&mut self) {
        loop {
            let mut left = self.hesitate;
            loop {
                let sender = self
                    .session
                    .envelope()
                    .map(|open| open.reverse_path().to_string());
                let Some(event) = self.session.poll_event().unwrap() else {
                    break;
                };
                let is_question = !matches!(
                    event,
                    Event::Content(_) | Event::StartTls | Event::Discarded(_) | Event::Closed
                );
                if is_question && left > 0 {
                    left -= 1;
                    continue;
                }
                left = self.hesitate;
                match (&event, sender.as_deref()) {
                    (Event::Content(_), Some("<virus@example.org>")) => {
                        self.refused += 1;
                        self.session.refuse_content(rejection(554, "5.7.1"));
                    }
                    (Event::Content(_), Some("<away@example.net>")) => {
                        self.refused += 1;
                        let rejection = Rejection::service_not_available();
                        self.session.refuse_content(rejection);
                    }
                    _ => answer(event, &mut self.seen),
                }
            }
            if !self.client_reads {
                return;
            }
            let Some(transmit) = self.session.poll_transmit() else {
                return;
            };
            let octets = transmit.slices().collect::<Vec<_>>().concat();
            assert_eq!(octets.len() as u64, transmit.octets());
            self.output.extend_from_slice(&octets);
            self.session.handle_transmitted(octets.len(), self.now);
        }
    }

    /// The handshake has succeeded, which the session has asked for.
    pub fn secure(&mut self) {
        assert_eq!(self.seen.last(), Some(&Seen::StartTls));
        let info = TlsInfo::new().version("TLSv1.3");
        self.session.handle_tls_established(info, self.now);
        self.drive();
    }

    pub fn is_closed(&self) -> bool {
        self.seen.last() == Some(&Seen::Closed)
    }
}

/// The application: what it does depends on the addresses.
pub fn answer(event: Event<'_>, seen: &mut Vec<Seen>) {
    match event {
        Event::Hello(hello) => {
            seen.push(Seen::Hello(hello.name().to_string()));
            match hello.name().as_str() {
                "bad.example.org" => hello.reject(&rejection(550, "5.7.1")),
                _ => hello.accept(),
            }
        }
        Event::Mail(mail) => {
            let path = mail.reverse_path().to_string();
            seen.push(Seen::Mail(path.clone()));
            match path.as_str() {
                "<later@example.org>" => mail.reject(&Rejection::try_again_later()),
                "<full@example.org>" => mail.reject(&Rejection::insufficient_storage()),
                "<away@example.org>" => mail.reject(&Rejection::service_not_available()),
                _ => mail.accept(),
            }
        }
        Event::Rcpt(rcpt) => {
            let path = rcpt.path().to_string();
            seen.push(Seen::Rcpt(path.clone()));
            match path.as_str() {
                "<nobody@example.net>" => rcpt.reject(&Rejection::no_such_user()),
                "<dave@example.net>" => rcpt.reject(&rejection(450, "4.2.1")),
                "<small@example.net>" => rcpt.reject(&rejection(552, "5.2.3")),
                "<away@example.net>" => rcpt.reject(&Rejection::service_not_available()),
                "<erin@example.net>" => rcpt.accept_forwarding(&mailbox("erin@mail.example.net")),
                "<uwe@example.net>" => rcpt.accept_forwarding(&mailbox("ü@example.net")),
                path if path.contains('[') => rcpt.reject(&Rejection::relaying_denied()),
                _ => rcpt.accept(),
            }
        }
        Event::Data(data) => {
            seen.push(Seen::Data);
            match data.envelope().reverse_path().to_string().as_str() {
                "<nodata@example.org>" => data.reject(&Rejection::policy()),
                _ => data.accept(),
            }
        }
        Event::Content(slice) => {
            assert!(!slice.is_empty());
            match seen.last_mut() {
                Some(Seen::Content(content)) => content.extend_from_slice(slice),
                _ => seen.push(Seen::Content(slice.to_vec())),
            }
        }
        Event::Message(message) => {
            let recipients = message.envelope().recipients();
            let recipients = recipients.iter().map(|to| to.path().to_string()).collect();
            seen.push(Seen::Message(recipients));
            match message.envelope().reverse_path().to_string().as_str() {
                "<lost@example.org>" => message.reject(&Rejection::transaction_failed()),
                "<bye@example.org>" => message.reject(&Rejection::service_not_available()),
                _ => message.accept_with("stored as 7Q1"),
            }
        }
        Event::Verify(verify) => {
            let text = verify.argument().to_string();
            seen.push(Seen::Inquiry(text.clone()));
            match text.as_str() {
                "Smith" => {
                    verify.ambiguous(&[mailbox("joan@example.net"), mailbox("john@example.net")]);
                }
                "carol" => verify.is(&mailbox("carol@example.net")),
                "uwe" => verify.is(&mailbox("ü@example.net")),
                "nobody" => verify.reject(&Rejection::no_such_user()),
                _ => verify.cannot_tell(),
            }
        }
        Event::Expand(expand) => {
            seen.push(Seen::Inquiry(expand.argument().to_string()));
            expand.members(&[mailbox("bob@example.net"), mailbox("carol@example.net")]);
        }
        Event::Discarded(why) => seen.push(Seen::Discarded(why)),
        Event::Closed => seen.push(Seen::Closed),
        Event::Authenticate(question) => {
            let claim = question.claim();
            let name = claim.authentication_identity().to_owned();
            seen.push(Seen::Authenticate(format!("{} {name}", claim.mechanism())));
            match (name.as_str(), token(claim)) {
                ("alice", Some(true)) => question.accept(),
                ("alice", None) => question.check(&Credential::password(PASSWORD)),
                _ => question.unknown_user(),
            }
        }
        Event::StartTls => seen.push(Seen::StartTls),
        other => panic!("{other:?}"),
    }
}

/// The password of alice, and her token.
pub const PASSWORD: &str = "wonderland";

/// Whether it is the right token, if it is one.
fn token(claim: &Claim) -> Option<bool> {
    match claim.proof() {
        Proof::Token(token) => Some(token.expose() == PASSWORD.as_bytes()),
        _ => None,
    }
}

pub fn replies(mut output: &[u8]) -> Vec<Reply> {
    for line in output.split_inclusive(|&b| b == b'\n') {
        assert!(line.len() <= 512 && line.ends_with(b"\r\n"));
        assert!(
            line[..line.len() - 2]
                .iter()
                .all(|b| matches!(b, b' '..=b'~'))
        );
        assert!(matches!(line[3], b' ' | b'-'));
    }
    let mut parser = ReplyParser::default();
    let mut replies = Vec::new();
    while let Some(reply) = parser.parse(&mut output).unwrap() {
        assert!(!reply.is_mixed());
        replies.push(reply);
    }
    assert!(!parser.is_partial());
    replies
}

/// What was seen, but for how much of content at fault came before that was
/// known: pieces of the input decide that.
pub fn without_faulty(seen: &[Seen]) -> Vec<Seen> {
    let mut rest = Vec::new();
    for seen in seen {
        if let (Seen::Discarded(_), Some(Seen::Content(_))) = (seen, rest.last()) {
            rest.pop();
        }
        rest.push(seen.clone());
    }
    rest
}

/// Plays `input` to a new session in these pieces.
pub fn play(config: &Config, pieces: &[&[u8]], hesitate: usize) -> (Vec<u8>, Vec<Seen>) {
    let mut server = Server::new(config.clone());
    server.hesitate = hesitate;
    for piece in pieces {
        server.send(piece);
    }
    (server.output, server.seen)
}

/// Plays `input` in every way, and returns what all of them led to: the replies,
/// as code and enhanced code, and what the application saw.
pub fn every_way(config: &Config, input: impl AsRef<[u8]>) -> (Vec<String>, Vec<Seen>) {
    let input = input.as_ref();
    let whole = play(config, &[input], 0);
    let octets: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(play(config, &octets, 0), whole, "octet by octet");
    assert_eq!(play(config, &[input], 2), whole, "questions asked again");
    for at in 1..input.len() {
        let (start, end) = input.split_at(at);
        assert_eq!(play(config, &[start, end], 0), whole, "split at {at}");
    }
    let (output, seen) = whole;
    let codes = replies(&output).iter().map(brief).collect();
    (codes, seen)
}

pub fn brief(reply: &Reply) -> String {
    match reply.enhanced() {
        Some(enhanced) => format!("{} {enhanced}", reply.code()),
        None => reply.code().to_string(),
    }
}

/// Plays a dialogue of lines and the replies expected to them, line by line and
/// in every way.
pub fn dialogue(config: &Config, script: &[(&str, &str)]) -> Vec<Seen> {
    let mut server = Server::new(config.clone());
    for (line, expected) in script {
        assert_eq!(brief(&server.ask(line)), *expected, "{line}");
    }
    let input: String = script
        .iter()
        .map(|(line, _)| format!("{line}\r\n"))
        .collect();
    let (codes, seen) = every_way(config, input);
    let expected = core::iter::once("220").chain(script.iter().map(|(_, reply)| *reply));
    assert_eq!(codes, expected.collect::<Vec<_>>());
    assert_eq!(server.seen, seen);
    seen
}

pub const OPENED: &str = "EHLO client.example.org\r\nMAIL FROM:<alice@example.org>\r\n";
pub const DATA: &str = "EHLO client.example.org\r\nMAIL FROM:<alice@example.org>\r\n\
    RCPT TO:<bob@example.net>\r\nDATA\r\n";

pub fn content(text: &[u8]) -> Seen {
    Seen::Content(text.to_vec())
}

pub fn message(recipients: &[&str]) -> Seen {
    Seen::Message(recipients.iter().map(ToString::to_string).collect())
}
