//! Requests that cannot be carried out: each is told, and leaves the session
//! as it was.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use smtp_oracles::talk::{EHLO, Talk, config, hello, mailbox, message, transaction};
use smtp_proto::{
    client::{
        CommandError, Config, ContentError, ExtensionParameter, NotSent, Recipient, Transaction,
    },
    types::{Argument, Mailbox, ParameterError, RawCommand},
};

fn parameter(text: &str) -> ExtensionParameter {
    ExtensionParameter::new("X", text.parse().unwrap()).unwrap()
}

fn long() -> Mailbox {
    mailbox(&format!("{}@example.net", "x".repeat(65)))
}

/// What is asked for in vain, and how that was answered.
struct Disturbance {
    seen: BTreeSet<String>,
}

impl Disturbance {
    fn note(&mut self, error: &CommandError) {
        let name = format!("{error:?}");
        let name = name.split(['(', ' ']).next().unwrap();
        self.seen.insert(name.to_owned());
        assert!(!error.to_string().is_empty());
    }

    /// Asks for everything that cannot be, in this state.
    fn disturb(&mut self, talk: &mut Talk, in_stages: bool) {
        let session = &mut talk.session;
        let beyond_ascii = Argument::new("\u{fc}").unwrap();
        for error in [
            session.send(transaction(&[]).content("x")).unwrap_err(),
            session.send(message(&[]).recipient(long())).unwrap_err(),
            session
                .send(Transaction::new(long()).recipient(mailbox("a@b")))
                .unwrap_err(),
            session.mail(Transaction::new(long())).unwrap_err(),
            session
                .send(message(&["bob"]).parameter(parameter("size=1")))
                .unwrap_err(),
            session
                .send(message(&["bob"]).parameter(parameter("BODY=7BIT")))
                .unwrap_err(),
            session
                .send(message(&["bob"]).parameter(parameter("SMTPUTF8")))
                .unwrap_err(),
            session
                .send(
                    message(&["bob"])
                        .parameter(parameter("A=1"))
                        .parameter(parameter("a=2")),
                )
                .unwrap_err(),
            session
                .send(message(&["bob"]).parameter(parameter(&format!("A={}", "x".repeat(1500)))))
                .unwrap_err(),
            session
                .send(transaction(&["bob"]).content("a\nb"))
                .unwrap_err(),
            session
                .send(transaction(&["bob"]).content("a\r"))
                .unwrap_err(),
            session.verify(beyond_ascii.clone()).unwrap_err(),
            session.expand(beyond_ascii.clone()).unwrap_err(),
            session.help(Some(beyond_ascii)).unwrap_err(),
            session
                .command(RawCommand::new("X \u{fc}").unwrap())
                .unwrap_err(),
            session.rcpt(long()).unwrap_err(),
        ] {
            self.note(&error);
        }
        if in_stages {
            for error in [
                session.send(message(&["bob"])).unwrap_err(),
                session.mail(transaction(&[])).unwrap_err(),
                session.noop().unwrap_err(),
            ] {
                assert_eq!(error, CommandError::TransactionOpen);
                self.note(&error);
            }
        } else {
            for error in [
                session.rcpt(mailbox("bob@example.net")).unwrap_err(),
                session.data().unwrap_err(),
                session.reset().unwrap_err(),
            ] {
                assert_eq!(error, CommandError::NoTransaction);
                self.note(&error);
            }
        }
        for chunk in ["a\nb", "\rb", "a\0", "\u{fc}"] {
            if let Some(body) = session.body() {
                assert!(body.write(chunk).is_err());
            }
        }
    }
}

