//! The types, by example: what they take, what they refuse, and how they print.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::IpAddr,
};

use bytes::BytesMut;
use smtp_proto::{
    types::{
        AddressError, AddressLiteral, Argument, Capabilities, Capability, Command,
        CommandTextError, Domain, DomainError, EnhancedCode, ForwardPath, HelloName, Host,
        LocalPart, Mailbox, Parameter, ParameterError, Parameters, RawCommand, Reply, ReplyCode,
        ReplyError, ReversePath,
    },
    wire::{ReplyParser, encode_command, encode_reply, encode_xtext},
};

fn reply(wire: &[u8]) -> Reply {
    ReplyParser::default().parse(&mut &*wire).unwrap().unwrap()
}

fn offers(wire: &[u8]) -> Capabilities {
    Capabilities::from_reply(&reply(wire))
}

fn code(number: u16) -> ReplyCode {
    ReplyCode::new(number).unwrap()
}

/// A domain of exactly this many octets.
fn domain_of(octets: usize) -> String {
    let first = "a".repeat(2 - octets % 2);
    format!("{first}{}", ".b".repeat((octets - 1) / 2))
}

// What a server offers.

#[test]
fn c_023_the_first_line_is_no_capability() {
    let offers = offers(b"250-SIZE\r\n250 HELP\r\n");
    assert!(!offers.offers("SIZE"));
    assert!(offers.has(&Capability::Help));
}

#[test]
fn c_024_keywords_have_no_case() {
    let offers = offers(b"250-mx\r\n250-size 1000\r\n250 pipelining\r\n");
    assert_eq!(offers.max_size(), Some(1000));
    assert!(offers.has(&Capability::Pipelining));
    assert!(offers.offers("Size"));
}

#[test]
fn c_025_auth_lines_of_both_forms_are_united() {
    let offers = offers(
        b"250-mx\r\n250-AUTH=LOGIN PLAIN\r\n250-auth login plain CRAM-MD5\r\n250-AUTH=\r\n250 AUTH\r\n",
    );
    assert_eq!(offers.auth_mechanisms(), ["LOGIN", "PLAIN", "CRAM-MD5"]);
    assert_eq!(
        offers.iter().next().unwrap().to_string(),
        "AUTH LOGIN PLAIN"
    );
}

#[test]
fn c_026_lines_that_follow_no_grammar_do_no_harm() {
    let offers = offers(b"250-mx\r\n250-X-FOO a=b\r\n250-!!\r\n250-\r\n250 8BITMIME\r\n");
    assert!(offers.has(&Capability::EightBitMime));
    assert_eq!(
        offers.raw_lines().collect::<Vec<_>>(),
        [&b"X-FOO a=b"[..], b"!!", b"", b"8BITMIME"]
    );
    let x_foo = Capability::Other {
        keyword: "X-FOO".into(),
        parameters: "a=b".into(),
    };
    assert_eq!(offers.get("x-foo"), Some(&x_foo));
}

#[test]
fn c_027_spaces_may_be_doubled_and_trail() {
    let offers = offers(b"250-mx\r\n250-SIZE  1000 \r\n250  DSN \r\n");
    assert_eq!(offers.max_size(), Some(1000));
    assert!(offers.has(&Capability::Dsn));
}

#[test]
fn c_028_parameters_that_mean_nothing_are_passed_over() {
    let offers = offers(b"250-mx\r\n250-SMTPUTF8 foo\r\n250 PIPELINING=x\r\n");
    assert!(offers.has(&Capability::SmtpUtf8));
    assert!(!offers.has(&Capability::Pipelining));
}

#[test]
fn c_029_size_without_a_number_tells_nothing() {
    let size = |line: &str| line.parse::<Capability>().unwrap();
    assert_eq!(size("SIZE"), Capability::Size(None));
    assert_eq!(size("SIZE 0"), Capability::Size(Some(0)));
    for malformed in ["SIZE x", "SIZE -1", "SIZE +1", "SIZE 10M", "SIZE 1.5"] {
        assert_eq!(size(malformed), Capability::Size(None), "{malformed}");
    }
    assert_eq!(
        size("SIZE 99999999999999999999"),
        Capability::Size(Some(u64::MAX))
    );
    for line in ["SIZE", "SIZE 0", "SIZE x"] {
        let wire = format!("250-mx\r\n250 {line}\r\n");
        assert_eq!(offers(wire.as_bytes()).max_size(), None, "{line}");
    }
}

#[test]
fn c_030_only_250_offers_anything() {
    assert_eq!(offers(b"251-mx\r\n251 SIZE\r\n").iter().count(), 0);
}

#[test]
fn c_033_a_reply_of_one_line_offers_nothing() {
    assert_eq!(offers(b"250 mx.example.net\r\n").iter().count(), 0);
}

// Addresses.

