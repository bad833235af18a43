//! Properties of the client session against servers that behave at random.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use smtp_oracles::talk::{Talk, address, config, content, made, mailbox};
use smtp_proto::{
    client::{Chunking, Config, Event, Fate, LineEndings, Pipelining, RecipientPolicy},
    types::Argument,
};

/// Choices, one after another. When there are none left each is 0, which
/// stands for good behaviour: that is where shrinking leads.
struct Tape {
    octets: Vec<u8>,
    at: usize,
}

impl Tape {
    fn next(&mut self) -> u8 {
        self.at += 1;
        self.octets.get(self.at - 1).copied().unwrap_or(0)
    }

    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.next()) % n
    }

    /// True now and then: in one of `n`.
    fn rarely(&mut self, n: u8) -> bool {
        self.next() % n == n - 1
    }
}

/// What a client can be asked for.
#[derive(Clone, Debug)]
enum Request {
    Send {
        recipients: usize,
        streamed: bool,
        all_or_nothing: bool,
        in_one: bool,
    },
    Stages {
        recipients: usize,
        end: StagesEnd,
    },
    Noop,
    Vrfy,
    Quit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum StagesEnd {
    Data,
    Reset,
    Quit,
    Nothing,
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let end = prop_oneof![
        6 => Just(StagesEnd::Data),
        2 => Just(StagesEnd::Reset),
        1 => Just(StagesEnd::Quit),
        1 => Just(StagesEnd::Nothing)
    ];
    let request = prop_oneof![
        6 => (1_usize..5, any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2))
            .prop_map(|(recipients, streamed, all_or_nothing, in_one)| Request::Send {
                recipients, streamed, all_or_nothing, in_one
            }),
        3 => (0_usize..4, end).prop_map(|(recipients, end)| Request::Stages { recipients, end }),
        1 => Just(Request::Noop),
        1 => Just(Request::Vrfy),
        1 => Just(Request::Quit),
    ];
    prop::collection::vec(request, 0..6)
}

/// The application: carries out its list, a request at a time.
struct Application {
    list: std::vec::IntoIter<Request>,
    /// Messages by number, with how many recipients.
    messages: Vec<usize>,
    stages: Option<(usize, StagesEnd)>,
    /// Which message the streamed content belongs to, and how far it is.
    streaming: Option<(usize, usize)>,
    ids: BTreeMap<String, usize>,
}

impl Application {
    fn new(list: Vec<Request>) -> Self {
        Self {
            list: list.into_iter(),
            messages: Vec::new(),
            stages: None,
            streaming: None,
            ids: BTreeMap::new(),
        }
    }

    /// Does one thing. False if there is none.
    fn act(&mut self, talk: &mut Talk, tape: &mut Tape) -> bool {
        if let Some((left, end)) = self.stages {
            let message = self.messages.len() - 1;
            if left > 0 {
                let index = self.messages[message];
                // The server may have refused the transaction meanwhile.
                if talk.session.rcpt(mailbox(&address(message, index))).is_ok() {
                    self.messages[message] += 1;
                }
                self.stages = Some((left - 1, end));
                return true;
            }
            self.stages = None;
            match end {
                StagesEnd::Data => {
                    if talk.session.data().is_err() {
                        let _ = talk.session.reset();
                    }
                }
                StagesEnd::Reset => drop(talk.session.reset()),
                StagesEnd::Quit => drop(talk.session.quit()),
                StagesEnd::Nothing => {}
            }
            return true;
        }
        let Some(request) = self.list.next() else {
            return false;
        };
        let message = self.messages.len();
        let session = &mut talk.session;
        match request {
            Request::Send {
                recipients,
                streamed,
                all_or_nothing,
                in_one,
            } => {
                let mut made = made(message, recipients);
                if !streamed {
                    made = made.content(content(message));
                }
                if all_or_nothing {
                    made = made.policy(RecipientPolicy::AllOrNothing);
                }
                if in_one {
                    made = made.in_one();
                }
                if let Ok(id) = session.send(made) {
                    self.ids.insert(format!("{id:?}"), message);
                    self.messages.push(recipients);
                }
            }
            Request::Stages { recipients, end } => {
                if let Ok(id) = session.mail(made(message, 0)) {
                    self.ids.insert(format!("{id:?}"), message);
                    self.messages.push(0);
                    self.stages = Some((recipients, end));
                }
            }
            Request::Noop => drop(session.noop()),
            Request::Vrfy => drop(session.verify(Argument::new("bob").unwrap())),
            Request::Quit => {
                if tape.rarely(4) {
                    drop(session.quit());
                }
            }
        }
        true
    }

