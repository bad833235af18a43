//! Errors, outcomes and values in words, for logs and for people: each kind has
//! its own, with what is needed to act on it and nothing that was secret.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use core::{fmt, time::Duration};
use std::collections::HashSet;

use smtp_oracles::talk::{Talk, config, mailbox, message, secs};
use smtp_proto::{
    Instant, TlsFailure, TlsInfo, TlsPolicy,
    client::{
        Authentication, AuthenticationError, CommandError, ContentError, Error, ErrorKind, Fate,
        NotSent, Phase,
    },
    sasl::{self, ChannelBinding},
    server,
    types::{
        AddressError, AddressLiteral, Capabilities, CommandTextError, DomainError, ParameterError,
        Parameters, RawCommand, Reply, ReplyCode, ReplyError,
    },
    wire::{CommandSyntaxError, ReplyParseError, XtextError},
};

/// All of these have words, different ones, that make one line.
fn differ<T: fmt::Display>(values: &[T]) {
    let texts: HashSet<String> = values.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), values.len(), "{texts:?}");
    for text in texts {
        assert!(!text.is_empty() && !text.contains(['\r', '\n']), "{text:?}");
    }
}

fn says(value: &impl fmt::Display, words: &str) {
    assert!(value.to_string().contains(words), "{value} / {words}");
}

fn reply(code: u16, text: &str) -> Reply {
    Reply::new(ReplyCode::new(code).unwrap(), None, text).unwrap()
}

#[test]
fn errors_of_values() {
    differ(&[DomainError::Syntax, DomainError::TooLong]);
    let host = AddressError::Host(DomainError::TooLong);
    differ(&[
        AddressError::LocalPart,
        host,
        AddressError::TooLong,
        AddressError::Path,
    ]);
    assert_eq!(host.to_string(), DomainError::TooLong.to_string());
    differ(&[
        CommandTextError::Empty,
        CommandTextError::Character,
        CommandTextError::TooLong,
        CommandTextError::Verb,
    ]);
    differ(&[
        ParameterError::Syntax,
        ParameterError::Duplicate("SIZE".into()),
        ParameterError::Value("SIZE".into()),
    ]);
    says(&ParameterError::Duplicate("BODY".into()), "BODY");
    says(&ParameterError::Value("BODY".into()), "BODY");
    differ(&[ReplyError::Code, ReplyError::EnhancedCode, ReplyError::Text]);
    differ(&[XtextError::Escape, XtextError::Character]);
}

#[test]
fn errors_of_what_came() {
    let path = AddressError::Path;
    differ(&[
        CommandSyntaxError::LineEnd,
        CommandSyntaxError::Verb,
        CommandSyntaxError::Argument,
        CommandSyntaxError::ReversePath(path),
        CommandSyntaxError::Parameter(ParameterError::Syntax),
    ]);
    // What the error says is said of either path.
    let reverse = CommandSyntaxError::ReversePath(path);
    assert_eq!(reverse.to_string(), path.to_string());
    let forward = CommandSyntaxError::ForwardPath(path);
    assert_eq!(forward.to_string(), path.to_string());

    differ(&[
        ReplyParseError::Malformed(b"\x15\x03\x01".to_vec()),
        ReplyParseError::LineTooLong,
        ReplyParseError::TooManyLines,
        ReplyParseError::TooLong,
    ]);
    says(
        &ReplyParseError::Malformed(b"what\x07".to_vec()),
        "what\\x07",
    );
    for (line, peer) in [
        (&b"\x14\x03"[..], "TLS"),
        (b"\x15\x03\x01\x00", "TLS"),
        (b"\x17\x03", "TLS"),
        (b"HTTP/1.1 400", "HTTP"),
        (b"SSH-2.0-x", "SSH"),
    ] {
        let words = format!("not an SMTP reply: it speaks {peer}: ");
        says(&ReplyParseError::Malformed(line.to_vec()), &words);
    }
    for line in [&b"\x13\x03"[..], b"\x18\x03", b"\x15\x04", b"HTTP", b"SSH"] {
        let error = ReplyParseError::Malformed(line.to_vec());
        assert!(!error.to_string().contains("speaks"), "{error}");
    }
}

