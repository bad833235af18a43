//! The bare loop of a client, without an adapter: twenty lines between a session
//! and a socket.
//!
//! ```console
//! $ cargo run -p smtp-proto --example client_loop -- 127.0.0.1:2525
//! ```
//!
//! Sends a small message from alice@example.org to bob@example.net. (There is
//! another example to receive it: `server_loop`.)

// An example stands where an adapter does: it has the socket and the clock.
#![allow(clippy::disallowed_types, clippy::print_stdout)]

use std::{
    error::Error,
    ffi::OsStr,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant as Clock},
};

use smtp_proto::{
    Instant,
    client::{Config, Event, Session, Transaction},
    types::Mailbox,
};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args_os().nth(1);
    let mut stream = TcpStream::connect(
        address
            .as_deref()
            .and_then(OsStr::to_str)
            .unwrap_or("127.0.0.1:2525"),
    )?;
    // Or the end of a message waits for the acknowledgement of what is before it.
    stream.set_nodelay(true)?;

    let config = Config::new(&"client.example.org".parse()?)?;
    let mut session = Session::new(config, Instant::ORIGIN);
    session.send(
        Transaction::new("alice@example.org".parse::<Mailbox>()?)
            .recipient("bob@example.net".parse::<Mailbox>()?)
            .content("Subject: hello\r\n\r\nFrom the bare loop.\r\n"),
    )?;
    session.quit()?;
    drive(&mut session, &mut stream)
}

/// The loop.
fn drive(session: &mut Session, stream: &mut TcpStream) -> Result<(), Box<dyn Error>> {
    let opened = Clock::now();
    let now = || Instant::from_origin(opened.elapsed());
    let mut buffer = [0; 4096];
    loop {
        while let Some(event) = session.poll_event()? {
            println!("{event:?}");
            if event == Event::Closed {
                return Ok(());
            }
        }
        let wait = session.poll_timeout().map(|at| at.saturating_since(now()));
        if wait == Some(Duration::ZERO) {
            session.handle_timeout(now());
        } else if let Some(out) = session.poll_transmit() {
            stream.set_write_timeout(wait)?;
            // A slice at a time; an adapter would use `write_vectored`.
            match stream.write(out.first()) {
                Ok(n) => session.handle_transmitted(n, now()),
                Err(error) if is_timeout(&error) => session.handle_timeout(now()),
                Err(_) => session.handle_write_closed(now()),
            }
        } else {
            stream.set_read_timeout(wait)?;
            match stream.read(&mut buffer) {
                Ok(n) => session.handle_input(buffer.get(..n).unwrap_or_default(), now()),
                Err(error) if is_timeout(&error) => session.handle_timeout(now()),
                Err(_) => session.handle_input(&[], now()),
            }
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