#[test]
fn c_040_s_048_s_049_routes_are_read_and_forgotten() {
    for route in ["@a:", "@a,@b.example:", "@[192.0.2.1],@b:"] {
        let text = format!("<{route}alice@example.org>");
        assert_eq!(
            text.parse::<ReversePath>().unwrap().to_string(),
            "<alice@example.org>"
        );
        assert_eq!(
            text.parse::<ForwardPath>().unwrap().to_string(),
            "<alice@example.org>"
        );
    }
    for malformed in ["<@a:>", "<@a,b:c@d>", "<@a:b>", "<@:b@c>", "<@a,:b@c>"] {
        assert!(malformed.parse::<ReversePath>().is_err(), "{malformed}");
    }
    // A route stands in a path, not in a mailbox.
    assert!("@a:b@c".parse::<Mailbox>().is_err());
    assert!("@a:b@c".parse::<ReversePath>().is_err());
}

#[test]
fn c_043_s_051_case_counts_before_the_at_only() {
    let bob: Mailbox = "Bob@EXAMPLE.net".parse().unwrap();
    assert_eq!(bob.to_string(), "Bob@EXAMPLE.net");
    assert_eq!(Ok(&bob), "Bob@example.NET".parse().as_ref());
    assert_ne!(Ok(&bob), "bob@EXAMPLE.net".parse().as_ref());
}

#[test]
fn c_044_s_051_quoted_forms_are_equal_and_print_with_the_least_quotes() {
    let printed = |text: &str| text.parse::<Mailbox>().unwrap().to_string();
    assert_eq!(printed("\"joe\"@x.example"), "joe@x.example");
    assert_eq!(printed("\"j.o.e\"@x.example"), "j.o.e@x.example");
    assert_eq!(
        printed("\"joe smith\"@x.example"),
        "\"joe smith\"@x.example"
    );
    assert_eq!(printed("\"a\\b\"@x.example"), "ab@x.example");
    for text in ["\"a\\b\"", "\"ab\"", "\"\\a\\b\"", "ab"] {
        assert_eq!(text.parse(), LocalPart::new("ab"), "{text}");
    }
}

#[test]
fn c_045_quotes_and_backslashes_are_escaped() {
    let printed = |text: &str| LocalPart::new(text).unwrap().to_string();
    assert_eq!(printed("a\"b"), "\"a\\\"b\"");
    assert_eq!(printed("a\\b"), "\"a\\\\b\"");
    assert_eq!(printed(" "), "\" \"");
    for dots in [".a", "a.", "a..b", "."] {
        assert_eq!(printed(dots), format!("\"{dots}\""));
    }
}

#[test]
fn d_4_dots_stand_between_atoms_only() {
    for text in ["a..b", ".a", "a.", "."] {
        assert_eq!(text.parse::<LocalPart>(), Err(AddressError::LocalPart));
        assert!(format!("{text}@b").parse::<Mailbox>().is_err(), "{text}");
        assert!(format!("<{text}@b>").parse::<ForwardPath>().is_err());
    }
}

#[test]
fn d_4_brackets_and_ats_may_stand_in_quotes() {
    for local in ["a>b", "a@b", "<>", "a@b> SIZE=1", "\\\">", ","] {
        let mailbox = Mailbox::new(
            LocalPart::new(local).unwrap(),
            Domain::new("c").unwrap().into(),
        )
        .unwrap();
        let path = ForwardPath::from(mailbox);
        assert_eq!(path.to_string().parse(), Ok(path));
    }
    for text in ["\"a@b", "a\"b\"@c", "\"a\"b@c", "\"a\\\"@b", "a@b@c"] {
        assert!(text.parse::<Mailbox>().is_err(), "{text}");
    }
}

#[test]
fn d_4_no_space_and_no_comment_anywhere() {
    for text in [
        "< a@b>", "<a@b >", "<a @b>", "<a@ b>", "<a(c)@b>", "<<a@b>>", "<a@b", "a@b>", "<a@b>>",
        "", "<", ">", "@", "<@>", "<a@>", "<@b>", "<a>",
    ] {
        assert!(text.parse::<ReversePath>().is_err(), "{text}");
        assert!(text.parse::<ForwardPath>().is_err(), "{text}");
    }
}

#[test]
fn d_4_domains_by_the_grammar() {
    for domain in [
        "a",
        "1",
        "a-b",
        "a--b",
        "xn--bcher-kva.example",
        "192.0.2.1",
    ] {
        assert!(Domain::new(domain).is_ok(), "{domain}");
    }
    for domain in [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a",
        "a-",
        "a.-b",
        "a-.b",
        "a_b",
        "_dmarc.a",
        "a b",
        "a/b",
        "[192.0.2.1]",
        "a@b",
        "a:25",
        "*.a",
    ] {
        assert_eq!(Domain::new(domain), Err(DomainError::Syntax), "{domain}");
        assert!(format!("<x@{domain}>").parse::<ForwardPath>().is_err() || domain.starts_with('['));
    }
}