#[test]
fn what_was_going_on() {
    use Phase as P;
    differ(&[
        P::Greeting,
        P::Ehlo,
        P::Helo,
        P::StartTls,
        P::Handshake,
        P::Auth,
        P::Idle,
        P::Mail,
        P::Rcpt,
        P::Data,
        P::Content,
        P::EndOfData,
        P::Rset,
        P::Request,
        P::Quit,
    ]);
    assert_eq!(P::Rcpt.to_string(), "at RCPT");
    assert_eq!(P::Idle.to_string(), "between commands");
}

#[test]
fn what_cannot_be_asked_for() {
    let long = mailbox(&format!("{}@example.net", "x".repeat(65)));
    let errors = [
        CommandError::Closed,
        CommandError::QueueFull,
        CommandError::TransactionOpen,
        CommandError::NoTransaction,
        CommandError::Authenticated,
        CommandError::Authenticating,
        CommandError::NoRecipients,
        CommandError::LocalPartTooLong(long.local_part().clone()),
        CommandError::Parameter(ParameterError::Duplicate("SIZE".into())),
        CommandError::LineTooLong,
        CommandError::NotAscii,
        CommandError::Recipient(NotSent::NeedsSmtpUtf8),
        CommandError::Content(ContentError::EightBit),
    ];
    differ(&errors);
    says(&errors[7], &"x".repeat(65));
    says(&errors[8], "SIZE given twice");
    says(&errors[11], "ASCII addresses");
    says(&errors[12], "8-bit");
    assert_eq!(
        CommandError::from(ParameterError::Syntax).to_string(),
        "not a parameter"
    );
}

#[test]
fn what_content_cannot_be() {
    let errors = [
        ContentError::LoneCr { offset: 7 },
        ContentError::LoneLf { offset: 7 },
        ContentError::Nul { offset: 7 },
        ContentError::LineTooLong { offset: 7 },
    ];
    differ(&errors);
    for error in errors {
        says(&error, "at octet 7");
    }
    says(&ContentError::EightBit, "8-bit content");
}

/// What the session of a client says at its end.
fn end(policy: TlsPolicy, play: impl FnOnce(&mut Talk)) -> Error {
    let mut talk = Talk::new(config().tls(policy));
    play(&mut talk);
    talk.events();
    talk.error.unwrap()
}

#[test]
fn how_a_session_ended() {
    let refused = end(TlsPolicy::None, |talk| talk.say("554 not you\r\n"));
    assert_eq!(refused.to_string(), "refused at the greeting: 554 not you");
    assert!(!refused.is_host_without_mail());
    let debug = format!("{refused:?}");
    assert!(debug.starts_with("Error { kind: Refused, phase: Greeting, reply: Some("));

    let never = end(TlsPolicy::None, |talk| talk.say("521 no mail here\r\n"));
    assert!(never.is_host_without_mail());
    // The same code means something else at EHLO.
    let later = end(TlsPolicy::None, |talk| {
        talk.say("220 hello\r\n");
        talk.out();
        talk.say("521 no mail here\r\n");
    });
    assert_eq!(later.to_string(), "refused at EHLO: 521 no mail here");
    assert!(!later.is_host_without_mail());

    let closing = end(TlsPolicy::None, |talk| talk.say("421 bye\r\n"));
    says(
        &closing,
        "the server closed the session at the greeting: 421 bye",
    );
    let lost = end(TlsPolicy::None, Talk::eof);
    assert_eq!(lost.to_string(), "connection lost at the greeting");
    let nonsense = end(TlsPolicy::None, |talk| talk.say("what?\r\n"));
    assert_eq!(
        nonsense.to_string(),
        "at the greeting: not an SMTP reply: \"what?\""
    );
    let odd = end(TlsPolicy::None, |talk| talk.say("354 go\r\n"));
    assert_eq!(
        odd.to_string(),
        "a reply that makes no sense at the greeting: 354 go"
    );
    let given_up = end(TlsPolicy::None, |talk| talk.session.abort());
    assert_eq!(given_up.to_string(), "given up at the greeting");

    let not_offered = end(TlsPolicy::Required, |talk| {
        talk.say("220 hello\r\n");
        talk.out();
        talk.say("250 mx.example.net\r\n");
    });
    assert_eq!(*not_offered.kind(), ErrorKind::TlsNotOffered);
    says(&not_offered, "does not offer STARTTLS");
    let start = |reply: &'static str| {
        move |talk: &mut Talk| {
            talk.say("220 hello\r\n");
            talk.out();
            talk.say("250-mx.example.net\r\n250 STARTTLS\r\n");
            talk.out();
            talk.say(reply);
        }
    };
    let refused = end(TlsPolicy::Required, start("454 no TLS today\r\n"));
    says(&refused, "the server refused it: 454 no TLS today");
    let behind = end(TlsPolicy::Required, start("220 go\r\n250 hello\r\n"));
    says(&behind, "in clear");
    let failed = end(TlsPolicy::Required, |talk| {
        start("220 go\r\n")(talk);
        talk.events();
        talk.session.handle_tls_failed(talk.now);
    });
    assert_eq!(failed.to_string(), "TLS could not be established");

    let mut talk = Talk::open(config(), &[]);
    talk.say("250 what for?\r\n");
    let events = talk.events();
    assert_eq!(
        events,
        ["error a reply to nothing between commands: 250 what for?"]
    );
}

