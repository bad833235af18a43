//! A receiver that does as little as it can: it takes everything, and keeps
//! nothing. It runs beside the senders that are measured, in another process.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use memchr::{memchr, memmem};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::sockopt::set_tcp_quickack,
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{
    Result,
    work::{CERTIFICATE, HOST},
};

/// How much is read at a time.
const BUFFER_LEN: usize = 256 * 1024;

/// The longest command line that is understood.
const MAX_LINE: usize = 4096;

/// How long a sender may leave replies unread.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the sink says about itself.
const GREETING: &[u8] = b"220 mx.example.net ESMTP\r\n";
const EXTENSIONS: &str = "250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n\
    250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250-SMTPUTF8\r\n";

/// How the sink behaves.
#[derive(Clone, Default)]
pub struct Options {
    /// Replies wait until nothing has come for so long: a round trip takes at
    /// least this, and each is one write.
    pub hold: Option<Duration>,
    /// STARTTLS is offered.
    pub tls: Option<Arc<ServerConfig>>,
    /// Acknowledges late, as systems do: otherwise at once, since a sender that
    /// leaves Nagle's algorithm on would sleep most of the time.
    pub delayed_acks: bool,
}

/// A sink that listens until the process ends.
#[derive(Debug)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    counts: Arc<Counts>,
}

/// What the sink has seen, over all connections.
#[derive(Debug, Default)]
struct Counts {
    flights: AtomicU64,
    messages: AtomicU64,
}

impl Sink {
    /// Begins to listen.
    pub fn start(options: Options) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (options, counts) = (options.clone(), Arc::clone(&shared));
                // A sender that goes away is none of the sink's business.
                thread::spawn(move || serve(stream, &options, &counts));
            }
        });
        Ok(Self { address, counts })
    }

    /// How many times replies were sent, greetings not counted.
    #[must_use]
    pub fn flights(&self) -> u64 {
        self.counts.flights.load(Ordering::Relaxed)
    }

    /// How many messages came to their end.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.counts.messages.load(Ordering::Relaxed)
    }
}

/// A certificate for [`HOST`], written into a directory for the senders.
pub fn certificate(directory: &Path) -> Result<Arc<ServerConfig>> {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
    std::fs::write(directory.join(CERTIFICATE), made.cert.pem())?;
    let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

fn serve(mut stream: TcpStream, options: &Options, counts: &Counts) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let socket = stream.try_clone()?;
    stream.write_all(GREETING)?;
    let mut dialogue = Dialogue::new(options.tls.is_some());
    if converse(&mut stream, &socket, &mut dialogue, options, counts)? == Next::StartTls {
        let Some(config) = &options.tls else {
            return Ok(());
        };
        let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, stream);
        let mut dialogue = Dialogue::new(false);
        converse(&mut stream, &socket, &mut dialogue, options, counts)?;
        stream.conn.send_close_notify();
        stream.flush()?;
    }
    Ok(())
}

/// Reads and replies until there is something else to do.
fn converse(
    stream: &mut (impl Read + Write),
    socket: &TcpStream,
    dialogue: &mut Dialogue,
    options: &Options,
    counts: &Counts,
) -> io::Result<Next> {
    let mut buffer = vec![0; BUFFER_LEN];
    let mut replies = Vec::new();
    loop {
        if !options.delayed_acks {
            set_tcp_quickack(socket, true)?;
        }
        if let Some(hold) = options.hold
            && !replies.is_empty()
            && is_silent(socket, hold)?
        {
            answer(stream, &mut replies, counts)?;
        }
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(Next::Over);
        }
        let before = dialogue.messages;
        let next = dialogue.feed(&buffer[..n], &mut replies);
        let messages = dialogue.messages - before;
        counts.messages.fetch_add(messages, Ordering::Relaxed);
        match options.hold {
            Some(_) if next == Next::More => continue,
            Some(hold) => thread::sleep(hold),
            None => {}
        }
        if !replies.is_empty() {
            answer(stream, &mut replies, counts)?;
        }
        if next != Next::More {
            return Ok(next);
        }
    }
}

/// Whether nothing comes for so long: the sender waits.
fn is_silent(socket: &TcpStream, hold: Duration) -> io::Result<bool> {
    let time = Timespec::try_from(hold).map_err(io::Error::other)?;
    Ok(poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&time))? == 0)
}

fn answer(stream: &mut impl Write, replies: &mut Vec<u8>, counts: &Counts) -> io::Result<()> {
    counts.flights.fetch_add(1, Ordering::Relaxed);
    stream.write_all(replies)?;
    replies.clear();
    stream.flush()
}

/// What there is to do after some input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    More,
    StartTls,
    Over,
}

/// Octets in, replies out.
struct Dialogue {
    tls: bool,
    state: State,
    /// What is there of a command line, or the last octets of the content.
    kept: Vec<u8>,
    messages: u64,
}

enum State {
    Command,
    Data,
    Bdat { left: usize, last: bool },
}

impl Dialogue {
    fn new(tls: bool) -> Self {
        Self {
            tls,
            state: State::Command,
            kept: Vec::new(),
            messages: 0,
        }
    }

