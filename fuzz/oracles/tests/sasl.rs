//! Authentication, from either side.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod cases;

use base64::{Engine, engine::general_purpose::STANDARD};
use cases::cases;
use proptest::{collection::vec, prelude::*, sample::select};
use smtp_oracles::{
    sasl::{challenges, honest, mechanisms, responses},
    tape::Tape,
};
use smtp_proto::sasl::ServerMechanism;

fn mechanism() -> impl Strategy<Value = ServerMechanism> {
    select(mechanisms())
}

fn challenge() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(&[
            "334 \r\n", "334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "334 !not base64\r\n",
            "334 cj14LHM9eCxpPTQwOTY=\r\n", "235 welcome\r\n", "535 wrong\r\n", "504 no\r\n",
            "abc,s=c2FsdA==,i=4096\n", ",s=,i=1\n", "334-\r\n334 \r\n", "421 bye\r\n",
        ][..]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..40),
    ]
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn c_201_c_202_any_challenges_have_one_line_each_and_come_to_an_end(
        mechanism in mechanism(),
        lines in vec(challenge(), 0..10),
        decisions in vec(any::<u8>(), 0..10),
    ) {
        challenges(mechanism, &lines.concat(), &mut Tape::new(&decisions));
    }

    /// A server that has seen neither the password nor what is stored of it may say
    /// what it likes.
    #[test]
    fn c_203_c_204_a_forged_proof_never_succeeds(
        signature in prop_oneof![
            vec(any::<u8>(), 0..40).prop_map(|octets| STANDARD.encode(octets)),
            "[ -~]{0,20}",
        ],
        last in select(&["235 ok\r\n", "334 \r\n235 ok\r\n"][..]),
    ) {
        for mechanism in mechanisms() {
            let forged = STANDARD.encode(format!("v={signature}"));
            let lines = format!("abc,s=c2FsdA==,i=4096\n334 {forged}\r\n{last}");
            // Of the lines the first alone goes on with what the client has said.
            challenges(mechanism, lines.as_bytes(), &mut Tape::new(&[0, 0, 0, 2, 0]));
        }
    }

    #[test]
    fn any_responses_let_nobody_in_and_come_to_an_end(
        mechanism in mechanism(),
        lines in vec(vec(any::<u8>(), 0..80), 0..20),
        decisions in vec(any::<u8>(), 0..30),
    ) {
        responses(mechanism, &lines.join(&b'\n'), &mut Tape::new(&decisions));
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn whoever_knows_the_password_is_let_in_and_nobody_else(
        mechanism in mechanism(),
        user in prop_oneof!["[a-z0-9]{1,12}", ".{0,20}", "[a-z=,\u{a0}\u{ad}ä ]{0,9}"],
        secret in prop_oneof![
            "[ -~]{1,40}".prop_map(String::into_bytes),
            ".{0,30}".prop_map(String::into_bytes),
            vec(any::<u8>(), 0..40),
        ],
        decisions in vec(any::<u8>(), 0..10),
    ) {
        honest(mechanism, &user, &secret, &mut Tape::new(&decisions));
    }
}