#[test]
fn d_9_utf_8_in_every_part() {
    let mailbox: Mailbox = "用户.ä@bücher.例え".parse().unwrap();
    assert_eq!(mailbox.to_string(), "用户.ä@bücher.例え");
    assert!(!mailbox.is_ascii());
    let quoted: Mailbox = "\"ä ö\"@example.org".parse().unwrap();
    assert!(quoted.host().is_ascii() && !quoted.is_ascii());
    // A quoted pair stays ASCII.
    assert!("\"\\ä\"@example.org".parse::<Mailbox>().is_err());
    // Controls above 127 are controls too.
    assert!(LocalPart::new("a\u{85}").is_err());
}

#[test]
fn c_046_s_052_address_literals() {
    for literal in [
        "[192.0.2.1]",
        "[255.255.255.255]",
        "[IPv6:::]",
        "[IPv6:::1]",
        "[IPv6:1::]",
        "[IPv6:2001:db8::1]",
        "[IPv6:1:2:3:4:5:6:7:8]",
        "[IPv6:1::6:7:8]",
        "[IPv6:::ffff:192.0.2.1]",
        "[X9:zz]",
    ] {
        let parsed: AddressLiteral = literal.parse().unwrap();
        assert_eq!(parsed.to_string(), literal);
    }
    let printed = |text: &str| text.parse::<AddressLiteral>().unwrap().to_string();
    assert_eq!(printed("[ipv6:2001:DB8:0:0::1]"), "[IPv6:2001:db8::1]");
    // RFC 5952 does not print `::` for one group, but it is read.
    assert_eq!(printed("[IPv6:1:2:3::5:6:7:8]"), "[IPv6:1:2:3:0:5:6:7:8]");
    assert_eq!(
        printed("[IPv6:1:2:3:4:5:6:192.0.2.1]"),
        "[IPv6:1:2:3:4:5:6:c000:201]"
    );
    for malformed in [
        "[]",
        "[192.0.2]",
        "[192.0.2.1.1]",
        "[192.0.2.256]",
        "[192.0.02.1]",
        "[010.0.0.1]",
        "[0x7f.0.0.1]",
        "[ 192.0.2.1]",
        "[192.0.2.1",
        "192.0.2.1]",
        "[192.0.2.1]x",
        "[[192.0.2.1]]",
        "[IPv6:]",
        "[IPv6:1::2::3]",
        "[IPv6:1:2:3:4:5:6:7]",
        "[IPv6:1:2:3:4:5:6:7:8:9]",
        "[IPv6:12345::]",
        "[IPv6:fe80::1%eth0]",
        "[IPv6:192.0.2.1]",
        "[IPv6: ::1]",
        "[::1]",
        "[:x]",
        "[X9:]",
        "[X-:x]",
        "[X_9:x]",
        "[X9:a\\b]",
        "[X9:a b]",
        "[example.org]",
    ] {
        assert!(malformed.parse::<AddressLiteral>().is_err(), "{malformed}");
        assert!(
            format!("<u@{malformed}>").parse::<ReversePath>().is_err(),
            "{malformed}"
        );
    }
    let address: IpAddr = "::ffff:1.2.3.4".parse().unwrap();
    assert_eq!(Host::from(address).to_string(), "[IPv6:::ffff:1.2.3.4]");
}

#[test]
fn c_039_c_047_s_043_s_050_the_two_paths_without_a_mailbox() {
    assert_eq!("<>".parse(), Ok(ReversePath::Null));
    assert_eq!(ReversePath::Null.to_string(), "<>");
    assert!("<>".parse::<ForwardPath>().is_err());
    for text in ["<Postmaster>", "<POSTMASTER>", "<postmaster>"] {
        assert_eq!(text.parse(), Ok(ForwardPath::Postmaster));
        assert!(text.parse::<ReversePath>().is_err());
    }
    assert_eq!(ForwardPath::Postmaster.to_string(), "<Postmaster>");
    assert!("<Postmaste>".parse::<ForwardPath>().is_err());
    assert!("<Postmasterä>".parse::<ForwardPath>().is_err());
    let with_domain: ForwardPath = "<PostMaster@example.org>".parse().unwrap();
    assert_eq!(with_domain.to_string(), "<PostMaster@example.org>");
}

#[test]
fn s_053_a_local_part_is_never_empty() {
    assert_eq!(LocalPart::new(""), Err(AddressError::LocalPart));
    assert_eq!("\"\"".parse::<LocalPart>(), Err(AddressError::LocalPart));
    assert!("<\"\"@example.org>".parse::<ReversePath>().is_err());
}

// Lengths.

#[test]
fn c_054_local_parts_of_64_octets_and_more() {
    assert_eq!(LocalPart::RECOMMENDED_LEN, 64);
    for octets in [64, 65, 254] {
        assert!(LocalPart::new(&"a".repeat(octets)).is_ok());
    }
    assert_eq!(LocalPart::new(&"a".repeat(255)), Err(AddressError::TooLong));
    // Octets, not characters.
    assert!(LocalPart::new(&"ä".repeat(127)).is_ok());
    assert!(LocalPart::new(&"ä".repeat(128)).is_err());
}

