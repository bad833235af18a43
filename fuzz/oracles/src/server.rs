//! Any octets from a client against a server session.

pub mod plan;
mod walk;

use smtp_proto::server::Session;

use self::{
    plan::Plan,
    walk::{Walk, time_out},
};
use crate::service::{Seen, Server, replies, without_faulty};

/// A client sends what stands at the front of the input; the settings stand behind
/// its last NUL ([`Plan::read`]).
pub fn server(input: &[u8]) {
    check(&Plan::read(input));
}

/// Whatever the client sends:
///
/// - what the application is asked and told, and what is said, is the same however
///   the octets are cut, and whether questions are asked again;
/// - each command, response, content and chunk has one reply, in order, and each
///   reply is well-formed;
/// - a message has recipients, those that were accepted, and the content that a
///   plain reading finds between its ends; content that was cut off, refused or at
///   fault is no message; each transaction has one end;
/// - nobody is let in without a 235, and nothing shows what is said in between;
/// - there is always a deadline, and behind the end nothing;
/// - of a client that does not read, no more is read than there is room for.
pub fn check(plan: &Plan) {
    let mut walk = Walk::new(plan);
    walk.go();
    walk.finish();
    let expected = came(&walk.server);
    for (step, hesitate) in [(usize::MAX, 0), (1, 0), (3, 2)] {
        let mut server = play(plan, &walk.handshakes, step, hesitate);
        finish(plan, &mut server);
        assert_eq!(came(&server), expected, "{step} octets at a time");
    }
    if walk.handshakes.is_empty() && !walk.server.seen.contains(&Seen::StartTls) {
        slow_reader(plan, &expected);
    }
}

/// Plays the octets, so many at a time, with the handshakes where they were.
fn play(plan: &Plan, handshakes: &[usize], step: usize, hesitate: usize) -> Server {
    let mut server = Server::of(plan.session().0);
    server.hesitate = hesitate;
    let mut at = 0;
    for handshake in handshakes {
        for piece in plan.octets[at..*handshake].chunks(step) {
            server.send(piece);
        }
        server.secure();
        at = *handshake;
    }
    for piece in plan.octets[at..].chunks(step) {
        server.send(piece);
    }
    server
}

fn finish(plan: &Plan, server: &mut Server) {
    if server.is_closed() {
        return;
    }
    if plan.ends {
        server.end();
    } else {
        time_out(server);
    }
}

/// What was said, and what the application saw; but for what depends on the cuts.
fn came(server: &Server) -> (String, Vec<Seen>) {
    let mut output = String::from_utf8(server.output.clone()).unwrap();
    let mut seen = without_faulty(&server.seen);
    // Whether something stands behind STARTTLS is asked when that is looked at.
    // Either way it is the end.
    let last = output.trim_end().rfind('\n').map_or(0, |at| at + 1);
    let is_end = ["220 2.0.0 ready", "554 5.5.0 nothing may follow"]
        .iter()
        .any(|end| output[last..].starts_with(end));
    if is_end && seen.last() == Some(&Seen::Closed) {
        output.truncate(last);
        seen.retain(|seen| *seen != Seen::StartTls);
    }
    (output, seen)
}

/// A client that sends much at once, and reads only when the session does not.
fn slow_reader(plan: &Plan, expected: &(String, Vec<Seen>)) {
    const LONGEST_REPLY: u64 = 1024;
    let mut server = Server::of(plan.session().0);
    server.client_reads = false;
    for piece in plan.octets.chunks(20_000) {
        if !server.session.wants_input() {
            server.client_reads = true;
            server.drive();
            server.client_reads = server.is_closed();
        }
        server.send(piece);
        let waiting = pending(&server.session);
        assert!(
            waiting < Session::OUTPUT_CAP + LONGEST_REPLY,
            "{waiting} wait"
        );
        let has_deadline = server.session.poll_timeout().is_some();
        assert!(has_deadline || server.is_closed(), "{:?}", server.session);
    }
    server.client_reads = true;
    server.drive();
    finish(plan, &mut server);
    assert_eq!(came(&server), *expected, "read late");
    replies(&server.output);
}

/// How many octets wait to be sent.
fn pending(session: &Session) -> u64 {
    match session.poll_transmit() {
        Some(transmit) => transmit.octets(),
        None => 0,
    }
}
