//! What connects to a server besides mail clients that follow the RFCs: scanners,
//! spam bots, probes, browsers, scripts and old programs; and what the server makes
//! of each.
//!
//! Dialogues are replayed whole, octet by octet and at every split into two, and
//! have to come out the same.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use smtp_oracles::service::{
    DATA, OPENED, Seen, Server, at, brief, config, content, dialogue, every_way, message, replies,
};
use smtp_proto::{
    TlsPolicy,
    server::{Authentication, Config, Discarded, Error, Event, LoneLineEndings, Session, Timeouts},
};

/// What was asked and told of mail: nothing, with a client that sends none.
fn of_mail(seen: &[Seen]) -> Vec<&Seen> {
    let rest = seen
        .iter()
        .filter(|seen| !matches!(seen, Seen::Closed | Seen::Hello(_)));
    rest.collect()
}

fn codes(server: &Server) -> Vec<String> {
    replies(&server.output).iter().map(brief).collect()
}

/// How many of `line` are taken before the session is closed with a 421.
#[track_caller]
fn taken_until_421(config: Config, opening: &str, line: &str) -> usize {
    let mut server = Server::new(config);
    server.send(opening);
    let before = codes(&server).len();
    for taken in 0..20_000 {
        if server.is_closed() {
            let codes = codes(&server);
            assert_eq!(codes.last().unwrap(), "421 4.7.0");
            // The greeting of the end is in the place of the last answer.
            assert_eq!(codes.len(), before + taken);
            return taken - 1;
        }
        server.send(format!("{line}\r\n"));
    }
    panic!("{line} for ever");
}

// --- What is no mail client ----------------------------------------------------

/// Load balancers, and scanners of ports: a connection that is closed at once, or
/// behind the greeting.
#[test]
fn probes_that_only_connect() {
    let mut session = Session::new(config(), at(0));
    session.handle_input(b"", at(0));
    let mut server = Server::of(session);
    assert_eq!(server.seen, [Seen::Closed]);
    let mut read_the_greeting = Server::new(config());
    read_the_greeting.end();
    assert_eq!(read_the_greeting.seen, [Seen::Closed]);
    // Nagios says QUIT, some say EHLO before.
    for input in [
        "QUIT\r\n",
        "EHLO probe\r\nQUIT\r\n",
        "HELO probe\r\nquit\r\n",
    ] {
        let (codes, seen) = every_way(&config(), input);
        assert_eq!(codes.last().unwrap(), "221 2.0.0");
        assert!(of_mail(&seen).is_empty());
    }
    server.send("NOOP\r\n");
    assert!(server.is_closed());
}

/// GET of scanners, POST of a browser that was sent here by a web page, CONNECT of
/// who looks for open proxies, OPTIONS of SIP and RTSP: one reply, and nothing of
/// what comes behind is looked at, mail commands in a form least of all.
#[test]
fn requests_of_http_and_its_relatives() {
    let mail = "MAIL FROM:<a@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nx\r\n.\r\n";
    for request in [
        "GET / HTTP/1.1\r\nHost: mx.example.net\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\nEHLO a\r\n",
        "CONNECT 192.0.2.1:25 HTTP/1.0\r\n\r\n",
        "OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm;branch=foo\r\n\r\n",
        "OPTIONS / RTSP/1.0\r\n\r\n",
    ] {
        let (codes, seen) = every_way(&config(), format!("{request}{mail}"));
        assert_eq!(codes, ["220", "421 4.7.0"], "{request}");
        assert_eq!(seen, [Seen::Closed]);
    }
}

/// A client that expects TLS from the first octet: port 465 taken for 25 or 587. One
/// reply that a person may find in a dump, and the end. SSL 2.0 is no TLS: it is
/// binary junk to everybody.
#[test]
fn a_client_hello_to_a_port_in_clear() {
    let hello = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03\r\n0123456789\r\nQUIT\r\n";
    for policy in [
        TlsPolicy::None,
        TlsPolicy::Opportunistic,
        TlsPolicy::Required,
    ] {
        let (codes, seen) = every_way(&config().tls(policy), hello);
        assert_eq!(codes, ["220", "421 4.7.0"]);
        assert_eq!(seen, [Seen::Closed]);
    }
    // A first octet only.
    let mut server = Server::new(config());
    server.send([0x16]);
    assert!(server.is_closed());
}

