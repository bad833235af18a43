//! The receiver, as its clients and its service see it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::adapter::{Server, Service, Verified, serve, smtp_proto};
use crate::common::{
    Talk, bounded,
    choppy::Choppy,
    joined, lines,
    serving::{Recorder, Seen, Serving, Stage, YES, content_begins, local, mx, timeouts},
};
use smtp_proto::{
    Instant as ProtoInstant,
    server::{Data, Discarded, Expand, Message, Rcpt, Rejection, Session, Verify},
    types::Mailbox,
};

fn message(content: &[u8]) -> Seen {
    Seen::Message(vec!["<bob@example.net>".to_owned()], content.to_vec())
}

fn began() -> Vec<Seen> {
    vec![
        Seen::Hello("client.example.org".to_owned()),
        Seen::Mail("<alice@example.org>".to_owned()),
        Seen::Rcpt("<bob@example.net>".to_owned()),
        Seen::Data,
    ]
}

// ---- the service ----

#[test]
fn m24_a_session_by_hand() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        talk.say("Subject: hi\r\n\r\n..dot\r\n.\r\n");
        talk.expect("250 2.0.0 stored");
        talk.ask("QUIT", "221 ");
        talk.ended();
        let mut seen = began();
        seen.push(message(b"Subject: hi\r\n\r\n.dot\r\n"));
        drop(talk);
        assert_eq!(serving.stop(), [seen]);
    });
}

#[test]
fn s_087_s_096_a_message_in_chunks_and_the_next_behind_it() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut talk = serving.greeted();
        let envelope = "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n";
        talk.say(format!(
            "{envelope}BDAT 9\r\n..dot\r\n.\rBDAT 6 LAST\r\n\n\r\nendRSET\r\n\
             {envelope}BDAT 3 LAST\r\nout"
        ));
        for reply in ["2.1.0", "2.1.5", "2.0.0", "2.0.0 stored", "2.0.0"] {
            talk.expect(&format!("250 {reply}"));
        }
        for reply in ["2.1.0", "2.1.5", "2.0.0 stored"] {
            talk.expect(&format!("250 {reply}"));
        }
        talk.ask("QUIT", "221 ");
        drop(talk);
        let mut seen = began();
        seen.push(message(b"..dot\r\n.\r\n\r\nend"));
        seen.extend(began().split_off(1));
        seen.push(message(b"out"));
        assert_eq!(serving.stop(), [seen]);
    });
}

#[test]
fn s_053_a_refusal_of_the_service_at_each_stage_is_the_answer() {
    bounded(|| {
        // The name that the client gives says what is to be refused.
        let serving = Serving::new(|stage, text| match stage {
            Stage::Hello if text == "hello" => Err(Rejection::policy()),
            Stage::Mail if text == "<mail@x>" => Err(Rejection::policy()),
            Stage::Rcpt if text == "<rcpt@x>" => Err(Rejection::no_such_user()),
            Stage::Rcpt if text == "<full@x>" => Err(Rejection::mailbox_full()),
            _ => Ok(()),
        });
        let mut talk = Talk::connect(serving.address);
        talk.expect("220 ");
        talk.ask("HELO hello", "550 5.7.1");
        talk.ask("HELO client.example.org", "250 ");
        talk.ask("MAIL FROM:<mail@x>", "550 5.7.1");
        talk.ask("MAIL FROM:<alice@example.org>", "250 ");
        talk.ask("RCPT TO:<rcpt@x>", "550 5.1.1");
        talk.ask("RCPT TO:<full@x>", "452 4.2.2");
        talk.ask("RCPT TO:<bob@example.net>", "250 ");
        talk.ask("DATA", "354 ");
        talk.say("hi\r\n.\r\n");
        talk.expect("250 ");
        talk.ask("QUIT", "221 ");
        drop(talk);
        let seen = serving.stop().remove(0);
        assert_eq!(seen.last(), Some(&message(b"hi\r\n")));
    });
}