/// One dialogue with a bit of everything; `disturb` is called at each moment.
fn dialogue(mut disturb: impl FnMut(&mut Talk, bool)) -> (String, Vec<String>) {
    let mut talk = Talk::new(config());
    let mut out = String::new();
    let mut timeouts = Vec::new();
    let mut step = |talk: &mut Talk, in_stages: bool, answer: &str| {
        let before = talk.session.poll_timeout();
        disturb(talk, in_stages);
        assert_eq!(talk.session.poll_timeout(), before);
        out += &talk.out();
        disturb(talk, in_stages);
        timeouts.push(talk.session.poll_timeout());
        talk.now = talk.now + smtp_oracles::talk::secs(1);
        if !answer.is_empty() {
            talk.say(answer);
            disturb(talk, in_stages);
        }
    };
    let talk = &mut talk;
    talk.session.noop().unwrap();
    talk.session.send(message(&["bob", "carol"])).unwrap();
    step(talk, false, "220 x\r\n");
    step(talk, false, &hello(&["PIPELINING", "SIZE", "X"]));
    step(talk, false, "250 x\r\n");
    step(talk, false, "250 x\r\n");
    step(talk, false, "250 x\r\n550 x\r\n");
    step(talk, false, "354 x\r\n");
    step(talk, false, "250 x\r\n");
    talk.session.mail(transaction(&[])).unwrap();
    step(talk, true, "");
    // In stages without a recipient, and with one that the server cannot have.
    assert_eq!(talk.session.data(), Err(CommandError::NoRecipients));
    let utf8 = mailbox("\u{fc}@example.net");
    let not_offered = Recipient::new(mailbox("a@b"))
        .parameter(ExtensionParameter::new("DSN", "NOTIFY=NEVER".parse().unwrap()).unwrap());
    assert_eq!(
        talk.session.rcpt(utf8),
        Err(CommandError::Recipient(NotSent::NeedsSmtpUtf8))
    );
    assert_eq!(
        talk.session.rcpt(not_offered),
        Err(CommandError::Recipient(NotSent::NotOffered("DSN".into())))
    );
    talk.session.rcpt(mailbox("bob@example.net")).unwrap();
    step(talk, true, "250 x\r\n250 x\r\n");
    talk.session.data().unwrap();
    step(talk, false, "354 x\r\n");
    talk.session.body().unwrap().write("a\r\n.").unwrap();
    step(talk, false, "");
    talk.session.body().unwrap().write("b\r").unwrap();
    step(talk, false, "");
    assert_eq!(
        talk.session.body().unwrap().finish(),
        Err(ContentError::LoneCr { offset: 5 })
    );
    talk.session.body().unwrap().write("\n").unwrap();
    talk.session.body().unwrap().finish().unwrap();
    step(talk, false, "250 x\r\n");
    talk.session.mail(transaction(&["dave"])).unwrap();
    step(talk, true, "250 x\r\n250 x\r\n");
    talk.session.reset().unwrap();
    step(talk, false, "250 x\r\n");
    talk.session.quit().unwrap();
    step(talk, false, "221 x\r\n");
    let events = talk.events();
    (out + &format!("{timeouts:?}"), events)
}

#[test]
fn c_131_what_cannot_be_asked_for_changes_nothing() {
    let (out, events) = dialogue(|_, _| {});
    let mut disturbance = Disturbance {
        seen: BTreeSet::new(),
    };
    let (disturbed_out, disturbed_events) = dialogue(|talk, in_stages| {
        disturbance.disturb(talk, in_stages);
    });
    assert_eq!(out, disturbed_out);
    assert_eq!(events, disturbed_events);
    for name in [
        "Closed",
        "Content",
        "LineTooLong",
        "LocalPartTooLong",
        "NoRecipients",
        "NoTransaction",
        "NotAscii",
        "Parameter",
        "TransactionOpen",
    ] {
        assert!(
            disturbance.seen.contains(name),
            "{name} in {:?}",
            disturbance.seen
        );
    }
}

#[test]
fn the_queue_has_an_end() {
    let mut config = config();
    config = config.max_queued(3);
    let mut talk = Talk::new(config);
    for _ in 0..3 {
        talk.session.send(message(&["bob"])).unwrap();
    }
    assert_eq!(
        talk.session.send(message(&["bob"])),
        Err(CommandError::QueueFull)
    );
    assert_eq!(
        talk.session.mail(transaction(&[])),
        Err(CommandError::QueueFull)
    );
    assert_eq!(talk.session.noop(), Err(CommandError::QueueFull));
    talk.exchange("220 x\r\n", EHLO);
    talk.say("250 x\r\n");
    // One has its turn, and leaves room for another.
    talk.session.noop().unwrap();
    assert_eq!(talk.session.noop(), Err(CommandError::QueueFull));
    // QUIT is always possible, and then nothing else is.
    talk.session.quit().unwrap();
    assert_eq!(
        talk.session.send(message(&["bob"])),
        Err(CommandError::Closed)
    );
    for (line, answer) in [
        ("MAIL", "550 x"),
        ("MAIL", "550 x"),
        ("MAIL", "550 x"),
        ("NOOP", "250 x"),
        ("QUIT", "221 x"),
    ] {
        assert!(talk.out().starts_with(line));
        talk.say(format!("{answer}\r\n"));
    }
    assert_eq!(talk.events().last().unwrap(), "closed");
}