#[test]
fn c_055_domains_of_255_octets() {
    assert_eq!(domain_of(255).len(), 255);
    assert_eq!(domain_of(256).len(), 256);
    assert!(Domain::new(&domain_of(255)).is_ok());
    assert_eq!(Domain::new(&domain_of(256)), Err(DomainError::TooLong));
    assert!(HelloName::new(&domain_of(255)).is_ok());
    assert_eq!(
        HelloName::new(&domain_of(256)),
        Err(CommandTextError::TooLong)
    );
    let literal = |octets: usize| format!("[X9:{}]", "x".repeat(octets - 5));
    assert!(literal(255).parse::<Host>().is_ok());
    assert_eq!(literal(256).parse::<Host>(), Err(DomainError::TooLong));
}

#[test]
fn c_056_s_099_s_102_mailboxes_of_254_octets() {
    let mailbox = |octets: usize| format!("{}@{}", "a".repeat(64), domain_of(octets - 65));
    assert!(mailbox(254).parse::<Mailbox>().is_ok());
    assert_eq!(mailbox(255).parse::<Mailbox>(), Err(AddressError::TooLong));
    let path = format!("<{}>", mailbox(254));
    assert_eq!(path.len(), 256);
    assert_eq!(path.parse::<ForwardPath>().unwrap().to_string(), path);
    assert!(
        format!("<{}>", mailbox(255))
            .parse::<ReversePath>()
            .is_err()
    );
    // What counts is the length that is sent, quotes and backslashes included.
    let quotes = |number| {
        Mailbox::new(
            LocalPart::new(&"\"".repeat(number)).unwrap(),
            Domain::new("b").unwrap().into(),
        )
    };
    assert_eq!(quotes(125).unwrap().to_string().len(), 254);
    assert_eq!(quotes(126), Err(AddressError::TooLong));
    // And not the one that came.
    let needless = format!("<\"{}\"@b>", "\\a".repeat(252));
    assert!(needless.parse::<ReversePath>().is_ok());
}

// Parameters and the other arguments.

#[test]
fn c_048_parameters_have_one_space_and_come_once() {
    let mut parameters = Parameters::new();
    parameters.push(Parameter::size(10)).unwrap();
    parameters.push("BODY=8BITMIME".parse().unwrap()).unwrap();
    let mail = Command::Mail {
        reverse_path: "a@x.example".parse().unwrap(),
        parameters: parameters.clone(),
    };
    assert_eq!(
        mail.to_string(),
        "MAIL FROM:<a@x.example> SIZE=10 BODY=8BITMIME"
    );
    assert_eq!(
        parameters.push("size=11".parse().unwrap()),
        Err(ParameterError::Duplicate("size".into()))
    );
    assert_eq!(
        "A=1 B a=2".parse::<Parameters>(),
        Err(ParameterError::Duplicate("a".into()))
    );
}

#[test]
fn c_049_keywords_and_values_by_the_grammar() {
    for (keyword, value) in [
        ("X", None),
        ("1-", Some("<>")),
        ("X-Y", Some("a+3Db")),
        ("AUTH", Some("<>")),
        ("RET", Some("é")),
    ] {
        assert!(Parameter::new(keyword, value).is_ok(), "{keyword}");
    }
    for (keyword, value) in [
        ("", None),
        ("-X", None),
        ("X_Y", None),
        ("X=", None),
        ("X Y", None),
        ("é", None),
        ("X", Some("")),
        ("X", Some("a=b")),
        ("X", Some("a b")),
        ("X", Some("a\tb")),
        ("X", Some("a\x7f")),
    ] {
        assert_eq!(
            Parameter::new(keyword, value),
            Err(ParameterError::Syntax),
            "{keyword}={value:?}"
        );
    }
    for text in ["X=", "=x", "X==x", "X=a=b", "X x", " X", "X ", ""] {
        assert!(text.parse::<Parameter>().is_err(), "{text:?}");
    }
}

#[test]
fn c_050_a_mailbox_in_a_parameter_is_xtext() {
    assert_eq!(encode_xtext(b"e=mc2@example.org"), "e+3Dmc2@example.org");
    let auth = Parameter::new("AUTH", Some(&encode_xtext(b"e=mc2@example.org"))).unwrap();
    assert_eq!(auth.to_string(), "AUTH=e+3Dmc2@example.org");
}

#[test]
fn s_056_s_057_the_values_of_size_and_body() {
    let parsed = |text: &str| text.parse::<Parameters>().unwrap();
    for text in ["size=5 body=8bitmime", "BODY=8BITMIME  SIZE=5"] {
        assert_eq!(parsed(text).size(), Ok(Some(5)));
        assert_eq!(
            parsed(text).body(),
            Ok(Some(smtp_proto::types::BodyType::EightBitMime))
        );
    }
    assert_eq!(
        parsed("SIZE=99999999999999999999").size(),
        Ok(Some(u64::MAX))
    );
    for text in [
        "SIZE",
        "SIZE=x",
        "SIZE=-1",
        "SIZE=+1",
        "SIZE=000000000000000000001",
    ] {
        assert!(parsed(text).size().is_err(), "{text}");
    }
    for text in ["BODY", "BODY=foo", "BODY=7"] {
        assert!(parsed(text).body().is_err(), "{text}");
    }
    assert_eq!(parsed("").size(), Ok(None));
}

