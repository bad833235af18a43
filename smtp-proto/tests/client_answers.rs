//! Picking the answer to one request out of the events: for a driver that waits
//! for one thing at a time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::result_large_err
)]

use smtp_oracles::talk::{CONTENT, Talk, config, message, secs, transaction};
use smtp_proto::client::{
    Authentication, AuthenticationError, Event, Fate, NotSent, Phase, RequestId, TransactionId,
};

/// What is new, in full.
fn news(talk: &mut Talk) -> Vec<Event> {
    let before = talk.log.len();
    talk.events();
    talk.log[before..].to_vec()
}

/// Which of these events is the answer, if just one is.
fn only<T>(events: &[Event], pick: impl Fn(Event) -> Option<T>) -> Option<T> {
    let mut found = events.iter().cloned().filter_map(pick);
    let first = found.next();
    assert!(found.next().is_none(), "more than one in {events:?}");
    first
}

/// Two transactions of which the first, whose MAIL is refused, is over.
fn two() -> (Talk, TransactionId, TransactionId) {
    let mut talk = Talk::open(config(), &[]);
    let first = talk.session.send(message(&["bob"])).unwrap();
    let second = talk.session.send(message(&["bob", "carol"])).unwrap();
    talk.out();
    talk.exchange("550 no\r\n", "MAIL FROM:<alice@example.org>\r\n");
    (talk, first, second)
}

#[test]
fn the_end_of_a_transaction_is_that_of_the_one_that_was_meant() {
    let (mut talk, first, second) = two();
    let events = news(&mut talk);
    let outcome = only(&events, |event| event.outcome_of(first)).unwrap();
    assert!(matches!(
        outcome.fate(),
        Fate::Refused {
            phase: Phase::Mail,
            ..
        }
    ));
    assert_eq!(only(&events, |event| event.outcome_of(second)), None);
    // It comes instead of what is waited for.
    let outcome = Some(Err(outcome));
    let ended = only(&events, |event| event.wants_body_of(first));
    assert_eq!(
        ended,
        outcome.clone().map(|outcome| outcome.map(|_: ()| ()))
    );
    let end = events.last().unwrap().clone();
    assert_eq!(
        end.sender_of(first).map(|sender| sender.map(|_| ())),
        outcome
    );
}

#[test]
fn the_answers_to_mail_and_rcpt() {
    let mut talk = Talk::open(config(), &[]);
    let id = talk.session.send(transaction(&["bob", "carol"])).unwrap();
    talk.out();
    talk.exchange("250 hello alice\r\n", "RCPT TO:<bob@example.net>\r\n");
    let events = news(&mut talk);
    let sender = only(&events, |event| event.sender_of(id)).unwrap();
    assert_eq!(sender.unwrap().text(), "hello alice");
    talk.exchange("250 hello bob\r\n", "RCPT TO:<carol@example.net>\r\n");
    talk.exchange("550 carol has left\r\n", "DATA\r\n");
    let events = news(&mut talk);
    let said = |index| only(&events, |event| event.recipient_of(id, index));
    assert_eq!(said(0).unwrap().text(), "hello bob");
    assert_eq!(said(1).unwrap().text(), "carol has left");
    assert_eq!(said(2), None);
    assert_eq!(only(&events, |event| event.wants_body_of(id)), None);
    talk.exchange("354 go\r\n", "");
    let events = news(&mut talk);
    assert_eq!(only(&events, |event| event.wants_body_of(id)), Some(Ok(())));

    // Nothing of it is about another transaction.
    let (_, first, second) = two();
    let other = if first == id { second } else { first };
    for event in &talk.log {
        assert_eq!(event.clone().sender_of(other), None);
        assert_eq!(event.clone().recipient_of(other, 0), None);
        assert_eq!(event.clone().wants_body_of(other), None);
        assert_eq!(event.clone().outcome_of(other), None);
    }
}

#[test]
fn the_answer_to_another_request() {
    let mut talk = Talk::open(config(), &[]);
    let first = talk.session.noop().unwrap();
    let second = talk.session.noop().unwrap();
    assert_eq!(talk.out(), "NOOP\r\n");
    talk.exchange("250 one\r\n", "NOOP\r\n");
    talk.exchange("250 two\r\n", "");
    let events = news(&mut talk);
    let said = |id: RequestId| only(&events, |event| event.reply_to(id)).unwrap().text();
    assert_eq!((said(first), said(second)), ("one".into(), "two".into()));
}

#[test]
fn whether_the_client_was_authenticated() {
    let login = || {
        Authentication::password("alice", "wonderland")
            .mechanisms(["PLAIN"])
            .secrets_in_clear(true)
    };
    let mut talk = Talk::open(config(), &["AUTH PLAIN"]);
    let first = talk.session.authenticate(login()).unwrap();
    talk.out();
    talk.say("535 no\r\n");
    let events = news(&mut talk);
    let refused = only(&events, |event| event.authenticated_by(first)).unwrap();
    assert!(matches!(refused, Err(AuthenticationError::Refused { .. })));
    let second = talk.session.authenticate(login()).unwrap();
    assert_eq!(only(&events, |event| event.authenticated_by(second)), None);
    talk.out();
    talk.say("235 welcome\r\n");
    talk.out();
    let events = news(&mut talk);
    assert_eq!(only(&events, |event| event.authenticated_by(first)), None);
    let welcome = only(&events, |event| event.authenticated_by(second));
    assert_eq!(welcome, Some(Ok(())));
}

#[test]
fn an_outcome_comes_at_the_end_of_the_session_too() {
    let mut talk = Talk::open(config(), &[]);
    let id = talk.session.send(message(&["bob"])).unwrap();
    talk.out();
    talk.exchange("250 ok\r\n", "RCPT TO:<bob@example.net>\r\n");
    talk.exchange("250 ok\r\n", "DATA\r\n");
    talk.exchange("354 go\r\n", CONTENT);
    talk.wait(secs(3600));
    let events = news(&mut talk);
    let outcome = only(&events, |event| event.outcome_of(id)).unwrap();
    assert!(matches!(outcome.fate(), Fate::InDoubt(_)));

    let mut talk = Talk::open(config(), &[]);
    let id = talk.session.send(message(&["bob"])).unwrap();
    talk.eof();
    let events = news(&mut talk);
    let outcome = only(&events, |event| event.sender_of(id)).unwrap();
    let outcome = outcome.unwrap_err();
    assert!(matches!(outcome.fate(), Fate::NotSent(NotSent::Session(_))));
}
