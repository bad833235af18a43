//! Which sessions may serve one more message, and which messages may be sent
//! once more.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use core::time::Duration;

use smtp_oracles::talk::{CONTENT, Talk, config, message, secs};
use smtp_proto::{
    client::{Event, Outcome, PoolPolicy, Reuse},
    types::{Reply, ReplyCode},
};

const SOON: Duration = Duration::ZERO;

fn policy() -> PoolPolicy {
    PoolPolicy::default()
}

/// A session that has carried one message.
fn used() -> Talk {
    let mut talk = Talk::open(config(), &[]);
    talk.session.send(message(&["bob"])).unwrap();
    assert_eq!(talk.out(), "MAIL FROM:<alice@example.org>\r\n");
    talk.exchange("250 ok\r\n", "RCPT TO:<bob@example.net>\r\n");
    talk.exchange("250 ok\r\n", "DATA\r\n");
    talk.exchange("354 go\r\n", CONTENT);
    talk.exchange("250 stored\r\n", "");
    talk.events();
    talk
}

fn outcome(talk: &mut Talk) -> Outcome {
    talk.events();
    let found = talk.log.iter().rev().find_map(|event| match event {
        Event::Finished { outcome, .. } => Some(outcome.clone()),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn by_time() {
    let talk = used();
    assert_eq!(policy().reuse(&talk.session, SOON), Reuse::AtOnce);
    assert_eq!(policy().reuse(&talk.session, secs(5)), Reuse::AfterNoop);
    assert_eq!(policy().reuse(&talk.session, secs(30)), Reuse::Never);
}

#[test]
fn by_messages() {
    let talk = used();
    assert_eq!(talk.session.transactions(), 1);
    let one = policy().max_messages(1);
    assert_eq!(one.reuse(&talk.session, SOON), Reuse::Never);
    let two = policy().max_messages(2);
    assert_eq!(two.reuse(&talk.session, SOON), Reuse::AtOnce);
    assert_eq!(policy().max_messages(0), one);
    assert_eq!(policy().max_connections(0).connections(), 1);
}

#[test]
fn not_while_something_is_going_on_or_was_odd() {
    let mut talk = used();
    talk.session.noop().unwrap();
    assert_eq!(policy().reuse(&talk.session, SOON), Reuse::Never);
    talk.out();
    // Q4, Q8: replies that do not agree with themselves.
    talk.say("250-x\r\n251 x\r\n");
    talk.events();
    assert_eq!(policy().reuse(&talk.session, SOON), Reuse::Never);

    let mut talk = used();
    talk.say("421 4.3.2 idle for too long\r\n");
    talk.events();
    assert_eq!(policy().reuse(&talk.session, SOON), Reuse::Never);

    let mut talk = used();
    talk.say("25");
    assert_eq!(policy().reuse(&talk.session, SOON), Reuse::Never);
}

#[test]
fn what_may_be_sent_again() {
    // The connection was gone before MAIL was answered.
    let mut talk = used();
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.eof();
    assert!(outcome(&mut talk).may_be_sent_again());

    // Refused is refused.
    let mut talk = used();
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.say("550 no\r\n");
    assert!(!outcome(&mut talk).may_be_sent_again());

    // In doubt, and accepted.
    let mut talk = used();
    talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.exchange("250 ok\r\n", "RCPT TO:<bob@example.net>\r\n");
    talk.exchange("250 ok\r\n", "DATA\r\n");
    talk.exchange("354 go\r\n", CONTENT);
    talk.eof();
    assert!(!outcome(&mut talk).may_be_sent_again());
    assert!(!outcome(&mut used()).may_be_sent_again());
}

#[test]
fn every_limit_of_the_policy_can_be_set() {
    let talk = used();
    let patient = policy().probe_after(secs(20)).max_idle(secs(40));
    assert_eq!(patient.reuse(&talk.session, secs(19)), Reuse::AtOnce);
    assert_eq!(patient.reuse(&talk.session, secs(20)), Reuse::AfterNoop);
    assert_eq!(patient.reuse(&talk.session, secs(40)), Reuse::Never);
    assert_eq!(patient.idle_time(), secs(40));
    assert_eq!(policy().waiting_time(), PoolPolicy::DEFAULT_MAX_WAIT);
    assert_eq!(policy().max_wait(secs(7)).waiting_time(), secs(7));
    assert_eq!(policy().max_connections(7).connections(), 7);
}

#[test]
fn what_confirms_that_a_session_is_alive() {
    for (code, confirms) in [(250, true), (200, true), (421, false), (500, false)] {
        let reply = Reply::new(ReplyCode::new(code).unwrap(), None, "x").unwrap();
        assert_eq!(Reuse::is_confirmed_by(&reply), confirms, "{code}");
    }
}