#[test]
fn s_080_a_refusal_of_data_leaves_the_transaction_open() {
    bounded(|| {
        let serving = Serving::new(|stage, _| match stage {
            Stage::Data => Err(Rejection::insufficient_storage()),
            _ => Ok(()),
        });
        let mut talk = serving.greeted();
        talk.ask("MAIL FROM:<alice@example.org>", "250 ");
        talk.ask("RCPT TO:<bob@example.net>", "250 ");
        talk.ask("DATA", "452 4.3.1");
        talk.ask("RSET", "250 ");
        talk.ask("QUIT", "221 ");
        drop(talk);
        let seen = serving.stop().remove(0);
        assert_eq!(seen.last(), Some(&Seen::Discarded(Discarded::Reset)));
    });
}

#[test]
fn s_085_content_refused_in_the_middle_is_answered_at_its_end() {
    bounded(|| {
        let serving = Serving::new(|stage, content| {
            match stage == Stage::Content && content.contains("virus") {
                true => Err(Rejection::policy()),
                false => Ok(()),
            }
        });
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        talk.say("fine\r\nvirus\r\n");
        // Much more of it, which nobody sees.
        talk.say(b"0123456789abcd\r\n".repeat(20_000));
        talk.say(".\r\n");
        talk.expect("550 5.7.1");
        // The next one is another message.
        content_begins(&mut talk);
        talk.say("fine\r\n.\r\n");
        talk.expect("250 ");
        talk.ask("QUIT", "221 ");
        drop(talk);
        let seen = serving.stop().remove(0);
        let mut expected = began();
        expected.extend_from_slice(&began()[1..]);
        expected.push(message(b"fine\r\n"));
        assert_eq!(seen, expected);
    });
}

/// Content at which two found fault is refused by the first, and the refusal is
/// not that of the next message.
#[test]
fn s_085_content_refused_and_too_large_does_not_harm_the_next() {
    bounded(|| {
        let refuse_virus =
            |stage, content: &str| match stage == Stage::Content && content.contains("virus") {
                true => Err(Rejection::policy()),
                false => Ok(()),
            };
        let config = mx().max_message_size(Some(1000));
        let serving = Serving::start(config, local(), refuse_virus);
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        // The dot that is taken off ends the first piece.
        talk.say("virus\r\n..\r\n");
        talk.say(b"0123456789abcd\r\n".repeat(1000));
        talk.say(".\r\n");
        talk.expect("550 5.7.1");
        content_begins(&mut talk);
        talk.say("fine\r\n.\r\n");
        talk.expect("250 ");
        talk.ask("QUIT", "221 ");
        drop(talk);
        let seen = serving.stop().remove(0);
        assert_eq!(seen.last(), Some(&message(b"fine\r\n")));
        assert!(!seen.iter().any(|one| matches!(one, Seen::Discarded(_))));
    });
}

#[test]
fn s_086_a_message_refused_at_its_end() {
    bounded(|| {
        let serving = Serving::new(|stage, _| match stage {
            Stage::Message => Err(Rejection::message_too_large()),
            _ => Ok(()),
        });
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        talk.say("hi\r\n.\r\n");
        talk.expect("552 5.3.4");
        talk.ask("QUIT", "221 ");
        drop(talk);
        assert_eq!(serving.stop(), [began()]);
    });
}

#[test]
fn s_007_of_content_that_was_refused_nothing_is_told() {
    bounded(|| {
        let serving = Serving::new(|stage, _| match stage {
            Stage::Content => Err(Rejection::policy()),
            _ => Ok(()),
        });
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        talk.say("hi\r\n");
        drop(talk);
        assert_eq!(serving.reports.recv().unwrap(), began());
        serving.stop();
    });
}

#[test]
fn s_009_a_refusal_with_421_ends_the_session() {
    bounded(|| {
        let serving = Serving::new(|stage, _| match stage {
            Stage::Rcpt => Err(Rejection::new(421, None, "not today").unwrap()),
            _ => Ok(()),
        });
        let mut talk = serving.greeted();
        talk.ask("MAIL FROM:<alice@example.org>", "250 ");
        talk.say("RCPT TO:<bob@example.net>\r\nRCPT TO:<carol@example.net>\r\n");
        talk.expect("421 4.0.0 not today");
        talk.ended();
        drop(talk);
        let seen = serving.stop().remove(0);
        assert_eq!(seen[2..], [Seen::Discarded(Discarded::Shutdown)]);
    });
}

