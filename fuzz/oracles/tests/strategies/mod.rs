//! What the property tests draw from: values of every type, texts and octets
//! that are nearly right, and ways to cut input into pieces.

use std::net::IpAddr;

use proptest::{collection::vec, option, prelude::*, sample::select};
use smtp_oracles::{ehlo::KNOWN, pieces::Cuts};
use smtp_proto::types::{
    AddressLiteral, Argument, BodyType, Capability, Command, Domain, EnhancedCode, ForwardPath,
    HelloName, Host, LocalPart, Mailbox, Parameter, Parameters, RawCommand, Reply, ReplyCode,
    ReversePath,
};

/// Tests run often and leave nothing behind: a failure worth keeping becomes a
/// test with a name.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub(crate) fn domain() -> impl Strategy<Value = Domain> {
    let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,6}[A-Za-z0-9])?|[a-zäß例]{1,4}";
    vec(label, 1..4).prop_map(|labels| Domain::new(&labels.join(".")).unwrap())
}

pub(crate) fn literal() -> impl Strategy<Value = AddressLiteral> {
    // Zero groups in all places, for the many forms of `::`.
    let v6 = vec(prop_oneof![Just(0_u16), any::<u16>()], 8).prop_map(|groups| {
        let groups: [u16; 8] = groups.try_into().unwrap();
        AddressLiteral::from(IpAddr::from(groups))
    });
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| AddressLiteral::from(IpAddr::from(octets))),
        any::<[u8; 16]>().prop_map(|octets| AddressLiteral::from(IpAddr::from(octets))),
        v6,
        "\\[[G-O-]{1,5}[g-z0-9]:[!-Z^-~]{1,20}\\]".prop_map(|text| text.parse().unwrap()),
    ]
}

pub(crate) fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        3 => domain().prop_map(Host::from),
        1 => literal().prop_map(Host::from)
    ]
}

pub(crate) fn local_part() -> impl Strategy<Value = LocalPart> {
    prop_oneof![
        "[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}",
        "[ -~]{1,40}",
        "[\"\\\\@<>. ]{1,10}",
        "[ -~äß例😀]{1,10}",
    ]
    .prop_map(|text| LocalPart::new(&text).unwrap())
}

pub(crate) fn mailbox() -> impl Strategy<Value = Mailbox> {
    (local_part(), host()).prop_map(|(local_part, host)| Mailbox::new(local_part, host).unwrap())
}

pub(crate) fn reverse_path() -> impl Strategy<Value = ReversePath> {
    prop_oneof![
        1 => Just(ReversePath::Null),
        4 => mailbox().prop_map(ReversePath::from)
    ]
}

pub(crate) fn forward_path() -> impl Strategy<Value = ForwardPath> {
    prop_oneof![
        1 => Just(ForwardPath::Postmaster),
        4 => mailbox().prop_map(ForwardPath::from)
    ]
}

pub(crate) fn body_type() -> impl Strategy<Value = BodyType> {
    select(vec![
        BodyType::SevenBit,
        BodyType::EightBitMime,
        BodyType::BinaryMime,
    ])
}

pub(crate) fn parameter() -> impl Strategy<Value = Parameter> {
    prop_oneof![
        any::<u64>().prop_map(Parameter::size),
        body_type().prop_map(Parameter::body),
        Just(Parameter::smtputf8()),
        (
            "[A-Za-z0-9][A-Za-z0-9-]{0,6}",
            option::of("[!-<>-~ä]{1,12}")
        )
            .prop_map(|(keyword, value)| Parameter::new(&keyword, value.as_deref()).unwrap()),
    ]
}

pub(crate) fn parameters() -> impl Strategy<Value = Parameters> {
    vec(parameter(), 0..5).prop_map(|list| {
        let mut parameters = Parameters::new();
        for parameter in list {
            // One of two with the same keyword stays out.
            let _ = parameters.push(parameter);
        }
        parameters
    })
}

pub(crate) fn enhanced() -> impl Strategy<Value = EnhancedCode> {
    (select(vec![2_u8, 4, 5]), 0_u16..1000, 0_u16..1000)
        .prop_map(|(class, subject, detail)| EnhancedCode::new(class, subject, detail).unwrap())
}

pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    let text = "([ -~]{0,20}|[0-9.]{0,9} x)(\n[ -~]{0,20}){0,3}";
    (200_u16..600, option::of(enhanced()), text).prop_map(|(code, enhanced, text)| {
        let enhanced = enhanced.filter(|enhanced| u16::from(enhanced.class()) == code / 100);
        Reply::new(ReplyCode::new(code).unwrap(), enhanced, &text).unwrap()
    })
}

pub(crate) fn capability() -> impl Strategy<Value = Capability> {
    prop_oneof![
        select(&KNOWN[..]),
        option::of(any::<u64>()).prop_map(Capability::Size),
        vec("[A-Z0-9_-]{1,20}", 0..4).prop_map(Capability::Auth),
        ("X-?[A-Z0-9]{1,5}", vec("[!-~]{1,5}", 0..3)).prop_map(|(keyword, words)| {
            Capability::Other {
                keyword,
                parameters: words.join(" "),
            }
        }),
    ]
}

pub(crate) fn hello_name() -> impl Strategy<Value = HelloName> {
    "[!-~]{1,30}".prop_map(|text| HelloName::new(&text).unwrap())
}

pub(crate) fn argument() -> impl Strategy<Value = Argument> {
    "[ -~ä]{0,10}[!-~][ -~ä]{0,10}".prop_map(|text| Argument::new(&text).unwrap())
}