/// SSH, IMAP, POP3, Redis, RDP, telnet with its negotiation, the header of PROXY to a
/// server that does not expect one, HTTP/2: lines that are unknown commands, a
/// reply for each, and octets that are no line at all.
#[test]
fn other_protocols() {
    for input in [
        &b"SSH-2.0-Go\r\n\0\0\x01\x2c\x0a\x14"[..],
        b"a1 CAPABILITY\r\n",
        b"USER alice\r\nPASS wonderland\r\n",
        b"*1\r\n$4\r\nINFO\r\n",
        b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0",
        b"\xff\xfb\x1f\xff\xfd\x03\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x80\x2e\x01\0\x02\0\x15\0\0\0\x10\r\n",
        b"stats\r\n",
        b"JRMI\0\x02K\r\n",
    ] {
        let (codes, seen) = every_way(&config(), input);
        let lines = input.windows(2).filter(|pair| pair == b"\r\n").count();
        assert_eq!(codes.len(), 1 + lines, "{}", input.escape_ascii());
        assert!(
            codes[1..].iter().all(|code| code == "500 5.5.2"),
            "{codes:?}"
        );
        assert_eq!(seen, []);
    }
}

/// Binary junk of fuzzers and scanners: it is answered in lines, and not for ever.
#[test]
fn binary_junk() {
    let mut state = 1_u64;
    let mut octet = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    for run in 0..100 {
        let mut server = Server::new(config());
        while !server.is_closed() {
            let mut junk: Vec<u8> = (0..300).map(|_| octet()).collect();
            junk.extend(b"\r\n");
            // Whatever it is, it does not end with a 0x16.
            junk[0] |= u8::from(run % 2 == 0) << 7;
            server.send(junk);
        }
        assert!(of_mail(&server.seen).is_empty());
        let codes = codes(&server);
        assert!(codes.len() <= 2 + Config::DEFAULT_MAX_ERRORS, "{codes:?}");
        assert_eq!(codes.last().unwrap(), "421 4.7.0");
    }
}

// --- Too early, too late --------------------------------------------------------

/// Spam bots, and scripts with `nc`, send everything at once, before the greeting.
/// It is served behind the greeting, in its order; to make something of the hurry
/// is for who reads from the connection.
#[test]
fn early_talkers() {
    let mut session = Session::new(config(), at(0));
    session.handle_input(format!("{DATA}x\r\n.\r\nQUIT\r\n").as_bytes(), at(0));
    let server = Server::of(session);
    assert_eq!(
        codes(&server),
        [
            "220",
            "250",
            "250 2.1.0",
            "250 2.1.5",
            "354",
            "250 2.0.0",
            "221 2.0.0"
        ]
    );
    assert!(server.seen.contains(&message(&["<bob@example.net>"])));
}

/// `printf ... | nc`, and clients that close their side when they have said all: the
/// end of the input comes with the group. Everything is answered before the
/// connection ends.
#[test]
fn the_input_ends_behind_a_group() {
    let input = format!("{DATA}x\r\n.\r\nMAIL FROM:<alice@example.org>\r\nNOOP\r\n");
    let mut session = Session::new(config(), at(0));
    session.handle_input(input.as_bytes(), at(0));
    session.handle_input(b"", at(0));
    let server = Server::of(session);
    assert_eq!(
        codes(&server)[4..],
        ["354", "250 2.0.0", "250 2.1.0", "250 2.0.0"]
    );
    assert!(server.seen.contains(&message(&["<bob@example.net>"])));
    let end = [Seen::Discarded(Discarded::EndOfInput), Seen::Closed];
    assert!(server.seen.ends_with(&end));
}

/// A client that is killed, or loses its line, at each octet of a session: a message
/// is accepted once its end is there, and never before; what was begun is told to
/// be gone.
#[test]
fn a_client_that_leaves_at_each_octet() {
    let input = format!("{DATA}x\r\n.\r\nMAIL FROM:<alice@example.org>\r\nQUIT\r\n");
    let whole = format!("{DATA}x\r\n.\r\n").len();
    for end in 0..=input.len() {
        let mut server = Server::new(config());
        server.send(&input[..end]);
        let open = server.session.envelope().is_some();
        server.end();
        assert!(server.is_closed());
        let told = |seen: &Seen| server.seen.contains(seen);
        assert_eq!(
            told(&message(&["<bob@example.net>"])),
            end >= whole,
            "{end}"
        );
        assert_eq!(told(&Seen::Discarded(Discarded::EndOfInput)), open, "{end}");
    }
}