/// Answers inquiries, shows the dialogue, and takes no mail.
struct Directory(Arc<Mutex<Vec<String>>>);

impl Service for Directory {
    fn start(&mut self, session: &mut Session) {
        let seen = Arc::clone(&self.0);
        session.set_transcript(move |entry| seen.lock().unwrap().push(entry.to_string()));
    }

    fn rcpt(&mut self, _: &Rcpt<'_>) -> Result<(), Rejection> {
        Err(Rejection::relaying_denied())
    }

    fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
        unreachable!("without a recipient")
    }

    fn content(&mut self, _: &[u8]) -> Result<(), Rejection> {
        unreachable!("without a recipient")
    }

    fn message(&mut self, _: &Message<'_>) -> Result<String, Rejection> {
        unreachable!("without a recipient")
    }

    fn verify(&mut self, verify: &Verify<'_>) -> Result<Verified, Rejection> {
        let bob: Mailbox = "bob@example.net".parse().unwrap();
        let rob: Mailbox = "rob@example.net".parse().unwrap();
        match verify.argument().as_str() {
            "bob" => Ok(Verified::Mailbox(bob)),
            "ob" => Ok(Verified::Ambiguous(vec![bob, rob])),
            "nobody" => Err(Rejection::no_such_user()),
            _ => Ok(Verified::Unknown),
        }
    }

    fn expand(&mut self, expand: &Expand<'_>) -> Result<Vec<Mailbox>, Rejection> {
        match expand.argument().as_str() {
            "staff" => Ok(vec!["bob@example.net".parse().unwrap()]),
            _ => Err(Rejection::no_such_user()),
        }
    }
}

#[test]
fn m24_inquiries_and_the_transcript() {
    bounded(|| {
        let server = local();
        let address = server.local_addr().unwrap();
        let shutdown = server.shutdown_handle().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let transcript = Arc::clone(&seen);
        let config = mx().ask_verify(true).ask_expand(true);
        let running =
            thread::spawn(move || server.run(&config, |_| Directory(Arc::clone(&transcript))));
        let mut talk = Talk::connect(address);
        talk.expect("220 ");
        talk.ask("HELO x", "250 ");
        talk.ask("VRFY bob", "250 2.1.5 <bob@example.net>");
        talk.ask("VRFY ob", "553-");
        talk.expect("553-5.1.4 <bob@example.net>");
        talk.expect("553 5.1.4 <rob@example.net>");
        talk.ask("VRFY nobody", "550 5.1.1");
        talk.ask("VRFY who", "252 ");
        talk.ask("EXPN staff", "250 2.1.5 <bob@example.net>");
        talk.ask("EXPN others", "550 5.1.1");
        talk.ask("QUIT", "221 ");
        talk.ended();
        drop(talk);
        shutdown.shutdown();
        joined(running.join()).unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0], "S: 220 mx.example.net ESMTP");
        assert_eq!(seen[1], "C: HELO x");
        assert_eq!(seen.last().unwrap(), "S: 221 2.0.0 mx.example.net bye");
    });
}

/// Answers nothing but what it must.
struct Plain;

impl Service for Plain {
    fn rcpt(&mut self, _: &Rcpt<'_>) -> Result<(), Rejection> {
        Ok(())
    }
    fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
        Ok(())
    }
    fn content(&mut self, _: &[u8]) -> Result<(), Rejection> {
        Ok(())
    }
    fn message(&mut self, _: &Message<'_>) -> Result<String, Rejection> {
        Ok(String::new())
    }
}

#[test]
fn m24_inquiries_have_answers_by_default() {
    bounded(|| {
        let (ours, mut theirs) = pair();
        let config = mx().ask_verify(true).ask_expand(true);
        let session = Session::new(config, ProtoInstant::ORIGIN);
        let serving = thread::spawn(move || serve(ours, session, &mut Plain));
        theirs.say("HELO x\r\nVRFY bob\r\nEXPN staff\r\nQUIT\r\n");
        for answer in ["220 ", "250 ", "252 ", "550 ", "221 "] {
            theirs.expect(answer);
        }
        theirs.ended();
        joined(serving.join()).unwrap();
    });
}

// ---- clients of all kinds ----

/// Two ends of a connection.
fn pair() -> (TcpStream, Talk) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, Talk::new(theirs))
}

