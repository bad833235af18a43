//! The greeting, the hello, and what is offered.

use core::net::IpAddr;

use smtp_oracles::talk::{CONTENT, EHLO, code, config, hello, secs, transaction};
use smtp_proto::{
    TlsPolicy,
    client::{Authentication, AuthenticationError, Config, ErrorKind, HeloFallback, Phase},
    types::{Capability, Host, Reply},
};

use super::twins::{MAIL, RCPT, Twins};

const HELO: &str = "HELO client.example.org\r\n";
const STARTTLS: &str = "STARTTLS\r\n";
/// AUTH for the password `wonderland` of alice.
const PLAIN: &str = "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=\r\n";

/// A session that has sent EHLO, with a message behind it.
fn greeted(config: Config) -> Twins {
    let mut twins = Twins::new(config);
    twins.send(&["bob"]);
    twins.exchange("220 mx.example.net\r\n", EHLO);
    twins
}

fn with_tls(policy: TlsPolicy) -> Config {
    config().tls(policy)
}

/// Postscreen, and tarpits of all kinds, wait with the greeting, to see who talks
/// first: nothing is sent before it, for the five minutes of RFC 5321.
#[test]
fn q20_a_greeting_that_is_late() {
    let mut twins = Twins::new(config());
    twins.send(&["bob"]);
    assert_eq!(twins.remaining(), Some(secs(300)));
    twins.wait(secs(299));
    assert_eq!(twins.out(), "");
    twins.exchange("220 mx.example.net\r\n", EHLO);
    assert_eq!(twins.events(), [""; 0]);

    let mut twins = Twins::new(config());
    twins.send(&["bob"]);
    twins.wait(secs(300));
    assert_eq!(
        twins.fates(),
        ["m1 to1 not sent: the server took too long at the greeting \
          (does it expect TLS from the first octet?)"]
    );
    assert!(twins.error().is_of_the_opening());
}

/// Postscreen's teaser: `220-mx`, and some seconds later `220 mx`. Who speaks
/// behind the first line is taken for a spammer.
#[test]
fn q21_the_first_line_of_a_greeting_is_not_the_last() {
    let mut twins = Twins::new(config());
    twins.send(&["bob"]);
    twins.exchange("220-mx.example.net ESMTP\r\n", "");
    twins.wait(secs(6));
    twins.exchange("220 mx.example.net ESMTP Postfix", "");
    twins.exchange("\r\n", EHLO);
}

/// `220` and the end of the connection (Stalwart, at its limits), or 554, 451, 421
/// in place of a greeting. All of that is about this host: the error says that the
/// next one may be tried, and nothing was sent. QUIT is said to who still listens.
#[test]
fn q22_turned_away_at_the_door() {
    let mut twins = greeted(config());
    twins.eof();
    let error = twins.error();
    assert_eq!(*error.kind(), ErrorKind::ConnectionLost);
    assert_eq!(error.phase(), Phase::Ehlo);
    assert!(error.is_of_the_opening() && error.is_transient());

    for (greeting, out, kind, transient) in [
        ("554 5.7.1 no\r\n", "QUIT\r\n", ErrorKind::Refused, false),
        ("451 4.7.1 later\r\n", "QUIT\r\n", ErrorKind::Refused, true),
        ("421 4.3.2 busy\r\n", "", ErrorKind::Closing, true),
    ] {
        let mut twins = Twins::new(config());
        twins.send(&["bob"]);
        twins.exchange(greeting, out);
        assert!(twins.fates()[0].starts_with("m1 to1 not sent: "));
        let error = twins.error();
        assert_eq!(*error.kind(), kind);
        assert!(error.is_of_the_opening());
        assert_eq!(error.is_transient(), transient, "{greeting}");
        assert_eq!(error.reply().unwrap().to_string(), greeting.trim_end());
    }
}