    /// Gives some of the content that is wanted.
    fn stream(&mut self, talk: &mut Talk, tape: &mut Tape) {
        if tape.rarely(5) {
            return;
        }
        let Some(body) = talk.session.body() else {
            return;
        };
        let message = self.ids[&format!("{:?}", body.transaction())];
        let at = match self.streaming {
            Some((same, at)) if same == message => at,
            _ => 0,
        };
        let text = content(message);
        let chunk = &text[at..(at + 1 + tape.below(9)).min(text.len())];
        if chunk.is_empty() {
            body.finish().unwrap();
            self.streaming = None;
        } else if tape.rarely(60) {
            body.abort();
        } else {
            self.streaming = Some((message, at + chunk.len()));
            body.write(chunk.to_owned()).unwrap();
        }
    }
}

/// A server that looks closely at what it gets, and answers by chance.
#[derive(Default)]
struct Server {
    pipelining: bool,
    chunking: bool,
    /// What has come and was not read.
    input: Vec<u8>,
    /// What it says and was not sent.
    output: Vec<u8>,
    /// The content that is coming in.
    content: Option<String>,
    /// How much of a chunk is to come, and whether it is the last.
    chunk: Option<(usize, bool)>,
    /// What came in chunks.
    chunks: Vec<u8>,
    /// One of them was refused.
    failed: bool,
    /// Content has ended, and neither was its reply sent nor did RSET come.
    unheard: bool,
    /// Whose transaction it is.
    message: usize,
    open: bool,
    mail_accepted: bool,
    accepted: Vec<String>,
    quit: bool,
    /// It has stopped answering.
    silent: bool,
    /// Contents that ended: for whom, and with which answer.
    finished: Vec<(BTreeSet<String>, u16)>,
    /// Messages whose content ended with a chunk.
    ended_in_chunks: BTreeSet<usize>,
    commands: Vec<String>,
    /// Somebody else has answered in its place.
    misled: bool,
    /// How many replies it has given.
    said: usize,
}

impl Server {
    fn say(&mut self, code: u16, tape: &mut Tape) {
        let lines = if tape.rarely(6) { 3 } else { 1 };
        for line in 1..=lines {
            let mark = if line == lines { ' ' } else { '-' };
            self.output
                .extend(format!("{code}{mark}text\r\n").as_bytes());
        }
        self.said += 1;
    }

    fn hello(&mut self) {
        let text = match (self.pipelining, self.chunking) {
            (true, true) => "250-mx\r\n250-CHUNKING\r\n250-SIZE\r\n250 PIPELINING\r\n",
            (true, false) => "250-mx\r\n250-8BITMIME\r\n250-SIZE\r\n250 PIPELINING\r\n",
            (false, true) => "250-mx\r\n250 CHUNKING\r\n",
            (false, false) => "250 mx\r\n",
        };
        self.output.extend(text.as_bytes());
        self.said += 1;
    }

    /// `usual`, or something else now and then.
    fn code(tape: &mut Tape, usual: u16, others: &[u16]) -> u16 {
        if tape.rarely(30) {
            [421, 354, 250, 120, 999, 221][tape.below(6)]
        } else if tape.rarely(5) {
            others[tape.below(others.len())]
        } else {
            usual
        }
    }

    /// Reads whole lines, and of chunks what there is.
    fn read(&mut self, tape: &mut Tape) {
        loop {
            if let Some((left, last)) = self.chunk {
                let count = left.min(self.input.len());
                self.chunks.extend(self.input.drain(..count));
                self.chunk = Some((left - count, last));
                if left > count {
                    return;
                }
                self.chunk = None;
                self.chunk_ended(last, tape);
                continue;
            }
            let Some(at) = self.input.windows(2).position(|pair| pair == b"\r\n") else {
                break;
            };
            let line: Vec<u8> = self.input.drain(..at + 2).take(at).collect();
            let line = String::from_utf8(line).unwrap();
            assert!(!line.contains(['\r', '\n']), "a lone CR or LF: {line:?}");
            assert!(!self.quit, "behind QUIT: {line:?}");
            if self.content.is_some() {
                self.content_line(&line, tape);
            } else {
                self.command(&line, tape);
            }
        }
        assert!(!self.input.contains(&b'\n'), "a lone LF");
    }