#[test]
fn c_042_no_line_end_gets_into_any_value() {
    for bad in ['\r', '\n', '\0'] {
        for text in [
            format!("a{bad}"),
            format!("{bad}a"),
            format!("a{bad}b"),
            format!("a@x>{bad}RCPT TO:<b"),
            format!("a@x{bad}"),
            format!("\"{bad}\"@x"),
            format!("\"\\{bad}\"@x"),
            format!("<a@x{bad}>"),
            format!("<a@x>{bad}"),
            format!("<@r{bad}:a@x>"),
            format!("[X9:{bad}]"),
            format!("[192.0.2.1]{bad}"),
            format!("NOOP{bad}"),
            format!("XFOO{bad}DATA"),
        ] {
            assert!(Domain::new(&text).is_err(), "{text:?}");
            assert!(text.parse::<AddressLiteral>().is_err(), "{text:?}");
            assert!(text.parse::<Host>().is_err(), "{text:?}");
            assert!(LocalPart::new(&text).is_err(), "{text:?}");
            assert!(text.parse::<LocalPart>().is_err(), "{text:?}");
            assert!(text.parse::<Mailbox>().is_err(), "{text:?}");
            assert!(text.parse::<ReversePath>().is_err(), "{text:?}");
            assert!(text.parse::<ForwardPath>().is_err(), "{text:?}");
            assert!(HelloName::new(&text).is_err(), "{text:?}");
            assert!(Argument::new(&text).is_err(), "{text:?}");
            assert!(RawCommand::new(&text).is_err(), "{text:?}");
            assert!(Parameter::new(&text, None).is_err(), "{text:?}");
            assert!(Parameter::new("X", Some(&text)).is_err(), "{text:?}");
            assert!(text.parse::<Parameter>().is_err(), "{text:?}");
            assert!(text.parse::<Parameters>().is_err(), "{text:?}");
            assert!(text.parse::<EnhancedCode>().is_err(), "{text:?}");
            let text_of_reply = text.replace('\n', "\r");
            assert_eq!(
                Reply::new(code(250), None, &text_of_reply),
                Err(ReplyError::Text)
            );
        }
    }
}

#[test]
fn c_017_c_018_names_in_hello() {
    for name in ["mta.example.org", "[192.0.2.7]", "[IPv6:2001:db8::7]"] {
        assert!(HelloName::new(name).unwrap().host().is_some(), "{name}");
    }
    for name in ["my_host.example", "192.0.2.7]", "-"] {
        assert!(HelloName::new(name).unwrap().host().is_none(), "{name}");
    }
    for name in ["", "a b", "bücher.example", "a\t"] {
        assert!(HelloName::new(name).is_err(), "{name}");
    }
}

#[test]
fn c_053_raw_commands_that_the_session_has_to_know_of() {
    for line in [
        "TURN",
        "send FROM:<a@b>",
        "Data",
        "AUTH PLAIN",
        "BDAT 1",
        "STARTTLS",
    ] {
        assert_eq!(RawCommand::new(line), Err(CommandTextError::Verb), "{line}");
    }
    for line in ["", " ", " X", "X_Y", "-X", "é", "X\t"] {
        assert!(RawCommand::new(line).is_err(), "{line:?}");
    }
    let etrn = RawCommand::new("ETRN  @example.org  ").unwrap();
    assert_eq!(etrn.argument(), Some("@example.org"));
    assert_eq!(RawCommand::new("XFOO").unwrap().argument(), None);
}

#[test]
fn c_057_arguments_fit_a_command_line_of_512_octets() {
    let line = |command: &Command| {
        let mut out = BytesMut::new();
        encode_command(command, &mut out);
        out.len()
    };
    let argument = Argument::new(&"a".repeat(505)).unwrap();
    assert_eq!(line(&Command::Vrfy(argument)), 512);
    assert_eq!(
        Argument::new(&"a".repeat(506)),
        Err(CommandTextError::TooLong)
    );
    let raw = RawCommand::new(&"X".repeat(510)).unwrap();
    assert_eq!(line(&Command::Extension(raw)), 512);
    assert_eq!(
        RawCommand::new(&"X".repeat(511)),
        Err(CommandTextError::TooLong)
    );
}

// Replies.

#[test]
fn c_088_c_089_codes_by_their_first_digit() {
    for number in 0..1000 {
        let expected = (200..600).contains(&number);
        assert_eq!(code(number).class().is_some(), expected, "{number}");
        assert_eq!(code(number).to_string(), format!("{number:03}"));
    }
    assert_eq!(ReplyCode::new(1000), None);
    assert!(code(299).is_positive() && !code(399).is_positive());
    assert!(code(499).is_negative() && code(599).is_negative());
}

