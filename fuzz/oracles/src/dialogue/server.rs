//! A server that behaves by chance.

use std::collections::BTreeSet;

use crate::{talk::content, tape::Tape};

/// A server that looks closely at what it gets, and answers by chance.
#[derive(Default)]
pub(super) struct Server {
    pipelining: bool,
    chunking: bool,
    /// What has come and was not read.
    pub(super) input: Vec<u8>,
    /// What it says and was not sent.
    pub(super) output: Vec<u8>,
    /// The content that is coming in.
    content: Option<String>,
    /// How much of a chunk is to come, and whether it is the last.
    chunk: Option<(usize, bool)>,
    /// What came in chunks.
    chunks: Vec<u8>,
    /// One of them was refused.
    failed: bool,
    /// Content has ended, and neither was its reply sent nor did RSET come.
    pub(super) unheard: bool,
    /// Whose transaction it is.
    message: usize,
    open: bool,
    mail_accepted: bool,
    accepted: Vec<String>,
    quit: bool,
    /// It has stopped answering.
    pub(super) silent: bool,
    /// Contents that ended: for whom, and with which answer.
    pub(super) finished: Vec<(BTreeSet<String>, u16)>,
    /// Messages whose content ended with a chunk.
    pub(super) ended_in_chunks: BTreeSet<usize>,
    commands: Vec<String>,
    /// Somebody else has answered in its place.
    pub(super) misled: bool,
    /// How many replies it has given.
    pub(super) said: usize,
}

impl Server {
    /// One that offers these extensions.
    pub(super) fn new(pipelining: bool, chunking: bool) -> Self {
        Self {
            pipelining,
            chunking,
            ..Self::default()
        }
    }

    pub(super) fn say(&mut self, code: u16, tape: &mut Tape<'_>) {
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
    pub(super) fn code(tape: &mut Tape<'_>, usual: u16, others: &[u16]) -> u16 {
        if tape.rarely(30) {
            [421, 354, 250, 120, 999, 221][tape.below(6)]
        } else if tape.rarely(5) {
            others[tape.below(others.len())]
        } else {
            usual
        }
    }

    /// Reads whole lines, and of chunks what there is.
    pub(super) fn read(&mut self, tape: &mut Tape<'_>) {
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

    fn content_line(&mut self, line: &str, tape: &mut Tape<'_>) {
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

    fn chunk_ended(&mut self, last: bool, tape: &mut Tape<'_>) {
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

    fn command(&mut self, line: &str, tape: &mut Tape<'_>) {
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
