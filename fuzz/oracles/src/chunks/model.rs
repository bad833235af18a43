//! What a server does with chunks, said as plainly as it can be.

use crate::tape::Tape;

/// What a client sends.
#[derive(Clone, Debug)]
pub enum Step {
    Hello,
    Mail { binary: bool },
    Rcpt { known: bool },
    Data(Vec<u8>),
    Bdat(Vec<u8>, bool),
    Rset,
    Noop,
    Unknown,
}

/// What content may be mistaken for.
pub const CONTENTS: [&str; 15] = [
    "",
    "text\r\n",
    "x\r\nMAIL FROM:<mallory@example.org>\r\nBDAT 3 LAST\r\nQUIT\r\n.\r\n",
    "\r\n.\r\nRSET\r\n",
    "\r\nMAIL FROM:<m@example.org>\r\n",
    ".\r\n",
    "\r",
    "\n",
    "x\r",
    "\nx",
    "a\nb",
    "a\rb",
    "BDAT 5",
    "BDAT 0 LAST\r\n",
    "\r\n\r\n",
];

impl Step {
    /// Up to forty steps, with content out of the octets. Without decisions they
    /// are one chunk.
    pub(super) fn read(mut octets: &[u8], tape: &mut Tape<'_>) -> Vec<Self> {
        let mut steps = Vec::new();
        if !tape.rarely(10) {
            steps.push(Self::Hello);
        }
        if tape.is_empty() {
            let mail = Self::Mail { binary: false };
            let chunk = Self::Bdat(octets.to_vec(), true);
            steps.extend([mail, Self::Rcpt { known: true }, chunk]);
            return steps;
        }
        for _ in 0..tape.below(41) {
            let step = Self::one(&mut octets, tape);
            steps.push(step);
        }
        steps
    }

    fn one(octets: &mut &[u8], tape: &mut Tape<'_>) -> Self {
        let mut content = |tape: &mut Tape<'_>| {
            if tape.rarely(2) {
                return tape.one_of(&CONTENTS).into();
            }
            let (now, rest) = octets.split_at(tape.below(100).min(octets.len()));
            *octets = rest;
            now.to_vec()
        };
        match tape.below(24) {
            0..=8 => Self::Bdat(content(tape), tape.rarely(2)),
            9..=12 => Self::Mail {
                binary: tape.rarely(2),
            },
            13..=17 => Self::Rcpt {
                known: !tape.rarely(5),
            },
            18 => Self::Data(content(tape)),
            19 => Self::Hello,
            20 | 21 => Self::Rset,
            22 => Self::Noop,
            _ => Self::Unknown,
        }
    }
}

/// What a server does, said as plainly as it can be.
#[derive(Debug, Default)]
pub struct Model {
    stage: Stage,
    binary: bool,
    recipients: usize,
    content: Vec<u8>,
    pub(super) input: Vec<u8>,
    pub(super) codes: Vec<&'static str>,
    pub(super) messages: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Greeted,
    Ready,
    Mail,
    Recipients,
    Chunks,
    Failed,
}

/// With each lone CR and LF completed.
pub(crate) fn repaired(content: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    for (at, octet) in content.iter().enumerate() {
        let before = at.checked_sub(1).map(|at| content[at]);
        match octet {
            b'\n' if before != Some(b'\r') => all.extend(b"\r\n"),
            b'\r' if content.get(at + 1) != Some(&b'\n') => all.extend(b"\r\n"),
            octet => all.push(*octet),
        }
    }
    all
}

pub(crate) fn has_lone(content: &[u8]) -> bool {
    repaired(content) != content
}

/// A chunk, with its command.
fn chunk(octets: &[u8], last: bool) -> Vec<u8> {
    let last = if last { " LAST" } else { "" };
    let command = format!("BDAT {}{last}\r\n", octets.len());
    [command.as_bytes(), octets].concat()
}

impl Model {
    /// The most octets of a message.
    pub(super) const LIMIT: u64 = 150;

    pub(super) fn step(&mut self, step: &Step) {
        let code = match step {
            Step::Hello => {
                self.line("EHLO a");
                self.stage = Stage::Ready;
                "250"
            }
            Step::Mail { binary } => {
                let body = if *binary { " BODY=BINARYMIME" } else { "" };
                self.line(&format!("MAIL FROM:<alice@example.org>{body}"));
                if self.stage == Stage::Ready {
                    *self = Self {
                        stage: Stage::Mail,
                        binary: *binary,
                        recipients: 0,
                        content: Vec::new(),
                        ..std::mem::take(self)
                    };
                    "250 2.1.0"
                } else {
                    "503 5.5.1"
                }
            }
            Step::Rcpt { known } => {
                let name = if *known { "bob" } else { "nobody" };
                self.line(&format!("RCPT TO:<{name}@example.net>"));
                match self.stage {
                    Stage::Mail | Stage::Recipients if *known => {
                        self.stage = Stage::Recipients;
                        self.recipients += 1;
                        "250 2.1.5"
                    }
                    Stage::Mail | Stage::Recipients => "550 5.1.1",
                    _ => "503 5.5.1",
                }
            }
            Step::Data(content) => self.data(content),
            Step::Bdat(octets, last) => {
                self.input.extend(chunk(octets, *last));
                self.bdat(octets, *last)
            }
            Step::Rset => {
                self.line("RSET");
                if self.stage != Stage::Greeted {
                    self.stage = Stage::Ready;
                }
                "250 2.0.0"
            }
            Step::Noop => {
                self.line("NOOP");
                "250 2.0.0"
            }
            Step::Unknown => {
                self.line("FOO");
                "500 5.5.2"
            }
        };
        self.codes.push(code);
    }

    fn line(&mut self, line: &str) {
        self.input.extend(line.bytes());
        self.input.extend(b"\r\n");
    }

    /// The client sends content only where it is told to.
    fn data(&mut self, content: &[u8]) -> &'static str {
        self.line("DATA");
        match self.stage {
            Stage::Recipients if self.binary => self.stage = Stage::Failed,
            Stage::Chunks => self.stage = Stage::Failed,
            Stage::Recipients => {
                self.codes.push("354");
                let lines = String::from_utf8_lossy(content).replace(['\r', '\n'], "");
                self.line(&format!("..{lines}"));
                self.line(".");
                let text = format!(".{lines}\r\n");
                self.stage = Stage::Ready;
                if text.len() as u64 > Self::LIMIT {
                    return "552 5.3.4";
                }
                self.messages.push((self.recipients, text.into_bytes()));
                return "250 2.0.0";
            }
            _ => {}
        }
        "503 5.5.1"
    }

    fn bdat(&mut self, octets: &[u8], last: bool) -> &'static str {
        let stage = self.stage;
        if stage != Stage::Greeted && stage != Stage::Ready {
            self.stage = Stage::Failed;
        }
        if !matches!(stage, Stage::Recipients | Stage::Chunks) {
            return "503 5.5.1";
        }
        self.content.extend_from_slice(octets);
        if self.content.len() as u64 > Self::LIMIT {
            return "552 5.3.4";
        }
        // The other half of a line end may be in the next chunk.
        let judged = match self.content.strip_suffix(b"\r") {
            Some(start) if !last => start,
            _ => &self.content,
        };
        if !self.binary && has_lone(judged) {
            return "554 5.6.0";
        }
        if last {
            self.stage = Stage::Ready;
            let content = std::mem::take(&mut self.content);
            self.messages.push((self.recipients, content));
        } else {
            self.stage = Stage::Chunks;
        }
        "250 2.0.0"
    }
}
