//! A relay that decides by a rule, always the same, whatever the client's
//! settings are; and, in `run`, a client that talks to it, to the end or to some other
//! end.

mod run;

use std::collections::{BTreeMap, BTreeSet};

use smtp_proto::client::{Chunking, Config, Pipelining};

pub use self::run::{Run, run};
use crate::talk::{config, content};

/// What a server makes of addresses and contents.
#[derive(Clone, Debug)]
pub struct Rule {
    /// By message.
    pub mail: Vec<u16>,
    /// By the sum of message and index.
    pub rcpt: Vec<u16>,
    /// To DATA, or to the first chunk if it is no 354.
    pub data: Vec<u16>,
    /// To the end of the content.
    pub end: Vec<u16>,
    /// How much content is taken. More is refused at its end, or with the chunk
    /// that has it.
    pub quota: Vec<usize>,
    /// To DATA that is for nobody: 354, 503 or 554; and to a chunk.
    pub for_nobody: u16,
}

impl Rule {
    /// Everything is accepted.
    pub fn yes() -> Self {
        Self {
            mail: vec![250; 6],
            rcpt: vec![250; 6],
            data: vec![354; 6],
            end: vec![250; 6],
            quota: vec![usize::MAX; 6],
            for_nobody: 503,
        }
    }
}

/// What the client is to do with a message.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub recipients: usize,
    pub all_or_nothing: bool,
    pub streamed: bool,
}

/// What must not matter.
#[derive(Clone, Debug)]
pub struct Settings {
    pub pipelining: Pipelining,
    pub chunking: Chunking,
    pub depth: usize,
    pub chunk_size: usize,
    pub chunks: usize,
    pub commands: usize,
    pub quit_with_content: bool,
    /// How many octets go over the line at once, in turn; all if there is none.
    pub steps: Vec<usize>,
}

impl Settings {
    pub fn of(pipelining: Pipelining, chunking: Chunking) -> Self {
        Self {
            pipelining,
            chunking,
            depth: Config::DEFAULT_MAX_UNANSWERED_MESSAGES,
            chunk_size: Config::DEFAULT_CHUNK_SIZE,
            chunks: Config::DEFAULT_MAX_UNANSWERED_CHUNKS,
            commands: Config::DEFAULT_MAX_UNANSWERED_COMMANDS,
            quit_with_content: false,
            steps: Vec::new(),
        }
    }

    /// One command at a time, and DATA.
    pub fn lock_step() -> Self {
        Self::of(Pipelining::Off, Chunking::WhenNeeded)
    }

    pub(crate) fn config(&self) -> Config {
        config()
            .pipelining(self.pipelining)
            .chunking(self.chunking)
            .max_unanswered_messages(self.depth)
            .chunk_size(self.chunk_size)
            .max_unanswered_chunks(self.chunks)
            .max_unanswered_commands(self.commands)
            .quit_with_content(self.quit_with_content)
    }

    /// How many messages may be in doubt.
    pub fn bound(&self) -> usize {
        match (self.pipelining, self.chunking) {
            (Pipelining::AcrossTransactions, Chunking::AtOnce) => self.depth,
            _ => 1,
        }
    }
}

/// How the session ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// With QUIT.
    Quit,
    /// The connection is lost when so many octets have left the client; what the
    /// server says to the last of them is heard or not.
    Sent { octets: usize, heard: bool },
    /// The client can write no more behind so many octets, and reads to the end.
    WriteFails(usize),
    /// The connection is lost when so many octets have come to the client.
    Heard(usize),
    /// 421 in the place of the reply of this number.
    Closing(usize),
    /// Something that is no reply in its place.
    Garbage(usize),
    /// The server says nothing any more, from this reply on.
    Silent(usize),
    /// The server reads no more behind so many octets.
    StopsReading(usize),
}

#[derive(Debug)]
enum Reading {
    Commands,
    /// Content behind DATA.
    Lines,
    Chunk {
        left: usize,
        last: bool,
    },
}

/// The server.
struct Relay<'a> {
    rule: &'a Rule,
    end: End,
    depth: usize,
    /// Chunks may come before the recipients are answered.
    at_once: bool,
    input: Vec<u8>,
    reading: Reading,
    /// Whose transaction it is.
    message: usize,
    open: bool,
    mail_accepted: bool,
    accepted: Vec<usize>,
    content: Vec<u8>,
    /// A chunk has come.
    in_chunks: bool,
    /// A chunk was refused: only RSET and QUIT are taken.
    failed: bool,
    /// RSET has come behind the content before.
    was_reset: bool,
    quit: bool,
    output: Vec<u8>,
    /// How many octets it has said in all, and how many have been heard.
    said: usize,
    heard: usize,
    replies: usize,
    /// It has said its last.
    is_over: bool,
    /// It does nothing any more.
    is_dead: bool,
    /// Where in what it has said the replies to contents end.
    ends: Vec<usize>,
    /// Where it is said what becomes of a recipient.
    decided: BTreeMap<(usize, usize), usize>,
    /// Whose content has come in full.
    arrived: BTreeSet<usize>,
    /// For whom it is responsible.
    taken: BTreeSet<(usize, usize)>,
    /// Whose content it has answered with 421.
    turned_away: BTreeSet<(usize, usize)>,
}

