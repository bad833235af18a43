//! Authentication (RFC 4954): whatever one side says in an exchange, and what comes
//! of it when both are honest.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use smtp_proto::{
    Instant, TlsInfo, TlsPolicy,
    client::{self, Authentication, Event},
    sasl::{Claim, Credential, Credentials, Proof, ServerMechanism, Verdict},
    server::{self, Session, State},
};

use crate::{
    line::{Application, Line},
    service,
    talk::{self, Talk, message},
    tape::Tape,
};

/// What is said stands at the front of the input, and behind its last NUL by which
/// mechanism.
pub fn sasl(input: &[u8]) {
    let (octets, mut tape) = Tape::split(input);
    let mechanism = tape.one_of(&mechanisms());
    match tape.below(3) {
        0 => challenges(mechanism, octets, &mut tape),
        1 => responses(mechanism, octets, &mut tape),
        _ => {
            let mut words = octets.splitn(2, |octet| *octet == b'\n');
            let user = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
            let password = words.next().unwrap_or_default();
            honest(mechanism, &user, password, &mut tape);
        }
    }
}

/// The mechanisms that this build has.
pub fn mechanisms() -> Vec<ServerMechanism> {
    let digests = ["SCRAM", "CRAM"];
    let is_there = |mechanism: &ServerMechanism| {
        cfg!(feature = "digest")
            || !digests
                .iter()
                .any(|name| mechanism.name().starts_with(name))
    };
    ServerMechanism::ALL.into_iter().filter(is_there).collect()
}

fn credentials(mechanism: ServerMechanism, user: &str, secret: &[u8]) -> Credentials {
    match mechanism {
        ServerMechanism::External => Credentials::external(),
        ServerMechanism::OauthBearer | ServerMechanism::Xoauth2 => {
            Credentials::token(user, secret.to_vec())
        }
        _ => Credentials::password(user, secret.to_vec()),
    }
}

fn tls() -> TlsInfo {
    TlsInfo::new()
        .version("TLSv1.3")
        .exporter([9; 32])
        .client_certificate(*b"certificate")
}

/// Whatever a server says in an exchange, line by line: the client answers each
/// challenge with one line, of base64 that can be read or `*`; it takes no more
/// challenges than it is told to, tells once what came of it, and is authenticated
/// only behind a 2yz.
pub fn challenges(mechanism: ServerMechanism, octets: &[u8], tape: &mut Tape<'_>) {
    let rounds = 5 - tape.below(5);
    let authentication = Authentication::new(credentials(mechanism, "alice", b"wonderland"))
        .mechanisms([mechanism.name()])
        .max_rounds(rounds)
        .max_iterations(4096);
    let mut talk = Talk::new(talk::config().tls(TlsPolicy::Implicit));
    talk.session.set_seed([3; 32]);
    talk.poll();
    talk.session.handle_tls_established(tls(), talk.now);
    talk.greet(&[&format!("AUTH {mechanism}")]);
    talk.session.authenticate(authentication).unwrap();
    let first = talk.out();
    assert!(first.is_empty() || is_line(first.strip_prefix("AUTH ").unwrap()));
    let nonce = nonce(&first);
    let mut challenges = 0;
    let mut yes = false;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if !talk.session.is_authenticating() {
            break;
        }
        let mut line = line.to_vec();
        if tape.rarely(3) {
            line = with_nonce(&line, nonce.as_deref());
        }
        challenges += usize::from(line.starts_with(b"334 "));
        yes |= line.starts_with(b"2");
        talk.say(&line);
        let out = talk.out();
        talk.poll();
        let lines = out.split_inclusive('\n').filter(|line| *line != "QUIT\r\n");
        let lines: Vec<&str> = lines.collect();
        assert!(lines.len() <= 1, "{out:?}");
        assert!(lines.iter().all(|line| is_line(line)), "{out:?}");
        if challenges > rounds && talk.error.is_none() && talk.session.is_authenticating() {
            assert!(lines.iter().all(|line| *line == "*\r\n"), "{out:?}");
        }
    }
    talk.eof();
    talk.poll();
    let is_news = |event: &&Event| {
        matches!(
            event,
            Event::Authenticated { .. } | Event::AuthenticationFailed { .. }
        )
    };
    assert!(talk.log.iter().filter(is_news).count() <= 1);
    // A server that does not know the password cannot prove that it does.
    let forged = mechanism.name().starts_with("SCRAM");
    assert!(talk.session.authenticated().is_none() || yes && !forged);
}

/// One line of base64, or `*`; behind the name of a mechanism, if there is one.
fn is_line(line: &str) -> bool {
    let line = line.strip_suffix("\r\n").unwrap();
    let word = match line.split_once(' ') {
        Some((_, word)) => word,
        None if ServerMechanism::ALL.iter().any(|all| all.name() == line) => "",
        None => line,
    };
    assert!(line.len() <= 12_286, "{} octets", line.len());
    matches!(word, "*" | "=") || STANDARD.decode(word).is_ok()
}

