//! Content in chunks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod cases;

use cases::cases;
use proptest::{collection::vec, option, prelude::*, sample::select};
use smtp_oracles::{
    chunks::{self, CONTENTS, Step},
    tape::Octets,
};

fn any_content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(&CONTENTS[..]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..100),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Hello),
        4 => any::<bool>().prop_map(|binary| Step::Mail { binary }),
        5 => prop::bool::weighted(0.8).prop_map(|known| Step::Rcpt { known }),
        1 => any_content().prop_map(Step::Data),
        9 => (any_content(), any::<bool>()).prop_map(|(content, last)| Step::Bdat(content, last)),
        2 => Just(Step::Rset),
        1 => Just(Step::Noop),
        1 => Just(Step::Unknown),
    ]
}

proptest! {
    #![proptest_config(cases(2000))]

    /// S-087 to S-098: whatever is sent, the session does as the model does, and
    /// nothing depends on how the input was cut.
    #[test]
    fn s_087_s_098_any_chunks_in_any_pieces(
        steps in vec(any_step(), 0..40),
        hello in option::weighted(0.9, Just(Step::Hello)),
        cuts in vec(any::<usize>(), 0..20),
        hesitate in 0..2_usize,
    ) {
        let steps: Vec<Step> = hello.into_iter().chain(steps).collect();
        chunks::as_the_model(&steps, &cuts, hesitate);
    }

    /// Through DATA as well.
    #[test]
    fn c_113_s_087_content_comes_octet_for_octet_however_it_is_sent(
        content in vec(any_content(), 0..6),
        decisions in vec(1..=255_u8, 0..60),
    ) {
        let input = [&content.concat(), &b"\0"[..], &decisions, &[1]].concat();
        chunks::chunks(&Octets(input).0);
    }
}