    fn feed(&mut self, mut input: &[u8], replies: &mut Vec<u8>) -> Next {
        while !input.is_empty() {
            let used = match self.state {
                State::Command => match self.command(input, replies) {
                    (used, Next::More) => used,
                    (_, next) => return next,
                },
                State::Data => self.data(input, replies),
                State::Bdat { left, last } => {
                    let used = left.min(input.len());
                    self.chunk(left - used, last, replies);
                    used
                }
            };
            input = &input[used..];
        }
        Next::More
    }

    fn command(&mut self, input: &[u8], replies: &mut Vec<u8>) -> (usize, Next) {
        let Some(end) = memchr(b'\n', input) else {
            self.kept.extend_from_slice(input);
            if self.kept.len() > MAX_LINE {
                return (0, Next::Over);
            }
            return (input.len(), Next::More);
        };
        let mut kept = std::mem::take(&mut self.kept);
        let line = if kept.is_empty() {
            &input[..end]
        } else {
            kept.extend_from_slice(&input[..end]);
            &kept[..]
        };
        let next = self.act(line.trim_ascii_end(), replies);
        if self.kept.is_empty() {
            kept.clear();
            self.kept = kept;
        }
        (end + 1, next)
    }

    fn act(&mut self, line: &[u8], replies: &mut Vec<u8>) -> Next {
        let verb = line.get(..4).unwrap_or(line);
        let is = |name: &[u8]| verb.eq_ignore_ascii_case(name);
        let reply: &[u8] = if is(b"MAIL") {
            b"250 2.1.0 Ok\r\n"
        } else if is(b"RCPT") {
            b"250 2.1.5 Ok\r\n"
        } else if is(b"DATA") {
            self.state = State::Data;
            // The line before the content ends with CRLF.
            self.kept = b"\r\n".to_vec();
            b"354 End data with <CR><LF>.<CR><LF>\r\n"
        } else if is(b"BDAT") {
            let mut words = line.split(|&b| b == b' ').skip(1);
            let size = words.next().and_then(|word| std::str::from_utf8(word).ok());
            let Some(size) = size.and_then(|size| size.parse().ok()) else {
                return Next::Over;
            };
            self.chunk(size, words.next().is_some(), replies);
            return Next::More;
        } else if is(b"EHLO") {
            replies.extend_from_slice(EXTENSIONS.as_bytes());
            if self.tls {
                replies.extend_from_slice(b"250-STARTTLS\r\n");
            }
            b"250 HELP\r\n"
        } else if is(b"RSET") || is(b"NOOP") || is(b"HELO") {
            b"250 2.0.0 Ok\r\n"
        } else if is(b"STAR") {
            replies.extend_from_slice(b"220 2.0.0 Go ahead\r\n");
            return Next::StartTls;
        } else if is(b"QUIT") {
            replies.extend_from_slice(b"221 2.0.0 Bye\r\n");
            return Next::Over;
        } else {
            b"500 5.5.2 What?\r\n"
        };
        replies.extend_from_slice(reply);
        Next::More
    }

    fn chunk(&mut self, left: usize, last: bool, replies: &mut Vec<u8>) {
        if left > 0 {
            self.state = State::Bdat { left, last };
            return;
        }
        self.state = State::Command;
        if last {
            self.accepted(replies);
        } else {
            replies.extend_from_slice(b"250 2.0.0 Ok\r\n");
        }
    }

    fn data(&mut self, input: &[u8], replies: &mut Vec<u8>) -> usize {
        const END: &[u8] = b"\r\n.\r\n";
        // The end may have begun with what came before.
        let kept = self.kept.len();
        self.kept
            .extend_from_slice(&input[..input.len().min(END.len() - 1)]);
        let end = match memmem::find(&self.kept, END) {
            Some(at) => Some(at + END.len() - kept),
            None => memmem::find(input, END).map(|at| at + END.len()),
        };
        let Some(end) = end else {
            if input.len() >= END.len() {
                self.kept.clear();
                self.kept
                    .extend_from_slice(&input[input.len() - (END.len() - 1)..]);
            } else {
                let surplus = self.kept.len().saturating_sub(END.len() - 1);
                self.kept.drain(..surplus);
            }
            return input.len();
        };
        self.kept.clear();
        self.state = State::Command;
        self.accepted(replies);
        end
    }

    fn accepted(&mut self, replies: &mut Vec<u8>) {
        self.messages += 1;
        replies.extend_from_slice(b"250 2.0.0 Ok: queued\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALOGUE: &[u8] = b"EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@c>\r\nDATA\r\n.\r\n\
        RSET\r\nDATA\r\na\r\n..\r\n.a\r\n\r\n.\r\nBDAT 3\r\n.\r\nBDAT 0 LAST\r\nQUIT\r\n";

    #[test]
    fn messages_end_where_they_end_at_every_split() {
        for step in 1..DIALOGUE.len() {
            let mut dialogue = Dialogue::new(false);
            let mut replies = Vec::new();
            let mut next = Next::More;
            for piece in DIALOGUE.chunks(step) {
                next = dialogue.feed(piece, &mut replies);
            }
            assert_eq!(next, Next::Over, "{step}");
            assert_eq!(dialogue.messages, 3, "{step}");
            assert_eq!(
                memmem::find_iter(&replies, "\r\n").count(),
                8 + 10,
                "{step}"
            );
        }
    }
}
