//! What a server session is told, and what its client sends.

use std::sync::{Arc, Mutex};

use smtp_proto::{
    Instant, TlsPolicy,
    sasl::ServerMechanism,
    server::{Authentication, Config, LoneLineEndings, Rejection, Session},
};

use crate::{service::config, tape::Tape};

#[derive(Clone, Debug)]
pub struct Plan {
    pub octets: Vec<u8>,
    pub config: Config,
    pub repairs: bool,
    /// The most octets of a message.
    pub most: Option<u64>,
    /// The greeting refuses the session.
    pub refuses: bool,
    /// Whether the client shakes hands when it should, or goes on in clear.
    pub shakes_hands: bool,
    /// The end of the input comes at last, not the deadline.
    pub ends: bool,
}

impl Plan {
    /// A client that sends this to a server with the usual settings.
    pub fn of(octets: &[u8]) -> Self {
        Self {
            octets: octets.to_vec(),
            config: config(),
            repairs: false,
            most: Some(Config::DEFAULT_MAX_MESSAGE_SIZE),
            refuses: false,
            shakes_hands: true,
            ends: true,
        }
    }

    /// A fuzzer's input.
    pub fn read(input: &[u8]) -> Self {
        let (octets, mut tape) = Tape::split(input);
        let mut plan = Self::of(octets);
        if tape.is_empty() {
            return plan;
        }
        let flags = tape.octet();
        let flag = |bit: u8| flags >> bit & 1 == 1;
        plan.repairs = flag(1);
        plan.ends = !flag(2);
        plan.config = plan
            .config
            .binary_mime(flag(0))
            .smtputf8(flag(3))
            .ask_verify(flag(4))
            .ask_expand(flag(5))
            .lenient_paths(flag(6))
            .pipelining(!flag(7))
            .chunking(!tape.rarely(6));
        if plan.repairs {
            plan.config = plan.config.lone_line_endings(LoneLineEndings::Repair);
        }
        // Of content that the application refuses in the middle, how much comes
        // first is decided by the cuts: it may be too much, or not yet.
        let refused = |window: &[u8]| window == b"virus@" || window == b"<away@";
        if tape.rarely(3) && !octets.windows(6).any(refused) {
            plan.most = Some(tape.below(200) as u64);
        }
        plan.config = plan
            .config
            .max_message_size(plan.most)
            .max_errors(tape.one_of(&[20, 1000, 2]))
            .max_refused_recipients(tape.one_of(&[100, 1000, 2]))
            .max_command_line(tape.one_of(&[4096, 512]))
            .tls(tape.one_of(&[
                TlsPolicy::None,
                TlsPolicy::Opportunistic,
                TlsPolicy::Required,
                TlsPolicy::Implicit,
            ]));
        plan.shakes_hands = !tape.rarely(3);
        if tape.rarely(3) {
            let offered = Authentication::new()
                .mechanisms(ServerMechanism::ALL)
                .required(tape.rarely(3))
                .secrets_in_clear(tape.rarely(2));
            plan.config = plan.config.authentication(offered);
        }
        plan.refuses = tape.rarely(12);
        plan
    }

    /// A session, and what its transcript shows.
    pub(super) fn session(&self) -> (Session, Arc<Mutex<String>>) {
        let config = self.config.clone();
        let mut session = if self.refuses {
            Session::refusing(config, &Rejection::policy(), Instant::ORIGIN)
        } else {
            Session::new(config, Instant::ORIGIN)
        };
        session.set_seed([7; 32]);
        let shown = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&shown);
        session.set_transcript(move |entry| {
            *sink.lock().unwrap() += &format!("{entry} {entry:?}\n");
        });
        (session, shown)
    }
}
