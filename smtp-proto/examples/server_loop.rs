//! The bare loop of a server, without an adapter: twenty lines between a session
//! and a socket.
//!
//! ```console
//! $ cargo run -p smtp-proto --example server_loop -- 127.0.0.1:2525
//! ```
//!
//! Takes one connection after another (so that a client that is idle makes the
//! others wait), and prints the messages that come. Type to it with `telnet 127.0.0.1 2525`, or send to it with `client_loop`.

// An example stands where an adapter does: it has the socket and the clock.
#![allow(clippy::disallowed_types, clippy::print_stdout)]

use std::{
    error::Error,
    ffi::OsStr,
    io::{self, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant as Clock},
};

use smtp_proto::{
    Instant,
    server::{Config, Event, Session},
};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args_os().nth(1);
    let listener = TcpListener::bind(
        address
            .as_deref()
            .and_then(OsStr::to_str)
            .unwrap_or("127.0.0.1:2525"),
    )?;
    println!("listening on {}", listener.local_addr()?);
    let config = Config::new("mx.example.net".parse()?)?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        let mut session = Session::new(config.clone(), Instant::ORIGIN);
        if let Err(error) = drive(&mut session, &mut stream) {
            println!("{error}");
        }
    }
    Ok(())
}

/// The loop.
fn drive(session: &mut Session, stream: &mut TcpStream) -> Result<(), Box<dyn Error>> {
    let opened = Clock::now();
    let now = || Instant::from_origin(opened.elapsed());
    let mut buffer = [0; 4096];
    let mut message = Vec::new();
    loop {
        while let Some(event) = session.poll_event()? {
            match event {
                Event::Hello(hello) => hello.accept(),
                Event::Mail(mail) => mail.accept(),
                Event::Rcpt(rcpt) => rcpt.accept(),
                Event::Data(data) => data.accept(),
                Event::Content(piece) => message.extend_from_slice(piece),
                Event::Message(accepted) => {
                    println!("{}", String::from_utf8_lossy(&message));
                    message.clear();
                    accepted.accept();
                }
                Event::Discarded(_) => message.clear(),
                Event::Closed => return Ok(()),
                _ => {}
            }
        }
        let wait = session.poll_timeout().map(|at| at.saturating_since(now()));
        if wait == Some(Duration::ZERO) {
            session.handle_timeout(now());
        } else if let Some(out) = session.poll_transmit() {
            stream.set_write_timeout(wait)?;
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