/// Bots that wait for nothing pipeline QUIT behind the content, or leave with it
/// unread: the message is accepted all the same, and the bye is the last word.
#[test]
fn quit_behind_the_content_and_commands_behind_quit() {
    let input = format!("{DATA}x\r\n.\r\nQUIT\r\nMAIL FROM:<alice@example.org>\r\nNOOP\r\n");
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(codes[4..], ["354", "250 2.0.0", "221 2.0.0"]);
    assert!(seen.ends_with(&[message(&["<bob@example.net>"]), Seen::Closed]));
}

/// QUIT in the middle of a transaction, by clients whose recipient was refused.
#[test]
fn quit_in_the_middle() {
    for before in [
        "",
        "RCPT TO:<nobody@example.net>\r\n",
        "RCPT TO:<bob@example.net>\r\n",
    ] {
        let (codes, seen) = every_way(&config(), format!("{OPENED}{before}QUIT\r\n"));
        assert_eq!(codes.last().unwrap(), "221 2.0.0");
        assert!(seen.ends_with(&[Seen::Discarded(Discarded::Quit), Seen::Closed]));
    }
}

/// A client that does not read: its replies wait up to a bound, and then nothing more
/// of what it says is read. It is left when it has not moved for too long.
#[test]
fn a_client_that_does_not_read() {
    let mut server = Server::new(config().max_errors(usize::MAX));
    server.client_reads = false;
    let mut sent = 0;
    while server.session.wants_input() {
        server.send("WHAT\r\n".repeat(100));
        sent += 600;
        assert!(sent < 1_000_000);
    }
    let waiting = |server: &Server| server.session.poll_transmit().unwrap().octets();
    assert!(waiting(&server) < Session::OUTPUT_CAP + 512);
    // A driver that reads on is wrong, and told so.
    server.session.handle_input(&[b'x'; 100_000], at(0));
    assert_eq!(
        server.session.poll_event().unwrap_err(),
        Error::InputOverflow
    );

    let mut server = Server::new(config());
    server.client_reads = false;
    server.send("HELP\r\n");
    assert!(waiting(&server) > 0);
    server.session.handle_timeout(at(299));
    assert_eq!(server.session.poll_event().unwrap().map(drop), None);
    server.session.handle_timeout(at(301));
    assert!(matches!(
        server.session.poll_event(),
        Ok(Some(Event::Closed))
    ));
    assert!(server.session.poll_transmit().is_none());
}

/// A person at telnet, and line discipline in between: one octet at a time, as slowly
/// as it likes, within the time for a command.
#[test]
fn one_octet_at_a_time() {
    let mut server = Server::new(config());
    for octet in DATA.bytes() {
        server.pass(5);
        server.send([octet]);
    }
    assert_eq!(codes(&server).last().unwrap(), "354");
    // Nobody holds a session by an octet now and then.
    let mut server = Server::new(config());
    for _ in 0..6 {
        server.send("N");
        server.pass(60);
    }
    assert_eq!(codes(&server).last().unwrap(), "421 4.4.2");
    assert!(server.is_closed());
}

// --- Floods -----------------------------------------------------------------------

