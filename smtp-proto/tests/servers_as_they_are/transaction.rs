//! MAIL, RCPT, and the answer to DATA.

use smtp_oracles::talk::{CONTENT, config};
use smtp_proto::client::{Config, ErrorKind, Fate, Phase};

use super::twins::{MAIL, RCPT, Twins};

/// A session whose message is at its MAIL.
fn at_mail(config: Config, keywords: &[&str]) -> Twins {
    let mut twins = Twins::open(config, keywords);
    twins.send(&["bob"]);
    twins
}

/// `MAIL FROM: <a@b>` is refused by strict servers: there is no space behind the
/// colon, anywhere.
#[test]
fn q51_no_space_behind_the_colon() {
    let mut twins = at_mail(config(), &["SIZE", "8BITMIME"]);
    assert_eq!(twins.out(), "MAIL FROM:<alice@example.org> SIZE=22\r\n");
    twins.exchange("250 ok\r\n", RCPT);
}

/// `501` or `555 5.5.4` to a parameter that was offered: SIZE of old proxies, `BODY`
/// of a content filter behind a relay. The message is refused with what the server
/// said, and the session goes on; who knows the server tells the session to pass
/// the keyword over, as Postfix has `smtp_discard_ehlo_keywords` for it.
#[test]
fn q52_a_parameter_is_refused_although_it_was_offered() {
    let size = "MAIL FROM:<alice@example.org> SIZE=22\r\n";
    for refusal in ["555 5.5.4 Unsupported option: SIZE", "501 5.5.4 bad"] {
        let mut twins = at_mail(config(), &["SIZE 1000"]);
        assert_eq!(twins.out(), size);
        twins.exchange(format!("{refusal}\r\n"), "");
        assert_eq!(
            twins.fates(),
            [format!("m1 to1 refused at MAIL: {refusal}")]
        );
        assert!(twins.get(smtp_proto::client::Session::is_reusable));
    }
    let config = || config().ignore_keywords(["size", "X-UNKNOWN"]);
    let mut twins = at_mail(config(), &["SIZE 10", "PIPELINING"]);
    assert_eq!(twins.out(), format!("{MAIL}{RCPT}DATA\r\n"));
    twins.get(|session| {
        let offered = session.capabilities();
        assert!(!offered.offers("SIZE") && offered.max_size().is_none());
        // What the server said can be looked up still.
        assert_eq!(offered.raw_lines().next(), Some(&b"SIZE 10"[..]));
    });
}

/// `mail from:` is refused by "a Microsoft mailer", says Exim, and sends upper case.
#[test]
fn q53_commands_are_in_upper_case() {
    let mut twins = at_mail(config(), &[]);
    let mut said = twins.out();
    for reply in ["250 ok\r\n", "250 ok\r\n", "354 go\r\n", "250 ok\r\n"] {
        twins.say(reply);
        let out = twins.out();
        said += if out == CONTENT { "" } else { &out };
    }
    twins.ask(|session| assert!(session.noop().is_ok()));
    said += &twins.out();
    twins.say("250 ok\r\n");
    twins.ask(|session| session.quit().unwrap());
    said += &twins.out();
    assert_eq!(said, format!("{MAIL}{RCPT}DATA\r\nNOOP\r\nQUIT\r\n"));
}

/// 452 behind so many recipients, or 552, as RFC 821 had it: the server takes no
/// more in one transaction. Those that it took get the message, the others are
/// asked for again in the next, over the same connection. `552 5.2.2` is about a
/// mailbox, and final.
#[test]
fn q55_too_many_recipients() {
    for limit in [
        "452 4.5.3 Too many recipients",
        "552 too many",
        "452 no more",
    ] {
        let mut twins = Twins::open(config(), &["PIPELINING"]);
        twins.send(&["bob", "carol", "dave"]);
        let second = "RCPT TO:<carol@example.net>\r\nRCPT TO:<dave@example.net>\r\n";
        assert_eq!(twins.out(), format!("{MAIL}{RCPT}{second}DATA\r\n"));
        let answers = format!("250 ok\r\n250 ok\r\n{limit}\r\n{limit}\r\n354 go\r\n");
        twins.exchange(answers, CONTENT);
        twins.exchange("250 one\r\n", &format!("{MAIL}{second}DATA\r\n"));
        twins.exchange("250 ok\r\n250 ok\r\n552 5.2.2 full\r\n354 go\r\n", CONTENT);
        twins.exchange("250 two\r\n", "");
        assert_eq!(
            twins.fates(),
            [
                "m1 to1 accepted: 250 one",
                "m1 to2 accepted: 250 two",
                "m1 to3 refused at RCPT: 552 5.2.2 full",
            ]
        );
    }
}