#[test]
fn a_server_that_is_silent_may_wait_for_tls() {
    let question = "(does it expect TLS from the first octet?)";
    let silent = |talk: &mut Talk| talk.wait(secs(3600));
    let error = end(TlsPolicy::None, silent);
    says(&error, "the server took too long at the greeting");
    says(&error, question);
    // Not inside of TLS, and not once it has said something.
    let secured = end(TlsPolicy::Implicit, |talk| {
        talk.events();
        talk.session
            .handle_tls_established(TlsInfo::new(), talk.now);
        silent(talk);
    });
    assert_eq!(
        secured.to_string(),
        "the server took too long at the greeting"
    );
    let later = end(TlsPolicy::None, |talk| {
        talk.say("220 hello\r\n");
        talk.out();
        silent(talk);
    });
    assert_eq!(later.to_string(), "the server took too long at EHLO");
    let lost = end(TlsPolicy::None, Talk::eof);
    assert!(!lost.to_string().contains(question));
}

#[test]
fn why_a_client_is_not_authenticated() {
    let mechanism = || "LOGIN".to_owned();
    let refused = |message: Option<&str>| AuthenticationError::Refused {
        mechanism: mechanism(),
        reply: Box::new(reply(535, "no")),
        message: message.map(Into::into),
    };
    let offers = |names: &[&str], starttls| AuthenticationError::NotOffered {
        offered: names.iter().map(ToString::to_string).collect(),
        starttls,
    };
    let errors = [
        offers(&[], false),
        offers(&[], true),
        offers(&["NTLM", "GSSAPI"], false),
        AuthenticationError::NeedsTls,
        refused(None),
        refused(Some("{\"status\":\r\n\"400\"}")),
        AuthenticationError::Mechanism {
            mechanism: mechanism(),
            error: sasl::Error::NotBase64,
        },
        AuthenticationError::TooManyRounds {
            mechanism: mechanism(),
        },
        AuthenticationError::TooLong {
            mechanism: mechanism(),
        },
    ];
    differ(&errors);
    let texts = [
        "the server offers no authentication",
        "the server offers no authentication (without TLS; it offers STARTTLS)",
        "it offers NTLM GSSAPI",
        "no TLS",
        "LOGIN refused: 535 no",
        // What a server chose cannot begin a line of a log.
        "LOGIN refused: 535 no ({\"status\":\\r\\n\"400\"})",
        "LOGIN: a challenge that is not base64",
        "LOGIN: more challenges",
        "LOGIN: a response longer",
    ];
    for (error, text) in errors.iter().zip(texts) {
        says(error, text);
        assert_eq!(error.is_about_credentials(), error.reply().is_some());
        assert!(!error.is_transient());
    }
}

#[test]
fn why_an_exchange_cannot_go_on() {
    use sasl::Error as E;
    let errors = [
        E::NotBase64,
        E::TooEarly,
        E::Challenge("x"),
        E::Server("x"),
        E::Refused("x"),
        E::TooWeak("x"),
        E::Credentials("x"),
        E::Excessive("x"),
        E::Other("x"),
    ];
    differ(&errors);
    for error in &errors[2..] {
        assert!(error.to_string().ends_with('x'), "{error}");
    }
}

