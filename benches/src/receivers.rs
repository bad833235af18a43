//! Those who receive: the project's, and one that only counts.

use std::{
    io::{BufRead, Read, Write},
    net::{TcpListener, TcpStream},
};

use memchr::memmem;
use smtp_blocking::{Service, serve};
use smtp_proto::{
    Instant,
    server::{Config, Data, Message, Rcpt, Rejection, Session},
};

use crate::{
    Result,
    meter::{Cost, Meter},
    senders::floor::{content, envelope},
    work::Work,
};

/// Receives over one connection, and prints what it cost: the first line that
/// is printed is the port. `who` is `ours` or `count`.
pub fn run(who: &str) -> Result<Cost> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let mut meter = Meter::new()?;
    match who {
        "ours" => {
            let config = Config::new("mx.example.net".parse()?)?;
            let session = Session::new(config, Instant::ORIGIN);
            meter.start();
            serve(stream, session, &mut Sink)?;
        }
        _ => {
            meter.start();
            count(stream)?;
        }
    }
    meter.stop()
}

/// Takes everything, and forgets it.
struct Sink;

impl Service for Sink {
    fn rcpt(&mut self, _: &Rcpt<'_>) -> std::result::Result<(), Rejection> {
        Ok(())
    }
    fn data(&mut self, _: &Data<'_>) -> std::result::Result<(), Rejection> {
        Ok(())
    }
    fn content(&mut self, piece: &[u8]) -> std::result::Result<(), Rejection> {
        std::hint::black_box(piece);
        Ok(())
    }
    fn message(&mut self, _: &Message<'_>) -> std::result::Result<String, Rejection> {
        Ok(String::new())
    }
}

/// Looks for the end of content, and sends the replies that the sender below
/// expects.
fn count(mut stream: TcpStream) -> Result {
    const END: &[u8] = b"\r\n.\r\n";
    let mut buffer = vec![0; 64 * 1024];
    stream.write_all(b"220 mx.example.net\r\n")?;
    let n = stream.read(&mut buffer)?;
    debug_assert!(buffer[..n].starts_with(b"EHLO"));
    stream.write_all(b"250-mx.example.net\r\n250 PIPELINING\r\n")?;
    let mut kept = 0;
    let mut replies: &[u8] = b"250 Ok\r\n250 Ok\r\n354 Go\r\n";
    let n = stream.read(&mut buffer)?;
    debug_assert!(buffer[..n].starts_with(b"MAIL"));
    loop {
        stream.write_all(replies)?;
        loop {
            let n = stream.read(&mut buffer[kept..])?;
            if n == 0 {
                return Ok(());
            }
            let filled = kept + n;
            if memmem::find(&buffer[..filled], END).is_some() {
                kept = 0;
                break;
            }
            kept = filled.min(END.len() - 1);
            buffer.copy_within(filled - kept..filled, 0);
        }
        replies = b"250 Ok\r\n250 Ok\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n";
    }
}

/// Sends small messages across transactions, everything serialised beforehand,
/// and closes.
pub fn load(port: u16, messages: u32) -> Result {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    let mut replies = std::io::BufReader::new(stream.try_clone()?);
    let mut send = |octets: &[u8], lines: usize| -> Result {
        stream.write_all(octets)?;
        for _ in 0..lines {
            let mut line = Vec::new();
            while line.get(3) != Some(&b' ') {
                line.clear();
                if replies.read_until(b'\n', &mut line)? == 0 {
                    return Err("the receiver has closed".into());
                }
            }
            if line[0] > b'3' {
                return Err(String::from_utf8_lossy(&line).into());
            }
        }
        Ok(())
    };
    let first = envelope(Work::Across);
    let mut between = content(&Work::Across.content());
    between.octets.extend_from_slice(b"RSET\r\n");
    between.octets.extend_from_slice(&first.octets);
    between.replies += 1 + first.replies;
    send(b"", 1)?;
    send(b"EHLO client.example.org\r\n", 1)?;
    send(&first.octets, first.replies)?;
    (0..messages).try_for_each(|_| send(&between.octets, between.replies))
}
