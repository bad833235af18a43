//! Replays the dialogues in `transcripts/` against the client session, with
//! the server's octets cut in every way. `transcripts/README.md` has the format.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{fs, path::Path};

use smtp_oracles::{
    seeds::octets,
    talk::{Talk, config, secs},
};
use smtp_proto::{
    TlsInfo, TlsPolicy,
    client::{
        Authentication, Config, HeloFallback, LineEndings, Pipelining, RecipientPolicy, Transaction,
    },
    sasl::Credentials,
    types::{Argument, BodyType, ForwardPath, RawCommand, ReversePath},
};

/// What happens between two moments at which the client waits for the server.
#[derive(Default)]
struct Step {
    server: Vec<u8>,
    server_closes: bool,
    requests: Vec<Request>,
    client: Vec<u8>,
    events: Vec<String>,
}

struct Request {
    words: String,
    content: Option<Vec<u8>>,
}

struct Script {
    config: Config,
    steps: Vec<Step>,
}

fn parse(text: &str) -> Script {
    let mut config = config();
    let mut steps = vec![Step::default()];
    let mut behind_server = false;
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        assert_eq!(line, line.trim_end(), "white space at the end");
        let says = |side: &str| {
            let text = line.strip_prefix(side)?.strip_prefix(':')?;
            Some(octets(text.strip_prefix(' ').unwrap_or(text)))
        };
        let server = says("S");
        let is_server = server.is_some() || line == "S eof";
        if is_server && !behind_server {
            steps.push(Step::default());
        }
        behind_server = is_server;
        let step = steps.last_mut().unwrap();
        if let Some(octets) = server {
            step.server.extend(octets);
        } else if line == "S eof" {
            step.server_closes = true;
        } else if let Some(octets) = says("C") {
            step.client.extend(octets);
        } else if line == "C eof" {
            // Nothing that a client session does: its driver closes.
        } else if let Some(content) = line.strip_prefix("> |") {
            let request = step.requests.last_mut().unwrap();
            let before = request.content.get_or_insert_default();
            before.extend(octets(content));
        } else if let Some(setting) = line.strip_prefix("> config ") {
            match setting {
                "pipelining off" => config = config.pipelining(Pipelining::Off),
                "helo any" => config = config.helo_fallback(HeloFallback::AnyRefusal),
                "helo never" => config = config.helo_fallback(HeloFallback::Never),
                "repair" => config = config.line_endings(LineEndings::Repair),
                "tls required" => config = config.tls(TlsPolicy::Required),
                "tls opportunistic" => config = config.tls(TlsPolicy::Opportunistic),
                "tls implicit" => config = config.tls(TlsPolicy::Implicit),
                other => match other.strip_prefix("auth ") {
                    Some(words) => config = config.authentication(authentication(words)),
                    None => panic!("config {other}"),
                },
            }
        } else if let Some(words) = line.strip_prefix("> ") {
            step.requests.push(Request {
                words: words.into(),
                content: None,
            });
        } else if let Some(event) = line.strip_prefix("= ") {
            step.events.push(event.into());
        } else {
            panic!("what is {line:?}?");
        }
    }
    Script { config, steps }
}

fn authentication(words: &str) -> Authentication {
    let mut words = words.split(' ');
    let kind = words.next().unwrap();
    let user = words.next().unwrap();
    let secret = words.next().unwrap();
    let credentials = match kind {
        "password" => Credentials::password(user, secret),
        "token" => Credentials::token(user, secret).server("mx.example.net", 587),
        other => panic!("auth {other}"),
    };
    // Dialogues are read more easily in clear.
    let made = Authentication::new(credentials).secrets_in_clear(true);
    let names: Vec<&str> = words.collect();
    if names.is_empty() {
        made
    } else {
        made.mechanisms(names)
    }
}

fn transaction(words: &mut dyn Iterator<Item = &str>) -> Transaction {
    let mut transaction: Vec<fn(Transaction) -> Transaction> = Vec::new();
    let mut size = None;
    let from: ReversePath = loop {
        match words.next().unwrap() {
            "7bit" => transaction.push(|it| it.body(BodyType::SevenBit)),
            "8bit" => transaction.push(|it| it.body(BodyType::EightBitMime)),
            "all" => transaction.push(|it| it.policy(RecipientPolicy::AllOrNothing)),
            "one" => transaction.push(Transaction::in_one),
            word => match word.strip_prefix("size=") {
                Some(number) => size = Some(number.parse().unwrap()),
                None => break word.parse().unwrap(),
            },
        }
    };
    let mut made = Transaction::new(from);
    if let Some(size) = size {
        made = made.size(size);
    }
    for change in transaction {
        made = change(made);
    }
    words.fold(made, |made, to| {
        made.recipient(to.parse::<ForwardPath>().unwrap())
    })
}

