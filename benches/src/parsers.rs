//! The wire format, in memory: the project's, Stalwart's, lettre's, and floors.

use std::hint::black_box;

use lettre::transport::smtp::{extension::ServerInfo, response::Response};
use mail_send::SmtpClient;
use memchr::{memchr, memchr_iter, memmem};
use smtp_proto::{
    types::Capabilities,
    wire::{ReplyParser, Stuffed, Stuffer, Unstuffer},
};
use stalwart_proto::{
    EhloResponse, request::receiver::DataReceiver, response::parser::ResponseReceiver,
};
use tokio::runtime::Builder;

use crate::{LEN, Result, work::repeated};

/// One thing that is done over and over.
pub struct Parser {
    /// What it is about.
    pub work: &'static str,
    /// Who does it.
    pub who: &'static str,
    /// How many octets are gone through.
    pub octets: usize,
    /// Does it once.
    pub run: Box<dyn FnMut()>,
}

pub const OURS: &str = "ours";
pub const ONE_LINE: &str = "reply-1";
pub const FOUR_LINES: &str = "reply-4";
pub const EHLO: &str = "ehlo";
/// Kinds of content.
pub const CONTENTS: [(&str, &str); 3] = [
    (
        "text",
        "The quick brown fox jumps over the lazy dog, and then once more.\r\n",
    ),
    (
        "base64",
        "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n",
    ),
    ("dots", ".\r\n"),
];

const REPLIES: [(&str, &str); 2] = [
    (ONE_LINE, "250 2.1.5 Ok\r\n"),
    (
        FOUR_LINES,
        "550-5.7.1 one\r\n550-5.7.1 two\r\n550-5.7.1 three\r\n550 5.7.1 four\r\n",
    ),
];
pub const EHLO_REPLY: &str = "250-mx.example.net at your service\r\n250-PIPELINING\r\n\
    250-SIZE 104857600\r\n250-8BITMIME\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN SCRAM-SHA-256\r\n\
    250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-DSN\r\n250 SMTPUTF8\r\n";

/// All that there is to measure.
pub fn all() -> Result<Vec<Parser>> {
    let mut all = Vec::new();
    for (work, reply) in REPLIES {
        replies(work, reply, &mut |who, run| {
            all.push(Parser {
                work,
                who,
                octets: reply.len(),
                run,
            });
        });
    }
    ehlo(&mut |who, run| {
        all.push(Parser {
            work: EHLO,
            who,
            octets: EHLO_REPLY.len(),
            run,
        })
    });
    for ((name, line), (stuffing, unstuffing)) in CONTENTS.into_iter().zip([
        ("stuff-text", "unstuff-text"),
        ("stuff-base64", "unstuff-base64"),
        ("stuff-dots", "unstuff-dots"),
    ]) {
        debug_assert!(stuffing.ends_with(name));
        let content = repeated(line, LEN);
        let octets = content.len();
        stuff(&content, &mut |who, run| {
            all.push(Parser {
                work: stuffing,
                who,
                octets,
                run,
            })
        })?;
        unstuff(&content, &mut |who, run| {
            all.push(Parser {
                work: unstuffing,
                who,
                octets,
                run,
            })
        });
    }
    Ok(all)
}