/// What the client has said in SCRAM that the server has to repeat.
fn nonce(first: &str) -> Option<String> {
    let word = first.trim_end().split(' ').nth(2)?;
    let message = String::from_utf8(STANDARD.decode(word).ok()?).ok()?;
    Some(message.split_once(",r=")?.1.to_owned())
}

/// A challenge of SCRAM that a fuzzer cannot guess: 334, and what the line is, as
/// the rest of its message.
fn with_nonce(line: &[u8], nonce: Option<&str>) -> Vec<u8> {
    let rest = line.strip_suffix(b"\n").unwrap_or(line);
    let message = [b"r=", nonce.unwrap_or_default().as_bytes(), rest].concat();
    format!("334 {}\r\n", STANDARD.encode(message)).into_bytes()
}

/// The secret of the only user, which is in no input: whatever has it in it is left
/// out.
const SECRET: &[u8] = b"\xffno input has this\xfe";

/// Whatever a client answers, line by line, as it is or in base64: it is let in only
/// with the right credential; each line has one reply, and the exchange comes to
/// an end.
pub fn responses(mechanism: ServerMechanism, octets: &[u8], tape: &mut Tape<'_>) {
    if octets.windows(SECRET.len()).any(|window| window == SECRET) {
        return;
    }
    let own = server::Authentication::new().mechanisms(ServerMechanism::ALL);
    let config = service::config()
        .tls(TlsPolicy::Implicit)
        .authentication(own);
    let mut session = Session::new(config, Instant::ORIGIN);
    session.set_seed([7; 32]);
    let mut server = Responder {
        session,
        output: Vec::new(),
        closed: false,
    };
    server.drive();
    server
        .session
        .handle_tls_established(tls(), Instant::ORIGIN);
    server.say(b"EHLO client.example.org\r\n");
    let lines: Vec<&[u8]> = octets.split(|octet| *octet == b'\n').collect();
    let mut lines = lines.into_iter().peekable();
    let mut challenges = 0;
    while lines.peek().is_some() && !server.closed {
        let line = lines.next().unwrap();
        let is_plain = tape.rarely(3);
        let word = if is_plain {
            line.to_vec()
        } else {
            STANDARD.encode(line).into_bytes()
        };
        let said = if server.session.state() == State::Ready {
            challenges = 0;
            let with_initial = !tape.rarely(2);
            let mut command = format!("AUTH {mechanism}").into_bytes();
            if with_initial {
                command.extend([b" ", &word[..]].concat());
            }
            server.say(&[&command[..], b"\r\n"].concat())
        } else {
            server.say(&[&word[..], b"\r\n"].concat())
        };
        // A line may have a CR in it, and then it is still one.
        let codes: Vec<&str> = said.lines().filter_map(|line| line.get(..3)).collect();
        assert!(
            codes.len() == 1 || server.closed && codes.get(1) == Some(&"421"),
            "{said:?}"
        );
        challenges += usize::from(codes[0] == "334");
        assert!(challenges <= 4, "an exchange without end");
        let authenticated = server.session.authenticated().is_some();
        assert_eq!(authenticated, codes[0] == "235", "{said:?}");
        if authenticated {
            // With a certificate anybody may come in.
            assert_eq!(mechanism, ServerMechanism::External, "{said:?}");
            break;
        }
    }
}

/// A server session whose application knows alice.
struct Responder {
    session: Session,
    output: Vec<u8>,
    closed: bool,
}

impl Responder {
    fn say(&mut self, octets: &[u8]) -> String {
        self.session.handle_input(octets, Instant::ORIGIN);
        self.drive();
        String::from_utf8(std::mem::take(&mut self.output)).unwrap()
    }

    fn drive(&mut self) {
        loop {
            while let Some(event) = self.session.poll_event().unwrap() {
                match event {
                    server::Event::Hello(hello) => hello.accept(),
                    server::Event::Authenticate(question) => {
                        let verdict = judge(question.claim(), "alice", SECRET);
                        question.answer(Ok(verdict));
                    }
                    server::Event::Closed => self.closed = true,
                    _ => {}
                }
            }
            let Some(out) = self.session.poll_transmit() else {
                return;
            };
            let octets = out.slices().collect::<Vec<_>>().concat();
            self.session
                .handle_transmitted(octets.len(), Instant::ORIGIN);
            self.output.extend(octets);
        }
    }
}

/// What an application says that knows one user.
fn judge(claim: &Claim, user: &str, secret: &[u8]) -> Verdict {
    let is_user = claim.authentication_identity() == user;
    match claim.proof() {
        Proof::Certificate(_) => Verdict::AcceptAs(user.to_owned()),
        Proof::Token(token) if is_user && token.expose() == secret => Verdict::Accept,
        Proof::Token(_) => Verdict::Refuse,
        _ if is_user => Verdict::Check(Credential::password(secret.to_vec())),
        _ => Verdict::UnknownUser,
    }
}

