//! What went between a client and a server, read as plainly as can be: which
//! reply answers what, and whose content has left.

use crate::talk::content;

/// What a client has sent that a server answers: by its place in the order, which
/// is that of the replies.
type Place = usize;

/// A content whose end has left, and what was sent for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended {
    pub(super) message: usize,
    pub(super) mail: Place,
    /// The recipients, and where each was asked about.
    pub(super) recipients: Vec<(usize, Place)>,
    /// The chunks before the last.
    pub(super) chunks: Vec<Place>,
    pub(super) end: Place,
}

#[derive(Debug)]
enum Reading {
    Lines,
    /// DATA was sent: what comes next is content, a lone dot, or a command.
    BehindData,
    Content(String),
    Chunk {
        left: usize,
        last: bool,
    },
}

#[derive(Debug)]
pub(super) struct Books {
    reading: Reading,
    /// What has left the client, and is not a whole line or chunk.
    input: Vec<u8>,
    /// How many commands, responses, and ends of content have left.
    pub(super) sent: usize,
    /// The transaction that is open.
    current: Ended,
    in_chunks: String,
    pub(super) ended: Vec<Ended>,
    quit: bool,
    /// What the server says, as far as it is no whole line.
    line: Vec<u8>,
    /// The codes of its replies, the greeting first.
    pub(super) codes: Vec<u16>,
    /// The server has said something that is no reply.
    pub(super) is_nonsense: bool,
}

impl Books {
    pub(super) fn new() -> Self {
        Self {
            reading: Reading::Lines,
            input: Vec::new(),
            sent: 0,
            current: Ended::default(),
            in_chunks: String::new(),
            ended: Vec::new(),
            quit: false,
            line: Vec::new(),
            codes: Vec::new(),
            is_nonsense: false,
        }
    }

    /// The code of the reply to what was sent at this place, once it has come.
    pub(super) fn answer(&self, place: Place) -> Option<u16> {
        self.codes.get(place + 1).copied()
    }

    /// Whether it has come, and was a 2yz.
    pub(super) fn is_yes(&self, place: Place) -> bool {
        self.answer(place).is_some_and(|code| code / 100 == 2)
    }

    /// Whether it has come, and was none.
    pub(super) fn is_no(&self, place: Place) -> bool {
        self.answer(place).is_some_and(|code| code / 100 != 2)
    }

    /// Whether the server is to say something.
    pub(super) fn awaits_reply(&self) -> bool {
        self.codes.len() <= self.sent
    }

    /// Whether what has left is whole lines, or content that goes on.
    pub(super) fn is_complete(&self) -> bool {
        self.input.is_empty() || !matches!(self.reading, Reading::Lines)
    }

    pub(super) fn server_says(&mut self, octet: u8) {
        if octet != b'\n' {
            self.line.push(octet);
            return;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let is_code = line.len() >= 3 && line[..3].iter().all(u8::is_ascii_digit);
        match line.get(3) {
            _ if !is_code => self.is_nonsense = true,
            Some(b'-') => {}
            None | Some(b' ' | b'\t') => {
                let code = std::str::from_utf8(&line[..3]).unwrap();
                self.codes.push(code.parse().unwrap());
            }
            _ => self.is_nonsense = true,
        }
    }

    pub(super) fn client_sends(&mut self, octets: &[u8]) {
        self.input.extend(octets);
        loop {
            if let Reading::Chunk { left, last } = self.reading {
                let count = left.min(self.input.len());
                let chunk: Vec<u8> = self.input.drain(..count).collect();
                self.in_chunks += std::str::from_utf8(&chunk).unwrap();
                if left > count {
                    let left = left - count;
                    self.reading = Reading::Chunk { left, last };
                    return;
                }
                self.reading = Reading::Lines;
                let place = self.answerable();
                if last {
                    let content = std::mem::take(&mut self.in_chunks);
                    self.content_ended(&content, place);
                } else {
                    self.current.chunks.push(place);
                }
                continue;
            }
            let Some(at) = self.input.iter().position(|octet| *octet == b'\n') else {
                return;
            };
            let line: Vec<u8> = self.input.drain(..=at).collect();
            let line = String::from_utf8(line).unwrap();
            let line = line.strip_suffix("\r\n").unwrap_or_else(|| {
                panic!("a bare LF: {line:?}");
            });
            assert!(!line.contains('\r'), "a bare CR: {line:?}");
            self.line(line);
        }
    }

    fn answerable(&mut self) -> Place {
        self.sent += 1;
        self.sent - 1
    }

    fn line(&mut self, line: &str) {
        match &mut self.reading {
            Reading::BehindData if line.starts_with("Message: ") => {
                self.reading = Reading::Content(format!("{line}\r\n"));
            }
            Reading::Content(text) if line == "." => {
                let text = std::mem::take(text);
                self.reading = Reading::Lines;
                let place = self.answerable();
                self.content_ended(&text, place);
            }
            Reading::Content(text) => {
                *text += line.strip_prefix('.').unwrap_or(line);
                *text += "\r\n";
            }
            Reading::BehindData if line == "." => {
                self.reading = Reading::Lines;
                self.answerable();
            }
            _ => {
                self.reading = Reading::Lines;
                self.command(line);
            }
        }
    }

    fn content_ended(&mut self, text: &str, end: Place) {
        let message = self.current.message;
        assert_eq!(text, content(message) + "\r\n", "not the content");
        let ended = Ended {
            end,
            ..std::mem::take(&mut self.current)
        };
        assert!(!ended.recipients.is_empty(), "content for nobody");
        self.ended.push(ended);
    }

    fn command(&mut self, line: &str) {
        assert!(!self.quit, "behind QUIT: {line:?}");
        assert!(line.len() <= 12_286, "a line of {} octets", line.len());
        let verb = line.split(' ').next().unwrap();
        if verb == "BDAT" {
            let mut words = line.split(' ').skip(1);
            let left: usize = words.next().unwrap().parse().unwrap();
            let last = words.next() == Some("LAST");
            assert!(left > 0 || last, "an empty chunk that is not the last");
            if self.current.chunks.is_empty() {
                self.in_chunks.clear();
            }
            self.reading = Reading::Chunk { left, last };
            return;
        }
        let place = self.answerable();
        match verb {
            "MAIL" => {
                let number = &line["MAIL FROM:<s".len()..line.find('@').unwrap()];
                self.current = Ended {
                    message: number.parse().unwrap(),
                    mail: place,
                    ..Ended::default()
                };
            }
            "RCPT" => {
                let numbers = &line["RCPT TO:<r".len()..line.find('@').unwrap()];
                let (message, index) = numbers.split_once('-').unwrap();
                assert_eq!(message.parse(), Ok(self.current.message), "{line}");
                let index = index.parse().unwrap();
                self.current.recipients.push((index, place));
            }
            "DATA" => {
                assert!(!self.current.recipients.is_empty(), "DATA for nobody");
                self.reading = Reading::BehindData;
            }
            "RSET" => self.current = Ended::default(),
            "QUIT" => self.quit = true,
            _ => {}
        }
    }
}