/// Bots that keep a connection open, guess users, or were written in a hurry: the
/// same command for ever. What brings no message nearer is taken a hundred times,
/// and then as a mistake; what is one is taken twenty times.
#[test]
fn floods_of_commands() {
    let junk = Config::DEFAULT_MAX_JUNK_COMMANDS;
    let errors = Config::DEFAULT_MAX_ERRORS;
    for line in [
        "NOOP",
        "NOOP again",
        "RSET",
        "HELP",
        "VRFY bob",
        "EHLO a",
        "HELO a",
    ] {
        assert_eq!(taken_until_421(config(), "", line), junk + errors, "{line}");
    }
    for line in [
        "EXPN staff",
        "STARTTLS",
        "AUTH PLAIN AA==",
        "WHAT",
        "",
        "DATA",
        "RCPT TO:<bob@example.net>",
        "MAIL FROM:<",
    ] {
        let taken = taken_until_421(config(), "EHLO a\r\n", line);
        assert_eq!(taken, errors, "{line}");
    }
    let asking = config().ask_expand(true).ask_verify(true);
    assert_eq!(
        taken_until_421(asking.clone(), "", "EXPN staff"),
        junk + errors
    );
    let opened = format!("{OPENED}RCPT TO:<bob@example.net>\r\n");
    let taken = taken_until_421(config(), &opened, "BDAT 0");
    assert_eq!(taken, junk - 1 + errors, "EHLO was one");
    let greeted = "EHLO a\r\n";
    for refused in ["MAIL FROM:<later@example.org>", "MAIL FROM:<> SIZE=9999999"] {
        let small = config().max_message_size(Some(1000));
        let taken = taken_until_421(small, greeted, refused);
        assert_eq!(taken, junk - 1 + errors, "{refused}");
    }
    let for_nobody = "EHLO a\r\nMAIL FROM:<nodata@example.org>\r\nRCPT TO:<bob@example.net>\r\n";
    let taken = taken_until_421(config(), for_nobody, "DATA");
    assert_eq!(taken, junk - 1 + errors);
    let few = config().max_recipients(200);
    let taken = taken_until_421(few, OPENED, "RCPT TO:<bob@example.net>");
    assert_eq!(
        taken,
        200 + Config::MAX_PUT_OFF + errors,
        "taken, put off, and too many"
    );
    let users = Config::DEFAULT_MAX_REFUSED_RECIPIENTS;
    assert_eq!(taken_until_421(asking, "", "VRFY nobody"), users);
    let unknown = "RCPT TO:<nobody@example.net>";
    assert_eq!(taken_until_421(config(), OPENED, unknown), users);
    assert_eq!(taken_until_421(config(), OPENED, "MAIL FROM:<a@b>"), errors);
    // Where it is offered, but takes no argument.
    let secured = config().tls(TlsPolicy::Opportunistic);
    assert_eq!(taken_until_421(secured, "", "STARTTLS now"), errors);
    // How many are too many is a setting.
    let none = config().max_junk_commands(0).max_errors(0);
    assert_eq!(taken_until_421(none, "", "NOOP"), 0);
    let limited = config().max_junk_commands(3).max_errors(2);
    assert_eq!(taken_until_421(limited, "", "RSET"), 5);
}

/// A transaction that is begun and given up, for ever: RSET counts. A message that is
/// accepted wipes the count of what came before it: an honest client may stay for
/// as long as it has something to say.
#[test]
fn a_message_between_makes_good_for_junk() {
    let limited = || config().max_junk_commands(10).max_errors(0);
    let mut server = Server::new(limited());
    server.send("EHLO a\r\n");
    for _ in 0..9 {
        server.send("MAIL FROM:<alice@example.org>\r\nRSET\r\n");
    }
    assert!(!server.is_closed());
    server.send("MAIL FROM:<alice@example.org>\r\nRSET\r\n");
    assert!(
        server
            .seen
            .ends_with(&[Seen::Discarded(Discarded::TooManyErrors), Seen::Closed])
    );

    let mut server = Server::new(limited());
    let next = DATA.split_once("\r\n").unwrap().1;
    server.send("EHLO a\r\n");
    for _ in 0..50 {
        server.send(format!("RSET\r\nNOOP\r\nVRFY bob\r\n{next}x\r\n.\r\n"));
    }
    assert!(!server.is_closed());
    // One that is refused does not.
    let mut server = Server::new(limited());
    let lost = next.replace("alice", "lost");
    server.send("EHLO a\r\n");
    for _ in 0..9 {
        server.send(format!("RSET\r\n{lost}x\r\n.\r\n"));
    }
    assert!(!server.is_closed());
    server.send("RSET\r\n");
    assert_eq!(codes(&server).last().unwrap(), "421 4.7.0");
}

/// Recipients without end, all of them accepted: those beyond the limit are put off,
/// and the message goes to the others.
#[test]
fn a_flood_of_recipients() {
    let mut server = Server::new(config().max_recipients(100));
    server.send(OPENED);
    server.send("RCPT TO:<bob@example.net>\r\n".repeat(500));
    server.send("DATA\r\nx\r\n.\r\n");
    let codes = codes(&server);
    assert_eq!(
        codes.iter().filter(|code| *code == "452 4.5.3").count(),
        400
    );
    assert!(matches!(server.seen.last(), Some(Seen::Message(to)) if to.len() == 100));
}

