//! The wire format, in memory: the project's, Stalwart's, lettre's, and floors.

use std::{hint::black_box, time::Duration};

use futures_lite::future::block_on;
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

use crate::work::repeated;

/// How much content there is, in octets, about.
const LEN: usize = 1 << 20;

/// One thing that is done over and over.
pub struct Parser {
    /// What it is about.
    pub work: &'static str,
    /// Who does it.
    pub who: &'static str,
    /// How many octets are gone through.
    pub octets: usize,
    /// Makes what does it once.
    pub make: Make,
}

/// Makes what is done over and over.
pub type Make = Box<dyn FnOnce() -> Box<dyn FnMut()>>;

pub const OURS: &str = "ours";
pub const ONE_LINE: &str = "reply-1";
pub const FOUR_LINES: &str = "reply-4";
pub const EHLO: &str = "ehlo";
/// Kinds of content: to stuff, to undo it, and the line that it is made of.
const CONTENTS: [(&str, &str, &str); 3] = [
    (
        "stuff-text",
        "unstuff-text",
        "The quick brown fox jumps over the lazy dog, and then once more.\r\n",
    ),
    (
        "stuff-base64",
        "unstuff-base64",
        "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\r\n",
    ),
    ("stuff-dots", "unstuff-dots", ".\r\n"),
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

/// Whether this is somebody else's library.
#[must_use]
pub fn is_peer(who: &str) -> bool {
    const NOT: [&str; 7] = [
        OURS,
        "smtp-blocking",
        "smtp-smol",
        "floor",
        "floor-async",
        "memcpy",
        "memchr",
    ];
    !NOT.contains(&who)
}

/// All that there is to measure.
#[must_use]
pub fn all() -> Vec<Parser> {
    let mut all = Vec::new();
    for (work, reply) in REPLIES {
        let mut add = |who, make| {
            all.push(Parser {
                work,
                who,
                octets: reply.len(),
                make,
            })
        };
        replies(reply, &mut add);
    }
    ehlo(&mut |who, make| {
        all.push(Parser {
            work: EHLO,
            who,
            octets: EHLO_REPLY.len(),
            make,
        })
    });
    for (stuffing, unstuffing, line) in CONTENTS {
        let octets = LEN / line.len() * line.len();
        stuff(line, &mut |who, make| {
            all.push(Parser {
                work: stuffing,
                who,
                octets,
                make,
            })
        });
        unstuff(line, &mut |who, make| {
            all.push(Parser {
                work: unstuffing,
                who,
                octets,
                make,
            })
        });
    }
    all
}

type Add<'a> = &'a mut dyn FnMut(&'static str, Make);

/// Something that needs nothing to begin with.
fn stateless(run: impl FnMut() + 'static) -> Make {
    Box::new(|| Box::new(run))
}

fn replies(reply: &'static str, add: Add<'_>) {
    let floor = move || {
        let mut rest = black_box(reply.as_bytes());
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end + 1);
            black_box(digits(line));
            rest = after;
        }
    };
    add("floor", stateless(floor));
    let mut parser = ReplyParser::default();
    let ours = move || {
        let mut input = black_box(reply.as_bytes());
        let _ = black_box(parser.parse(&mut input));
    };
    add(OURS, stateless(ours));
    let stalwart = move || {
        let mut input = black_box(reply.as_bytes()).iter();
        let _ = black_box(ResponseReceiver::default().parse(&mut input));
    };
    add("stalwart", stateless(stalwart));
    let lettre = move || {
        let _ = black_box(black_box(reply).parse::<Response>());
    };
    add("lettre", stateless(lettre));
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
    let floor = || {
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
    };
    add("floor", stateless(floor));
    let mut parser = ReplyParser::default();
    let ours = move || {
        let mut input = black_box(EHLO_REPLY.as_bytes());
        if let Ok(Some(reply)) = parser.parse(&mut input) {
            black_box(Capabilities::from_reply(&reply));
        }
    };
    add(OURS, stateless(ours));
    let stalwart = || {
        let _ = black_box(EhloResponse::parse(
            &mut black_box(EHLO_REPLY.as_bytes()).iter(),
        ));
    };
    add("stalwart", stateless(stalwart));
    let lettre = || {
        if let Ok(response) = black_box(EHLO_REPLY).parse::<Response>() {
            let _ = black_box(ServerInfo::from_response(&response));
        }
    };
    add("lettre", stateless(lettre));
}

/// The code, and whether the line is the last.
fn digits(line: &[u8]) -> Option<(u16, bool)> {
    let [a, b, c, rest @ ..] = line else {
        return None;
    };
    let value = |digit: &u8| u16::from(digit.wrapping_sub(b'0'));
    let code = value(a) * 100 + value(b) * 10 + value(c);
    Some((code, rest.first() != Some(&b'-')))
}

fn stuff(line: &'static str, add: Add<'_>) {
    let mut over = |who, make: fn(Vec<u8>) -> Box<dyn FnMut()>| {
        add(who, Box::new(move || make(repeated(line, LEN))));
    };
    over("memcpy", |from| {
        let mut to = vec![0; from.len()];
        Box::new(move || {
            to.copy_from_slice(black_box(&from));
            black_box(&mut to);
        })
    });
    over("memchr", |from| {
        Box::new(move || {
            black_box(memchr_iter(b'\n', black_box(&from)).count());
        })
    });
    over("floor", |from| {
        Box::new(move || {
            black_box(memmem::find_iter(black_box(&from), b"\r\n.").count());
        })
    });
    over(OURS, |from| {
        Box::new(move || {
            let mut dots = 0_usize;
            let count = |piece| dots += usize::from(piece == Stuffed::Dot);
            Stuffer::new().stuff(black_box(&from), count);
            black_box(dots);
        })
    });
    over("mail-send", |from| {
        let stream = tokio::io::join(tokio::io::empty(), tokio::io::sink());
        let mut client = SmtpClient {
            stream,
            timeout: Duration::MAX,
        };
        Box::new(move || {
            let _ = black_box(block_on(client.write_message(black_box(&from))));
        })
    });
}

fn unstuff(line: &'static str, add: Add<'_>) {
    let mut over = |who, make: fn(Vec<u8>) -> Box<dyn FnMut()>| {
        add(who, Box::new(move || make(stuffed(&repeated(line, LEN)))));
    };
    over("floor", |from| {
        Box::new(move || {
            black_box(memmem::find_iter(black_box(&from), b"\r\n.").count());
        })
    });
    over(OURS, |from| {
        Box::new(move || {
            let mut unstuffer = Unstuffer::new();
            let mut input = black_box(&from[..]);
            black_box(std::iter::from_fn(|| unstuffer.next(&mut input)).count());
        })
    });
    over("stalwart", |from| {
        let mut to = Vec::with_capacity(from.len());
        Box::new(move || {
            to.clear();
            black_box(DataReceiver::new().ingest(&mut black_box(&from[..]).iter(), &mut to));
        })
    });
}

fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(2 * content.len());
    let mut stuffer = Stuffer::new();
    stuffer.stuff(content, |piece| wire.extend_from_slice(piece.octets()));
    wire.extend_from_slice(stuffer.finish());
    wire
}
