//! Whatever a server says, in whatever order and pieces: nothing that needs
//! protection is sent without it, and nothing is sent by nobody.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use smtp_oracles::talk::{Talk, config, message};
use smtp_proto::{
    TlsInfo, TlsPolicy,
    client::{Authentication, Fate},
};

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
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn c_179_c_209_nothing_goes_out_unprotected_or_by_nobody(
        policy in policy(),
        server in prop::collection::vec((0..SAYS.len(), 1..40_usize, any::<bool>()), 0..14),
        usual in any::<bool>(),
    ) {
        let authentication = Authentication::password("alice", "wonderland");
        let config = config().tls(policy).authentication(authentication);
        let mut talk = Talk::new(config);
        talk.session.set_seed([3; 32]);
        talk.session.send(message(&["bob"])).unwrap();
        let mut said = String::new();
        // A random server seldom gets far: half of them begin as they should.
        let opening = if usual { vec![(0, 40, true), (2, 40, true)] } else { Vec::new() };
        for (index, step, established) in opening.into_iter().chain(server) {
            for piece in SAYS[index].as_bytes().chunks(step) {
                talk.say(piece);
            }
            let secured_before = talk.session.tls().is_some();
            let out = talk.out();
            talk.events();
            if !secured_before {
                for secret in ["d29uZGVybGFuZA", "AGFsaWNlAHdvbmRlcmxhbmQ", "wonderland"] {
                    prop_assert!(!out.contains(secret), "{out:?}");
                }
                if matches!(policy, TlsPolicy::Required | TlsPolicy::Implicit) {
                    let harmless = |line: &str| {
                        let verb = line.split(' ').next().unwrap_or_default();
                        ["EHLO", "STARTTLS", "QUIT", ""].contains(&verb)
                    };
                    prop_assert!(out.split("\r\n").all(harmless), "{out:?}");
                }
            }
            said += &out;
            // Nothing happens unless it is time.
            let info = TlsInfo::new().exporter([5; 32]);
            if established {
                talk.session.handle_tls_established(info, talk.now);
            }
            said += &talk.out();
            if talk.session.authenticated().is_none() {
                prop_assert!(!said.contains("MAIL") && !said.contains("RCPT"), "{said:?}");
            }
        }
        talk.eof();
        talk.events();
        prop_assert!(talk.error.is_some() || said.contains("QUIT"));
        // And what became of the message is told, once.
        let finished = talk.log.iter().filter_map(|event| match event {
            smtp_proto::client::Event::Finished { outcome, .. } => Some(outcome),
            _ => None,
        });
        let outcomes: Vec<_> = finished.collect();
        prop_assert_eq!(outcomes.len(), 1);
        if talk.session.authenticated().is_none() {
            prop_assert!(matches!(outcomes[0].fate(), Fate::NotSent(_)));
        }
    }
}