/// Passwords tried one after another: the attempts are bounded, whatever else the
/// client says between them.
#[test]
fn a_flood_of_passwords() {
    let own = Authentication::new().secrets_in_clear(true);
    let mut server = Server::new(config().authentication(own));
    server.send("EHLO a\r\n");
    let mut attempts = 0;
    while !server.is_closed() {
        attempts += 1;
        assert!(attempts < 50);
        // alice and "guess".
        server.send("AUTH PLAIN AGFsaWNlAGd1ZXNz\r\nRSET\r\n");
    }
    let codes = codes(&server);
    assert_eq!(codes.last().unwrap(), "421 4.7.0");
    let refused = codes.iter().filter(|code| *code == "535 5.7.8").count();
    assert!(
        (2..=Config::DEFAULT_MAX_ERRORS).contains(&refused),
        "{codes:?}"
    );
}

// --- The order of commands ---------------------------------------------------------

/// Scripts without a hello; HELO behind EHLO, of clients that try both; a second
/// EHLO in the middle, of clients that begin again after a time-out of their own;
/// MAIL twice, of those that forget what they had begun.
#[test]
fn commands_out_of_order() {
    let seen = dialogue(
        &config(),
        &[
            ("MAIL FROM:<alice@example.org>", "503 5.5.1"),
            ("EHLO a", "250"),
            ("HELO a", "250"),
            ("MAIL FROM:<alice@example.org>", "250 2.1.0"),
            ("MAIL FROM:<carol@example.org>", "503 5.5.1"),
            ("RCPT TO:<bob@example.net>", "250 2.1.5"),
            ("EHLO a", "250"),
            ("RCPT TO:<bob@example.net>", "503 5.5.1"),
            ("DATA", "503 5.5.1"),
            ("MAIL FROM:<alice@example.org>", "250 2.1.0"),
            ("DATA", "503 5.5.1"),
            ("RCPT TO:<bob@example.net>", "250 2.1.5"),
            ("DATA", "354"),
        ],
    );
    // Nothing of the first transaction is in the second.
    let mails = seen.iter().filter(|seen| matches!(seen, Seen::Mail(_)));
    assert_eq!(mails.count(), 2);
    assert!(seen.contains(&Seen::Discarded(Discarded::Hello)));
}

/// Bots pipeline without having been offered it: behind HELO, or before the reply to
/// EHLO. Every command is answered in its order, as if it had come alone.
#[test]
fn pipelining_without_ehlo() {
    for hello in ["HELO a\r\n", "EHLO a\r\n"] {
        let group = DATA.split_once("\r\n").unwrap().1;
        let input = format!("{hello}{group}x\r\n.\r\nQUIT\r\n");
        let (codes, seen) = every_way(&config().pipelining(false), input);
        assert_eq!(
            codes,
            [
                "220",
                "250",
                "250 2.1.0",
                "250 2.1.5",
                "354",
                "250 2.0.0",
                "221 2.0.0"
            ]
        );
        assert!(seen.contains(&message(&["<bob@example.net>"])));
    }
}

/// BDAT before EHLO, behind HELO, without a transaction, or where it is not offered:
/// the chunk is read and thrown away. What is in it, somebody else has written: it is
/// never a command.
#[test]
fn chunks_that_nobody_asked_for() {
    let chunk = "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n";
    let envelope = "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n";
    for (before, config) in [
        (String::new(), config()),
        ("EHLO a\r\n".into(), config()),
        (format!("HELO a\r\n{envelope}"), config()),
        (format!("EHLO a\r\n{envelope}"), config().chunking(false)),
    ] {
        let (codes, seen) = every_way(&config, format!("{before}{chunk}"));
        let [.., bdat, noop] = codes.as_slice() else {
            panic!("{codes:?}");
        };
        assert!(bdat.starts_with('5'), "{before}: {codes:?}");
        assert_eq!(noop, "250 2.0.0", "{before}");
        assert!(
            !seen
                .iter()
                .any(|seen| matches!(seen, Seen::Message(_) | Seen::Closed))
        );
    }
}