#[test]
fn c_091_control_characters_are_escaped_when_a_reply_is_printed() {
    let odd = reply(b"250-a\tb\x07\x1b[31m\r\n250 \xff\xc2\x85\x7f\r\n");
    assert_eq!(
        odd.to_string(),
        "250 a\\tb\\u{7}\\u{1b}[31m / \u{fffd}\\u{85}\\u{7f}"
    );
    assert_eq!(format!("{odd:?}"), format!("Reply({odd})"));
    assert_eq!(reply(b"250\r\n").to_string(), "250");
    assert_eq!(reply(b"250-\r\n250 x\r\n").to_string(), "250 / x");
}

#[test]
fn c_097_all_lines_are_kept_as_they_came() {
    let whole = reply(b"550-5.1.1 no \xff\r\n550-\r\n550  5.1.1  such user \r\n");
    assert_eq!(
        whole.lines().collect::<Vec<_>>(),
        [&b"5.1.1 no \xff"[..], b"", b" 5.1.1  such user "]
    );
    assert_eq!(whole.line_count(), 3);
    assert_eq!(whole.text(), "no \u{fffd}\n\n 5.1.1  such user ");
    let mut wire = BytesMut::new();
    encode_reply(&whole, &mut wire);
    assert_eq!(
        &wire[..],
        b"550-5.1.1 no \xff\r\n550-\r\n550  5.1.1  such user \r\n"
    );
}

#[test]
fn s_107_s_109_replies_that_no_server_may_send() {
    let enhanced = EnhancedCode::new(5, 1, 1);
    for number in [0, 100, 199, 600, 999] {
        assert_eq!(Reply::new(code(number), None, "x"), Err(ReplyError::Code));
    }
    for number in [250, 354, 450] {
        let made = Reply::new(code(number), enhanced, "x");
        assert_eq!(made, Err(ReplyError::EnhancedCode));
    }
    for text in ["\r", "a\rb", "\0", "\t", "\x7f", "ä"] {
        assert_eq!(Reply::new(code(250), None, text), Err(ReplyError::Text));
    }
    // The space stands even without text (RFC 5321 section 4.2.1).
    let mut wire = BytesMut::new();
    encode_reply(&Reply::new(code(250), None, "").unwrap(), &mut wire);
    assert_eq!(&wire[..], b"250 \r\n");
}

#[test]
fn c_093_c_095_enhanced_codes_by_the_grammar() {
    for text in ["2.0.0", "4.999.999", "5.7.708"] {
        assert_eq!(text.parse::<EnhancedCode>().unwrap().to_string(), text);
    }
    for text in [
        "", "5", "5.1", "5.1.1.1", "3.1.1", "05.1.1", "005.1.1", "5.1000.1", "5.1.1000", "5..1",
        "5.1.", ".1.1", "+5.1.1", "5.+1.1", "5.1.1 ", "5.1.x",
    ] {
        assert!(text.parse::<EnhancedCode>().is_err(), "{text}");
    }
    // What is no code of this reply is text.
    let mixed = reply(b"550-5.1.1 no\r\n550 4.2.2 is what it said before\r\n");
    assert_eq!(mixed.enhanced(), EnhancedCode::new(5, 1, 1));
    assert_eq!(mixed.text(), "no\n4.2.2 is what it said before");
}

#[test]
fn s_105_no_reply_line_is_longer_than_512_octets() {
    let longest = |reply: &Reply| {
        let mut wire = BytesMut::new();
        encode_reply(reply, &mut wire);
        let lines = wire.split_inclusive(|&b| b == b'\n').map(<[u8]>::len);
        lines.max().unwrap()
    };
    let make = |code, enhanced, text: &str| Reply::new(code, enhanced, text).unwrap();
    let enhanced = EnhancedCode::new(5, 999, 999);
    for octets in [1, 495, 496, 497, 506, 507, 1012, 1013, 5000] {
        for text in ["x".repeat(octets), "a word ".repeat(octets / 7 + 1)] {
            for reply in [
                make(code(250), None, &text),
                make(code(550), enhanced, &text),
            ] {
                assert!(longest(&reply) <= 512, "{octets}");
                assert_eq!(reply.text().replace('\n', ""), text);
            }
        }
    }
    assert_eq!(make(code(250), None, &"x".repeat(506)).line_count(), 1);
    assert_eq!(make(code(250), None, &"x".repeat(507)).line_count(), 2);
    let words = make(code(250), None, &format!("{} word", "x".repeat(505)));
    assert_eq!(words.lines().last(), Some(&b"word"[..]));
    // A SASL challenge is one line.
    assert_eq!(make(code(334), None, &"A".repeat(12_288)).line_count(), 1);
}

#[test]
fn c_042_a_capability_is_always_one_line() {
    let made = Capability::Other {
        keyword: "X\r\nSIZE".into(),
        parameters: "0\0".into(),
    };
    assert_eq!(made.to_string(), "X  SIZE 0 ");
    assert_eq!(
        Capability::Auth(vec!["A\nB".into()]).to_string(),
        "AUTH A B"
    );
    // Some servers end a line with two CRs.
    let read = offers(b"250-mx\r\n250-PIPELINING\r\r\n250 SIZE 5\r\r\n");
    assert!(read.has(&Capability::Pipelining));
    assert_eq!(read.max_size(), Some(5));
}