    fn content_line(&mut self, line: &str, tape: &mut Tape) {
        let content = self.content.as_mut().unwrap();
        if line != "." {
            let text = line.strip_prefix('.').unwrap_or(line);
            *content += text;
            *content += "\r\n";
            return;
        }
        let text = self.content.take().unwrap();
        let for_whom: BTreeSet<String> = match self.mail_accepted {
            true => self.accepted.drain(..).collect(),
            false => BTreeSet::new(),
        };
        self.accepted.clear();
        if for_whom.is_empty() {
            assert_eq!(text, "", "content for nobody");
        } else {
            check_content(&for_whom, &text);
        }
        self.open = false;
        let code = Self::code(tape, 250, &[451, 554, 200, 552]);
        self.finished.push((for_whom, code));
        self.unheard = true;
        self.say(code, tape);
    }

    fn chunk_ended(&mut self, last: bool, tape: &mut Tape) {
        let discards = self.failed || !self.mail_accepted || self.accepted.is_empty();
        let usual = if discards { 503 } else { 250 };
        let code = Self::code(tape, usual, &[451, 554, 250, 552]);
        let yes = code / 100 == 2;
        if last {
            let mut for_whom = BTreeSet::new();
            if !discards {
                for_whom.extend(self.accepted.iter().cloned());
                check_content(&for_whom, str::from_utf8(&self.chunks).unwrap());
            }
            self.finished.push((for_whom, code));
            self.ended_in_chunks.insert(self.message);
            self.unheard = true;
        }
        // What was refused keeps the transaction open until RSET.
        self.failed |= !yes;
        self.open = !last || self.failed;
        if last && yes {
            self.forget();
        }
        self.say(code, tape);
    }

    fn forget(&mut self) {
        self.open = false;
        self.accepted.clear();
        self.chunks.clear();
        self.failed = false;
    }

    fn command(&mut self, line: &str, tape: &mut Tape) {
        self.commands.push(line.to_owned());
        assert_eq!(line, line.trim(), "white space around a command");
        assert!(line.len() <= 510);
        let verb = line.split(' ').next().unwrap();
        let code = match verb {
            "EHLO" => Self::code(tape, 250, &[500, 502, 250, 250]),
            "HELO" => Self::code(tape, 250, &[250, 250, 550]),
            "MAIL" => {
                assert!(
                    line.starts_with("MAIL FROM:<") && line.contains('>'),
                    "{line}"
                );
                // What it refused, the client may have been told is accepted.
                assert!(self.misled || !self.open, "MAIL within a transaction");
                assert!(
                    self.misled || !self.unheard,
                    "MAIL behind content, and no RSET"
                );
                self.message = line["MAIL FROM:<s".len()..line.find('@').unwrap()]
                    .parse()
                    .unwrap();
                Self::code(tape, 250, &[250, 250, 451, 550])
            }
            "RCPT" => {
                assert!(
                    line.starts_with("RCPT TO:<") && line.contains('>'),
                    "{line}"
                );
                let usual = if self.open { 250 } else { 503 };
                Self::code(tape, usual, &[251, 450, 550, 452, 552])
            }
            "DATA" => {
                assert_eq!(line, "DATA");
                let usual = if self.accepted.is_empty() { 503 } else { 354 };
                Self::code(tape, usual, &[354, 354, 354, 451, 554])
            }
            "BDAT" => {
                let mut words = line.split(' ').skip(1);
                let octets: usize = words.next().unwrap().parse().unwrap();
                let last = words.next() == Some("LAST");
                assert!(self.chunking && words.next().is_none(), "{line}");
                assert!(last || octets > 0, "an empty chunk that is not the last");
                self.chunk = Some((octets, last));
                return;
            }
            "RSET" => Self::code(tape, 250, &[250, 250, 250, 451]),
            "NOOP" | "VRFY" => Self::code(tape, 250, &[252, 550, 500]),
            "QUIT" => Self::code(tape, 221, &[221, 500]),
            other => panic!("command {other:?}"),
        };
        let yes = code / 100 == 2;
        match verb {
            "EHLO" if code == 250 => return self.hello(),
            "MAIL" => {
                self.forget();
                self.open = yes;
                self.mail_accepted = yes;
            }
            "RCPT" if yes => {
                self.open = true;
                let to = line.split(['<', '>']).nth(1).unwrap();
                self.accepted.push(to.to_owned());
            }
            // Only one 3yz is said here.
            "DATA" if code == 354 => self.content = Some(String::new()),
            "RSET" => {
                self.forget();
                self.unheard = false;
            }
            "QUIT" => self.quit = true,
            _ => {}
        }
        self.say(code, tape);
    }
}