const DIALOGUE: &str = "EHLO client.example.org\r\n\
    MAIL FROM:<alice@example.org>\r\n\
    RCPT TO:<bob@example.net>\r\n\
    DATA\r\n\
    hi\r\n\
    .\r\n\
    MAIL FROM:<alice@example.org>\r\n\
    QUIT\r\n";

#[test]
fn s_007_a_client_that_sends_everything_and_shuts_its_end_gets_every_reply() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut talk = Talk::connect(serving.address);
        talk.say(DIALOGUE.replace("QUIT\r\n", ""));
        talk.shut();
        let heard = String::from_utf8(talk.rest()).unwrap();
        let codes: Vec<&str> = heard
            .lines()
            .filter(|line| line.get(3..4) == Some(" "))
            .map(|line| &line[..3])
            .collect();
        assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "250"]);
        let mut seen = began();
        seen.push(message(b"hi\r\n"));
        seen.push(Seen::Mail("<alice@example.org>".to_owned()));
        seen.push(Seen::Discarded(Discarded::EndOfInput));
        assert_eq!(serving.reports.recv().unwrap(), seen);
        drop(talk);
        serving.stop();
    });
}

/// A transaction that was begun has exactly one end, wherever the client goes.
#[test]
fn s_007_s_008_a_client_that_leaves_after_any_octet() {
    bounded(|| {
        let serving = Serving::new(YES);
        let leave: [fn(Talk); 3] = [
            // Hears everything first.
            |mut talk| {
                talk.shut();
                talk.rest();
            },
            // Leaves replies unread, which makes it a reset.
            drop,
            |talk| talk.stream.shutdown(Shutdown::Both).unwrap_or_default(),
        ];
        for length in 0..=DIALOGUE.len() {
            for (way, leave) in leave.iter().enumerate() {
                let mut talk = Talk::connect(serving.address);
                talk.say(&DIALOGUE[..length]);
                leave(talk);
                let seen = serving.reports.recv().unwrap();
                let count = |is: fn(&Seen) -> bool| seen.iter().filter(|one| is(one)).count();
                let begun = count(|seen| matches!(seen, Seen::Mail(_)));
                let stored = count(|seen| matches!(seen, Seen::Message(..)));
                let discarded = count(|seen| matches!(seen, Seen::Discarded(_)));
                assert_eq!(begun, stored + discarded, "{way} {length}: {seen:?}");
                let sent = &DIALOGUE[..length];
                if way == 0 {
                    assert_eq!(stored, usize::from(sent.contains("\r\n.\r\n")), "{length}");
                    assert_eq!(begun, sent.matches("<alice@example.org>\r\n").count());
                }
            }
        }
        serving.stop();
    });
}

#[test]
fn s_010_s_208_a_command_that_trickles_is_cut_at_its_deadline() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.command = Duration::from_millis(200));
        let serving = Serving::start(config, local(), YES);
        let mut talk = Talk::connect(serving.address);
        talk.expect("220 ");
        let start = Instant::now();
        trickle(&mut talk, b"N");
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(150), "{took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        talk.expect("421 4.4.2");
        talk.ended();
        drop(talk);
        assert_eq!(serving.stop(), [vec![]]);
    });
}

#[test]
fn s_010_s_208_content_that_trickles_is_cut_at_its_deadline() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.content = Duration::from_millis(200));
        let serving = Serving::start(config, local(), YES);
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        let start = Instant::now();
        trickle(&mut talk, b"x");
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(150), "{took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        talk.expect("421 4.4.2");
        talk.ended();
        drop(talk);
        let seen = serving.stop().remove(0);
        assert_eq!(seen.last(), Some(&Seen::Discarded(Discarded::Timeout)));
    });
}

/// Sends an octet every 10 ms, until the server says something.
fn trickle(talk: &mut Talk, octet: &[u8]) {
    let limit = Some(Duration::from_millis(10));
    talk.stream.set_read_timeout(limit).unwrap();
    while talk.stream.peek(&mut [0]).is_err() {
        talk.say(octet);
    }
    let limit = Some(Duration::from_secs(15));
    talk.stream.set_read_timeout(limit).unwrap();
}

