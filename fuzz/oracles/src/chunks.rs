//! Content in chunks (BDAT, RFC 3030): the server session against a model, and the
//! client session against the server's.

mod model;

use smtp_proto::{
    Instant,
    client::{Chunking, LineEndings, Pipelining, Transaction},
    server,
    types::BodyType,
};

pub use self::model::{CONTENTS, Model, Step};
pub(crate) use self::model::{has_lone, repaired};
use crate::{
    line::{Application, Line},
    service::{self, Seen, brief, play, replies, without_faulty},
    talk::{self, Talk, mailbox},
    tape::Tape,
};

/// The content is at the front of the input, and behind its last NUL stands what is
/// done with it.
pub fn chunks(input: &[u8]) {
    let (octets, mut tape) = Tape::split(input);
    if tape.rarely(2) {
        encoded(octets, &mut tape);
    } else {
        let steps = Step::read(octets, &mut tape);
        let mut cuts = Vec::new();
        while !tape.is_empty() {
            cuts.push(tape.below(1 << 16));
        }
        as_the_model(&steps, &cuts, 1);
    }
}

/// Whatever is declared, sent and cut, the session does as the model does: the same
/// replies, and the same messages; and nothing depends on the cuts.
pub fn as_the_model(steps: &[Step], cuts: &[usize], hesitate: usize) {
    let mut model = Model::default();
    for step in steps {
        model.step(step);
    }
    let config = service::config()
        .binary_mime(true)
        .max_message_size(Some(Model::LIMIT))
        .max_refused_recipients(1000)
        .max_errors(1000);
    let mut cuts: Vec<usize> = cuts
        .iter()
        .map(|cut| cut % (model.input.len() + 1))
        .collect();
    cuts.extend([0, model.input.len()]);
    cuts.sort_unstable();
    let pieces: Vec<&[u8]> = cuts
        .windows(2)
        .map(|cut| &model.input[cut[0]..cut[1]])
        .collect();
    let (output, seen) = play(&config, &pieces, hesitate);
    let codes: Vec<String> = replies(&output).iter().skip(1).map(brief).collect();
    assert_eq!(codes, model.codes, "{}", model.input.escape_ascii());
    assert_eq!(messages(&seen), model.messages);
    let (output_of_all, seen_of_all) = play(&config, &[&model.input], 0);
    assert_eq!(output_of_all, output);
    assert_eq!(without_faulty(&seen_of_all), without_faulty(&seen));
}

/// The messages that were accepted: how many recipients, and the content.
fn messages(seen: &[Seen]) -> Vec<(usize, Vec<u8>)> {
    let mut content = Vec::new();
    let mut messages = Vec::new();
    for seen in seen {
        match seen {
            Seen::Data => content.clear(),
            Seen::Content(octets) => content.extend_from_slice(octets),
            Seen::Message(recipients) => {
                messages.push((recipients.len(), std::mem::take(&mut content)));
            }
            _ => {}
        }
    }
    messages
}

/// How content is sent.
#[derive(Clone, Copy, Debug)]
struct Way {
    chunking: Chunking,
    pipelining: Pipelining,
    chunk_size: usize,
    chunks: usize,
    repair: bool,
    binary: bool,
    /// How much is supplied at once; all of it beforehand if it is 0.
    piece: usize,
}

impl Way {
    fn read(tape: &mut Tape<'_>) -> Self {
        Self {
            chunking: tape.one_of(&[
                Chunking::AtOnce,
                Chunking::WhenAccepted,
                Chunking::WhenNeeded,
            ]),
            pipelining: tape.one_of(&[
                Pipelining::WithinTransaction,
                Pipelining::AcrossTransactions,
                Pipelining::Off,
            ]),
            chunk_size: 1 + tape.below(100),
            chunks: 1 + tape.below(8),
            repair: tape.rarely(2),
            binary: tape.rarely(2),
            piece: tape.below(60),
        }
    }
}