fn check_content(for_whom: &BTreeSet<String>, text: &str) {
    let first = for_whom.iter().next().unwrap();
    let message: usize = first[1..first.find('-').unwrap()].parse().unwrap();
    assert_eq!(text, as_received(message));
    let same = for_whom
        .iter()
        .all(|to| to.starts_with(&format!("r{message}-")));
    assert!(same, "{for_whom:?} in one transaction");
}

fn as_received(message: usize) -> String {
    let text = content(message);
    if text.ends_with("\r\n") {
        text
    } else {
        text + "\r\n"
    }
}

/// How a conversation went.
struct End {
    talk: Talk,
    server: Server,
    application: Application,
    /// What was said to the client, and whether all of it was.
    all_said: bool,
    /// The server or the line broke at some point.
    broken: bool,
    /// A reply was put in, which may have come in the place of another.
    forged: bool,
}

fn converse(chosen: &Chosen, list: Vec<Request>, tape: &mut Tape) -> End {
    let mut talk = Talk::new(chosen.config.clone());
    let mut application = Application::new(list);
    let mut server = Server {
        pipelining: tape.below(4) != 3,
        chunking: tape.below(2) == 0,
        ..Server::default()
    };
    let greeting = Server::code(tape, 220, &[220, 250, 554]);
    server.say(greeting, tape);
    let mut broken = false;
    let mut forged = false;
    let mut idle = 0;
    // Long enough for the longest; a session that goes on is found out below.
    for _ in 0..20_000 {
        let mut active = false;
        if tape.below(3) == 0 {
            active |= application.act(&mut talk, tape);
        }
        application.stream(&mut talk, tape);
        // The client sends some, the server reads it.
        let octets = if tape.rarely(3) {
            1 + tape.below(40)
        } else {
            usize::MAX
        };
        let sent = talk.send(octets);
        active |= !sent.is_empty();
        server.input.extend(sent);
        let unanswered = server.said;
        server.read(tape);
        if server.silent {
            server.output.clear();
        }
        assert!(
            server.said - unanswered <= chosen.limit,
            "too many commands at once"
        );
        // The server says some, the client reads it.
        let count = if tape.rarely(3) {
            1 + tape.below(12)
        } else {
            usize::MAX
        };
        let said: Vec<u8> = server
            .output
            .drain(..count.min(server.output.len()))
            .collect();
        if !said.is_empty() {
            active = true;
            talk.say(said);
            server.unheard &= !server.output.is_empty();
        }
        if tape.rarely(200) {
            broken = true;
            // Whatever is put in may complete the reply.
            server.unheard = false;
            match tape.below(7) {
                6 => server.silent = true,
                0 => talk.eof(),
                1 => talk.say(b"\0\xffgarbage\r\n"),
                2 => {
                    forged = true;
                    server.misled = true;
                    talk.say("250 nobody asked\r\n");
                }
                3 => talk.say("421 bye\r\n"),
                4 => talk.session.handle_write_closed(talk.now),
                _ => talk.say("25"),
            }
        }
        if tape.rarely(40) {
            // Less than the shortest time there is, in which all goes on.
            talk.wait(Duration::from_millis(10));
        }
        talk.events();
        if talk.error.is_some() {
            let farewell = talk.pending();
            assert!(farewell.is_empty() || farewell == b"QUIT\r\n");
            break;
        }
        idle = if active { 0 } else { idle + 1 };
        if idle > 40 && talk.pending().is_empty() && server.output.is_empty() {
            break;
        }
    }
    let all_said = server.output.is_empty() && !server.silent;
    End {
        talk,
        server,
        application,
        all_said,
        broken,
        forged,
    }
}

fn finish(end: &mut End) {
    let talk = &mut end.talk;
    talk.events();
    // What waits for the server gives up at its deadline, neither before nor
    // later; what waits for the application waits.
    if let (None, Some(deadline)) = (&talk.error, talk.session.poll_timeout()) {
        // A request may have begun the time in the past.
        talk.session.handle_timeout(talk.now);
        talk.events();
        assert!(talk.error.is_none() || deadline <= talk.now);
        if let Some(left) = talk.remaining().filter(|_| talk.error.is_none()) {
            let before = talk.log.len();
            talk.wait(left - Duration::from_nanos(1));
            talk.events();
            assert!(
                talk.error.is_none() && talk.log.len() == before,
                "too early"
            );
            talk.wait(Duration::from_nanos(1));
            talk.events();
            assert_eq!(talk.session.poll_timeout(), None, "too late");
        }
    }
    talk.eof();
    talk.events();
    let closed = talk.log.contains(&Event::Closed);
    assert_eq!(
        closed,
        talk.error.is_none(),
        "it ends with QUIT or with an error"
    );
    // Nothing happens any more.
    let before = talk.log.len();
    talk.say("250 ok\r\n");
    talk.wait(Duration::from_secs(4000));
    talk.events();
    assert_eq!(talk.log.len(), before);
}