/// AUTH with the password in it before STARTTLS, of programs that were set up for
/// another server: refused without a look, and the application is not asked.
#[test]
fn auth_before_tls() {
    for config in [
        config()
            .tls(TlsPolicy::Required)
            .authentication(Authentication::new()),
        config()
            .tls(TlsPolicy::Opportunistic)
            .authentication(Authentication::new()),
    ] {
        for auth in [
            "AUTH PLAIN AGFsaWNlAHdvbmRlcmxhbmQ=",
            "AUTH LOGIN YWxpY2U=",
            "auth login",
        ] {
            let (codes, seen) = every_way(&config, format!("EHLO a\r\n{auth}\r\nNOOP\r\n"));
            assert!(codes[2].starts_with('5'), "{codes:?}");
            assert_eq!(codes[3], "250 2.0.0");
            assert!(of_mail(&seen).is_empty());
        }
    }
}

/// STARTTLS and the next commands in one packet: who wants them to be taken for what
/// was said inside TLS. Nothing of them is.
#[test]
fn commands_behind_starttls() {
    let config = config().tls(TlsPolicy::Opportunistic);
    let mut server = Server::new(config);
    server.send("EHLO a\r\nSTARTTLS\r\nMAIL FROM:<evil@example.org>\r\nNOOP\r\n");
    assert!(
        of_mail(&server.seen)
            .iter()
            .all(|seen| **seen != Seen::StartTls)
    );
    assert!(!server.seen.iter().any(|seen| matches!(seen, Seen::Mail(_))));
}

// --- The form of commands ------------------------------------------------------------

/// `MAIL FROM: <a@b>`, a path without its brackets, and what else is common in scripts,
/// old Outlook and appliances: refused, with a 501 that says so, or taken where the
/// server was told to be lenient. Space at the end is harmless and always taken.
#[test]
fn spaces_and_brackets() {
    let strict = [
        ("ehlo a", "250"),
        ("MAIL FROM: <alice@example.org>", "501 5.5.4"),
        ("MAIL FROM:alice@example.org", "501 5.5.4"),
        ("MAIL FROM :<alice@example.org>", "501 5.5.4"),
        ("mail from:<alice@example.org> ", "250 2.1.0"),
        ("RCPT TO: <bob@example.net>", "501 5.5.4"),
        ("RCPT TO:bob@example.net", "501 5.5.4"),
        ("RCPT TO:<bob@example.net", "501 5.1.3"),
        ("Rcpt To:<bob@example.net>\t ", "250 2.1.5"),
        ("data ", "354"),
    ];
    dialogue(&config(), &strict);
    dialogue(
        &config().lenient_paths(true),
        &[
            ("HELO a", "250"),
            ("MAIL FROM: <alice@example.org>", "250 2.1.0"),
            ("RSET ", "250 2.0.0"),
            ("MAIL FROM:alice@example.org", "250 2.1.0"),
            ("RSET\t", "250 2.0.0"),
            ("MAIL FROM:\talice@example.org", "501 5.1.7"),
            ("MAIL FROM:  <alice@example.org> SIZE=5", "555 5.5.4"),
            ("MAIL FROM:  <alice@example.org>", "250 2.1.0"),
            ("RCPT TO: bob@example.net", "250 2.1.5"),
            ("RCPT TO:<bob@example.net", "501 5.1.3"),
            ("DATA", "354"),
        ],
    );
}

/// Names in EHLO as they come: `localhost`, the name of a laptop, an address without
/// brackets or with one. They prove nothing and decide nothing.
#[test]
fn names_in_ehlo() {
    for name in [
        "localhost",
        "my_laptop",
        "192.0.2.1",
        "[192.0.2.1]",
        "[192.0.2.1",
        "WIN-ABC123",
        "-",
        "a..b",
    ] {
        let (codes, seen) = every_way(&config(), format!("EHLO {name}\r\n"));
        assert_eq!(codes[1], "250", "{name}");
        assert_eq!(seen, [Seen::Hello(name.into())]);
    }
    let (codes, seen) = every_way(&config(), "EHLO\r\nHELO \r\nEHLO \u{fc}\r\n");
    assert!(
        codes[1..].iter().all(|code| code == "501 5.5.4"),
        "{codes:?}"
    );
    assert_eq!(seen, []);
}