/// `220 ****************` is a Cisco PIX in between, which lets HELO and little else
/// through: it turns EHLO into `XXXX`, and keywords into `XXXXXXXA`. What it
/// refuses is not used, by the same rules as with any other server; its banner
/// need not be known. (Its oldest versions also wanted the last dot in a segment of
/// its own, which no session can promise: they have been out of use for long.)
#[test]
fn q23_a_firewall_that_masks_what_it_does_not_know() {
    let banner = "220 ****************************0*********\r\n";
    let mut twins = Twins::new(config());
    twins.send(&["bob"]);
    twins.exchange(banner, EHLO);
    twins.exchange("500 5.3.3 Unrecognized command\r\n", HELO);
    twins.exchange("250 mx\r\n", MAIL);
    twins.exchange("250 ok\r\n", RCPT);
    twins.exchange("250 ok\r\n", "DATA\r\n");
    twins.exchange("354 go\r\n", CONTENT);
    twins.say("250 ok\r\n");
    assert_eq!(twins.fates(), ["m1 to1 accepted: 250 ok"]);

    let mut twins = Twins::new(config());
    twins.send(&["bob"]);
    twins.exchange(banner, EHLO);
    twins.exchange("250-mx\r\n250-XXXXXXXA\r\n250 XXXB\r\n", MAIL);
}

/// `ESMTP`, `Esmtp`, or none of it: what a banner says of the protocol is
/// decoration. EHLO is tried with everybody.
#[test]
fn q24_the_banner_does_not_choose_the_protocol() {
    for banner in ["mx.example.net", "mx Esmtp x", "mx SMTP", "MX SERVER READY"] {
        let mut twins = Twins::new(config());
        twins.exchange(format!("220 {banner}\r\n"), EHLO);
    }
}

/// A host that greets with one's own name is oneself, by a wrong MX. To see that
/// takes more than one session knows: it has the greeting ready for who delivers.
#[test]
fn q25_the_name_in_the_greeting_can_be_asked_for() {
    let mut twins = Twins::new(config());
    twins.exchange("220 client.example.org ESMTP\r\n", EHLO);
    let greeting = twins.get(|session| session.greeting().map(Reply::text));
    assert_eq!(greeting.unwrap(), "client.example.org ESMTP");
}

/// EHLO refused, HELO taken: 500 and 502 say that EHLO is not known. Some old
/// servers say so by another 5yz, which others mean for good; to follow them too is
/// a setting. 4yz is never followed, nor is anything where HELO could not do.
#[test]
fn q27_ehlo_refused_and_helo_taken() {
    for reply in ["500 5.5.1 what?\r\n", "502 5.5.1 not implemented\r\n"] {
        let mut twins = greeted(config());
        twins.exchange(reply, HELO);
        twins.exchange("250 mx\r\n", MAIL);
    }
    for reply in ["501 x\r\n", "504 x\r\n", "550 x\r\n", "554 x\r\n"] {
        let mut twins = greeted(config());
        twins.exchange(reply, "QUIT\r\n");
        let mut twins = greeted(config().helo_fallback(HeloFallback::AnyRefusal));
        twins.exchange(reply, HELO);
    }
    let mut twins = greeted(config().helo_fallback(HeloFallback::AnyRefusal));
    twins.exchange("451 4.3.0 later\r\n", "QUIT\r\n");
    for wants_more in [
        with_tls(TlsPolicy::Required),
        config().authentication(Authentication::password("alice", "wonderland")),
    ] {
        let mut twins = greeted(wants_more);
        twins.exchange("502 no\r\n", "QUIT\r\n");
    }
}

/// Servers so old that they hang up at EHLO. The session ends in its opening, with
/// nothing sent, and says where. Nothing here comes back with HELO, since a
/// connection that is lost at EHLO nearly always has another reason.
#[test]
fn q28_the_connection_is_dropped_at_ehlo() {
    let mut twins = greeted(config());
    twins.eof();
    let error = twins.error();
    assert_eq!(error.phase(), Phase::Ehlo);
    assert!(error.is_of_the_opening() && error.is_transient());
    assert_eq!(twins.out(), "");
    assert!(config().after(&error).is_none());
}