impl<'a> Relay<'a> {
    fn new(rule: &'a Rule, end: End, settings: &Settings) -> Self {
        Self {
            rule,
            end,
            depth: settings.bound(),
            at_once: settings.chunking == Chunking::AtOnce
                && settings.pipelining != Pipelining::Off,
            input: Vec::new(),
            reading: Reading::Commands,
            message: 0,
            open: false,
            mail_accepted: false,
            accepted: Vec::new(),
            content: Vec::new(),
            in_chunks: false,
            failed: false,
            was_reset: true,
            quit: false,
            output: Vec::new(),
            said: 0,
            heard: 0,
            replies: 0,
            is_over: false,
            is_dead: false,
            ends: Vec::new(),
            decided: BTreeMap::new(),
            arrived: BTreeSet::new(),
            taken: BTreeSet::new(),
            turned_away: BTreeSet::new(),
        }
    }

    /// Answers, with a text that belongs to this place only; or ends as it is to.
    /// Whether what was to be said holds.
    fn say(&mut self, code: u16, text: &str) -> bool {
        if self.is_over {
            return !self.is_dead;
        }
        let number = self.replies;
        self.replies += 1;
        let reply = match self.end {
            End::Closing(at) if at == number => {
                self.is_over = true;
                self.is_dead = true;
                "421 bye\r\n".to_owned()
            }
            End::Garbage(at) if at == number => {
                self.is_over = true;
                "what?\r\n".to_owned()
            }
            End::Silent(at) if at == number => {
                self.is_over = true;
                return true;
            }
            _ => format!("{code} {text}\r\n"),
        };
        self.output.extend(reply.as_bytes());
        self.said += reply.len();
        !self.is_dead
    }

    /// Answers the end of content that was not refused before.
    fn say_of_content(&mut self, code: u16) -> bool {
        let was_over = self.is_over;
        let holds = self.say(code, &format!("c{}", self.message));
        if self.is_dead && !was_over {
            let all = self.accepted.iter();
            self.turned_away = all.map(|index| (self.message, *index)).collect();
        }
        holds
    }

    fn decide(&mut self, recipient: usize) {
        let at = if self.is_over { usize::MAX } else { self.said };
        self.decided.entry((self.message, recipient)).or_insert(at);
    }

    fn read(&mut self, octets: &[u8]) {
        self.input.extend(octets);
        loop {
            if let Reading::Chunk { left, last } = &mut self.reading {
                let count = (*left).min(self.input.len());
                self.content.extend(self.input.drain(..count));
                *left -= count;
                if *left > 0 {
                    return;
                }
                let last = *last;
                self.reading = Reading::Commands;
                self.chunk(last);
                continue;
            }
            let Some(at) = self.input.windows(2).position(|pair| pair == b"\r\n") else {
                return;
            };
            let line: Vec<u8> = self.input.drain(..at + 2).take(at).collect();
            if let Reading::Lines = self.reading {
                if line == b"." {
                    self.reading = Reading::Commands;
                    self.end_of_data();
                } else {
                    let text = line.strip_prefix(b".").unwrap_or(&line);
                    self.content.extend(text);
                    self.content.extend(b"\r\n");
                }
            } else {
                self.command(std::str::from_utf8(&line).unwrap());
            }
        }
    }

    fn command(&mut self, line: &str) {
        assert!(!self.quit, "behind QUIT: {line}");
        let message = self.message;
        match line.split(' ').next().unwrap() {
            "MAIL" => self.mail(line),
            "RCPT" => self.rcpt(line),
            "DATA" => self.data(),
            "BDAT" => self.bdat(line),
            "RSET" => {
                self.say(250, &format!("reset behind {message}"));
                self.forget();
                self.was_reset = true;
            }
            "QUIT" => {
                self.quit = true;
                self.say(221, "bye");
            }
            other => panic!("{other}"),
        }
    }

    fn forget(&mut self) {
        self.open = false;
        self.mail_accepted = false;
        self.accepted.clear();
        self.content.clear();
        self.in_chunks = false;
        self.failed = false;
    }