#[test]
fn s_005_commands_within_the_time_go_on_for_ever() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.command = Duration::from_millis(300));
        let serving = Serving::start(config, local(), YES);
        let mut talk = serving.greeted();
        for _ in 0..10 {
            thread::sleep(Duration::from_millis(50));
            talk.ask("NOOP", "250 ");
        }
        talk.ask("QUIT", "221 ");
        drop(talk);
        serving.stop();
    });
}

#[test]
fn s_208_a_client_that_reads_no_replies_is_cut() {
    bounded(|| {
        let config = timeouts(|timeouts| timeouts.output = Duration::from_millis(300))
            .max_junk_commands(usize::MAX);
        let serving = Serving::start(config, local(), YES);
        let mut talk = Talk::connect(serving.address);
        // Its side, too, blocks at some time; then nobody moves.
        let limit = Some(Duration::from_millis(100));
        talk.stream.set_write_timeout(limit).unwrap();
        let help = b"HELP\r\n".repeat(10_000);
        while talk.stream.write(&help).is_ok() {}
        // The session ends while the client is still there.
        let seen = serving.reports.recv().unwrap();
        assert_eq!(seen, []);
        drop(talk);
        serving.stop();
    });
}

#[test]
fn s_006_the_last_reply_reaches_a_client_that_has_said_more() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut talk = serving.greeted();
        talk.say("QUIT\r\n");
        talk.say(b"more that nobody wants\r\n".repeat(10_000));
        // A connection that is closed over unread octets is reset.
        let mut rest = Vec::new();
        talk.stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"221 2.0.0 mx.example.net bye\r\n");
        drop(talk);
        serving.stop();
    });
}

#[test]
fn s_009_the_last_421_reaches_a_client_that_has_said_more() {
    bounded(|| {
        let config = mx().max_errors(0);
        let serving = Serving::start(config, local(), YES);
        let mut talk = serving.greeted();
        talk.say(b"WHAT\r\n".repeat(50_000));
        let mut rest = Vec::new();
        talk.stream.read_to_end(&mut rest).unwrap();
        assert!(rest.starts_with(b"421 4.7.0"), "{}", rest.escape_ascii());
        assert_eq!(rest.iter().filter(|&&octet| octet == b'\n').count(), 1);
        drop(talk);
        serving.stop();
    });
}

/// A client that neither closes nor stops sending does not keep the place.
#[test]
fn s_208_a_client_that_does_not_leave_after_the_end_is_left() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut talk = serving.greeted();
        talk.ask("QUIT", "221 ");
        let mut stream = talk.stream.try_clone().unwrap();
        let start = Instant::now();
        let chatter = thread::spawn(move || {
            while stream.write_all(b"and another thing\r\n").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        serving.reports.recv().unwrap();
        let took = start.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
        joined(chatter.join());
        drop(talk);
        serving.stop();
    });
}

#[test]
fn c_306_c_312_the_server_over_an_odd_stream() {
    bounded(|| {
        let content = lines(1000);
        let mut dialogue = DIALOGUE.as_bytes().to_vec();
        let stuffed: Vec<u8> = String::from_utf8(content.clone())
            .unwrap()
            .split_inclusive("\r\n")
            .flat_map(|line| match line.starts_with('.') {
                true => format!(".{line}").into_bytes(),
                false => line.as_bytes().to_vec(),
            })
            .collect();
        let at = DIALOGUE.find("hi\r\n").unwrap();
        dialogue.splice(at..at + 4, stuffed);
        for kind in [io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock] {
            for most in [1, 2, 100] {
                let (ours, mut theirs) = pair();
                let (report, reports) = mpsc::channel();
                let stream = Choppy::new(ours, most).failing(3, kind);
                let session = Session::new(mx(), ProtoInstant::ORIGIN);
                let serving =
                    thread::spawn(move || serve(stream, session, &mut Recorder::new(YES, report)));
                theirs.say(&dialogue);
                let heard = theirs.rest();
                assert!(heard.ends_with(b"221 2.0.0 mx.example.net bye\r\n"));
                joined(serving.join()).unwrap();
                let seen = reports.recv().unwrap();
                assert!(seen.contains(&message(&content)), "{kind} {most}");
            }
        }
    });
}

// ---- the listener ----