#[test]
fn c_054_c_055_c_056_lengths_of_addresses() {
    let local = |n: usize| format!("{}@example.net", "x".repeat(n));
    let limited = config();
    let mut any = config();
    any = any.long_local_parts(true);
    let send = |config: &Config, text: &str| {
        let mut talk = Talk::open(config.clone(), &[]);
        let result = talk
            .session
            .send(Transaction::new(mailbox(text)).recipient(mailbox(text)));
        (result.map(|_| ()), talk.out())
    };
    assert!(send(&limited, &local(64)).0.is_ok());
    let (result, out) = send(&limited, &local(65));
    assert_eq!(
        (result, out),
        (
            Err(CommandError::LocalPartTooLong(
                mailbox(&local(65)).local_part().clone()
            )),
            String::new()
        )
    );
    assert_eq!(
        send(&any, &local(65)).1,
        format!("MAIL FROM:<{}>\r\n", local(65))
    );
    // Quotes do not count: the local part is what they stand for.
    assert!(
        send(
            &limited,
            &format!("\"{} {}\"@example.net", "x".repeat(32), "y".repeat(31))
        )
        .0
        .is_ok()
    );
    // A mailbox of 254 octets, in a path of 256.
    let label = "d".repeat(63);
    let domain = format!("{label}.{label}.{label}.{}", "d".repeat(254 - 2 - 3 * 64));
    assert!(format!("x@{domain}").parse::<Mailbox>().is_ok());
    assert!(format!("xy@{domain}").parse::<Mailbox>().is_err());
}

#[test]
fn c_057_lengths_of_lines() {
    // As many octets of parameters as all extensions together may ask for.
    let of_length = |n: usize| parameter(&format!("A={}", "x".repeat(n - " A=".len())));
    let mut talk = Talk::open(config(), &["X"]);
    assert_eq!(
        talk.session
            .send(message(&["bob"]).parameter(of_length(1501)))
            .map(|_| ()),
        Err(CommandError::LineTooLong)
    );
    talk.session
        .send(message(&["bob"]).parameter(of_length(1500)))
        .unwrap();
    assert_eq!(
        talk.out().len(),
        "MAIL FROM:<alice@example.org>\r\n".len() + 1500
    );
    let to = Recipient::new(mailbox("bob@example.net")).parameter(of_length(1501));
    assert_eq!(
        talk.session.send(message(&[]).recipient(to)).map(|_| ()),
        Err(CommandError::LineTooLong)
    );
    // Other commands keep to 512.
    assert!(Argument::new(&"x".repeat(505)).is_ok());
    assert!(Argument::new(&"x".repeat(506)).is_err());
    assert!(RawCommand::new(&"x".repeat(510)).is_ok());
    assert!(RawCommand::new(&"x".repeat(511)).is_err());
}

#[test]
fn c_049_c_052_c_053_raw_commands_and_parameters() {
    for line in [
        "MAIL FROM:<a@b>",
        "rcpt to:<a@b>",
        "Data",
        "RSET",
        "QUIT",
        "EHLO x",
        "HELO x",
        "STARTTLS",
        "AUTH PLAIN",
        "BDAT 0 LAST",
        "TURN",
        "SEND FROM:<a@b>",
        "SOML",
        "SAML",
        "NOOP",
    ] {
        assert!(RawCommand::new(line).is_err(), "{line}");
    }
    for text in ["A=b c", "A=b=c", "A=", "=b", "A b", "\u{fc}=1", "A=\r\nB"] {
        assert!(
            text.parse::<smtp_proto::types::Parameter>().is_err(),
            "{text}"
        );
    }
    assert!(matches!(
        Talk::new(config())
            .session
            .send(message(&["bob"]).parameter(parameter("sIzE=1"))),
        Err(CommandError::Parameter(ParameterError::Duplicate(_)))
    ));
}