/// `250-starttls`, `250 8bitMIME`, `250-Pipelining`: proxies, and servers written
/// by hand.
#[test]
fn q29_keywords_in_any_case() {
    let mut twins = greeted(with_tls(TlsPolicy::Required));
    twins.exchange("250-mx\r\n250-8bitmime\r\n250 starttls\r\n", STARTTLS);
    let mut twins = greeted(config());
    twins.exchange(
        "250-mx\r\n250-Size 1000\r\n250 Pipelining\r\n",
        &format!("{} SIZE=22\r\n{RCPT}DATA\r\n", MAIL.trim_end()),
    );
    assert!(twins.get(|session| session.capabilities().offers("PIPELINING")));
}

/// `250-AUTH=LOGIN PLAIN`, from a draft of AUTH: Exchange 5.5, VPOP3, and servers
/// that know clients which look for nothing else. It says the same as `AUTH`, and
/// what is said twice is offered once.
#[test]
fn q30_auth_with_an_equals_sign() {
    let authentication = Authentication::password("alice", "wonderland").secrets_in_clear(true);
    let mut twins = greeted(config().authentication(authentication));
    twins.exchange("250-mx\r\n250 AUTH=LOGIN PLAIN\r\n", PLAIN);
    let mut twins = greeted(config());
    twins.say("250-mx\r\n250-AUTH=LOGIN PLAIN\r\n250 AUTH PLAIN CRAM-MD5\r\n");
    twins.get(|session| {
        let offered = session.capabilities().auth_mechanisms();
        assert_eq!(offered, ["LOGIN", "PLAIN", "CRAM-MD5"]);
    });
}

/// `X-EXPS GSSAPI NTLM LOGIN`, `X-EXPS=LOGIN`, `XEXCH50`: what Exchange says to
/// Exchange. All of it is there for who wants to look, and X-EXPS is not AUTH: it
/// has a command of its own.
#[test]
fn q31_private_keywords_are_kept_and_mean_nothing() {
    let authentication = Authentication::password("alice", "wonderland").secrets_in_clear(true);
    let mut twins = greeted(config().authentication(authentication));
    let offer = hello(&["X-EXPS GSSAPI NTLM LOGIN", "X-EXPS=LOGIN", "XEXCH50"]);
    twins.exchange(offer, "QUIT\r\n");
    assert!(matches!(
        twins.error().kind(),
        ErrorKind::Authentication(AuthenticationError::NotOffered { offered, .. })
            if offered.is_empty()
    ));
    twins.get(|session| {
        let all = session.capabilities();
        assert!(all.offers("xexch50") && all.offers("x-exps"));
        let lines: Vec<_> = all.raw_lines().collect();
        assert_eq!(lines[0], b"X-EXPS GSSAPI NTLM LOGIN");
        assert_eq!(lines[1], b"X-EXPS=LOGIN");
    });
}

/// `SIZE` in every form: alone, 0, with an equals sign, with a unit, tiny, on two
/// lines (Mailu had `250-SIZE` and `250-50000000`), twice with different numbers,
/// beyond 64 bits. What is no number is no limit; of two, the last counts.
#[test]
fn q32_size_in_odd_forms() {
    for (keywords, limit, parameter) in [
        (&["SIZE"][..], None, " SIZE=22"),
        (&["SIZE 0"], None, " SIZE=22"),
        (&["SIZE 12abc"], None, " SIZE=22"),
        (&["SIZE", "50000000"], None, " SIZE=22"),
        (&["SIZE 1000", "SIZE 2000"], Some(2000), " SIZE=22"),
        (&["SIZE 2000", "SIZE 1000"], Some(1000), " SIZE=22"),
        (&["SIZE 9223372036854775808"], Some(1 << 63), " SIZE=22"),
        (&["SIZE 99999999999999999999"], Some(u64::MAX), " SIZE=22"),
        (&["SIZE=1000"], None, ""),
    ] {
        let mut twins = greeted(config());
        let line = format!("{}{parameter}\r\n", MAIL.trim_end());
        twins.exchange(hello(keywords), &line);
        assert_eq!(
            twins.get(|session| session.capabilities().max_size()),
            limit
        );
    }
    // It may be for mailboxes of fifty octets. Nothing is asked that is known.
    let mut twins = greeted(config());
    twins.exchange(hello(&["SIZE 20"]), "");
    assert_eq!(
        twins.fates(),
        ["m1 to1 not sent: 22 octets, and the server takes 20"]
    );
}

