//! The client session against the server session, and against a relay that decides
//! by a rule.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod cases;

use cases::cases;
use proptest::{collection::vec, prelude::*};
use smtp_oracles::{
    agreement::agreement,
    pair::{self, Plan},
    tape::{Octets, Tape},
};

fn decisions() -> impl Strategy<Value = Octets> {
    vec(any::<u8>(), 0..250).prop_map(Octets)
}

proptest! {
    #![proptest_config(cases(3000))]

    /// C-113, S-008: accepted is stored, once; stored is accepted or in doubt; and
    /// what nothing disturbs is as the receiver says.
    #[test]
    fn c_113_s_008_every_message_is_stored_as_it_was_or_told_to_be_lost(decisions in decisions()) {
        pair::check(&Plan::read(&mut Tape::new(&decisions.0)));
    }

    #[test]
    fn c_096_c_141_pipelined_and_lock_step_agree(decisions in decisions()) {
        agreement(&mut Tape::new(&decisions.0));
    }
}
