//! Any octets from a server against a client session.

mod books;
pub mod plan;

use std::collections::BTreeSet;

use core::time::Duration;

use smtp_proto::{
    Instant, TlsInfo, TlsPolicy,
    client::{Authentication, Body, Error, Event, Fate, NotSent, TransactionId},
    types::Argument,
};

use self::{
    books::{Books, Ended},
    plan::{Act, NEEDLES, Plan, SECRET},
};
use crate::{
    dialogue::finish,
    talk::{Talk, address, content, made, mailbox},
};

/// A server says what stands at the front of the input; the rest is decided behind
/// its last NUL ([`Plan::read`]).
pub fn client(input: &[u8]) {
    check(&Plan::read(input));
}

/// Whatever the server says and the application asks for:
///
/// - events, output and deadlines are the same however the octets are cut;
/// - a request that fails has changed nothing;
/// - each transaction ends once, with a fate for each recipient: accepted where
///   the end of its content was answered with a 2yz, and there only; not sent where
///   no end of its content left; in doubt as many messages as may be at most;
/// - the output is whole lines with CRLF, and the contents are what they were;
/// - whoever waits has a deadline, and what it ends does not go on;
/// - what needs TLS or authentication does not go out without;
/// - there are no more events than replies, requests and transactions account for.
pub fn check(plan: &Plan) {
    let whole = Run::new(plan, usize::MAX).go();
    let by_three = Run::new(plan, 3).go();
    let mut run = Run::new(plan, 1);
    run.keeps_books = true;
    let one_by_one = run.go();
    for (turn, came) in whole.iter().enumerate() {
        assert_eq!(&by_three[turn], came, "turn {turn}, by three octets");
        assert_eq!(&one_by_one[turn], came, "turn {turn}, octet by octet");
    }
}

/// What came of a turn, as far as one can tell from outside.
#[derive(Debug, PartialEq)]
struct Came {
    events: Vec<Event>,
    error: Option<Error>,
    output: Vec<u8>,
    state: Snapshot,
}

/// All that can be seen of a session.
#[derive(Debug, PartialEq)]
struct Snapshot {
    pending: Vec<u8>,
    deadline: Option<Instant>,
    /// Its state, phase, and what is queued.
    debug: String,
    flags: [bool; 6],
    transactions: u64,
    authenticated: Option<String>,
}

impl Snapshot {
    fn of(talk: &Talk) -> Self {
        let session = &talk.session;
        Self {
            pending: talk.pending(),
            deadline: session.poll_timeout(),
            debug: format!("{session:?}"),
            flags: [
                session.is_idle(),
                session.is_reusable(),
                session.wants_content(),
                session.wants_transaction(),
                session.is_authenticating(),
                session.tls().is_some(),
            ],
            transactions: session.transactions(),
            authenticated: session.authenticated().map(ToOwned::to_owned),
        }
    }
}

/// A message, and what is known of it.
#[derive(Debug)]
struct Sent {
    id: TransactionId,
    recipients: usize,
    /// How much of its content was supplied.
    given: usize,
    fates: Option<Vec<Fate>>,
}