/// A host that is called like a keyword, or greets with one: `250-SIZE matters`.
/// The first line is never one.
#[test]
fn q34_the_first_line_offers_nothing() {
    for first in ["PIPELINING", "SIZE 10", "AUTH PLAIN", "STARTTLS"] {
        let mut twins = greeted(with_tls(TlsPolicy::Opportunistic));
        twins.exchange(format!("250-{first}\r\n250 HELP\r\n"), MAIL);
        assert_eq!(
            twins.get(|session| session.capabilities().iter().count()),
            1
        );
        let mut twins = greeted(with_tls(TlsPolicy::Opportunistic));
        twins.exchange(format!("250 {first}\r\n"), MAIL);
    }
}

/// Much is offered only inside TLS, and Exchange says 503 to who does not say EHLO
/// again there. Behind AUTH it is the other way round: mail.shaw.ca,
/// smtp.dm.aliyun.com, smtp.sina.com and Strato take a third EHLO amiss, so that
/// there is none unless it is asked for.
#[test]
fn q35_ehlo_again_behind_tls_and_not_behind_auth() {
    let authentication = Authentication::password("alice", "wonderland");
    for (authentication, again) in [
        (authentication.clone(), false),
        (authentication.hello_again(true), true),
    ] {
        let config = with_tls(TlsPolicy::Required).authentication(authentication);
        let mut twins = greeted(config);
        twins.exchange(hello(&["STARTTLS"]), STARTTLS);
        twins.exchange("220 go\r\n", "");
        assert_eq!(twins.events(), ["starttls"]);
        twins.tls_established();
        assert_eq!(twins.out(), EHLO);
        twins.exchange(hello(&["AUTH PLAIN"]), PLAIN);
        twins.exchange("235 ok\r\n", if again { EHLO } else { MAIL });
    }
}

/// REQUIRETLS, SMTPUTF8, BINARYMIME, DSN, offered and then refused (Strato: `555
/// 5.5.4`). A message that does without is sent without.
#[test]
fn q36_what_is_offered_is_used_only_if_it_is_needed() {
    let mut twins = greeted(config());
    let offer = [
        "8BITMIME",
        "BINARYMIME",
        "CHUNKING",
        "DELIVERBY",
        "DSN",
        "MT-PRIORITY",
        "REQUIRETLS",
        "SMTPUTF8",
    ];
    twins.exchange(hello(&offer), MAIL);
    twins.exchange("250 ok\r\n", RCPT);
    twins.exchange("250 ok\r\n", "DATA\r\n");
}

/// `504 5.5.2 <localhost>`, `501 Syntactically invalid EHLO argument(s)` (Exim, of
/// an underscore): servers that look at the name. A name with an underscore cannot
/// be given, and an address is sent in brackets, as RFC 5321 section 4.1.3 has it,
/// also if it was given without. What is refused still, HELO would not mend.
#[test]
fn q38_the_name_in_ehlo_is_refused() {
    assert!("my_host.example.org".parse::<Host>().is_err());
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    for host in [
        "[192.0.2.7]".parse().unwrap(),
        address.into(),
        "192.0.2.7".parse().unwrap(),
    ] {
        let mut twins = Twins::new(Config::new(&host).unwrap());
        twins.exchange("220 mx\r\n", "EHLO [192.0.2.7]\r\n");
    }
    for reply in [
        "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname\r\n",
        "501 Syntactically invalid EHLO argument(s)\r\n",
    ] {
        let mut twins = greeted(config());
        twins.exchange(reply, "QUIT\r\n");
        let error = twins.error();
        assert_eq!(*error.kind(), ErrorKind::Refused);
        assert_eq!(error.phase(), Phase::Ehlo);
        assert!(!error.is_transient());
    }
}