/// 251 (forwards), 252 (cannot verify), 259: whatever begins with 2 accepts a
/// recipient.
#[test]
fn q58_any_2yz_accepts_a_recipient() {
    for code in ["251", "252", "259", "220"] {
        let mut twins = at_mail(config(), &[]);
        assert_eq!(twins.out(), MAIL);
        twins.exchange("250 ok\r\n", RCPT);
        twins.exchange(format!("{code} so be it\r\n"), "DATA\r\n");
        twins.exchange("354 go\r\n", CONTENT);
        twins.exchange("250 ok\r\n", "");
        assert_eq!(twins.fates(), ["m1 to1 accepted: 250 ok"]);
    }
}

/// Every recipient accepted, and then 451 or 550 to DATA: greylisting and policies
/// that look at the whole envelope. It is the answer to every recipient that was
/// accepted, and to no other.
#[test]
fn q59_refused_at_data() {
    for (refusal, transient) in [("451 4.7.1 greylisted", true), ("550 5.7.1 no", false)] {
        let mut twins = Twins::open(config(), &["PIPELINING"]);
        twins.send(&["bob", "carol"]);
        twins.out();
        let answers = format!("250 ok\r\n250 ok\r\n553 5.1.3 carol?\r\n{refusal}\r\n");
        twins.exchange(answers, "RSET\r\n");
        let outcome = twins.outcome();
        let Fate::Refused { phase, reply } = &outcome.recipients()[0] else {
            panic!("{outcome:?}");
        };
        assert_eq!((*phase, reply.to_string().as_str()), (Phase::Data, refusal));
        assert_eq!(outcome.fate().is_transient(), transient);
        assert_eq!(
            outcome.recipients()[1].to_string(),
            "refused at RCPT: 553 5.1.3 carol?"
        );
    }
}

/// 354 though every recipient was refused: servers that keep no count, where RFC
/// 2920 section 3.1 foresees it. A lone dot ends what they wait for, whatever they
/// say to it; no content is sent, and nobody has got any.
#[test]
fn q61_354_though_nobody_was_accepted() {
    for answer in [
        "554 no valid recipients\r\n",
        "250 queued\r\n",
        "451 later\r\n",
    ] {
        let mut twins = at_mail(config(), &["PIPELINING"]);
        twins.ask(|session| session.quit().unwrap());
        assert_eq!(twins.out(), format!("{MAIL}{RCPT}DATA\r\n"));
        twins.exchange("250 ok\r\n550 5.1.1 who?\r\n354 go\r\n", ".\r\n");
        twins.exchange(answer, "QUIT\r\n");
        assert_eq!(twins.fates(), ["m1 to1 refused at RCPT: 550 5.1.1 who?"]);
    }
}

/// 250 in place of 354. Some clients take it for a go-ahead; but a server that
/// thinks that it has accepted something would read the content as commands. The
/// session ends, and nothing was sent. Any 3yz will do.
#[test]
fn q62_250_to_data() {
    let mut twins = at_mail(config(), &["PIPELINING"]);
    twins.out();
    twins.exchange("250 ok\r\n250 ok\r\n250 go ahead\r\n", "");
    assert_eq!(
        twins.fates(),
        ["m1 to1 not sent: a reply that makes no sense at DATA: 250 go ahead"]
    );
    assert_eq!(*twins.error().kind(), ErrorKind::Unexpected);
    assert!(twins.outcome().may_be_sent_again());
    let mut twins = at_mail(config(), &["PIPELINING"]);
    twins.out();
    twins.exchange("250 ok\r\n250 ok\r\n350 go\r\n", CONTENT);
}

/// `503 5.5.1 nested MAIL command` to the next message, of servers that keep the
/// transaction whose DATA, or whose content, they refused. RSET stands between.
#[test]
fn q63_nested_mail() {
    // All of RCPT refused, in lock-step: DATA is not sent.
    let mut twins = at_mail(config(), &[]);
    twins.send(&["bob"]);
    assert_eq!(twins.out(), MAIL);
    twins.exchange("250 ok\r\n", RCPT);
    twins.exchange("550 no\r\n", "RSET\r\n");
    twins.exchange("250 ok\r\n", MAIL);
    // DATA refused.
    let mut twins = at_mail(config(), &["PIPELINING"]);
    twins.send(&["bob"]);
    twins.out();
    let group = format!("{MAIL}{RCPT}DATA\r\n");
    twins.exchange("250 ok\r\n250 ok\r\n451 no\r\n", "RSET\r\n");
    twins.exchange("250 ok\r\n", &group);
    // The content refused.
    twins.exchange("250 ok\r\n250 ok\r\n354 go\r\n", CONTENT);
    twins.send(&["bob"]);
    twins.exchange("550 5.7.1 spam\r\n", &format!("RSET\r\n{group}"));
    // Accepted: no RSET.
    let answers = "250 ok\r\n".repeat(3);
    twins.exchange(format!("{answers}354 go\r\n"), CONTENT);
    twins.send(&["bob"]);
    twins.exchange("250 ok\r\n", &group);
}