#[test]
fn m24_several_clients_at_once() {
    bounded(|| {
        let serving = Serving::new(YES);
        // All are in the middle of a message at the same time.
        let mut talks: Vec<Talk> = (0..20).map(|_| serving.greeted()).collect();
        talks.iter_mut().for_each(content_begins);
        for (number, talk) in talks.iter_mut().enumerate() {
            talk.say(format!("{number}\r\n"));
        }
        for talk in &mut talks {
            talk.say(".\r\n");
            talk.expect("250 ");
            talk.ask("QUIT", "221 ");
            talk.ended();
        }
        drop(talks);
        let mut contents: Vec<Seen> = serving
            .stop()
            .iter()
            .map(|seen| seen.last().unwrap().clone())
            .collect();
        contents.sort_by_key(|seen| match seen {
            Seen::Message(_, content) => (content.len(), content.clone()),
            other => panic!("{other:?}"),
        });
        let expected: Vec<Seen> = (0..20)
            .map(|number| message(format!("{number}\r\n").as_bytes()))
            .collect();
        assert_eq!(contents, expected);
    });
}

#[test]
fn m24_the_service_is_told_the_peer() {
    bounded(|| {
        let server = local();
        let address = server.local_addr().unwrap();
        let shutdown = server.shutdown_handle().unwrap();
        let (told, peers) = mpsc::channel();
        let running = thread::spawn(move || {
            server.run(&mx(), |peer| {
                told.send(peer).unwrap();
                Plain
            })
        });
        let talk = Talk::connect(address);
        assert_eq!(peers.recv().unwrap(), talk.stream.local_addr().unwrap());
        drop(talk);
        shutdown.shutdown();
        joined(running.join()).unwrap();
    });
}

#[test]
fn s_206_one_connection_too_many_is_told_421() {
    bounded(|| {
        let serving = Serving::start(mx(), local().max_connections(2), YES);
        let first = serving.greeted();
        let mut second = serving.greeted();
        for _ in 0..10 {
            let mut third = Talk::connect(serving.address);
            third.expect("421 mx.example.net too many");
            third.ended();
        }
        // Those that are there do not notice.
        second.ask("NOOP", "250 ");
        drop(first);
        let mut third = serving.when_there_is_a_place();
        third.ask("QUIT", "221 ");
        drop((second, third));
        serving.stop();
    });
}

#[test]
fn s_206_a_panic_in_the_service_gives_its_place_back() {
    bounded(|| {
        let serving = Serving::start(mx(), local().max_connections(1), |stage, _| {
            assert_ne!(stage, Stage::Rcpt, "on purpose");
            Ok(())
        });
        for _ in 0..3 {
            let mut talk = serving.when_there_is_a_place();
            talk.ask("HELO x", "250 ");
            talk.ask("MAIL FROM:<>", "250 ");
            talk.say("RCPT TO:<bob@example.net>\r\n");
            talk.ended();
        }
        drop(serving.when_there_is_a_place());
        serving.stop();
    });
}

// ---- the end ----

#[test]
fn s_009_shutting_down_tells_idle_clients_421_and_ends() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut idle = serving.greeted();
        let mut fresh = Talk::connect(serving.address);
        fresh.expect("220 ");
        let start = Instant::now();
        serving.shutdown.shutdown();
        for talk in [&mut idle, &mut fresh] {
            talk.expect("421 4.3.2");
            let took = start.elapsed();
            // One wait of the thread may have begun just before.
            assert!(took < Duration::from_millis(800), "{took:?}");
            talk.ended();
        }
        drop((idle, fresh));
        serving.ended();
    });
}

#[test]
fn s_009_content_under_way_may_end_after_the_shutdown() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        serving.shutdown.shutdown();
        talk.say("hi\r\n.\r\n");
        talk.expect("250 2.0.0 stored");
        talk.expect("421 4.3.2");
        talk.ended();
        drop(talk);
        let reports = serving.ended();
        assert!(
            reports
                .iter()
                .any(|seen| seen.last() == Some(&message(b"hi\r\n")))
        );
    });
}

