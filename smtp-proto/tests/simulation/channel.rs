//! A connection as a session's driver has it: in clear, or inside something that
//! stands for TLS. What it does to octets is no secret, but whatever was written
//! on the one side of it and is read on the other is noticed.

use crate::{
    agenda::Around,
    network::{Close, ConnectionId, Read, Side, Written},
};

/// What the two say in a handshake, and what they say if it fails. The length is
/// the same.
const CLIENT_HELLO: &[u8] = b"\x16tls?";
const SERVER_HELLO: &[u8] = b"\x16tls!";
const ALERT: &[u8] = b"\x15fail";

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) id: ConnectionId,
    pub(crate) side: Side,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Clear,
    Handshake {
        says: Vec<u8>,
        heard: Vec<u8>,
        /// The server has said its part, or begun to.
        answered: bool,
        /// This side will not have it.
        refuses: bool,
    },
    /// How many octets were sent and received inside.
    Secured {
        sent: u64,
        received: u64,
    },
}

/// How a handshake goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    Pending,
    Established,
    Failed,
}

impl Channel {
    pub(crate) fn new(id: ConnectionId, side: Side) -> Self {
        Self {
            id,
            side,
            stage: Stage::Clear,
        }
    }

    /// Begins a handshake, which this side will let fail if it `refuses`.
    pub(crate) fn shake_hands(&mut self, refuses: bool) {
        let says = match self.side {
            Side::Client => CLIENT_HELLO.to_vec(),
            Side::Server => Vec::new(),
        };
        self.stage = Stage::Handshake {
            says,
            heard: Vec::new(),
            answered: false,
            refuses,
        };
    }

    pub(crate) const fn is_in_handshake(&self) -> bool {
        matches!(self.stage, Stage::Handshake { .. })
    }

    /// Goes on with it, as far as the network lets it.
    pub(crate) fn step(&mut self, around: &mut Around) -> Handshake {
        let (id, side) = (self.id, self.side);
        let Stage::Handshake {
            says,
            heard,
            answered,
            refuses,
        } = &mut self.stage
        else {
            panic!("no handshake");
        };
        loop {
            while !says.is_empty() {
                match around.write(id, side, says) {
                    Written::Taken(n) => drop(says.drain(..n)),
                    Written::Full => return Handshake::Pending,
                    Written::Broken => return Handshake::Failed,
                }
            }
            if heard.len() < CLIENT_HELLO.len() {
                let missing = CLIENT_HELLO.len() - heard.len();
                match around.read_up_to(id, side, missing) {
                    Read::Octets(octets) => heard.extend(octets),
                    Read::Nothing => return Handshake::Pending,
                    Read::End | Read::Reset => return Handshake::Failed,
                }
                continue;
            }
            if side == Side::Server && !std::mem::replace(answered, true) {
                if heard == b"QUIT\r" {
                    // The client waited too long for the reply to STARTTLS.
                    around.seen.count("a client that leaves before a handshake");
                    return Handshake::Failed;
                }
                assert_eq!(heard, CLIENT_HELLO, "in clear behind STARTTLS");
                says.extend_from_slice(if *refuses { ALERT } else { SERVER_HELLO });
                continue;
            }
            if *refuses || heard == ALERT {
                around.seen.count("a handshake that fails");
                return Handshake::Failed;
            }
            if side == Side::Client {
                assert_eq!(heard, SERVER_HELLO, "in clear behind STARTTLS");
            }
            around.seen.count("a handshake");
            self.stage = Stage::Secured {
                sent: 0,
                received: 0,
            };
            return Handshake::Established;
        }
    }

    pub(crate) fn write(&mut self, around: &mut Around, octets: &[u8]) -> Written {
        let Stage::Secured { sent, .. } = &mut self.stage else {
            return around.write(self.id, self.side, octets);
        };
        let sealed: Vec<u8> = (*sent..)
            .zip(octets)
            .map(|(at, octet)| octet ^ mask(at))
            .collect();
        let written = around.write(self.id, self.side, &sealed);
        if let Written::Taken(n) = written {
            *sent += n as u64;
        }
        written
    }

    pub(crate) fn read(&mut self, around: &mut Around) -> Read {
        let read = around.read_up_to(self.id, self.side, usize::MAX);
        match (read, &mut self.stage) {
            (Read::Octets(mut octets), Stage::Secured { received, .. }) => {
                for octet in &mut octets {
                    *octet ^= mask(*received);
                    *received += 1;
                }
                Read::Octets(octets)
            }
            (read, _) => read,
        }
    }

    pub(crate) fn close(&self, around: &mut Around) {
        let how = match around.chance.one_in(2) {
            true => Close::Politely,
            false => Close::Abruptly,
        };
        around.close(self.id, self.side, how);
    }
}

/// What the octet at this place is hidden by: never nothing.
fn mask(at: u64) -> u8 {
    at.wrapping_mul(0x9E37_79B9).to_be_bytes()[4] | 0x80
}