/// Takes minutes if each is compared with every other.
#[test]
fn s_100_c_060_long_lists_take_no_time() {
    const NUMBER: usize = 200_000;
    let words: Vec<String> = (0..NUMBER).map(|number| format!("X{number}")).collect();
    let parameters: Parameters = words.join(" ").parse().unwrap();
    assert_eq!(parameters.iter().count(), NUMBER);
    let offers: Capabilities = [Capability::Auth(words)].into_iter().collect();
    assert_eq!(offers.auth_mechanisms().len(), NUMBER);
}

#[test]
fn c_046_an_ipv6_address_without_its_tag_is_no_literal() {
    for text in [
        "[2001:db8::1]",
        "[1:2:3:4:5:6:7:8]",
        "[fe80::1%eth0]",
        "[a:b]",
    ] {
        assert!(text.parse::<AddressLiteral>().is_err(), "{text}");
        assert!(format!("<u@{text}>").parse::<ReversePath>().is_err());
    }
}

#[test]
fn d_9_a_label_has_no_space_and_no_dot_of_any_script() {
    for odd in [
        '\u{a0}', '\u{2028}', '\u{3000}', '\u{3002}', '\u{ff0e}', '\u{ff61}',
    ] {
        assert!(Domain::new(&format!("a{odd}b.example")).is_err(), "{odd:?}");
    }
}

#[test]
fn c_024_each_keyword_is_told_from_each_other_one() {
    let known = [
        "8BITMIME",
        "AUTH",
        "BINARYMIME",
        "CHUNKING",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "ETRN",
        "EXPN",
        "HELP",
        "PIPELINING",
        "REQUIRETLS",
        "SIZE",
        "SMTPUTF8",
        "STARTTLS",
        "VRFY",
        "X-OTHER",
        "X",
    ];
    for (index, keyword) in known.iter().enumerate() {
        let parameter = if *keyword == "AUTH" { " PLAIN" } else { "" };
        for line in [keyword.to_string(), keyword.to_lowercase()] {
            let wire = format!("250-mx\r\n250 {line}{parameter}\r\n");
            let offers = offers(wire.as_bytes());
            let made: Capabilities = offers.iter().cloned().collect();
            for (other, asked) in known.iter().enumerate() {
                let same = index == other;
                for offers in [&offers, &made] {
                    assert_eq!(offers.offers(asked), same, "{line}: {asked}");
                    assert_eq!(
                        offers.offers(&asked.to_lowercase()),
                        same,
                        "{line}: {asked}"
                    );
                    assert_eq!(offers.get(asked).is_some(), same, "{line}: {asked}");
                    let capability = offers.get(asked);
                    assert!(capability.is_none_or(|capability| offers.has(capability)));
                }
                let capability: Capability = format!("{asked}{parameter}").parse().unwrap();
                assert!(same || !offers.has(&capability), "{line}: {asked}");
            }
        }
    }
}

#[test]
fn what_has_a_parameter_is_offered_with_that_parameter() {
    let offers = offers(b"250-mx\r\n250-SIZE 5\r\n250-AUTH PLAIN\r\n250-X-A b\r\n250 DSN\r\n");
    for (line, has) in [
        ("SIZE 5", true),
        ("SIZE", false),
        ("SIZE 6", false),
        ("AUTH PLAIN", true),
        ("AUTH LOGIN", false),
        ("X-A b", true),
        ("X-A c", false),
        ("DSN", true),
    ] {
        assert_eq!(offers.has(&line.parse().unwrap()), has, "{line}");
    }
    // Whoever puts a list together may say so in other words.
    let other = |keyword: &str| Capability::Other {
        keyword: keyword.into(),
        parameters: String::new(),
    };
    let size = |list: [Capability; 2]| list.into_iter().collect::<Capabilities>().max_size();
    assert_eq!(size([Capability::Size(Some(5)), other("size")]), None);
    assert_eq!(size([Capability::Size(Some(5)), other("X")]), Some(5));
    assert_eq!(size([other("SIZE"), Capability::Size(Some(5))]), Some(5));
    let made: Capabilities = [other("dsn")].into_iter().collect();
    assert!(made.offers("DSN") && !made.has(&Capability::Dsn) && !made.offers("ETRN"));
}

#[test]
fn parameters_are_equal_without_case_in_the_keyword() {
    let parameter = |text: &str| text.parse::<Parameter>().unwrap();
    assert_eq!(parameter("SIZE=5"), parameter("size=5"));
    for (one, other) in [
        ("SIZE=5", "SIZE=6"),
        ("SIZE=5", "SIZES=5"),
        ("SIZE", "SIZE=5"),
        ("ENVID=a", "ENVID=A"),
        ("SIZE", "SMTP"),
    ] {
        assert_ne!(parameter(one), parameter(other));
        assert_ne!(parameter(other), parameter(one));
    }
}