struct Run<'a> {
    plan: &'a Plan,
    talk: Talk,
    messages: Vec<Sent>,
    requests: usize,
    /// How many octets come at once.
    step: usize,
    keeps_books: bool,
    books: Books,
    /// What went out before TLS.
    in_clear: Vec<u8>,
    /// Whether the handshake is to be made.
    asked_for_tls: bool,
    write_closed: bool,
    /// How many events were looked at, and how many were compared.
    polled: usize,
    events_seen: usize,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, step: usize) -> Self {
        let mut talk = Talk::new(plan.config());
        talk.session.set_seed([3; 32]);
        Self {
            plan,
            talk,
            messages: Vec::new(),
            requests: 0,
            step,
            keeps_books: false,
            books: Books::new(),
            in_clear: Vec::new(),
            asked_for_tls: false,
            write_closed: false,
            polled: 0,
            events_seen: 0,
        }
    }

    fn go(mut self) -> Vec<Came> {
        let mut all = Vec::new();
        self.poll();
        for act in &self.plan.opening {
            self.act(*act);
        }
        all.push(self.came(usize::MAX));
        for turn in &self.plan.turns {
            self.hear(&turn.octets);
            if self.asked_for_tls
                && let Some(succeeds) = turn.handshake
            {
                self.asked_for_tls = false;
                self.act(if succeeds {
                    Act::Established
                } else {
                    Act::HandshakeFailed
                });
            }
            for act in &turn.acts {
                self.act(*act);
            }
            let mut rounds = 0;
            while turn.streams && self.supply(usize::MAX) {
                rounds += 1;
                assert!(rounds < 100, "content without end");
            }
            all.push(self.came(turn.take));
        }
        finish(&mut self.talk);
        self.poll();
        if self.keeps_books {
            self.check_fates();
            self.check_security();
        }
        all
    }

    fn hear(&mut self, octets: &[u8]) {
        for piece in octets.chunks(self.step) {
            if self.keeps_books && !self.is_over() {
                piece
                    .iter()
                    .for_each(|octet| self.books.server_says(*octet));
            }
            self.talk.say(piece);
            self.poll();
        }
    }

    fn is_over(&self) -> bool {
        self.talk.error.is_some() || self.talk.log.contains(&Event::Closed)
    }

    /// Takes output, and looks at how things are.
    fn came(&mut self, take: usize) -> Came {
        let secured = self.talk.session.tls().is_some();
        let output = self.talk.send(take);
        self.poll();
        if self.keeps_books {
            self.books.client_sends(&output);
            if !secured {
                self.in_clear.extend(&output);
            }
            self.check_progress(take == usize::MAX);
        }
        let mut events = self.talk.log[self.events_seen..].to_vec();
        // One that nobody has heard of is taken back if there is to be no handshake.
        events.retain(|event| *event != Event::StartTls || self.talk.error.is_none());
        self.events_seen = self.talk.log.len();
        Came {
            events,
            error: self.talk.error.clone(),
            output,
            state: Snapshot::of(&self.talk),
        }
    }

    /// Lines are whole, and whoever waits has a deadline.
    fn check_progress(&mut self, all_was_taken: bool) {
        let session = &self.talk.session;
        let pending = self.talk.pending();
        let deadline = session.poll_timeout();
        if self.is_over() {
            assert_eq!(deadline, None);
            assert!(b"QUIT\r\n".ends_with(&pending), "behind the end");
            return;
        }
        let is_whole = self.write_closed || self.books.is_complete();
        assert!(is_whole || !all_was_taken, "half a command");
        if self.books.awaits_reply() || !pending.is_empty() {
            assert!(deadline.is_some(), "it waits for ever: {session:?}");
        } else if !self.write_closed && !self.asked_for_tls && !self.plan_is_at_handshake() {
            assert_eq!(deadline, None, "it waits for nothing: {session:?}");
        }
        let transactions = self.messages.len() + self.books.ended.len();
        let accounted = self.books.codes.len() + self.requests + 2 * transactions + 4;
        assert!(self.talk.log.len() <= accounted, "{:?}", self.talk.log);
    }

    fn plan_is_at_handshake(&self) -> bool {
        self.talk.session.phase() == smtp_proto::client::Phase::Handshake
    }

    fn poll(&mut self) {
        self.talk.poll();
        let before = core::mem::replace(&mut self.polled, self.talk.log.len());
        for event in &self.talk.log[before..] {
            match event {
                Event::StartTls => self.asked_for_tls = true,
                Event::Finished {
                    transaction,
                    outcome,
                } => {
                    let mut all = self.messages.iter_mut();
                    let sent = all.find(|sent| sent.id == *transaction).unwrap();
                    let fates = outcome.recipients().to_vec();
                    assert_eq!(fates.len(), sent.recipients, "a fate for each");
                    assert!(sent.fates.replace(fates).is_none(), "finished twice");
                }
                _ => {}
            }
        }
    }

    /// Does something. What fails has changed nothing.
    fn act(&mut self, act: Act) {
        let before = Snapshot::of(&self.talk);
        let done = self.try_act(act);
        if !done {
            assert_eq!(Snapshot::of(&self.talk), before, "{act:?} failed");
        }
        self.poll();
    }

    fn try_act(&mut self, act: Act) -> bool {
        let now = self.talk.now;
        let message = self.messages.len();
        let session = &mut self.talk.session;
        match act {
            Act::Send(sent) => {
                let mut made = made(message, 1 + sent.more).policy(sent.policy);
                if !sent.streamed {
                    made = made.content(content(message));
                }
                if sent.in_one {
                    made = made.in_one();
                }
                if sent.outcome_only {
                    made = made.outcome_only();
                }
                let id = session.send(made);
                return id.is_ok_and(|id| self.begun(id, 1 + sent.more));
            }
            Act::Mail => {
                let id = session.mail(made(message, 0));
                return id.is_ok_and(|id| self.begun(id, 0));
            }
            Act::Rcpt => {
                // Only the last can be in stages.
                let Some(last) = self.messages.last_mut() else {
                    return session.rcpt(mailbox("nobody@example.net")).is_ok();
                };
                let to = mailbox(&address(message - 1, last.recipients));
                let added = session.rcpt(to);
                if let Ok(index) = added {
                    assert_eq!(index, last.recipients);
                    last.recipients += 1;
                }
                return added.is_ok();
            }
            Act::Data => return session.data().is_ok(),
            Act::Reset => return session.reset().is_ok(),
            Act::Noop => return session.noop().is_ok_and(|_| self.requested()),
            Act::Vrfy => {
                let asked = session.verify(Argument::new("bob").unwrap());
                return asked.is_ok_and(|_| self.requested());
            }
            Act::Quit => return session.quit().is_ok(),
            Act::Authenticate => {
                let authentication = Authentication::password("alice", SECRET)
                    .secrets_in_clear(self.plan.in_clear)
                    .max_iterations(4096);
                let asked = session.authenticate(authentication);
                return asked.is_ok_and(|_| self.requested());
            }
            Act::Piece(octets) => return self.supply(octets),
            Act::BadPiece => {
                return session
                    .body()
                    .is_some_and(|body| body.write(&b"a\rb"[..]).is_ok());
            }
            Act::GiveUpContent => session.body().into_iter().for_each(Body::abort),
            Act::Abandon => session.abandon(),
            Act::Abort => session.abort(),
            Act::Wait(milliseconds) => self.talk.wait(Duration::from_millis(milliseconds.into())),
            Act::TimeOut => {
                if let Some(left) = self.talk.remaining() {
                    self.talk.wait(left);
                }
            }
            Act::WriteClosed => {
                self.write_closed = true;
                session.handle_write_closed(now);
            }
            // Nothing happens unless it is time.
            Act::Established => {
                self.asked_for_tls = false;
                session.handle_tls_established(TlsInfo::new().exporter([5; 32]), now);
            }
            Act::HandshakeFailed => session.handle_tls_failed(now),
            Act::EndOfFile => self.talk.eof(),
        }
        true
    }

    fn begun(&mut self, id: TransactionId, recipients: usize) -> bool {
        self.messages.push(Sent {
            id,
            recipients,
            given: 0,
            fates: None,
        });
        true
    }

    const fn requested(&mut self) -> bool {
        self.requests += 1;
        true
    }

    /// Supplies some of the content that is wanted. False if none is.
    fn supply(&mut self, octets: usize) -> bool {
        let wanted = self.talk.session.wants_content();
        let Some(body) = self.talk.session.body() else {
            return false;
        };
        assert!(wanted, "content that nobody wants");
        let id = body.transaction();
        let number = self.messages.iter().position(|sent| sent.id == id).unwrap();
        let text = content(number);
        let given = &mut self.messages[number].given;
        // It is asked for again, if recipients were put off.
        if *given > text.len() {
            *given = 0;
        }
        if *given == text.len() {
            *given += 1;
            body.finish().unwrap();
        } else {
            let end = text.len().min(given.saturating_add(octets));
            let piece = text[*given..end].to_owned();
            *given = end;
            body.write(piece).unwrap();
        }
        true
    }

    fn check_fates(&self) {
        let mut in_doubt = BTreeSet::new();
        for (message, sent) in self.messages.iter().enumerate() {
            let Some(fates) = &sent.fates else {
                panic!("message {message} has no end");
            };
            for (index, fate) in fates.iter().enumerate() {
                self.check_fate(message, index, fate);
                if let Fate::InDoubt(_) = fate {
                    in_doubt.insert(message);
                }
            }
        }
        let most = self.plan.most_in_doubt();
        assert!(in_doubt.len() <= most, "{in_doubt:?} in doubt");
    }

    fn check_fate(&self, message: usize, index: usize, fate: &Fate) {
        let books = &self.books;
        let name = || format!("{}: {fate}", address(message, index));
        // Each time that its content ended, and where it was asked about.
        let ended: Vec<_> = books
            .ended
            .iter()
            .filter(|ended| ended.message == message)
            .filter_map(|ended| {
                let mut all = ended.recipients.iter();
                let (_, rcpt) = all.find(|(other, _)| *other == index)?;
                Some((ended, *rcpt))
            })
            .collect();
        // Whether all that came before its end was answered with a 2yz.
        let is_all_yes = |ended: &Ended, rcpt| {
            let mut before = ended.chunks.iter().chain([&ended.mail, rcpt]);
            before.all(|place| books.is_yes(*place))
        };
        match fate {
            Fate::Accepted(reply) => {
                let code = reply.code().get();
                let is_so = ended.iter().any(|(ended, rcpt)| {
                    is_all_yes(ended, rcpt) && books.answer(ended.end) == Some(code)
                });
                assert!(is_so && code / 100 == 2, "{}", name());
            }
            Fate::Refused { reply, .. } => {
                assert!(books.codes.contains(&reply.code().get()), "{}", name());
                assert!(reply.code().is_negative(), "{}", name());
                // What has left, and was not refused, may be delivered.
                let is_no_doubt = ended.iter().all(|(ended, rcpt)| {
                    let mut refusals = ended.chunks.iter().chain([&ended.end, rcpt]);
                    refusals.any(|place| books.is_no(*place))
                        || books.is_no(ended.mail) && !books.is_yes(*rcpt)
                });
                assert!(is_no_doubt, "{}", name());
            }
            Fate::NotSent(why) => {
                let refused = ended
                    .iter()
                    .all(|(ended, rcpt)| books.is_no(ended.mail) || books.is_no(*rcpt));
                assert!(refused, "{}", name());
                let is_over = self.talk.error.is_some();
                assert!(is_over || !matches!(why, NotSent::Session(_)), "{}", name());
            }
            Fate::InDoubt(error) => {
                assert!(!ended.is_empty(), "{}", name());
                assert_eq!(self.talk.error.as_ref(), Some(error), "{}", name());
            }
            other => panic!("{other}"),
        }
        // What the server has said is told.
        let accepted = ended
            .iter()
            .any(|(ended, rcpt)| is_all_yes(ended, rcpt) && books.is_yes(ended.end));
        assert!(!accepted || fate.is_accepted(), "{}", name());
    }

    /// Nothing that needs protection goes out without it, and nothing by nobody.
    fn check_security(&self) {
        let in_clear = String::from_utf8_lossy(&self.in_clear);
        if !self.plan.in_clear {
            for needle in NEEDLES {
                assert!(!in_clear.contains(needle), "{in_clear:?}");
            }
        }
        if matches!(self.plan.tls, TlsPolicy::Required | TlsPolicy::Implicit) {
            let harmless = |line: &str| {
                // The last may not have left in full.
                let verb = line.split([' ', '\r']).next().unwrap_or_default();
                ["EHLO", "STARTTLS", "QUIT"]
                    .iter()
                    .any(|known| known.starts_with(verb))
            };
            assert!(in_clear.split("\r\n").all(harmless), "{in_clear:?}");
        }
        let by_nobody =
            self.plan.authentication.is_some() && self.talk.session.authenticated().is_none();
        assert!(!by_nobody || self.talk.session.transactions() == 0);
        let shown = format!("{:?} {:?}", self.talk.session, self.talk.log);
        let turns = self.plan.turns.iter();
        let said: Vec<u8> = turns.flat_map(|turn| turn.octets.clone()).collect();
        let said = said.escape_ascii().to_string();
        for needle in NEEDLES {
            // What the server says is no secret.
            assert!(
                !shown.contains(needle) || said.contains(needle),
                "a secret is shown"
            );
        }
    }
}