type Add<'a> = &'a mut dyn FnMut(&'static str, Box<dyn FnMut()>);

fn replies(_: &str, reply: &'static str, add: Add<'_>) {
    add(
        "floor",
        Box::new(move || {
            let mut rest = black_box(reply.as_bytes());
            while let Some(end) = memchr(b'\n', rest) {
                let (line, after) = rest.split_at(end + 1);
                black_box(digits(line));
                rest = after;
            }
        }),
    );
    let mut parser = ReplyParser::default();
    add(
        OURS,
        Box::new(move || {
            let mut input = black_box(reply.as_bytes());
            let _ = black_box(parser.parse(&mut input));
        }),
    );
    add(
        "stalwart",
        Box::new(move || {
            let mut input = black_box(reply.as_bytes()).iter();
            let _ = black_box(ResponseReceiver::default().parse(&mut input));
        }),
    );
    add(
        "lettre",
        Box::new(move || {
            let _ = black_box(black_box(reply).parse::<Response>());
        }),
    );
}

fn ehlo(add: Add<'_>) {
    const KEYWORDS: [&[u8]; 9] = [
        b"PIPELINING",
        b"SIZE",
        b"8BITMIME",
        b"STARTTLS",
        b"AUTH",
        b"ENHANCEDSTATUSCODES",
        b"CHUNKING",
        b"DSN",
        b"SMTPUTF8",
    ];
    add(
        "floor",
        Box::new(|| {
            let mut rest = black_box(EHLO_REPLY.as_bytes());
            let mut found = 0_u32;
            while let Some(end) = memchr(b'\n', rest) {
                let (line, after) = rest.split_at(end + 1);
                black_box(digits(line));
                let text = line.get(4..).unwrap_or_default();
                let keyword = text
                    .split(|b| b" \r".contains(b))
                    .next()
                    .unwrap_or_default();
                let known = KEYWORDS
                    .iter()
                    .position(|name| name.eq_ignore_ascii_case(keyword));
                found |= known.map_or(0, |n| 1 << n);
                rest = after;
            }
            black_box(found);
        }),
    );
    let mut parser = ReplyParser::default();
    add(
        OURS,
        Box::new(move || {
            let mut input = black_box(EHLO_REPLY.as_bytes());
            if let Ok(Some(reply)) = parser.parse(&mut input) {
                black_box(Capabilities::from_reply(&reply));
            }
        }),
    );
    add(
        "stalwart",
        Box::new(|| {
            let _ = black_box(EhloResponse::parse(
                &mut black_box(EHLO_REPLY.as_bytes()).iter(),
            ));
        }),
    );
    add(
        "lettre",
        Box::new(|| {
            if let Ok(response) = black_box(EHLO_REPLY).parse::<Response>() {
                let _ = black_box(ServerInfo::from_response(&response));
            }
        }),
    );
}

/// The code, and whether the line is the last.
fn digits(line: &[u8]) -> Option<(u16, bool)> {
    let [a, b, c, rest @ ..] = line else {
        return None;
    };
    let value = |digit: &u8| u16::from(digit.wrapping_sub(b'0'));
    Some((
        value(a) * 100 + value(b) * 10 + value(c),
        rest.first() != Some(&b'-'),
    ))
}

fn stuff(content: &[u8], add: Add<'_>) -> Result {
    let from = content.to_vec();
    let mut to = vec![0; from.len()];
    add(
        "memcpy",
        Box::new(move || {
            to.copy_from_slice(black_box(&from));
            black_box(&mut to);
        }),
    );
    let from = content.to_vec();
    add(
        "memchr",
        Box::new(move || {
            black_box(memchr_iter(b'\n', black_box(&from)).count());
        }),
    );
    let from = content.to_vec();
    add(
        "floor",
        Box::new(move || {
            black_box(memmem::find_iter(black_box(&from), b"\r\n.").count());
        }),
    );
    let from = content.to_vec();
    add(
        OURS,
        Box::new(move || {
            let mut dots = 0_usize;
            Stuffer::new().stuff(black_box(&from), |piece| {
                dots += usize::from(piece == Stuffed::Dot)
            });
            black_box(dots);
        }),
    );
    let from = content.to_vec();
    let stream = tokio::io::join(tokio::io::empty(), tokio::io::sink());
    let mut client = SmtpClient {
        stream,
        timeout: std::time::Duration::MAX,
    };
    let runtime = Builder::new_current_thread().build()?;
    add(
        "mail-send",
        Box::new(move || {
            let _ = black_box(runtime.block_on(client.write_message(black_box(&from))));
        }),
    );
    Ok(())
}

fn unstuff(content: &[u8], add: Add<'_>) {
    let mut wire = Vec::new();
    let mut stuffer = Stuffer::new();
    stuffer.stuff(content, |piece| wire.extend_from_slice(piece.octets()));
    wire.extend_from_slice(stuffer.finish());

    let from = wire.clone();
    add(
        "floor",
        Box::new(move || {
            black_box(memmem::find_iter(black_box(&from), b"\r\n.").count());
        }),
    );
    let from = wire.clone();
    add(
        OURS,
        Box::new(move || {
            let mut unstuffer = Unstuffer::new();
            let mut input = black_box(&from[..]);
            black_box(std::iter::from_fn(|| unstuffer.next(&mut input)).count());
        }),
    );
    let mut to = Vec::with_capacity(wire.len());
    add(
        "stalwart",
        Box::new(move || {
            to.clear();
            black_box(DataReceiver::new().ingest(&mut black_box(&wire[..]).iter(), &mut to));
        }),
    );
}