/// STARTTLS offered, and then 454, or 220 and a handshake that fails: certificates
/// that have expired, servers with nothing behind the keyword. Two different
/// errors; where TLS was only wished for, a 454 is no obstacle, and behind a
/// handshake the next connection goes without (the adapters do that themselves).
#[test]
fn q39_starttls_offered_and_not_to_be_had() {
    let refused = "454 4.7.0 TLS not available due to temporary reason\r\n";
    let mut twins = greeted(with_tls(TlsPolicy::Opportunistic));
    twins.exchange(hello(&["STARTTLS"]), STARTTLS);
    twins.exchange(refused, MAIL);

    let mut twins = greeted(with_tls(TlsPolicy::Required));
    twins.exchange(hello(&["STARTTLS"]), STARTTLS);
    twins.exchange(refused, "QUIT\r\n");
    let error = twins.error();
    assert_eq!(*error.kind(), ErrorKind::TlsRefused);
    assert!(error.is_transient());

    for policy in [TlsPolicy::Opportunistic, TlsPolicy::Required] {
        let mut twins = greeted(with_tls(policy));
        twins.exchange(hello(&["STARTTLS"]), STARTTLS);
        twins.exchange("220 go\r\n", "");
        assert_eq!(twins.events(), ["starttls"]);
        twins.tls_failed();
        let error = twins.error();
        assert_eq!(*error.kind(), ErrorKind::TlsFailed);
        let next = with_tls(policy).after(&error);
        assert_eq!(next.is_some(), policy == TlsPolicy::Opportunistic);
        assert!(next.is_none_or(|next| next.tls_policy() == TlsPolicy::None));
    }
}

/// `220 go\r\n250 ...` in one packet: a server with a bug, or somebody in between
/// who wants to be heard inside TLS. Nothing of it is looked at.
#[test]
fn q40_octets_in_clear_behind_the_220() {
    for behind in ["250 mx\r\n", "2", "\r\n", "\0"] {
        let mut twins = greeted(with_tls(TlsPolicy::Required));
        twins.exchange(hello(&["STARTTLS"]), STARTTLS);
        // Whatever the driver does about the event, it does not shake hands here.
        twins.whole_only().say(format!("220 go\r\n{behind}"));
        assert_eq!(twins.whole_only().out(), "");
        let events = twins.whole_only().events();
        assert!(!events.contains(&"starttls".into()), "{events:?}");
        let error = twins.whole_only().error.clone().unwrap();
        assert_eq!(*error.kind(), ErrorKind::PlaintextAfterStartTls);
    }
    // Octet by octet, the driver may have been told to begin.
    let mut twins = greeted(with_tls(TlsPolicy::Required));
    twins.exchange(hello(&["STARTTLS"]), STARTTLS);
    twins.exchange("220 go\r\n", "");
    assert_eq!(twins.events(), ["starttls"]);
    twins.exchange("250 mx\r\n", "");
    twins.tls_established();
    assert_eq!(twins.out(), "");
    assert_eq!(*twins.error().kind(), ErrorKind::PlaintextAfterStartTls);
}

/// STARTTLS still offered inside TLS, by servers that print one list always. It is
/// not to be used twice (RFC 3207 section 4.2).
#[test]
fn q41_starttls_offered_inside_tls() {
    let mut twins = greeted(with_tls(TlsPolicy::Required));
    twins.exchange(hello(&["STARTTLS"]), STARTTLS);
    twins.exchange("220 go\r\n", "");
    twins.tls_established();
    assert_eq!(twins.out(), EHLO);
    twins.exchange(hello(&["STARTTLS"]), MAIL);
    assert!(twins.get(|session| session.capabilities().has(&Capability::StartTls)));

    // Nor on a connection that was inside TLS from the first octet.
    let mut twins = Twins::new(with_tls(TlsPolicy::Implicit));
    twins.ask(|session| assert!(session.send(transaction(&["bob"])).is_ok()));
    assert_eq!(twins.events(), ["starttls"]);
    twins.tls_established();
    twins.exchange("220 mx\r\n", EHLO);
    twins.exchange(hello(&["STARTTLS"]), MAIL);
    assert_eq!(
        code(twins.get(|session| session.greeting().cloned()).as_ref()),
        Some(220)
    );
}
