//! How long a server session waits for what, with a time for each that no other
//! has, by the test's own clock.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::service::{DATA, Server, at, brief, config, replies};
use smtp_proto::{
    Instant, TlsPolicy,
    server::{Config, Event, Session, State, Timeouts},
};

/// In seconds: for a command 11, content 13, output 17, the handshake 19, and to
/// close 23.
fn distinct() -> Config {
    let mut timeouts = Timeouts::default();
    timeouts.command = at(11).since_origin();
    timeouts.content = at(13).since_origin();
    timeouts.output = at(17).since_origin();
    timeouts.tls_handshake = at(19).since_origin();
    timeouts.closing = at(23).since_origin();
    config().timeouts(timeouts)
}

fn deadline(server: &Server) -> Option<Instant> {
    server.session.poll_timeout()
}

#[test]
fn s_010_every_command_has_its_time_anew() {
    let mut server = Server::new(distinct());
    for seconds in (0..100).step_by(10) {
        assert_eq!(deadline(&server), Some(at(seconds + 11)));
        server.pass(10);
        // Half of it is nothing.
        server.send("NO");
        assert_eq!(deadline(&server), Some(at(seconds + 11)));
        server.send("OP\r\n");
    }
    server.pass(11);
    assert_eq!(brief(replies(&server.output).last().unwrap()), "421 4.4.2");
    assert!(server.is_closed());
}

#[test]
fn s_010_s_086_content_has_its_own_in_lines_and_in_chunks() {
    let mut server = Server::new(distinct());
    server.send(DATA);
    assert_eq!(server.session.state(), State::Content);
    assert_eq!(deadline(&server), Some(at(13)));
    server.pass(12);
    server.send("x\r\n");
    assert_eq!(deadline(&server), Some(at(13)));
    server.send(".\r\n");
    assert_eq!(deadline(&server), Some(at(12 + 11)));

    let mut server = Server::new(distinct());
    server.send(DATA.replace("DATA\r\n", "BDAT 10\r\n12345"));
    assert_eq!(deadline(&server), Some(at(13)));
    server.send("67890");
    // Behind a chunk comes a command.
    assert_eq!(deadline(&server), Some(at(11)));
    // So does a chunk that is thrown away.
    let mut server = Server::new(distinct());
    server.send("EHLO a\r\nBDAT 10\r\n12345");
    assert_eq!(deadline(&server), Some(at(13)));
}

#[test]
fn a_client_has_to_read_in_blocks_not_in_octets() {
    let mut server = Server::new(distinct().max_junk_commands(usize::MAX));
    server.client_reads = false;
    server.send("EHLO a\r\n".to_owned() + &"NOOP\r\n".repeat(1000));
    // The time that the application took was its own.
    server.pass(0);
    assert_eq!(deadline(&server), Some(at(17)));
    let block = usize::try_from(Timeouts::OUTPUT_BLOCK).unwrap();
    let sent = server.output.len() % block;
    for seconds in 1..10 {
        server.session.handle_transmitted(1, at(seconds));
    }
    assert_eq!(deadline(&server), Some(at(17)));
    server.session.handle_transmitted(block - sent, at(10));
    assert_eq!(deadline(&server), Some(at(27)));
    server.session.handle_transmitted(block - 20, at(20));
    assert_eq!(deadline(&server), Some(at(27)));
    server.session.handle_transmitted(20, at(21));
    assert_eq!(deadline(&server), Some(at(38)));
}

#[test]
fn the_handshake_and_the_last_reply_have_their_own() {
    let mut server = Session::new(distinct().tls(TlsPolicy::Implicit), at(0));
    assert!(matches!(server.poll_event(), Ok(Some(Event::StartTls))));
    assert_eq!(server.poll_timeout(), Some(at(19)));
    assert!(!server.wants_input(), "in clear");

    let mut server = Server::new(distinct());
    server.client_reads = false;
    assert!(server.session.wants_input());
    server.send("QUIT\r\n");
    assert_eq!(deadline(&server), Some(at(23)));
    assert!(!server.session.wants_input(), "nobody would look at it");
    server.pass(23);
    assert!(server.is_closed());
    assert_eq!(deadline(&server), None);
    assert!(!server.session.wants_input());
}
