//! A program that was built without TLS, and is asked for it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{io::ErrorKind, sync::mpsc};

use crate::adapter::{Error, smtp_proto};
use crate::common::{
    Peer, bounded, config,
    serving::{Recorder, YES, local, mx},
};
use smtp_proto::{TlsFailure, TlsPolicy};

#[test]
fn c_179_nothing_is_sent_in_its_place() {
    bounded(|| {
        for policy in [TlsPolicy::Required, TlsPolicy::Implicit] {
            let peer = Peer::new(move |mut talk| {
                if policy == TlsPolicy::Required {
                    talk.hello(&["STARTTLS"]);
                    talk.turn("STARTTLS", "220 go ahead");
                }
                talk.rest()
            });
            match peer.open(config().tls(policy)) {
                Err(Error::Tls {
                    failure: TlsFailure::Configuration(_),
                    ..
                }) => {}
                opened => panic!("{opened:?}"),
            }
            assert!(peer.join().is_empty());
        }
        let config = mx().tls(TlsPolicy::Opportunistic);
        let run = local().run(&config, |_| Recorder::new(YES, mpsc::channel().0));
        assert_eq!(run.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}