#[test]
fn what_is_equal_has_one_hash() {
    fn hash(value: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }
    let domain = |text: &str| text.parse::<Domain>().unwrap();
    assert_eq!(domain("Example.NET"), domain("example.net"));
    assert_eq!(hash(&domain("Example.NET")), hash(&domain("example.net")));
    assert_ne!(domain("example.net"), domain("example.org"));
    assert_ne!(hash(&domain("example.net")), hash(&domain("example.org")));
    let mailbox = |text: &str| text.parse::<Mailbox>().unwrap();
    assert_ne!(mailbox("Bob@example.net"), mailbox("bob@example.net"));
    let [one, other] = ["Bob@example.net", "bob@EXAMPLE.net"].map(|text| hash(&mailbox(text)));
    assert_ne!(one, other);
    let (one, other) = (mailbox("bob@example.net"), mailbox("bob@EXAMPLE.net"));
    assert!(one == other && hash(&one) == hash(&other));
    let long = |last: char| mailbox(&format!("{}{last}@example.net", "x".repeat(60)));
    assert_eq!(hash(&long('a')), hash(&long('a')));
    assert_ne!(hash(&long('a')), hash(&long('b')));
}

#[test]
fn c_056_s_099_the_length_of_a_literal_and_of_a_domain_in_an_address() {
    let plain: fn(usize) -> String = |n| "x".repeat(n);
    let quoted: fn(usize) -> String = |n| format!("\"{}\\\"\"", " ".repeat(n - 4));
    let general = || format!("[x:{}]", "y".repeat(100));
    for (local, host) in [
        (plain, "[192.0.2.1]".to_owned()),
        (plain, "[IPv6:2001:db8::1]".to_owned()),
        (plain, general()),
        (quoted, general()),
    ] {
        let room = 254 - 1 - host.len();
        let fits = format!("{}@{host}", local(room));
        assert_eq!(fits.len(), 254);
        assert_eq!(fits.parse::<Mailbox>().unwrap().to_string(), fits);
        let long = format!("{}@{host}", local(room + 1));
        assert_eq!(long.parse::<Mailbox>(), Err(AddressError::TooLong));
        let parts = |n| {
            let local = local(n).parse::<LocalPart>().unwrap();
            Mailbox::new(local, host.parse::<Host>().unwrap())
        };
        assert!(parts(room).is_ok() && parts(room + 1) == Err(AddressError::TooLong));
    }
    let with = |octets| format!("a@{}", domain_of(octets)).parse::<Mailbox>();
    assert!(with(252).is_ok());
    assert_eq!(with(253), Err(AddressError::TooLong));
    assert_eq!(with(255), Err(AddressError::TooLong));
    assert_eq!(with(256), Err(AddressError::Host(DomainError::TooLong)));
}

#[test]
fn lines_of_a_reply_from_behind() {
    let reply = reply(b"250-a\r\n250-\r\n250 c d\r\n");
    assert_eq!(
        reply.lines().rev().collect::<Vec<_>>(),
        [&b"c d"[..], b"", b"a"]
    );
    assert_eq!(reply.lines().next_back(), Some(&b"c d"[..]));
    let mut both = reply.lines();
    assert_eq!(
        (both.next(), both.next_back()),
        (Some(&b"a"[..]), Some(&b"c d"[..]))
    );
    assert_eq!((both.next_back(), both.next_back()), (Some(&b""[..]), None));
    assert_eq!(
        (reply.line_count(), reply.text_len()),
        (3, "a\n\nc d".len())
    );
}

#[test]
fn local_parts_in_logs() {
    let local = LocalPart::new("a b").unwrap();
    assert_eq!(format!("{local:?}"), "LocalPart(\"a b\")");
}

#[test]
fn a_parameter_given_twice_among_many() {
    for count in 1..12 {
        let mut words: Vec<String> = (0..count).map(|number| format!("X{number}")).collect();
        assert!(words.join(" ").parse::<Parameters>().is_ok());
        for place in 0..count {
            words.push(format!("x{place}=y"));
            let twice = ParameterError::Duplicate(format!("x{place}"));
            assert_eq!(words.join(" ").parse::<Parameters>(), Err(twice));
            words.pop();
        }
    }
}

#[test]
fn enhanced_codes_have_three_digits_at_most() {
    for (subject, detail, is) in [(999, 999, true), (1000, 0, false), (0, 1000, false)] {
        assert_eq!(EnhancedCode::new(5, subject, detail).is_some(), is);
    }
    assert!(EnhancedCode::new(3, 1, 1).is_none());
}

#[test]
fn c_025_names_of_mechanisms_have_hyphens_and_underscores() {
    let offers = offers(b"250-mx\r\n250 AUTH SCRAM-SHA-1-PLUS X_Y 9Z\r\n");
    assert_eq!(offers.auth_mechanisms(), ["SCRAM-SHA-1-PLUS", "X_Y", "9Z"]);
}