/// However content is sent, the server's application gets it octet for octet: with a
/// CRLF at its end, and its line ends repaired, unless it is binary; and content
/// that may not be sent is refused before any of it is.
fn encoded(content: &[u8], tape: &mut Tape<'_>) {
    let way = Way::read(tape);
    let config = talk::config()
        .chunking(way.chunking)
        .pipelining(way.pipelining)
        .chunk_size(way.chunk_size)
        .max_unanswered_chunks(way.chunks)
        .max_line(None)
        .nul_in_content(true)
        .line_endings(match way.repair {
            true => LineEndings::Repair,
            false => LineEndings::Refuse,
        });
    let body = match way.binary {
        true => BodyType::BinaryMime,
        false => BodyType::EightBitMime,
    };
    let mut transaction = Transaction::new(mailbox("alice@example.org"))
        .recipient(mailbox("bob@example.net"))
        .body(body);
    if way.piece == 0 {
        transaction = transaction.content(content.to_vec());
    }
    let expected = expected(content, way);
    let mut talk = Talk::new(config);
    let sent = talk.session.send(transaction);
    if expected.is_none() && way.piece == 0 {
        assert!(sent.is_err(), "{way:?}");
        return;
    }
    sent.unwrap();
    talk.session.quit().unwrap();
    let server = server::Session::new(service::config().binary_mime(true), Instant::ORIGIN);
    let application = Receiver {
        supply: content.to_vec(),
        way,
        given: 0,
        refused: false,
        content: Vec::new(),
        messages: Vec::new(),
    };
    let mut line = Line::new(talk, server, application);
    line.run(|| 1 + tape.below(80) + if tape.is_empty() { 1000 } else { 0 });
    let got = &line.application.messages;
    assert_eq!(line.application.refused, expected.is_none(), "{way:?}");
    match expected {
        Some(expected) => assert!(
            *got == [expected.clone()],
            "{way:?}: {} and not {}",
            got.concat().escape_ascii(),
            expected.escape_ascii()
        ),
        None => assert!(got.is_empty()),
    }
}

/// What is to come of content, if it may be sent.
fn expected(content: &[u8], way: Way) -> Option<Vec<u8>> {
    if way.binary {
        return Some(content.to_vec());
    }
    let mut whole = repaired(content);
    if !way.repair && whole != content {
        return None;
    }
    if !whole.is_empty() && !whole.ends_with(b"\r\n") {
        whole.extend(b"\r\n");
    }
    Some(whole)
}

/// Supplies the content piece by piece, and takes every message.
#[derive(Debug)]
struct Receiver {
    supply: Vec<u8>,
    way: Way,
    given: usize,
    /// A piece was not such as can be sent.
    refused: bool,
    content: Vec<u8>,
    messages: Vec<Vec<u8>>,
}

impl Application for Receiver {
    fn event(&mut self, event: server::Event<'_>) {
        match event {
            server::Event::Hello(hello) => hello.accept(),
            server::Event::Mail(mail) => mail.accept(),
            server::Event::Rcpt(rcpt) => rcpt.accept(),
            server::Event::Data(data) => {
                self.content.clear();
                data.accept();
            }
            server::Event::Content(octets) => self.content.extend(octets),
            server::Event::Message(message) => {
                assert_eq!(message.octets(), self.content.len() as u64);
                self.messages.push(std::mem::take(&mut self.content));
                message.accept();
            }
            server::Event::Discarded(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn supply(&mut self, talk: &mut Talk) -> bool {
        let Some(body) = talk.session.body() else {
            return false;
        };
        let rest = &self.supply[self.given..];
        let piece = &rest[..rest.len().min(self.way.piece)];
        self.given += piece.len();
        let done = match piece.is_empty() {
            true => body.finish(),
            false => body.write(piece.to_vec()),
        };
        if done.is_err() {
            self.refused = true;
            talk.session.abort();
        }
        true
    }
}