    fn mail(&mut self, line: &str) {
        let unheard = self.ends.iter().any(|end| *end > self.heard);
        assert!(self.was_reset || !unheard, "content, MAIL, and no RSET");
        assert!(!self.open, "MAIL within a transaction");
        self.message = line["MAIL FROM:<s".len()..line.find('@').unwrap()]
            .parse()
            .unwrap();
        let message = self.message;
        let code = match self.failed {
            true => 503,
            false => self.rule.mail[message],
        };
        self.forget();
        self.failed = code == 503;
        if self.say(code, &format!("s{message}")) && code == 250 {
            self.open = true;
            self.mail_accepted = true;
        } else if code != 250 {
            for index in 0..6 {
                self.decide(index);
            }
        }
    }

    fn rcpt(&mut self, line: &str) {
        let message = self.message;
        let (sent_for, index) = line["RCPT TO:<r".len()..line.find('@').unwrap()]
            .split_once('-')
            .unwrap();
        let index: usize = index.parse().unwrap();
        assert_eq!(sent_for.parse::<usize>().unwrap(), message);
        let code = match self.mail_accepted && !self.failed {
            true => self.rule.rcpt[(message + index) % 6],
            false => 503,
        };
        let holds = self.say(code, &format!("r{message}-{index}"));
        if holds && code < 300 {
            self.accepted.push(index);
        } else if code != 452 && self.mail_accepted {
            // With 452 the client may ask again.
            self.decide(index);
        }
    }

    fn has_recipients(&self) -> bool {
        self.mail_accepted && !self.accepted.is_empty()
    }

    fn data(&mut self) {
        assert!(!self.in_chunks, "DATA behind BDAT");
        let code = match self.has_recipients() {
            _ if self.failed => 503,
            true => self.rule.data[self.message],
            false => self.rule.for_nobody,
        };
        if self.say(code, &format!("c{}", self.message)) && code == 354 {
            self.reading = Reading::Lines;
        } else if code != 354 {
            self.decide_accepted();
        }
    }

    fn decide_accepted(&mut self) {
        for index in self.accepted.clone() {
            self.decide(index);
        }
    }

    fn bdat(&mut self, line: &str) {
        let mut words = line.split(' ').skip(1);
        let left: usize = words.next().unwrap().parse().unwrap();
        let last = words.next() == Some("LAST");
        assert!(left > 0 || last, "an empty chunk that is not the last");
        assert!(
            self.at_once || self.has_recipients(),
            "a chunk for nobody, and nothing was left to be known"
        );
        self.reading = Reading::Chunk { left, last };
    }

    fn chunk(&mut self, last: bool) {
        let message = self.message;
        let first = !self.in_chunks;
        self.in_chunks = true;
        self.was_reset = false;
        if last {
            self.arrived.insert(message);
        }
        let code = if self.failed {
            503
        } else if !self.has_recipients() {
            if self.rule.for_nobody == 354 {
                250
            } else {
                self.rule.for_nobody
            }
        } else if first && self.rule.data[message] != 354 {
            self.rule.data[message]
        } else {
            self.code_of_content(last)
        };
        if last && code == 250 {
            self.taken_or_not(code);
            return;
        }
        let news = !self.failed;
        if last && news {
            self.say_of_content(code);
        } else {
            self.say(code, &format!("c{message}"));
        }
        if code != 250 {
            // What is to come is discarded, until RSET.
            self.failed = true;
            if news {
                self.decide_accepted();
            }
            self.open = true;
        }
        if last {
            self.content_was_answered();
        }
    }

    fn code_of_content(&self, last: bool) -> u16 {
        if self.content.len() > self.rule.quota[self.message] {
            552
        } else if last {
            self.rule.end[self.message]
        } else {
            250
        }
    }

    fn end_of_data(&mut self) {
        self.arrived.insert(self.message);
        self.was_reset = false;
        if self.has_recipients() {
            self.taken_or_not(self.code_of_content(true));
        } else {
            assert!(self.content.is_empty(), "content for nobody");
            self.say(554, &format!("c{}", self.message));
            self.forget();
        }
    }

    /// Answers the end of the content; from here on the relay is responsible, or
    /// not.
    fn taken_or_not(&mut self, code: u16) {
        let message = self.message;
        let holds = self.say_of_content(code);
        self.decide_accepted();
        if holds && code == 250 && self.has_recipients() {
            let whole = content(message) + "\r\n";
            assert_eq!(String::from_utf8_lossy(&self.content), whole);
            for index in &self.accepted {
                assert!(self.taken.insert((message, *index)), "delivered twice");
            }
        }
        self.content_was_answered();
        self.forget();
    }

    fn content_was_answered(&mut self) {
        let unheard = self.ends.iter().filter(|end| **end > self.heard).count();
        assert!(unheard < self.depth, "too many may be in doubt");
        let at = if self.is_over { usize::MAX } else { self.said };
        self.ends.push(at);
    }
}