/// Source routes of before 1989, percent signs and bangs of who looks for open relays:
/// a route is left out, and everything else is a local part for the application to
/// judge.
#[test]
fn addresses_of_relay_testers() {
    let (codes, seen) = every_way(
        &config(),
        format!(
            "{OPENED}RCPT TO:<@relay.example.org:bob@example.net>\r\n\
             RCPT TO:<bob%example.org@example.net>\r\nRCPT TO:<example.org!bob@example.net>\r\n\
             RCPT TO:<\"bob@example.org\"@example.net>\r\n"
        ),
    );
    assert!(
        codes[2..].iter().all(|code| code.starts_with("250 ")),
        "{codes:?}"
    );
    let told: Vec<&Seen> = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Rcpt(_)))
        .collect();
    let expected = [
        "<bob@example.net>",
        "<bob%example.org@example.net>",
        "<example.org!bob@example.net>",
        "<\"bob@example.org\"@example.net>",
    ];
    assert_eq!(
        told,
        expected
            .map(|path| Seen::Rcpt(path.into()))
            .iter()
            .collect::<Vec<_>>()
    );
}

/// Arguments where none belong, of clients that were written from memory, and commands
/// of other servers' making.
#[test]
fn arguments_and_private_commands() {
    dialogue(
        &config(),
        &[
            ("EHLO a b c", "250"),
            ("XCLIENT ADDR=192.0.2.1", "502 5.5.1"),
            ("XFORWARD NAME=a", "502 5.5.1"),
            ("X-EXPS LOGIN", "500 5.5.2"),
            ("XEXCH50 1 2", "500 5.5.2"),
            ("MAIL FROM:<alice@example.org> XSHADOW=1", "555 5.5.4"),
            ("MAIL FROM:<alice@example.org> AUTH=<>", "555 5.5.4"),
            ("MAIL FROM:<alice@example.org> SIZE=5", "250 2.1.0"),
            ("RCPT TO:<bob@example.net> NOTIFY=SUCCESS", "555 5.5.4"),
            ("RCPT TO:<bob@example.net>", "250 2.1.5"),
            ("DATA now", "501 5.5.4"),
            ("RSET all", "501 5.5.4"),
            ("QUIT please", "501 5.5.4"),
            ("DATA", "354"),
        ],
    );
}

/// Octets above 127 in commands, of clients that send Latin-1 or UTF-8 unasked; NUL,
/// and what else has no place in a line. Refused each by itself.
#[test]
fn eight_bit_and_nul_in_commands() {
    for line in [
        &b"MAIL FROM:<\xfcser@example.org>"[..],
        "MAIL FROM:<\u{fc}ser@example.org>".as_bytes(),
        b"MAIL FROM:<a\0b@example.org>",
        b"MAIL FROM:<alice@example.org>\0",
        b"MAIL\0FROM:<alice@example.org>",
        b"\0",
        b"\0MAIL FROM:<alice@example.org>",
        b"MAIL FROM:<alice@example.org> SIZE=\x01",
        b"VRFY \xff",
    ] {
        let input = [b"EHLO a\r\n", line, b"\r\nNOOP\r\n"].concat();
        let (codes, seen) = every_way(&config(), input);
        assert!(
            codes[2].starts_with("50"),
            "{}: {codes:?}",
            line.escape_ascii()
        );
        assert_eq!(codes[3], "250 2.0.0");
        assert!(of_mail(&seen).is_empty());
    }
}

/// Lines without an end, of scanners for overflows: one reply for each, however long,
/// and no more memory than for a line.
#[test]
fn overlong_lines() {
    for verb in ["EHLO ", "MAIL FROM:<", "NOOP ", "", "VRFY "] {
        let mut server = Server::new(config());
        server.send("EHLO a\r\n");
        server.send(verb);
        for _ in 0..100 {
            server.send([b'A'; 10_000]);
            assert!(server.session.wants_input());
        }
        assert_eq!(codes(&server).len(), 2);
        server.send("\r\nNOOP\r\n");
        assert_eq!(codes(&server)[2..], ["500 5.5.2", "250 2.0.0"]);
        assert!(of_mail(&server.seen).is_empty());
    }
}

// --- Line ends -------------------------------------------------------------------------

/// Scripts that end their lines with LF: no line is ever complete, so that none is
/// carried out, and the time for a command ends it. With a CRLF somewhere behind,
/// all of it is one broken line.
#[test]
fn bare_lf_behind_commands() {
    let mut server = Server::new(config());
    server.send(DATA.replace("\r\n", "\n"));
    assert_eq!(codes(&server), ["220"]);
    assert_eq!(server.seen, []);
    server.pass(300);
    assert_eq!(codes(&server), ["220", "421 4.4.2"]);
    for input in [
        "NOOP\nRSET\r\n",
        "EHLO a\nMAIL FROM:<a@b>\r\n",
        "NOOP\rRSET\r\n",
        "\nNOOP\r\n",
    ] {
        let (codes, seen) = every_way(&config(), format!("{input}NOOP\r\n"));
        assert_eq!(codes, ["220", "500 5.5.2", "250 2.0.0"], "{input:?}");
        assert_eq!(seen, []);
    }
}

