//! What an application can see of each question, and the one method of each that
//! takes any answer, as a function that decides returns it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity
)]

use smtp_oracles::talk::mailbox;
use smtp_proto::{
    Instant, TlsPolicy,
    server::{
        Authentication, Config, Data, Date, Event, Expand, Hello, Mail, Message, Rcpt, Rejection,
        Session, Verified, Verify,
    },
    types::{BodyType, Mailbox},
};

fn config() -> Config {
    let config = Config::new("mx.example.net".parse().unwrap()).unwrap();
    config.smtputf8(true).ask_verify(true).ask_expand(true)
}

/// An application that accepts everything, but for what one of its parts says.
#[derive(Default)]
struct Application<'t> {
    hello: Option<&'t dyn Fn(Hello<'_>)>,
    mail: Option<&'t dyn Fn(Mail<'_>)>,
    rcpt: Option<&'t dyn Fn(Rcpt<'_>)>,
    data: Option<&'t dyn Fn(Data<'_>)>,
    message: Option<&'t dyn Fn(Message<'_>)>,
    verify: Option<&'t dyn Fn(Verify<'_>)>,
    expand: Option<&'t dyn Fn(Expand<'_>)>,
}

impl Application<'_> {
    fn answer(&self, event: Event<'_>) {
        match event {
            Event::Hello(question) => self.hello.unwrap_or(&|it| it.accept())(question),
            Event::Mail(question) => self.mail.unwrap_or(&|it| it.accept())(question),
            Event::Rcpt(question) => self.rcpt.unwrap_or(&|it| it.accept())(question),
            Event::Data(question) => self.data.unwrap_or(&|it| it.accept())(question),
            Event::Message(question) => self.message.unwrap_or(&|it| it.accept())(question),
            Event::Verify(question) => self.verify.unwrap_or(&|it| it.cannot_tell())(question),
            Event::Expand(question) => self.expand.unwrap_or(&|it| it.members(&[]))(question),
            Event::Content(_) | Event::Discarded(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// The last line of what the server says behind each line of the client.
    fn hears(&self, config: Config, lines: &[&str]) -> Vec<String> {
        let now = Instant::ORIGIN;
        let mut session = Session::new(config, now);
        let mut replies = Vec::new();
        for line in [""].iter().chain(lines) {
            if !line.is_empty() {
                session.handle_input(format!("{line}\r\n").as_bytes(), now);
            }
            let mut output = Vec::new();
            loop {
                while let Some(event) = session.poll_event().unwrap() {
                    self.answer(event);
                }
                let Some(transmit) = session.poll_transmit() else {
                    break;
                };
                let octets = transmit.slices().collect::<Vec<_>>().concat();
                output.extend_from_slice(&octets);
                session.handle_transmitted(octets.len(), now);
            }
            let output = String::from_utf8(output).unwrap();
            replies.extend(output.lines().last().map(ToOwned::to_owned));
        }
        replies
    }
}

/// What such an application answers to the last line.
#[track_caller]
fn last(application: &Application<'_>, lines: &[&str]) -> String {
    application.hears(config(), lines).pop().unwrap()
}

const HELLO: &str = "EHLO client.example.org";
const MAIL: &str = "MAIL FROM:<alice@example.org>";
const RCPT: &str = "RCPT TO:<bob@example.net>";

#[test]
fn whatever_an_application_decides_is_the_answer() {
    let no = || Err(Rejection::try_again_later());
    let (yes, refused) = ("250", "451 4.3.0");
    let check = |application: Application<'_>, lines: &[&str], code: &str| {
        let said = last(&application, lines);
        assert!(said.starts_with(code), "{code}: {said}");
    };
    let of = |decide: &dyn Fn(bool)| [true, false].map(decide);

    of(&|accept| {
        let hello: &dyn Fn(Hello<'_>) = &|it| it.answer(if accept { Ok(()) } else { no() });
        let mail: &dyn Fn(Mail<'_>) = &|it| it.answer(if accept { Ok(()) } else { no() });
        let rcpt: &dyn Fn(Rcpt<'_>) = &|it| it.answer(if accept { Ok(()) } else { no() });
        let data: &dyn Fn(Data<'_>) = &|it| it.answer(if accept { Ok(()) } else { no() });
        let message: &dyn Fn(Message<'_>) = &|it| {
            it.answer(if accept {
                Ok("stored as 7Q1")
            } else {
                no().map(|()| "")
            });
        };
        let code = if accept { yes } else { refused };
        let one = |hello| Application {
            hello,
            ..Application::default()
        };
        check(one(Some(hello)), &[HELLO], code);
        let one = |mail| Application {
            mail,
            ..Application::default()
        };
        check(one(Some(mail)), &[HELLO, MAIL], code);
        let one = |rcpt| Application {
            rcpt,
            ..Application::default()
        };
        check(one(Some(rcpt)), &[HELLO, MAIL, RCPT], code);
        let one = |data| Application {
            data,
            ..Application::default()
        };
        let code = if accept { "354" } else { refused };
        check(one(Some(data)), &[HELLO, MAIL, RCPT, "DATA"], code);
        let one = |message| Application {
            message,
            ..Application::default()
        };
        let code = if accept {
            "250 2.0.0 stored as 7Q1"
        } else {
            refused
        };
        check(
            one(Some(message)),
            &[HELLO, MAIL, RCPT, "DATA", "x\r\n."],
            code,
        );
    });
}

#[test]
fn s_117_whatever_is_said_of_a_user() {
    let carol = || mailbox("carol@example.net");
    let answers: [(&dyn Fn() -> Result<Verified, Rejection>, &str); 4] = [
        (
            &|| Ok(Verified::Mailbox(carol())),
            "250 2.1.5 <carol@example.net>",
        ),
        (&|| Ok(Verified::Unknown), "252 2.5.0 "),
        (
            &|| Ok(Verified::Ambiguous(vec![carol(), carol()])),
            "553 5.1.4 ",
        ),
        (&|| Err(Rejection::no_such_user()), "550 5.1.1 "),
    ];
    for (answer, said) in answers {
        let verify: &dyn Fn(Verify<'_>) = &|it| {
            assert_eq!(it.argument().as_str(), "carol");
            it.answer(answer());
        };
        let application = Application {
            verify: Some(verify),
            ..Application::default()
        };
        let reply = last(&application, &[HELLO, "VRFY carol"]);
        // The last line of it has the last candidate, not the text.
        let code = said.get(..9).unwrap();
        assert!(
            reply.starts_with(said) || reply.starts_with(code),
            "{reply}"
        );
    }
}

#[test]
fn s_119_whatever_is_said_of_a_list() {
    let members = || vec![mailbox("bob@example.net"), mailbox("carol@example.net")];
    let answers: [(&dyn Fn() -> Result<Vec<Mailbox>, Rejection>, &str); 2] = [
        (&|| Ok(members()), "250 2.1.5 <carol@example.net>"),
        (&|| Err(Rejection::policy()), "550 5.7.1 "),
    ];
    for (answer, said) in answers {
        let expand: &dyn Fn(Expand<'_>) = &|it| {
            assert_eq!(it.argument().as_str(), "staff");
            it.answer(answer());
        };
        let application = Application {
            expand: Some(expand),
            ..Application::default()
        };
        let reply = last(&application, &[HELLO, "EXPN staff"]);
        assert!(reply.starts_with(said), "{reply}");
    }
}

#[test]
fn every_question_shows_what_is_known() {
    let hello: &dyn Fn(Hello<'_>) = &|it| {
        assert_eq!(it.name().as_str(), "client.example.org");
        assert!(it.is_extended());
        it.accept();
    };
    let mail: &dyn Fn(Mail<'_>) = &|it| {
        assert_eq!(
            it.parameters().to_string(),
            " SIZE=7 BODY=8BITMIME SMTPUTF8"
        );
        assert_eq!(
            (it.size(), it.body()),
            (Some(7), Some(BodyType::EightBitMime))
        );
        assert!(it.authenticated().is_none());
        it.accept();
    };
    let rcpt: &dyn Fn(Rcpt<'_>) = &|it| {
        assert_eq!(it.path().to_string(), "<bob@example.net>");
        assert!(it.parameters().is_empty() && it.envelope().recipients().is_empty());
        assert_eq!(it.envelope().size(), Some(7));
        assert!(it.authenticated().is_none());
        it.accept();
    };
    let date = || Date::new(0, 0);
    let data: &dyn Fn(Data<'_>) = &|it| {
        assert_eq!(it.envelope().body(), Some(BodyType::EightBitMime));
        assert!(!it.is_chunked() && it.authenticated().is_none());
        assert!(
            it.received(date())
                .to_string()
                .contains("<bob@example.net>")
        );
        it.accept();
    };
    let message: &dyn Fn(Message<'_>) = &|it| {
        let envelope = it.envelope();
        assert!(envelope.is_smtputf8());
        assert_eq!(
            envelope.parameters().get("SIZE").unwrap().value(),
            Some("7")
        );
        assert!(envelope.recipients()[0].parameters().is_empty());
        assert_eq!(it.octets(), 3);
        assert!(
            it.received(date())
                .to_string()
                .contains("<bob@example.net>")
        );
        assert!(it.authenticated().is_none());
        it.accept();
    };
    let application = Application {
        hello: Some(hello),
        mail: Some(mail),
        rcpt: Some(rcpt),
        data: Some(data),
        message: Some(message),
        ..Application::default()
    };
    let mail = format!("{MAIL} SIZE=7 BODY=8BITMIME SMTPUTF8");
    let said = last(&application, &[HELLO, &mail, RCPT, "DATA", "x\r\n."]);
    assert!(said.starts_with("250 2.0.0"), "{said}");

    // The same by HELO, and in chunks.
    let helo: &dyn Fn(Hello<'_>) = &|it| {
        assert!(!it.is_extended());
        it.accept();
    };
    let application = Application {
        hello: Some(helo),
        ..Application::default()
    };
    assert!(last(&application, &["HELO client.example.org"]).starts_with("250 "));
    let data: &dyn Fn(Data<'_>) = &|it| {
        assert!(it.is_chunked());
        it.accept();
    };
    let application = Application {
        data: Some(data),
        ..Application::default()
    };
    let said = last(&application, &[HELLO, MAIL, RCPT, "BDAT 2 LAST\r\n"]);
    assert!(said.starts_with("250 2.0.0"), "{said}");
}

#[test]
fn s_121_smtputf8_behind_an_inquiry_is_no_part_of_it() {
    let verify: &dyn Fn(Verify<'_>) = &|it| {
        let text = it.argument().as_str().to_owned();
        it.answer(match text.as_str() {
            "ü" | "u" => Ok(Verified::Mailbox(mailbox("u@example.net"))),
            _ => Err(Rejection::no_such_user()),
        });
    };
    let application = Application {
        verify: Some(verify),
        ..Application::default()
    };
    for (hello, line, code) in [
        (HELLO, "VRFY u", "250"),
        (HELLO, "VRFY u SMTPUTF8", "250"),
        (HELLO, "VRFY ü smtputf8", "250"),
        (HELLO, "VRFY u SMTPUTF", "550"),
        (HELLO, "VRFY SMTPUTF8", "550"),
        // HELO has no extensions.
        ("HELO client.example.org", "VRFY u SMTPUTF8", "550"),
        ("HELO client.example.org", "VRFY ü", "501"),
    ] {
        let said = last(&application, &[hello, line]);
        assert!(said.starts_with(code), "{line}: {said}");
    }
    let said = application.hears(config().smtputf8(false), &[HELLO, "VRFY ü"]);
    assert!(said[2].starts_with("501 "), "{said:?}");
}

#[test]
fn the_empty_local_part_is_told_to_be_at_fault() {
    let accept = Application::default();
    let texts: Vec<String> = ["<\"\"@example.org>", "<a@>"]
        .iter()
        .flat_map(|path| {
            let from = format!("MAIL FROM:{path}");
            let to = format!("RCPT TO:{path}");
            [
                last(&accept, &[HELLO, &from]),
                last(&accept, &[HELLO, MAIL, &to]),
            ]
        })
        .collect();
    assert!(texts[0] != texts[2] && texts[1] != texts[3], "{texts:?}");
    assert!(texts[0] != texts[1] && texts[2] != texts[3], "{texts:?}");
}

#[test]
fn s_159_events_show_nothing_of_a_message_and_no_secret() {
    let authentication = Authentication::default().secrets_in_clear(true);
    let config = config().authentication(authentication);
    assert_eq!(config.tls_policy(), TlsPolicy::None);
    assert_eq!(config.host().to_string(), "mx.example.net");
    let now = Instant::ORIGIN;
    let mut session = Session::new(config, now);
    let lines = [
        HELLO,
        "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=",
        "VRFY carol",
        "EXPN staff",
        MAIL,
        RCPT,
        "DATA",
        "wonderland\r\n.",
        MAIL,
        "RSET",
        "QUIT",
    ];
    let mut shown = Vec::new();
    for line in lines {
        session.handle_input(format!("{line}\r\n").as_bytes(), now);
        loop {
            while let Some(event) = session.poll_event().unwrap() {
                shown.push(format!("{event:?}"));
                match event {
                    Event::Authenticate(question) => question.accept(),
                    Event::Closed => break,
                    other => Application::default().answer(other),
                }
            }
            shown.push(format!("{session:?}"));
            let Some(transmit) = session.poll_transmit() else {
                break;
            };
            let octets = usize::try_from(transmit.octets()).unwrap();
            session.handle_transmitted(octets, now);
        }
    }
    for word in [
        "Hello",
        "Authenticate",
        "Verify",
        "Expand",
        "Mail",
        "Rcpt",
        "Data",
        "Content",
        "Message",
        "Discarded(Reset)",
        "Closed",
        "Session",
    ] {
        assert!(shown.iter().any(|text| text.starts_with(word)), "{word}");
    }
    assert!(shown.contains(&"Content(12 octets)".into()), "{shown:?}");
    for text in shown {
        assert!(
            !text.contains("wonderland") && !text.contains("AGFs"),
            "{text}"
        );
    }
}
