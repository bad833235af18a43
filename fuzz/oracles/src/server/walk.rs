//! A dialogue read as plainly as can be: a command, a line of content or a chunk
//! at a time, each with the replies that it may have.

use std::sync::{Arc, Mutex};

use smtp_proto::{
    server::{Discarded, State},
    types::{BodyType, Reply},
};

use super::plan::Plan;
use crate::{
    chunks::{has_lone, repaired},
    service::{Seen, Server, replies},
};

#[derive(Debug)]
enum Reading {
    Commands,
    /// Content behind DATA.
    Lines,
    Chunk {
        left: u64,
        last: bool,
    },
}

/// The dialogue so far.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub(super) server: Server,
    plan: &'a Plan,
    rest: &'a [u8],
    shown: Arc<Mutex<String>>,
    reading: Reading,
    /// The recipients that were accepted, and the content so far.
    recipients: Vec<String>,
    content: Vec<u8>,
    /// Whether any octets may be content.
    is_binary: bool,
    /// Nothing of the content counts: it was refused before it began.
    in_vain: bool,
    /// Where in the octets the client shook hands.
    pub(super) handshakes: Vec<usize>,
    opened: usize,
    succeeded: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let (session, shown) = plan.session();
        Self {
            server: Server::of(session),
            plan,
            rest: &plan.octets,
            shown,
            reading: Reading::Commands,
            recipients: Vec::new(),
            content: Vec::new(),
            is_binary: false,
            in_vain: false,
            handshakes: Vec::new(),
            opened: 0,
            succeeded: false,
        }
    }

    /// To the end of the octets, or of the session.
    pub(super) fn go(&mut self) {
        let implicit = self.server.seen.last() == Some(&Seen::StartTls);
        assert!(
            implicit || replies(&self.server.output).len() == 1,
            "a greeting"
        );
        self.shake_hands();
        while !self.rest.is_empty() && !self.server.is_closed() {
            match self.reading {
                Reading::Commands => self.command(),
                Reading::Lines => self.line_of_content(),
                Reading::Chunk { left, last } => self.chunk(left, last),
            }
            self.check_books();
            self.shake_hands();
        }
        if !self.server.is_closed() {
            assert!(
                self.server.session.poll_timeout().is_some(),
                "it waits for ever: {:?}",
                self.server.session
            );
        }
    }

    fn shake_hands(&mut self) {
        if self.plan.shakes_hands && self.server.session.state() == State::Handshake {
            let position = self.plan.octets.len() - self.rest.len();
            self.handshakes.push(position);
            self.server.secure();
        }
    }

    /// Up to the next CRLF, and whether there is one.
    fn line(&mut self) -> (&'a [u8], bool) {
        let end = self.rest.windows(2).position(|pair| pair == b"\r\n");
        let length = end.map_or(self.rest.len(), |at| at + 2);
        let line = self.take(length);
        (line.strip_suffix(b"\r\n").unwrap_or(line), end.is_some())
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// Sends octets, and returns what is said to them.
    fn send(&mut self, octets: &[u8], with_line_end: bool) -> Vec<Reply> {
        let before = self.server.output.len();
        let octets = if with_line_end {
            [octets, b"\r\n"].concat()
        } else {
            octets.to_vec()
        };
        self.server.send(octets);
        replies(&self.server.output[before..])
    }

    /// Each line has one reply. What ends the session may come behind it.
    fn command(&mut self) {
        let in_exchange = self.server.session.state() == State::Authenticating;
        let (line, is_whole) = self.line();
        let seen = self.server.seen.len();
        let before = self.shown.lock().unwrap().len();
        let said = self.send(line, is_whole);
        self.check_secrets(line, in_exchange, before);
        if self.server.is_closed() {
            let codes: Vec<u16> = said.iter().map(|reply| reply.code().get()).collect();
            let is_last = |code: u16| matches!(code, 421 | 221) || code / 100 == 5;
            assert!(
                codes.len() <= 1 || codes.len() == 2 && codes[1] == 421,
                "{codes:?}"
            );
            assert!(codes.last().copied().is_none_or(is_last), "{codes:?}");
            return;
        }
        let chunk = if in_exchange { None } else { declared(line) };
        match (said.as_slice(), chunk) {
            ([], _) if !is_whole => {}
            ([], Some((left, last))) if left > 0 => {
                self.in_vain = !self.takes_chunk(seen);
                self.reading = Reading::Chunk { left, last };
            }
            ([reply], _) if is_whole => {
                if let Some((_, last)) = chunk {
                    self.in_vain = !self.takes_chunk(seen);
                    self.chunk_ended(last, reply);
                } else {
                    self.answered(line, reply, in_exchange);
                }
            }
            (said, _) => panic!("{said:?} to {}", line.escape_ascii()),
        }
    }

    /// Whether a chunk is not refused before it comes.
    fn takes_chunk(&self, seen: usize) -> bool {
        let is_message = |seen: &Seen| matches!(seen, Seen::Message(_));
        matches!(self.server.session.state(), State::Content | State::Chunks)
            || self.server.seen[seen..].iter().any(is_message)
    }

    fn answered(&mut self, line: &[u8], reply: &Reply, in_exchange: bool) {
        let code = reply.code().get();
        self.succeeded |= code == 235;
        if in_exchange || code / 100 != 2 && code != 354 {
            return;
        }
        let session = &self.server.session;
        let verb = line.get(..4).unwrap_or(line).to_ascii_uppercase();
        match (verb.as_slice(), self.server.seen.last()) {
            (b"MAIL", Some(Seen::Mail(_))) => {
                self.opened += 1;
                self.recipients.clear();
                self.content.clear();
                let envelope = session.envelope().unwrap();
                self.is_binary = envelope.body() == Some(BodyType::BinaryMime);
            }
            (b"RCPT", Some(Seen::Rcpt(path))) => self.recipients.push(path.clone()),
            (b"DATA", Some(Seen::Data)) if code == 354 => {
                assert!(!self.recipients.is_empty(), "content for nobody");
                self.content.clear();
                self.in_vain = false;
                self.reading = Reading::Lines;
            }
            _ => assert_ne!(code, 354, "what for?"),
        }
    }

    fn line_of_content(&mut self) {
        let (line, is_whole) = self.line();
        let said = self.send(line, is_whole);
        if is_whole && line == b"." {
            let [reply] = said.as_slice() else {
                panic!("{said:?} to the end of the content");
            };
            self.reading = Reading::Commands;
            self.content_ended(reply, false);
            return;
        }
        assert!(
            said.is_empty() || self.server.is_closed(),
            "{said:?} within the content"
        );
        self.content.extend(line.strip_prefix(b".").unwrap_or(line));
        if is_whole {
            self.content.extend(b"\r\n");
        }
    }

    fn chunk(&mut self, left: u64, last: bool) {
        let length = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(self.rest.len());
        let octets = self.take(length);
        let said = self.send(octets, false);
        self.content.extend(octets);
        let left = left - length as u64;
        if left > 0 {
            assert!(
                said.is_empty() || self.server.is_closed(),
                "{said:?} within a chunk"
            );
            self.reading = Reading::Chunk { left, last };
            return;
        }
        let [reply] = said.as_slice() else {
            panic!("{said:?} to a chunk");
        };
        self.chunk_ended(last, reply);
    }

    fn chunk_ended(&mut self, last: bool, reply: &Reply) {
        self.reading = Reading::Commands;
        let yes = reply.code().is_positive();
        if self.in_vain {
            assert!(!yes, "{reply} to a chunk of nothing");
        } else if last {
            self.content_ended(reply, true);
        } else if !yes {
            self.content.clear();
        } else {
            let judged = self.content.strip_suffix(b"\r").unwrap_or(&self.content);
            assert!(self.fault(judged).is_none(), "a chunk at fault is taken");
        }
    }

    /// What is wrong with content.
    fn fault(&self, content: &[u8]) -> Option<&'static str> {
        if !self.is_binary && !self.plan.repairs && has_lone(content) {
            Some("lone CR or LF")
        } else if !self.plan.repairs
            && self
                .plan
                .most
                .is_some_and(|most| content.len() as u64 > most)
        {
            Some("too large")
        } else {
            None
        }
    }

    /// The application has the message, if anybody is to have it, as it was sent.
    fn content_ended(&mut self, reply: &Reply, in_chunks: bool) {
        let content = std::mem::take(&mut self.content);
        let recipients = std::mem::take(&mut self.recipients);
        let mut seen = self.server.seen.iter().rev();
        let message = seen.next();
        let Some(Seen::Message(to)) = message else {
            assert!(
                !reply.code().is_positive(),
                "{reply} to what nobody has got"
            );
            let closes = self.server.is_closed();
            let refused = self.server.refused > 0 || closes || self.plan.repairs;
            let why = self.fault(&content);
            assert!(refused || why.is_some(), "{reply} to good content");
            return;
        };
        assert!(!to.is_empty(), "a message for nobody");
        assert_eq!(*to, recipients);
        assert_eq!(self.fault(&content), None, "it was passed on");
        let content = match self.plan.repairs && !self.is_binary {
            true => repaired(&content),
            false => content,
        };
        // Other commands may stand between two chunks.
        let since = seen.take_while(|seen| **seen != Seen::Data);
        let mut pieces: Vec<&[u8]> = since
            .filter_map(|seen| match seen {
                Seen::Content(octets) => Some(octets.as_slice()),
                _ => None,
            })
            .collect();
        pieces.reverse();
        let got = pieces.concat();
        assert!(
            got == content,
            "\"{}\" came as \"{}\"{}",
            content.escape_ascii(),
            got.escape_ascii(),
            if in_chunks { ", in chunks" } else { "" }
        );
    }

    /// Each transaction has one end, and nobody is let in without a 235.
    fn check_books(&self) {
        let server = &self.server;
        let is_end = |seen: &&Seen| matches!(seen, Seen::Message(_) | Seen::Discarded(_));
        let ended = server.seen.iter().filter(is_end).count() + server.refused;
        let open = usize::from(server.session.envelope().is_some());
        assert_eq!(self.opened, ended + open, "{:?}", server.seen);
        let authenticated = server.session.authenticated().is_some();
        assert!(!authenticated || self.succeeded, "authenticated");
    }

    /// Nothing shows what belongs to an exchange.
    fn check_secrets(&self, line: &[u8], in_exchange: bool, before: usize) {
        let is_auth = line.len() > 5 && line[..5].eq_ignore_ascii_case(b"AUTH ");
        if !is_auth && !in_exchange {
            return;
        }
        let shown = self.shown.lock().unwrap();
        let debug = format!("{:?}", self.server.session);
        let words = line
            .split(|octet| *octet == b' ')
            .skip(if is_auth && !in_exchange { 2 } else { 0 });
        for word in words {
            let is_base64 = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
            if word.len() < 16 || !word.iter().all(is_base64) {
                continue;
            }
            let word = std::str::from_utf8(word).unwrap();
            assert!(!shown[before..].contains(word), "{word} is shown");
            assert!(!debug.contains(word), "{word} is in {debug}");
        }
    }

    /// The last of it: the end of the input, or the deadline.
    pub(super) fn finish(&mut self) {
        let server = &mut self.server;
        if server.is_closed() {
            // Nothing happens any more.
        } else if self.plan.ends {
            server.end();
        } else {
            let seen = server.seen.len();
            time_out(server);
            let expected = [
                &[Seen::Discarded(Discarded::Timeout), Seen::Closed][..],
                &[Seen::Closed],
            ];
            assert!(
                expected.contains(&&server.seen[seen..]),
                "{:?}",
                server.seen
            );
        }
        assert!(server.is_closed(), "no end: {:?}", server.session);
        self.check_books();
        let server = &mut self.server;
        let (seen, output) = (server.seen.len(), server.output.len());
        server.send(self.rest);
        server.send("NOOP\r\n");
        server.pass(4000);
        assert_eq!((server.seen.len(), server.output.len()), (seen, output));
        assert_eq!(server.session.poll_timeout(), None);
        assert!(!server.session.wants_input());
    }
}

/// Lets the deadline pass.
pub(super) fn time_out(server: &mut Server) {
    // Where the application has just answered, the time begins with the next news.
    for _ in 0..2 {
        if let Some(deadline) = server.session.poll_timeout() {
            server.now = server.now.max(deadline);
            server.session.handle_timeout(server.now);
            server.drive();
        }
    }
}

/// How long the chunk behind a line is, and whether it is the last, if the line is
/// BDAT.
fn declared(line: &[u8]) -> Option<(u64, bool)> {
    let line = std::str::from_utf8(line).ok()?.to_ascii_uppercase();
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    if words.next()? != "BDAT" {
        return None;
    }
    let octets = words.next()?.trim_end().parse().ok()?;
    let last = words.next().is_some_and(|word| word.trim_end() == "LAST");
    Some((octets, last))
}
