//! Replays the dialogues in `transcripts/server/` against the server session,
//! with the client's octets cut in every way. `transcripts/README.md` has the
//! format.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{fs, path::Path};

use smtp_proto::{
    Instant, TlsInfo, TlsPolicy,
    sasl::{Credential, Proof, ServerMechanism, Verdict},
    server::{Authentication, Config, Event, Rejection, Session},
    types::Mailbox,
};

#[derive(Debug, Default)]
struct Script {
    tls: TlsPolicy,
    auth: bool,
    /// What the client says in clear, and then what it says inside TLS.
    client: Vec<Vec<u8>>,
    server: String,
    messages: String,
}

fn parse(text: &str) -> Script {
    let mut script = Script {
        client: vec![Vec::new()],
        ..Script::default()
    };
    for line in text.lines() {
        let (kind, rest) = line.split_at_checked(2).unwrap_or((line, ""));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        match kind {
            "C:" => {
                let client = script.client.last_mut().unwrap();
                client.extend(rest.replace("\\n", "\n").bytes());
                client.extend(b"\r\n");
            }
            "S:" => script.server += &format!("{rest}\r\n"),
            "= " => script.messages += &format!("{rest}\n"),
            "--" => script.client.push(Vec::new()),
            "# " | "" => {}
            _ => match line {
                "config starttls" => script.tls = TlsPolicy::Opportunistic,
                "config starttls required" => script.tls = TlsPolicy::Required,
                "config tls first" => script.tls = TlsPolicy::Implicit,
                "config auth" => script.auth = true,
                _ => panic!("what is {line:?}?"),
            },
        }
    }
    script
}

fn known(mailbox: Option<&Mailbox>) -> bool {
    mailbox.is_none_or(|mailbox| {
        matches!(mailbox.local_part().as_str(), "bob" | "carol")
            && mailbox
                .host()
                .to_string()
                .eq_ignore_ascii_case("example.net")
    })
}

/// How the octets of the client come.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Nowhere,
    Everywhere,
    At(usize),
}

impl Cut {
    /// The pieces of `octets`, which begin at `start`.
    fn pieces(self, octets: &[u8], start: usize) -> Vec<&[u8]> {
        match self {
            Self::Everywhere if !octets.is_empty() => octets.chunks(1).collect(),
            Self::At(at) if (start + 1..start + octets.len()).contains(&at) => {
                let (first, second) = octets.split_at(at - start);
                vec![first, second]
            }
            _ => vec![octets],
        }
    }
}

/// What the session makes of it.
fn replay(script: &Script, cut: Cut) -> (String, String) {
    let config = Config::new("mx.example.net".parse().unwrap())
        .unwrap()
        .ask_verify(true)
        .ask_expand(true)
        .tls(script.tls);
    let config = if script.auth {
        let mechanisms = ["OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"];
        let all = ServerMechanism::ALL.into_iter();
        let offer = all.filter(|mechanism| mechanisms.contains(&mechanism.name()));
        config.authentication(Authentication::new().required(true).mechanisms(offer))
    } else {
        config
    };
    let mut session = Session::new(config, Instant::ORIGIN);
    let (mut server, mut messages, mut content) = (Vec::new(), String::new(), Vec::new());
    let bob: Mailbox = "bob@example.net".parse().unwrap();
    let carol: Mailbox = "carol@example.net".parse().unwrap();
    let mut start = 0;
    let mut pieces = Vec::new();
    for (index, octets) in script.client.iter().enumerate() {
        pieces.extend((index > 0).then_some(None));
        pieces.extend(cut.pieces(octets, start).into_iter().map(Some));
        start += octets.len();
    }
    for piece in pieces {
        match piece {
            None => session.handle_tls_established(TlsInfo::new(), Instant::ORIGIN),
            Some([]) => {}
            Some(piece) => session.handle_input(piece, Instant::ORIGIN),
        }
        loop {
            while let Some(event) = session.poll_event().unwrap() {
                match event {
                    Event::Hello(hello) => hello.accept(),
                    Event::Authenticate(question) => {
                        let claim = question.claim();
                        let is_alice = claim.authentication_identity() == "alice";
                        match claim.proof() {
                            Proof::Password(_) if is_alice => {
                                question.check(&Credential::password("wonderland"));
                            }
                            Proof::Token(_) => question.answer(Ok(Verdict::Refuse)),
                            _ => question.unknown_user(),
                        }
                    }
                    Event::Mail(mail) => mail.accept(),
                    Event::Rcpt(rcpt) if known(rcpt.path().mailbox()) => rcpt.accept(),
                    Event::Rcpt(rcpt) => rcpt.reject(&Rejection::no_such_user()),
                    Event::Data(data) => data.accept(),
                    Event::Content(slice) => content.extend_from_slice(slice),
                    Event::Message(message) => {
                        let envelope = message.envelope();
                        messages += &format!("from {}\n", envelope.reverse_path());
                        for recipient in envelope.recipients() {
                            messages += &format!("to {}\n", recipient.path());
                        }
                        for line in String::from_utf8(std::mem::take(&mut content))
                            .unwrap()
                            .lines()
                        {
                            messages += &format!("|{line}\n");
                        }
                        message.accept();
                    }
                    Event::Verify(verify) => match verify.argument().as_str() {
                        "bob" => verify.is(&bob),
                        "smith" => verify.ambiguous(&[bob.clone(), carol.clone()]),
                        "nobody" => verify.reject(&Rejection::no_such_user()),
                        _ => verify.cannot_tell(),
                    },
                    Event::Expand(expand) => expand.members(&[bob.clone(), carol.clone()]),
                    Event::Discarded(_) => content.clear(),
                    Event::StartTls | Event::Closed => {}
                    other => panic!("{other:?}"),
                }
            }
            let Some(out) = session.poll_transmit() else {
                break;
            };
            let n = out.first().len();
            server.extend_from_slice(out.first());
            session.handle_transmitted(n, Instant::ORIGIN);
        }
    }
    (String::from_utf8(server).unwrap(), messages)
}

#[test]
fn m_24_every_dialogue_whole_in_octets_and_cut_in_two_everywhere() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts/server");
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let script = parse(&fs::read_to_string(&path).unwrap());
        let right = (script.server.clone(), script.messages.clone());
        let length = script.client.iter().map(Vec::len).sum();
        let cuts = (1..length).map(Cut::At);
        for cut in [Cut::Nowhere, Cut::Everywhere].into_iter().chain(cuts) {
            assert_eq!(replay(&script, cut), right, "{name}, cut {cut:?}");
        }
        count += 1;
    }
    assert!(count >= 13, "{count} dialogues");
}