#[test]
fn what_became_of_a_message() {
    let lost = end(TlsPolicy::None, Talk::eof);
    let not_sent = [
        NotSent::TooLarge { size: 9, limit: 5 },
        NotSent::Needs8BitMime,
        NotSent::NeedsBinaryMime,
        NotSent::NeedsSmtpUtf8,
        NotSent::NotOffered("DSN".into()),
        NotSent::AllOrNothing,
        NotSent::Abandoned,
        NotSent::Session(lost.clone()),
    ];
    differ(&not_sent);
    says(&not_sent[0], "9 octets, and the server takes 5");
    says(&not_sent[4], "DSN");
    assert_eq!(not_sent[7].to_string(), lost.to_string());
    let fates = [
        Fate::Accepted(reply(250, "stored")),
        Fate::Refused {
            phase: Phase::Rcpt,
            reply: reply(550, "who?"),
        },
        Fate::NotSent(NotSent::Abandoned),
        Fate::InDoubt(lost),
    ];
    let texts = [
        "accepted: 250 stored",
        "refused at RCPT: 550 who?",
        "not sent: given up by the caller",
        "in doubt: connection lost at the greeting",
    ];
    for (fate, text) in fates.iter().zip(texts) {
        assert_eq!(fate.to_string(), text);
        assert_eq!(fate.is_accepted(), matches!(fate, Fate::Accepted(_)));
    }
    let refused = |phase, code| Fate::Refused {
        phase,
        reply: reply(code, "no"),
    };
    for (fate, transient) in [
        (refused(Phase::Mail, 451), true),
        (refused(Phase::Mail, 552), false),
        (refused(Phase::Rcpt, 550), false),
        // As RFC 821 had it: too many recipients.
        (refused(Phase::Rcpt, 552), true),
        (Fate::NotSent(NotSent::AllOrNothing), true),
        (Fate::NotSent(NotSent::Abandoned), false),
        (Fate::NotSent(not_sent[7].clone()), true),
        (fates[0].clone(), false),
        (fates[3].clone(), false),
    ] {
        assert_eq!(fate.is_transient(), transient, "{fate}");
    }
    let replies: Vec<_> = fates.iter().map(|fate| fate.reply().is_some()).collect();
    assert_eq!(replies, [true, true, false, false]);
}

#[test]
fn failures_of_tls() {
    let name = |asked: &str, presented: &[&str]| TlsFailure::NameMismatch {
        asked: asked.into(),
        presented: presented.iter().map(ToString::to_string).collect(),
    };
    let failures = [
        name("", &[]),
        name("mx.example.net", &[]),
        name("mx.example.net", &["example.org", "example.com"]),
        TlsFailure::Expired,
        TlsFailure::NotValidYet,
        TlsFailure::UnknownIssuer,
        TlsFailure::SelfSigned,
        TlsFailure::Certificate("revoked".into()),
        TlsFailure::PeerClosed,
        TlsFailure::TimedOut,
        TlsFailure::NotTls,
        TlsFailure::Incompatible("versions".into()),
        TlsFailure::Alert("bad record".into()),
        TlsFailure::Configuration("no roots".into()),
        TlsFailure::Other("rustls".into()),
        TlsFailure::not_built_in(),
    ];
    differ(&failures);
    assert_eq!(
        failures[2].to_string(),
        "the certificate is for another name: asked for mx.example.net, it is for example.org, \
         example.com"
    );
    for (index, words) in [(7, "revoked"), (11, "versions"), (12, "bad record")] {
        assert!(failures[index].to_string().ends_with(words));
    }
    assert_eq!(failures[13].to_string(), "no roots");
    // The certificate is at fault in the first eight.
    for (index, failure) in failures.iter().enumerate() {
        assert_eq!(failure.is_of_the_certificate(), index < 8, "{failure}");
    }
    assert!(matches!(failures[15], TlsFailure::Configuration(_)));
}