/// A client that knows the password, or token, and a server that does: it is let in,
/// whatever name and password are, unless the client itself says that they cannot
/// be sent. And one with another password never is.
pub fn honest(mechanism: ServerMechanism, user: &str, secret: &[u8], tape: &mut Tape<'_>) {
    let wrong = tape.rarely(4);
    let mut sent = secret.to_vec();
    if wrong {
        // Not only another form of the same.
        sent.extend(b"x");
    }
    let authentication = Authentication::new(credentials(mechanism, user, &sent));
    let config = talk::config()
        .tls(TlsPolicy::Implicit)
        .authentication(authentication);
    let mut talk = Talk::new(config);
    talk.session.set_seed([3; 32]);
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.quit().unwrap();
    let own = server::Authentication::new()
        .mechanisms([mechanism])
        .required(true);
    let server_config = service::config()
        .tls(TlsPolicy::Implicit)
        .authentication(own);
    let mut server = Session::new(server_config, Instant::ORIGIN);
    server.set_seed([7; 32]);
    let shown = Arc::new(Mutex::new(String::new()));
    for side in [true, false] {
        let sink = Arc::clone(&shown);
        let hook = move |entry: smtp_proto::Entry<'_>| {
            *sink.lock().unwrap() += &format!("{entry} {entry:?}\n");
        };
        match side {
            true => talk.session.set_transcript(hook),
            false => server.set_transcript(hook),
        }
    }
    let knows = Knows {
        user: user.to_owned(),
        secret: secret.to_vec(),
        let_in: false,
        claimed: None,
    };
    let mut line = Line::new(talk, server, knows);
    line.tls = tls();
    line.run(|| {
        if tape.rarely(4) {
            1 + tape.below(30)
        } else {
            usize::MAX
        }
    });

    let let_in = line.server.authenticated().is_some();
    let why = || {
        format!(
            "{mechanism}, {:?}: {:?}",
            line.application.claimed, line.talk.error
        )
    };
    let is_open = mechanism == ServerMechanism::External;
    assert_eq!(
        let_in,
        line.talk.session.authenticated().is_some(),
        "{}",
        why()
    );
    assert_eq!(let_in, line.application.let_in, "a message without a name");
    assert!(!let_in || !wrong || is_open, "{}", why());
    if let Some(error) = &line.talk.error {
        let client::ErrorKind::Authentication(error) = error.kind() else {
            panic!("{}", why());
        };
        let on_this_side = matches!(
            error,
            client::AuthenticationError::Mechanism { .. }
                | client::AuthenticationError::TooLong { .. }
                | client::AuthenticationError::NotOffered { .. }
        );
        assert!(wrong || on_this_side, "{}", why());
        assert!(!is_ordinary(user, secret) || wrong, "{}", why());
    } else {
        assert!(let_in, "{}", why());
    }
    check_shown(&line, &shown.lock().unwrap(), &sent);
}

/// What everybody has who has a name and a password.
fn is_ordinary(user: &str, secret: &[u8]) -> bool {
    let all = [user.as_bytes(), secret];
    all.iter()
        .all(|text| (1..200).contains(&text.len()) && text.iter().all(u8::is_ascii_alphanumeric))
}

/// No secret is shown, nor what it was told with.
fn check_shown(line: &Line<Knows>, shown: &str, secret: &[u8]) {
    let said = String::from_utf8_lossy(&line.said).into_owned();
    let Some((_, exchange)) = said.split_once("AUTH ") else {
        return;
    };
    let exchange = exchange.split("MAIL").next().unwrap_or_default();
    let debug = format!(
        "{:?} {:?} {:?}",
        line.talk.session, line.talk.log, line.talk.error
    );
    let words = exchange.split(['\r', '\n', ' ']).map(ToOwned::to_owned);
    let secret = String::from_utf8_lossy(secret).into_owned();
    for word in words
        .skip(1)
        .chain([secret])
        .filter(|word| word.len() >= 16)
    {
        assert!(!shown.contains(&word), "{word} is in the transcript");
        assert!(!debug.contains(&word), "{word} is in {debug}");
    }
}

/// The application of a server with one user.
#[derive(Debug)]
struct Knows {
    user: String,
    secret: Vec<u8>,
    /// A message has come, from somebody who is let in.
    let_in: bool,
    claimed: Option<String>,
}

impl Application for Knows {
    fn event(&mut self, event: server::Event<'_>) {
        match event {
            server::Event::Hello(hello) => hello.accept(),
            server::Event::Authenticate(question) => {
                let claim = question.claim();
                // It may be another form of the same (RFC 4013).
                let name = claim.authentication_identity().to_owned();
                let is_open = claim.mechanism() == ServerMechanism::External;
                assert!(
                    is_open || name == self.user || !is_ordinary(&self.user, b"x"),
                    "{name}"
                );
                let verdict = judge(claim, &name, &self.secret);
                self.claimed = Some(name);
                question.answer(Ok(verdict));
            }
            server::Event::Mail(mail) => mail.accept(),
            server::Event::Rcpt(rcpt) => rcpt.accept(),
            server::Event::Data(data) => data.accept(),
            server::Event::Message(message) => {
                self.let_in = message.authenticated().is_some();
                message.accept();
            }
            _ => {}
        }
    }
}