pub(crate) fn raw_command() -> impl Strategy<Value = RawCommand> {
    "[Xx][A-Za-z0-9-]{0,6}( {1,2}[ -~ä]{0,12})?".prop_map(|line| RawCommand::new(&line).unwrap())
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        hello_name().prop_map(Command::Ehlo),
        hello_name().prop_map(Command::Helo),
        (reverse_path(), parameters()).prop_map(|(reverse_path, parameters)| Command::Mail {
            reverse_path,
            parameters
        }),
        (forward_path(), parameters()).prop_map(|(forward_path, parameters)| Command::Rcpt {
            forward_path,
            parameters
        }),
        select(vec![Command::Data, Command::Rset, Command::Quit]),
        option::of(argument()).prop_map(Command::Noop),
        option::of(argument()).prop_map(Command::Help),
        argument().prop_map(Command::Vrfy),
        argument().prop_map(Command::Expn),
        raw_command().prop_map(Command::Extension),
    ]
}

/// Text out of the fragments that the grammar is made of, in any order, with
/// some that it has no place for.
pub(crate) fn soup() -> impl Strategy<Value = String> {
    let fragments = vec![
        "a",
        "b-",
        "9",
        "_",
        "@",
        "@",
        "<",
        ">",
        "\"",
        "\"",
        "\\",
        ".",
        "-",
        "[",
        "]",
        ":",
        ",",
        "=",
        "+",
        "%",
        " ",
        "  ",
        "\t",
        "\r",
        "\n",
        "\0",
        "\x7f",
        "\u{85}",
        "\u{a0}",
        "ä",
        "。",
        "IPv6:",
        "::",
        "::1",
        "2001:db8::1",
        "192.0.2.1",
        "a.example",
        "x@y",
        "<x@y>",
        "<@r:x@y>",
        "<>",
        "<Postmaster>",
        "MAIL FROM:",
        "rcpt to:",
        "EHLO ",
        "NOOP",
        "VRFY ",
        "AUTH ",
        "AUTH=",
        "SIZE=",
        "SIZE ",
        "BODY=8bitmime",
        "5.1.1",
        "250",
        "250-",
        "\r\n",
    ];
    let anything = any::<char>().prop_map(String::from);
    vec(
        prop_oneof![8 => select(fragments).prop_map(String::from), 1 => anything],
        0..10,
    )
    .prop_map(|fragments| fragments.concat())
}

/// Octets out of `fragments`, and now and then some that are not among them.
fn octets_of(fragments: Vec<&'static [u8]>, most: usize) -> impl Strategy<Value = Vec<u8>> {
    let fragments = select(fragments).prop_map(<[u8]>::to_vec);
    vec(
        prop_oneof![12 => fragments, 1 => vec(any::<u8>(), 1..4)],
        0..most,
    )
    .prop_map(|fragments| fragments.concat())
}

/// Content, or what stands for it on the wire: dots and line ends mostly.
pub(crate) fn content() -> impl Strategy<Value = Vec<u8>> {
    octets_of(
        vec![
            b"\r", b"\n", b".", b"\r\n", b"\r\n", b"\r\n.", b"\r\n..", b"\r\n.\r", b"\0", b"text",
            b"a", b"\xff",
        ],
        24,
    )
}

/// Content as MIME software makes it: CRLF at the end of every line, no lone CR
/// or LF.
pub(crate) fn clean_content() -> impl Strategy<Value = Vec<u8>> {
    vec("[a.\0\u{ff}]{0,6}", 0..8)
        .prop_map(|lines| {
            lines
                .iter()
                .fold(String::new(), |all, line| all + line + "\r\n")
        })
        .prop_map(String::into_bytes)
}

/// What a server might send.
pub(crate) fn replies() -> impl Strategy<Value = Vec<u8>> {
    octets_of(
        vec![
            b"250 ok\r\n",
            b"250-a\r\n",
            b"250\r\n",
            b"250 \n",
            b"250-\r\n",
            b"550 5.1.1 no\r\n",
            b"550-5.1.1 a\r\n",
            b"550-2.1.5 b\r\n",
            b"550 5.2.2 c\r\n",
            b"250 \xff\x07\0\r\n",
            b"354 go\rx\r\n",
            b"\r",
            b"\n",
            b"2",
            b"50",
            b"-",
            b" ",
            b"x",
            b"a long text that goes on and on",
        ],
        16,
    )
}

/// What a server might offer, a line each.
pub(crate) fn offers() -> impl Strategy<Value = Vec<u8>> {
    octets_of(
        vec![
            b"SIZE",
            b"size ",
            b"AUTH",
            b"AUTH ",
            b"auth=",
            b"PLAIN",
            b"LOGIN ",
            b"PIPELINING",
            b"StartTLS",
            b"VRFY",
            b"X-Y",
            b"12",
            b"99999999999999999999",
            b"0",
            b" ",
            b"  ",
            b"\t",
            b"=",
            b"\n",
            b"\n",
            b"\r\n",
            b"\n\n",
            b"\xc2\x85",
            b"\xff",
            b"\xc3\xa4",
        ],
        16,
    )
}

/// What a client might send.
pub(crate) fn command_lines() -> impl Strategy<Value = Vec<u8>> {
    octets_of(
        vec![
            b"\r",
            b"\n",
            b"\r\n",
            b"\r\n",
            b"\r\r\n",
            b"NOOP",
            b"MAIL FROM:<a@b.example> SIZE=5\r\n",
            b"rcpt to: c@d\r\n",
            b"BDAT 5 LAST\r\n",
            b" ",
            b"x",
            b"a line of some length",
        ],
        24,
    )
}

/// Some of the pieces are empty.
pub(crate) fn cuts() -> impl Strategy<Value = Cuts> {
    prop_oneof![
        Just(Cuts::single()),
        vec(0_usize..8, 1..6).prop_map(|mut lengths| {
            lengths.push(1);
            Cuts::of(lengths)
        })
    ]
}
