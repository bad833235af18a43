//! The connection against a scripted peer on a loopback port.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use async_io::Async;
use futures_lite::future::block_on;
use smtp_proto::{
    client::{Config, ErrorKind, Fate, Timeouts, Transaction},
    types::Mailbox,
};
use smtp_smol::{Connection, Error};

fn config() -> Config {
    Config::new(&"client.example.org".parse().unwrap()).unwrap()
}

fn transaction(content: Vec<u8>) -> Transaction {
    Transaction::new("alice@example.org".parse::<Mailbox>().unwrap())
        .recipient("bob@example.net".parse::<Mailbox>().unwrap())
        .content(content)
}

/// A peer that answers each command by its verb, and returns the content.
fn peer(end_of_data: &'static str) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut content = String::new();
        stream.write_all(b"220 mx.example.net\r\n").unwrap();
        while let Some(Ok(line)) = lines.next() {
            let reply = match line.get(..4) {
                Some("EHLO") => "250-mx.example.net\r\n250 PIPELINING\r\n",
                Some("DATA") => {
                    stream.write_all(b"354 go on\r\n").unwrap();
                    for line in lines.by_ref() {
                        match line.unwrap().as_str() {
                            "." => break,
                            line => content.push_str(line),
                        }
                        content.push('\n');
                    }
                    end_of_data
                }
                Some("QUIT") => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            stream.write_all(reply.as_bytes()).unwrap();
        }
        content
    });
    (address, thread)
}

#[test]
fn m42_a_message_goes_out() {
    let (address, peer) = peer("250 stored\r\n");
    let line = format!("{}\r\n", "x".repeat(70));
    let body = line.repeat(20_000);
    block_on(async {
        let stream = Async::<TcpStream>::connect(address).await.unwrap();
        let mut connection = Connection::open(stream, config()).await.unwrap();
        let outcome = connection
            .send(transaction(body.clone().into_bytes()))
            .await
            .unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        connection.quit().await.unwrap();
    });
    assert_eq!(peer.join().unwrap(), body.replace("\r\n", "\n"));
}

#[test]
fn m42_a_refusal_is_an_outcome() {
    let (address, _peer) = peer("554 no\r\n");
    block_on(async {
        let stream = Async::<TcpStream>::connect(address).await.unwrap();
        let mut connection = Connection::open(stream, config()).await.unwrap();
        let outcome = connection.send(transaction(b"x".to_vec())).await.unwrap();
        assert!(matches!(outcome.fate(), Fate::Refused { .. }));
        assert!(connection.session().is_reusable());
    });
}

#[test]
fn c_309_a_silent_peer_holds_nobody_past_the_deadline() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let config = config().timeouts(Timeouts::all(std::time::Duration::from_millis(30)));
    let error = block_on(async {
        let stream = Async::<TcpStream>::connect(address).await.unwrap();
        Connection::open(stream, config).await.unwrap_err()
    });
    let Error::Session { error, .. } = error else {
        unreachable!("{error}")
    };
    assert_eq!(error.kind(), &ErrorKind::TimedOut);
}