fn perform(talk: &mut Talk, request: &Request) {
    let (verb, rest) = request
        .words
        .split_once(' ')
        .unwrap_or((&request.words, ""));
    let mut words = rest.split(' ').filter(|word| !word.is_empty());
    let argument = || Argument::new(rest).unwrap();
    let session = &mut talk.session;
    match verb {
        "send" => {
            let mut made = transaction(&mut words);
            if let Some(content) = &request.content {
                made = made.content(content.clone());
            }
            session.send(made).unwrap();
        }
        "mail" => {
            session.mail(transaction(&mut words)).unwrap();
        }
        "rcpt" => {
            session.rcpt(rest.parse::<ForwardPath>().unwrap()).unwrap();
        }
        "data" => session.data().unwrap(),
        "reset" => session.reset().unwrap(),
        "body" => {
            let content = request.content.clone().unwrap();
            session.body().unwrap().write(content).unwrap();
        }
        "end" => session.body().unwrap().finish().unwrap(),
        "abort" => session.body().unwrap().abort(),
        "vrfy" => drop(session.verify(argument()).unwrap()),
        "expn" => drop(session.expand(argument()).unwrap()),
        "help" => drop(session.help(Argument::new(rest).ok()).unwrap()),
        "noop" => drop(session.noop().unwrap()),
        "raw" => drop(session.command(RawCommand::new(rest).unwrap()).unwrap()),
        "quit" => session.quit().unwrap(),
        "auth" => drop(session.authenticate(authentication(rest)).unwrap()),
        "tls" => session.handle_tls_established(TlsInfo::new(), talk.now),
        "wait" => talk.wait(secs(rest.parse().unwrap())),
        "unwritable" => session.handle_write_closed(talk.now),
        other => panic!("request {other}"),
    }
}

/// Replays `script`, with the server's octets cut by `cut` (which is given the
/// number of the first and what there is), the output taken in pieces of
/// `piece`.
fn replay(
    name: &str,
    script: &Script,
    mut cut: impl FnMut(usize, &[u8]) -> Vec<usize>,
    piece: usize,
) {
    let mut talk = Talk::new(script.config.clone());
    let mut fed = 0;
    for (number, step) in script.steps.iter().enumerate() {
        let mut events = Vec::new();
        let mut rest = &step.server[..];
        for at in cut(fed, rest) {
            let (now, later) = rest.split_at(at);
            talk.say(now);
            // What comes of it must not depend on when the events are taken.
            if at == 1 {
                events.extend(talk.events());
            }
            rest = later;
        }
        fed += step.server.len();
        if !rest.is_empty() {
            talk.say(rest);
        }
        if step.server_closes {
            talk.eof();
        }
        events.extend(talk.events());
        let mut out = Vec::new();
        let mut drain = |talk: &mut Talk| loop {
            let octets = talk.send(piece);
            if octets.is_empty() {
                break;
            }
            out.extend(octets);
        };
        for request in &step.requests {
            // The driver writes before time passes, or writing fails.
            let verb = request.words.split(' ').next();
            if matches!(verb, Some("wait" | "unwritable" | "tls")) {
                drain(&mut talk);
            }
            perform(&mut talk, request);
            events.extend(talk.events());
        }
        drain(&mut talk);
        events.extend(talk.events());
        let shown = |octets: &[u8]| octets.escape_ascii().to_string().replace("\\r\\n", "\n");
        assert_eq!(shown(&out), shown(&step.client), "{name}, step {number}");
        assert_eq!(events, step.events, "{name}, step {number}");
    }
    assert!(talk.pending().is_empty(), "{name}: output is left");
}

#[test]
fn m_29_every_dialogue_whole_in_octets_and_cut_in_two_everywhere() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "smtp") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name.contains("cram") && cfg!(not(feature = "digest")) {
            continue;
        }
        let script = parse(&fs::read_to_string(&path).unwrap());
        let length: usize = script.steps.iter().map(|step| step.server.len()).sum();
        replay(&name, &script, |_, _| Vec::new(), usize::MAX);
        replay(&name, &script, |_, _| Vec::new(), 1);
        for piece in [usize::MAX, 1] {
            replay(&name, &script, |_, flight| vec![1; flight.len()], piece);
        }
        for at in 0..length {
            let cut = |first: usize, flight: &[u8]| match at.checked_sub(first) {
                Some(inside) if inside > 0 && inside < flight.len() => vec![inside],
                _ => Vec::new(),
            };
            replay(&name, &script, cut, usize::MAX);
        }
        count += 1;
    }
    assert!(count >= 30, "only {count} dialogues were found");
}