#[test]
fn s_009_what_has_not_ended_when_the_grace_has_passed_is_cut() {
    bounded(|| {
        let server = local().grace(Duration::from_millis(200));
        let serving = Serving::start(mx(), server, YES);
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        let start = Instant::now();
        serving.shutdown.shutdown();
        // Goes on sending, but never ends.
        while talk.stream.write_all(b"and another thing\r\n").is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
        let reports = serving.ended();
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(200), "{took:?}");
        assert!(took < Duration::from_secs(4), "{took:?}");
        assert!(matches!(reports[0].last(), Some(Seen::Discarded(_))));
    });
}

#[test]
fn s_009_a_grace_without_end_lets_the_message_end() {
    bounded(|| {
        let serving = Serving::start(mx(), local().grace(Duration::MAX), YES);
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        serving.shutdown.shutdown();
        talk.say("hi\r\n.\r\n");
        talk.expect("250 ");
        talk.expect("421 ");
        drop(talk);
        serving.ended();
    });
}

#[test]
fn s_009_nobody_is_kept_waiting_in_the_queue_of_a_server_that_ends() {
    bounded(|| {
        let serving = Serving::new(YES);
        let mut talk = serving.greeted();
        content_begins(&mut talk);
        serving.shutdown.shutdown();
        // While the message goes on, others are turned away at the door.
        while TcpStream::connect(serving.address).is_ok() {}
        talk.say("hi\r\n.\r\n");
        talk.expect("250 ");
        drop(talk);
        serving.ended();
    });
}

/// Takes its time to put things away.
struct Tidy(Arc<Mutex<bool>>);

impl Service for Tidy {
    fn rcpt(&mut self, _: &Rcpt<'_>) -> Result<(), Rejection> {
        Ok(())
    }
    fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
        Ok(())
    }
    fn content(&mut self, _: &[u8]) -> Result<(), Rejection> {
        Ok(())
    }
    fn message(&mut self, _: &Message<'_>) -> Result<String, Rejection> {
        Ok(String::new())
    }
}

impl Drop for Tidy {
    fn drop(&mut self) {
        thread::sleep(Duration::from_millis(100));
        *self.0.lock().unwrap() = true;
    }
}

#[test]
fn s_009_the_end_waits_for_the_last_service_to_be_dropped() {
    bounded(|| {
        let server = local();
        let address = server.local_addr().unwrap();
        let shutdown = server.shutdown_handle().unwrap();
        let tidied = Arc::new(Mutex::new(false));
        let tidy = Arc::clone(&tidied);
        let running = thread::spawn(move || server.run(&mx(), |_| Tidy(Arc::clone(&tidy))));
        let mut talk = Talk::connect(address);
        talk.expect("220 ");
        drop(talk);
        shutdown.shutdown();
        joined(running.join()).unwrap();
        assert!(*tidied.lock().unwrap());
    });
}

#[test]
fn s_009_a_shutdown_before_the_beginning_and_several_at_once() {
    bounded(|| {
        for bind in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            // A machine without IPv6 has fewer to try.
            let Ok(server) = Server::bind(bind) else {
                continue;
            };
            let shutdown = server.shutdown_handle().unwrap();
            shutdown.shutdown();
            server.run(&mx(), |_| Plain).unwrap();

            let server = Server::bind(bind).unwrap();
            let shutdown = server.shutdown_handle().unwrap();
            let running = thread::spawn(move || server.run(&mx(), |_| Plain));
            let again = shutdown.clone();
            let other = thread::spawn(move || again.shutdown());
            shutdown.shutdown();
            joined(other.join());
            joined(running.join()).unwrap();
        }
    });
}

#[test]
fn s_009_many_clients_at_the_moment_of_the_shutdown() {
    bounded(|| {
        for _ in 0..5 {
            let serving = Serving::new(YES);
            let address = serving.address;
            let clients: Vec<_> = (0..8)
                .map(|_| {
                    thread::spawn(move || {
                        // Until nobody answers any more.
                        while let Ok(stream) = TcpStream::connect(address) {
                            let mut talk = Talk::new(stream);
                            talk.say(DIALOGUE);
                            talk.rest();
                        }
                    })
                })
                .collect();
            for _ in 0..20 {
                serving.reports.recv().unwrap();
            }
            serving.stop();
            clients.into_iter().for_each(|client| joined(client.join()));
        }
    });
}
