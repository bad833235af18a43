//! A client session, whatever the server says and the application asks for.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod cases;

use cases::cases;
use proptest::{collection::vec, prelude::*, sample::select};
use smtp_oracles::{
    client::{
        self,
        plan::{Act, Message, Plan, Turn},
    },
    dialogue::dialogue,
    tape::Octets,
};
use smtp_proto::{
    TlsPolicy,
    client::{Authentication, Chunking, Pipelining, RecipientPolicy},
};

/// Octets that are likely to mean something.
fn server_octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => Just(b"250 ok\r\n".to_vec()),
        2 => Just(b"250-mx\r\n250 PIPELINING\r\n".to_vec()),
        1 => Just(b"250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n".to_vec()),
        1 => Just(b"250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN CRAM-MD5\r\n".to_vec()),
        2 => Just(b"354 go\r\n".to_vec()),
        1 => Just(b"220 go ahead\r\n".to_vec()),
        1 => Just(b"235 welcome\r\n".to_vec()),
        1 => Just(b"334 VXNlcm5hbWU6\r\n".to_vec()),
        1 => Just(b"550 5.1.1 no\r\n".to_vec()),
        1 => Just(b"452 4.5.3 no\r\n".to_vec()),
        1 => Just(b"421 bye\r\n".to_vec()),
        1 => Just(b"250-".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => vec(any::<u8>(), 0..8),
        1 => vec(select(&b"0123456789- \r\n"[..]), 0..8),
    ];
    // Most begin as they should.
    let opening = prop_oneof![
        2 => Just(&b"220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"[..]),
        2 => Just(&b"220 mx\r\n250 PIPELINING\r\n"[..]),
        1 => Just(&b"220 mx\r\n250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n220 go ahead\r\n"[..]),
        1 => Just(&b""[..]),
    ];
    (opening, vec(piece, 0..20)).prop_map(|(opening, pieces)| [opening, &pieces.concat()].concat())
}

/// With decisions behind a NUL.
fn input() -> impl Strategy<Value = Octets> {
    let decisions = prop_oneof![
        1 => Just(Vec::new()),
        4 => vec(1..=255_u8, 0..150),
    ];
    (server_octets(), decisions)
        .prop_map(|(octets, decisions)| Octets([&octets, &b"\0"[..], &decisions].concat()))
}

proptest! {
    #![proptest_config(cases(4000))]

    /// Also: what a request that fails leaves is what was there; and all that
    /// [`client::check`] says.
    #[test]
    fn c_097_octets_cut_anywhere_make_the_same_events(input in input()) {
        client::client(&input.0);
    }

    #[test]
    fn every_message_has_one_fate_and_the_right_one(octets in vec(any::<u8>(), 0..1500)) {
        dialogue(&octets);
    }
}

/// What a server may say: right, wrong, and beside the point.
const SAYS: [&str; 24] = [
    "220 mx.example.net\r\n",
    "250 mx.example.net\r\n",
    "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN SCRAM-SHA-256\r\n",
    "250-mx\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 AUTH LOGIN CRAM-MD5\r\n",
    "250-mx\r\n250 AUTH PLAIN\r\n",
    "250-mx\r\n250 AUTH SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL XOAUTH2\r\n",
    "220 go ahead\r\n",
    "220 go ahead\r\n250 injected\r\n",
    "454 not now\r\n",
    "334 \r\n",
    "334 VXNlcm5hbWU6\r\n",
    "334 UGFzc3dvcmQ6\r\n",
    "334 !not base64\r\n",
    "334 cj14LHM9eCxpPTQwOTY=\r\n",
    "235 2.7.0 welcome\r\n",
    "535 5.7.8 wrong\r\n",
    "504 5.5.4 no such mechanism\r\n",
    "530 5.7.0 Must issue a STARTTLS command first\r\n",
    "250 ok\r\n",
    "354 go on\r\n",
    "421 going down\r\n",
    "500 what?\r\n",
    "502 what?\r\n",
    "\x15\x03\x01\x00\x02\x02\x28",
];

