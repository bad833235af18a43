//! Transactions in stages, and those that are for all recipients or none.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::talk::{CONTENT, Talk, config, mailbox, message, transaction};
use smtp_proto::client::{CommandError, Pipelining, RecipientPolicy};

const MAIL: &str = "MAIL FROM:<alice@example.org>\r\n";
const BOB: &str = "RCPT TO:<bob@example.net>\r\n";
const CAROL: &str = "RCPT TO:<carol@example.net>\r\n";

#[test]
fn m_04_each_stage_is_answered_at_once() {
    let mut talk = Talk::open(config(), &["PIPELINING", "SIZE"]);
    talk.session.mail(transaction(&[]).size(100)).unwrap();
    assert_eq!(talk.out(), "MAIL FROM:<alice@example.org> SIZE=100\r\n");
    talk.exchange("250 ok\r\n", "");
    assert_eq!(talk.events(), ["m1 from 250 ok"]);
    assert_eq!(talk.remaining(), None, "it is the application's turn");
    assert_eq!(talk.session.rcpt(mailbox("bob@example.net")), Ok(0));
    assert_eq!(talk.out(), BOB);
    talk.say("550 no\r\n");
    assert_eq!(talk.events(), ["m1 to1 550 no"]);
    assert_eq!(talk.session.rcpt(mailbox("carol@example.net")), Ok(1));
    assert_eq!(talk.out(), CAROL);
    talk.say("250 ok\r\n");
    assert_eq!(talk.events(), ["m1 to2 250 ok"]);
    assert!(talk.session.body().is_none());
    talk.session.data().unwrap();
    assert_eq!(talk.out(), "DATA\r\n");
    talk.say("354 ok\r\n");
    assert_eq!(talk.events(), ["m1 content"]);
    talk.session.body().unwrap().write("x\r\n").unwrap();
    assert_eq!(talk.out(), "x\r\n");
    assert_eq!(talk.remaining(), None, "it is the application's turn");
    talk.session.body().unwrap().finish().unwrap();
    assert_eq!(talk.out(), ".\r\n");
    talk.say("552 too large after all\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 refused at RCPT: 550 no",
            "m1 to2 refused at the end of the content: 552 too large after all"
        ]
    );
}

#[test]
fn m_04_stages_that_end_early() {
    // MAIL refused: the rest cannot be asked for.
    let mut talk = Talk::open(config(), &[]);
    talk.session.mail(transaction(&[])).unwrap();
    talk.session.rcpt(mailbox("bob@example.net")).unwrap();
    talk.out();
    talk.exchange("550 no\r\n", "");
    assert_eq!(
        talk.events(),
        [
            "m1 from 550 no",
            "m1 to1 refused at MAIL: 550 no",
            "m1 finished"
        ]
    );
    assert!(talk.session.rcpt(mailbox("bob@example.net")).is_err());
    // Every recipient refused: DATA is not sent.
    talk.session.mail(transaction(&[])).unwrap();
    talk.session.rcpt(mailbox("bob@example.net")).unwrap();
    assert_eq!(talk.out(), MAIL);
    talk.exchange("250 ok\r\n", BOB);
    talk.exchange("550 no\r\n", "");
    talk.session.data().unwrap();
    assert_eq!(talk.out(), "RSET\r\n");
    talk.say("250 ok\r\n");
    assert_eq!(talk.fates(), ["m2 to1 refused at RCPT: 550 no"]);
    // Given up before MAIL was sent: the server hears nothing of it.
    talk.session.noop().unwrap();
    talk.session.mail(transaction(&["bob"])).unwrap();
    talk.session.reset().unwrap();
    assert_eq!(talk.out(), "NOOP\r\n");
    talk.exchange("250 ok\r\n", "");
    assert_eq!(
        talk.events()[1..],
        ["m3 to1 not sent: given up by the caller", "m3 finished"]
    );
    // Given up before MAIL was answered.
    talk.session.mail(transaction(&["bob"])).unwrap();
    assert_eq!(talk.out(), MAIL);
    talk.session.reset().unwrap();
    assert_eq!(talk.out(), "");
    // It is over for the application, and others may be asked for.
    let again = talk.session.rcpt(mailbox("carol@example.net"));
    assert_eq!(again, Err(CommandError::NoTransaction));
    assert_eq!(talk.session.data(), Err(CommandError::NoTransaction));
    assert_eq!(talk.session.reset(), Err(CommandError::NoTransaction));
    talk.session.noop().unwrap();
    talk.exchange("250 ok\r\n", "RSET\r\n");
    talk.exchange("250 ok\r\n", "NOOP\r\n");
    talk.exchange("250 ok\r\n", "");
    assert_eq!(talk.fates(), ["m4 to1 not sent: given up by the caller"]);
}