fn outcomes(end: &End) -> BTreeMap<usize, Vec<Fate>> {
    let mut outcomes = BTreeMap::new();
    for event in &end.talk.log {
        if let Event::Finished {
            transaction,
            outcome,
        } = event
        {
            let message = end.application.ids[&format!("{transaction:?}")];
            let fates = outcome.recipients().to_vec();
            assert_eq!(fates.len(), end.application.messages[message]);
            assert!(outcomes.insert(message, fates).is_none(), "finished twice");
        }
    }
    outcomes
}

/// A configuration, and what it bounds.
#[derive(Debug)]
struct Chosen {
    config: Config,
    /// The most commands that may be unanswered.
    limit: usize,
    /// The most messages that may be in doubt.
    in_doubt: usize,
}

fn a_config() -> impl Strategy<Value = Chosen> {
    use Pipelining::{AcrossTransactions, Off, WithinTransaction};
    let pipelining = [
        WithinTransaction,
        AcrossTransactions,
        AcrossTransactions,
        Off,
    ];
    let chunking = [
        Chunking::WhenNeeded,
        Chunking::WhenAccepted,
        Chunking::AtOnce,
        Chunking::AtOnce,
    ];
    let bounds = prop::option::weighted(0.4, (1_usize..8, 30_usize..200));
    (
        prop::sample::select(pipelining.to_vec()),
        prop::sample::select(chunking.to_vec()),
        bounds,
        (1_usize..5, 1_usize..60, 1_usize..5),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(pipelining, chunking, bounds, sizes, quit, repair)| {
            let (depth, chunk_size, chunks) = sizes;
            let mut config = config()
                .pipelining(pipelining)
                .chunking(chunking)
                .max_unanswered_messages(depth)
                .chunk_size(chunk_size)
                .max_unanswered_chunks(chunks)
                .quit_with_content(quit);
            let mut limit = Config::DEFAULT_MAX_UNANSWERED_COMMANDS;
            if let Some((commands, octets)) = bounds {
                limit = commands;
                config = config
                    .max_unanswered_commands(commands)
                    .max_unanswered_octets(octets);
            }
            if repair {
                config = config.line_endings(LineEndings::Repair);
            }
            let deep = (pipelining, chunking) == (AcrossTransactions, Chunking::AtOnce);
            Chosen {
                config,
                limit,
                in_doubt: if deep { depth } else { 1 },
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_has_one_fate_and_the_right_one(
        chosen in a_config(),
        list in requests(),
        octets in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let mut tape = Tape { octets, at: 0 };
        let mut end = converse(&chosen, list, &mut tape);
        let cut_short = end.talk.error.is_some() || !end.all_said || end.broken;
        finish(&mut end);
        let outcomes = outcomes(&end);
        prop_assert_eq!(outcomes.len(), end.application.messages.len());

        // What the server has in its books: an answer for each content.
        let mut taken = BTreeSet::new();
        let mut answered = BTreeSet::new();
        for (for_whom, code) in &end.server.finished {
            if code / 100 == 2 {
                prop_assert!(taken.is_disjoint(for_whom), "delivered twice");
                taken.extend(for_whom.iter().cloned());
            }
            answered.extend(for_whom.iter().cloned());
        }
        let mut in_doubt = BTreeSet::new();
        for (message, fates) in &outcomes {
            for (index, fate) in fates.iter().enumerate() {
                let to = address(*message, index);
                match fate {
                    Fate::Accepted(_) => {
                        prop_assert!(end.forged || taken.contains(&to), "{to} was not taken");
                    }
                    Fate::InDoubt(_) => {
                        // With chunks it may not be known yet whom they are for.
                        let ended = end.server.ended_in_chunks.contains(message);
                        prop_assert!(ended || answered.contains(&to), "{to} was never sent");
                        in_doubt.insert(*message);
                    }
                    other => {
                        // Whoever was told that it was not sent does not have it,
                        // unless the line broke behind the answer.
                        let lost = cut_short && !matches!(other, Fate::NotSent(_));
                        prop_assert!(lost || !taken.contains(&to), "{to} was taken: {other}");
                    }
                }
            }
        }
        prop_assert!(in_doubt.len() <= chosen.in_doubt, "{in_doubt:?} in doubt");
    }
}