fn policy() -> impl Strategy<Value = TlsPolicy> {
    prop_oneof![
        Just(TlsPolicy::None),
        Just(TlsPolicy::Opportunistic),
        Just(TlsPolicy::Required),
        Just(TlsPolicy::Implicit),
    ]
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn c_179_c_209_nothing_goes_out_unprotected_or_by_nobody(
        policy in policy(),
        server in vec((0..SAYS.len(), any::<bool>()), 0..14),
        usual in any::<bool>(),
        authenticates in any::<bool>(),
    ) {
        let mut plan = Plan::of(b"");
        plan.tls = policy;
        plan.authentication =
            authenticates.then(|| Authentication::password("alice", "wonderland"));
        // A random server seldom gets far: half of them begin as they should.
        let opening = if usual { vec![(0, true), (2, true)] } else { Vec::new() };
        plan.turns = opening
            .into_iter()
            .chain(server)
            .map(|(says, established)| Turn {
                handshake: established.then_some(true),
                ..Turn::of(SAYS[says].as_bytes())
            })
            .collect();
        client::check(&plan);
    }
}

/// What an application asks for, at the right time or not.
fn request() -> impl Strategy<Value = Act> {
    let message = (0..4_usize, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(more, streamed, all, in_one)| Message {
            more,
            streamed,
            policy: if all {
                RecipientPolicy::AllOrNothing
            } else {
                RecipientPolicy::Partial
            },
            in_one,
            outcome_only: false,
        },
    );
    prop_oneof![
        3 => message.prop_map(Act::Send),
        2 => Just(Act::Mail),
        4 => Just(Act::Rcpt),
        2 => Just(Act::Data),
        1 => Just(Act::Reset),
        1 => Just(Act::Noop),
        1 => Just(Act::Vrfy),
        1 => Just(Act::Quit),
        1 => Just(Act::Authenticate),
        1 => Just(Act::Abandon),
        2 => (1..20_usize).prop_map(Act::Piece),
        2 => Just(Act::BadPiece),
        1 => Just(Act::Established),
        1 => Just(Act::HandshakeFailed),
        1 => Just(Act::WriteClosed),
    ]
}

/// A server that says what is likely to be next, line by line.
fn line() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        8 => Just("250 ok\r\n"),
        3 => Just("354 go\r\n"),
        1 => Just("550 5.1.1 no\r\n"),
        1 => Just("452 4.5.3 no\r\n"),
    ]
}

fn way() -> impl Strategy<Value = (Pipelining, Chunking)> {
    select(&smtp_oracles::agreement::WAYS[..])
}

const OPENING: [&str; 2] = ["220 mx\r\n", "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"];

proptest! {
    #![proptest_config(cases(3000))]

    /// A request that cannot be is an error, and the session is as it was; one that
    /// can be has its one end.
    #[test]
    fn misuse_never_changes_the_session(
        (pipelining, chunking) in way(),
        opening in vec(request(), 0..6),
        turns in vec((line(), vec(request(), 0..4), any::<bool>()), 0..25),
    ) {
        let mut plan = Plan::of(b"");
        (plan.pipelining, plan.chunking) = (pipelining, chunking);
        plan.opening = opening;
        plan.turns = OPENING.iter().map(|says| Turn::of(says.as_bytes())).collect();
        plan.turns.extend(turns.into_iter().map(|(says, acts, streams)| Turn {
            acts,
            streams,
            ..Turn::of(says.as_bytes())
        }));
        client::check(&plan);
    }

    /// At whatever place a server stops: the deadline ends what waits for it, and
    /// what becomes of each recipient is told.
    #[test]
    fn c_096_deadlines_fire_wherever_the_server_stops(
        (pipelining, chunking) in way(),
        messages in vec((0..3_usize, any::<bool>()), 1..5),
        says in vec(line(), 0..20),
        take in prop_oneof![3 => Just(usize::MAX), 1 => 0..60_usize],
        wait in any::<u16>(),
    ) {
        let mut plan = Plan::of(b"");
        (plan.pipelining, plan.chunking) = (pipelining, chunking);
        plan.opening = messages
            .into_iter()
            .map(|(more, streamed)| Act::Send(Message { more, streamed, ..Message::default() }))
            .chain([Act::Quit])
            .collect();
        let says = OPENING.into_iter().chain(says);
        plan.turns = says.map(|says| Turn::of(says.as_bytes())).collect();
        let last = plan.turns.last_mut().unwrap();
        last.take = take;
        last.acts = vec![Act::Wait(wait), Act::TimeOut, Act::TimeOut];
        client::check(&plan);
    }
}