#[test]
fn all_or_nothing() {
    let all = || message(&["bob", "carol"]).policy(RecipientPolicy::AllOrNothing);
    let mut talk = Talk::open(config(), &[]);
    talk.session.send(all()).unwrap();
    talk.out();
    talk.exchange("250 ok\r\n", BOB);
    talk.exchange("250 ok\r\n", CAROL);
    talk.exchange("452 too many\r\n", "RSET\r\n");
    talk.say("250 ok\r\n");
    assert_eq!(
        talk.fates(),
        [
            "m1 to1 not sent: another recipient was refused",
            "m1 to2 refused at RCPT: 452 too many"
        ]
    );
    // One that the server cannot have is enough to begin nothing.
    talk.session
        .send(all().recipient(mailbox("\u{fc}@example.net")))
        .unwrap();
    assert_eq!(talk.out(), "");
    assert_eq!(
        talk.fates(),
        [
            "m2 to1 not sent: another recipient was refused",
            "m2 to2 not sent: another recipient was refused",
            "m2 to3 not sent: the server takes ASCII addresses only"
        ]
    );
}

#[test]
fn what_is_abandoned_does_not_cross() {
    for by_quit in [false, true] {
        let config = config().pipelining(Pipelining::AcrossTransactions);
        let mut talk = Talk::open(config, &["PIPELINING"]);
        talk.session.send(message(&["bob"])).unwrap();
        talk.out();
        talk.exchange("250 ok\r\n250 ok\r\n354 go\r\n", CONTENT);
        talk.session.mail(transaction(&["carol"])).unwrap();
        if by_quit {
            talk.session.quit().unwrap();
        } else {
            talk.session.reset().unwrap();
        }
        assert_eq!(talk.out(), "");
        talk.say("250 taken\r\n");
        assert_eq!(
            talk.fates(),
            [
                "m1 to1 accepted: 250 taken",
                "m2 to1 not sent: given up by the caller"
            ]
        );
    }
}

#[test]
fn what_nobody_attends_to_is_abandoned() {
    // Nothing is going on: nothing happens.
    let mut talk = Talk::open(config(), &[]);
    talk.session.abandon();
    assert_eq!((talk.out().as_str(), talk.events().len()), ("", 0));

    // A transaction in stages is reset.
    talk.session.mail(transaction(&["bob"])).unwrap();
    assert_eq!(talk.out(), MAIL);
    talk.exchange("250 ok\r\n", BOB);
    talk.session.abandon();
    talk.exchange("250 ok\r\n", "RSET\r\n");
    assert_eq!(talk.fates(), ["m1 to1 not sent: given up by the caller"]);
    talk.say("250 ok\r\n");
    assert!(talk.session.is_reusable());

    // What needs nobody goes on.
    talk.session.send(message(&["bob"])).unwrap();
    talk.session.abandon();
    assert_eq!(talk.out(), MAIL);
    talk.exchange("250 ok\r\n", BOB);
    talk.exchange("250 ok\r\n", "DATA\r\n");
    talk.session.abandon();
    talk.exchange("354 go\r\n", CONTENT);
    talk.say("250 stored\r\n");
    assert_eq!(talk.fates(), ["m2 to1 accepted: 250 stored"]);

    // The content of nobody has no end.
    talk.session.send(transaction(&["bob"])).unwrap();
    assert_eq!(talk.out(), MAIL);
    talk.exchange("250 ok\r\n", BOB);
    talk.exchange("250 ok\r\n", "DATA\r\n");
    talk.exchange("354 go\r\n", "");
    talk.session.abandon();
    assert_eq!(talk.out(), "");
    assert_eq!(talk.fates(), ["m3 to1 not sent: given up in the content"]);
    assert!(talk.error.is_some());
}