#[test]
fn facts_of_tls() {
    let info = TlsInfo::new();
    assert_eq!(info.to_string(), "");
    assert_eq!(info.clone().version("TLSv1.3").to_string(), "TLSv1.3");
    assert_eq!(info.clone().cipher_suite("X").to_string(), "X");
    let info = info.version("TLSv1.3").cipher_suite("X");
    assert_eq!(info.to_string(), "TLSv1.3 X");
    assert_eq!(info.cipher_suite_name(), "X");
    let all = info
        .clone()
        .exporter(vec![77; 32])
        .server_certificate(vec![77; 9])
        .client_certificate(vec![77; 9]);
    assert_eq!(all.verified_client_certificate(), Some(&[77; 9][..]));
    let known = |is: bool| {
        format!(
            "TlsInfo {{ version: \"TLSv1.3\", cipher_suite: \"X\", exporter: {is}, \
             server_certificate: {is}, client_certificate: {is} }}"
        )
    };
    assert_eq!(format!("{all:?}"), known(true));
    assert_eq!(format!("{info:?}"), known(false));
}

#[test]
fn errors_of_a_server() {
    use server::{ConfigError, Error as E};
    differ(&[E::InputOverflow, E::UnexpectedHandshake]);
    says(&ConfigError::Host, "A-labels");
    let rejection = server::Rejection::no_such_user();
    assert_eq!(rejection.code().get(), 550);
    assert_eq!(rejection.enhanced().to_string(), "5.1.1");
    assert_eq!(
        rejection.to_string(),
        format!("550 5.1.1 {}", rejection.text())
    );
}

#[test]
fn values_for_logs() {
    assert_eq!(format!("{:?}", ReplyCode::new(250).unwrap()), "250");
    assert_eq!(format!("{:?}", reply(250, "a\nb")), "Reply(250 a / b)");
    let now = Instant::from_origin(Duration::from_millis(1500));
    assert_eq!(format!("{now:?}"), "+1.5s");
    assert_eq!(now.since_origin(), Duration::from_millis(1500));
    let parameters: Parameters = " SIZE=5 SMTPUTF8".parse().unwrap();
    assert_eq!(
        format!("{parameters:?}"),
        "Parameters([Parameter { keyword: \"SIZE\", value: Some(\"5\") }, \
         Parameter { keyword: \"SMTPUTF8\", value: None }])"
    );
    let literal: AddressLiteral = "[x:y]".parse().unwrap();
    let AddressLiteral::General(literal) = literal else {
        panic!("{literal:?}");
    };
    assert_eq!((literal.tag(), literal.content()), ("x", "y"));
    let offers: Capabilities = Capabilities::from_reply(
        &Reply::new(ReplyCode::new(250).unwrap(), None, "mx.example.net\nDSN").unwrap(),
    );
    let text = format!("{offers:?}");
    assert!(
        text.contains("Dsn") && text.contains("mx.example.net"),
        "{text}"
    );
    assert_eq!(offers.to_string(), "DSN");
    let talk = Talk::open(config(), &[]);
    let shown = format!("{:?}", talk.session);
    assert!(
        shown.starts_with("Session { state: Ready, phase: Idle, "),
        "{shown}"
    );
    let made = format!("{:?}", message(&["bob"]));
    assert!(made.contains("(22 octets)"), "{made}");
    assert_eq!(ChannelBinding::Exporter.to_string(), "tls-exporter");
    assert_eq!(
        ChannelBinding::ServerEndPoint.to_string(),
        "tls-server-end-point"
    );
}

#[test]
fn c_220_credentials_are_not_shown() {
    for line in ["AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=", "auth LOGIN YWxpY2U="] {
        let raw = smtp_proto::wire::parse_command(line.as_bytes()).unwrap();
        let shown = format!("{raw:?}");
        assert!(
            shown.contains("***") && !shown.contains("YWxpY2U"),
            "{shown}"
        );
        assert!(!shown.contains("AGFs"), "{shown}");
    }
    let other = RawCommand::new("ETRN example.org").unwrap();
    assert_eq!(format!("{other:?}"), "RawCommand(\"ETRN example.org\")");
    let authentication = Authentication::password("alice", "wonderland");
    let shown = format!("{authentication:?}");
    assert!(!shown.contains("wonderland"), "{shown}");
}