/// An end of the content that only some servers see, and a second message behind it:
/// SMTP smuggling, in each of its forms. The content ends where CRLF, dot, CRLF
/// stands, and is then refused; or repaired, and then it is one message with
/// everything in it.
#[test]
fn ends_of_content_that_are_none() {
    let smuggled = "MAIL FROM:<evil@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nspam";
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r.\r\n",
        "\r\n.\r",
        "\r.\r",
        "\n.\r",
        "\r.\n",
        "\r\n.\r\r\n",
        "\r\r\n.\r\n\n",
        "\n\r.\r\n",
    ] {
        let ends_early = end.contains("\r\n.\r\n");
        let input = format!("{DATA}good{end}{smuggled}\r\n.\r\nNOOP\r\n");
        let (codes, seen) = every_way(&config(), &input);
        let mails = seen.iter().filter(|seen| matches!(seen, Seen::Mail(_)));
        assert_eq!(mails.count(), 1, "{end:?}");
        assert_eq!(codes[4..6], ["354", "554 5.6.0"], "{end:?}: {codes:?}");
        assert!(seen.contains(&Seen::Discarded(Discarded::LoneLineEnd)));
        assert!(ends_early || codes[6] == "250 2.0.0");

        let repair = config().lone_line_endings(LoneLineEndings::Repair);
        let (_, seen) = every_way(&repair, &input);
        let messages = seen.iter().filter(|seen| matches!(seen, Seen::Message(_)));
        let mails = seen.iter().filter(|seen| matches!(seen, Seen::Mail(_)));
        assert_eq!((messages.count(), mails.count()), (1, 1), "{end:?}");
    }
}

/// Bare LFs all through the content, of scripts and mail programs of Unix: the same
/// verdict, once, for the whole of it.
#[test]
fn content_with_unix_line_ends() {
    let text = "Subject: x\n\nHello.\n";
    let (codes, seen) = every_way(&config(), format!("{DATA}{text}\r\n.\r\nNOOP\r\n"));
    assert_eq!(codes[4..], ["354", "554 5.6.0", "250 2.0.0"]);
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Message(_))));
    let repair = config().lone_line_endings(LoneLineEndings::Repair);
    let (codes, seen) = every_way(&repair, format!("{DATA}{text}\r\n.\r\nNOOP\r\n"));
    assert_eq!(codes[4..], ["354", "250 2.0.0", "250 2.0.0"]);
    assert!(seen.contains(&content(b"Subject: x\r\n\r\nHello.\r\n\r\n")));
}

/// NUL, all octets above 127 and lines of any length in content, of programs that do
/// not know better: taken as they are. Nothing of that can end it.
#[test]
fn odd_octets_in_content() {
    let mut text: Vec<u8> = (0..=255).filter(|octet| !b"\r\n".contains(octet)).collect();
    text.extend(b"\r\n\0.\r\n.\0\r\n");
    let stuffed = [&text[..text.len() - 4], b"..\0\r\n"].concat();
    let input = [DATA.as_bytes(), &stuffed, b".\r\n"].concat();
    let (codes, seen) = every_way(&config(), input);
    assert_eq!(codes.last().unwrap(), "250 2.0.0");
    assert!(seen.contains(&content(&text)));
    let long = "x".repeat(100_000);
    let mut server = Server::new(config());
    server.send(format!("{DATA}{long}\r\n.\r\n"));
    assert!(
        server
            .seen
            .contains(&content(format!("{long}\r\n").as_bytes()))
    );
}

/// Slow attackers: an octet of content now and then keeps a connection for as long as
/// the time for a block, and no longer.
#[test]
fn content_that_trickles() {
    let mut server = Server::new(config());
    server.send(DATA);
    let mut seconds = 0;
    while !server.is_closed() {
        server.send("x");
        server.pass(10);
        seconds += 10;
        assert!(seconds <= 300);
    }
    assert_eq!(seconds, Timeouts::default().content.as_secs());
    assert_eq!(codes(&server).last().unwrap(), "421 4.4.2");
}
