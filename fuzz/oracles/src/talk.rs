//! A driver for tests: it moves octets between a session and the text of a
//! test, and owns the clock.

use core::time::Duration;

use smtp_proto::{
    Instant,
    client::{Config, Error, Event, RequestId, Session, Transaction, TransactionId},
    types::{Mailbox, Reply},
};

/// What the tests' client calls itself.
pub const EHLO: &str = "EHLO client.example.org\r\n";

pub fn config() -> Config {
    Config::new(&"client.example.org".parse().unwrap()).unwrap()
}

pub fn mailbox(text: &str) -> Mailbox {
    text.parse().unwrap()
}

/// A transaction from alice to `recipients`, each the local part of an address
/// or an address.
pub fn transaction(recipients: &[&str]) -> Transaction {
    let address = |name: &&str| match name.contains('@') {
        true => mailbox(name),
        false => mailbox(&format!("{name}@example.net")),
    };
    Transaction::new(mailbox("alice@example.org")).recipients(recipients.iter().map(address))
}

/// The same with a short content.
pub fn message(recipients: &[&str]) -> Transaction {
    transaction(recipients).content("Subject: x\r\n\r\nHello.\r\n")
}

/// What the content of [`message`] is on the wire.
pub const CONTENT: &str = "Subject: x\r\n\r\nHello.\r\n.\r\n";

/// The address of a recipient, which tells whose it is.
pub fn address(message: usize, index: usize) -> String {
    format!("r{message}-{index}@example.net")
}

/// The content of a message. Made to be mistaken for its end.
pub fn content(message: usize) -> String {
    format!("Message: {message}\r\n\r\n.\r\n..\r\nQUIT\r\n.{message}")
}

pub fn made(message: usize, recipients: usize) -> Transaction {
    Transaction::new(mailbox(&format!("s{message}@example.org")))
        .recipients((0..recipients).map(|index| mailbox(&address(message, index))))
}

pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A session and its surroundings.
#[derive(Debug)]
pub struct Talk {
    pub session: Session,
    pub now: Instant,
    /// Everything that the session said: events, and at the end its error.
    pub log: Vec<Event>,
    pub error: Option<Error>,
    names: Names,
}

/// Numbers for transactions and requests, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub transactions: Vec<TransactionId>,
    pub requests: Vec<RequestId>,
}

impl Names {
    pub fn print(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::StartTls => vec!["starttls".into()],
            Event::Ready => vec!["ready".into()],
            Event::Authenticated { request } => {
                vec![format!("r{} authenticated", self.request(*request))]
            }
            Event::AuthenticationFailed { request, error } => {
                vec![format!(
                    "r{} not authenticated: {error}",
                    self.request(*request)
                )]
            }
            Event::Sender { transaction, reply } => {
                vec![format!("m{} from {reply}", self.transaction(*transaction))]
            }
            Event::Recipient {
                transaction,
                index,
                reply,
            } => {
                let number = self.transaction(*transaction);
                vec![format!("m{number} to{} {reply}", index + 1)]
            }
            Event::BodyWanted { transaction } => {
                vec![format!("m{} content", self.transaction(*transaction))]
            }
            Event::Finished {
                transaction,
                outcome,
            } => {
                let number = self.transaction(*transaction);
                let fates = outcome.recipients().iter().enumerate();
                let mut lines: Vec<String> = fates
                    .map(|(index, fate)| format!("m{number} to{} {fate}", index + 1))
                    .collect();
                lines.push(format!("m{number} finished"));
                lines
            }
            Event::Reply { request, reply } => vec![format!("r{} {reply}", self.request(*request))],
            Event::Closing(reply) => vec![format!("closing {reply}")],
            Event::Closed => vec!["closed".into()],
            other => vec![format!("{other:?}")],
        }
    }

    fn transaction(&mut self, id: TransactionId) -> usize {
        number(&mut self.transactions, id)
    }

    fn request(&mut self, id: RequestId) -> usize {
        number(&mut self.requests, id)
    }
}

/// Identifiers are given in rising order, so that the order of appearance is
/// made good by sorting.
fn number<T: Copy + Ord>(known: &mut Vec<T>, id: T) -> usize {
    if !known.contains(&id) {
        known.push(id);
        known.sort();
    }
    1 + known.iter().position(|other| *other == id).unwrap()
}

impl Talk {
    /// A session before its greeting.
    pub fn new(config: Config) -> Self {
        Self {
            session: Session::new(config, Instant::ORIGIN),
            now: Instant::ORIGIN,
            log: Vec::new(),
            error: None,
            names: Names::default(),
        }
    }

    /// A session that is open with a server that offers these keywords.
    pub fn open(config: Config, keywords: &[&str]) -> Self {
        let mut talk = Self::new(config);
        talk.greet(keywords);
        talk
    }

    /// The opening, with nothing else behind it.
    pub fn greet(&mut self, keywords: &[&str]) {
        self.say("220 mx.example.net\r\n");
        assert_eq!(self.out(), EHLO);
        self.say(hello(keywords));
        assert_eq!(self.events(), ["ready"]);
    }

    /// The server says this.
    pub fn say(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        assert!(!text.is_empty(), "use `eof`");
        self.session.handle_input(text, self.now);
    }

    /// The server closes.
    pub fn eof(&mut self) {
        self.session.handle_input(&[], self.now);
    }

    /// What waits to be sent, without sending it.
    pub fn pending(&self) -> Vec<u8> {
        let slices = self.session.poll_transmit();
        slices.map_or_else(Vec::new, |out| out.slices().collect::<Vec<_>>().concat())
    }

    /// Sends at most `n` octets.
    pub fn send(&mut self, n: usize) -> Vec<u8> {
        let mut octets = self.pending();
        octets.truncate(n);
        if !octets.is_empty() {
            self.session.handle_transmitted(octets.len(), self.now);
        }
        octets
    }

    /// Sends everything.
    pub fn out_octets(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let octets = self.send(usize::MAX);
            if octets.is_empty() {
                return all;
            }
            all.extend(octets);
        }
    }

    /// Sends everything, which is text.
    pub fn out(&mut self) -> String {
        String::from_utf8(self.out_octets()).unwrap()
    }

    /// The server says this, and the client answers that.
    #[track_caller]
    pub fn exchange(&mut self, server: &str, client: &str) {
        self.say(server);
        assert_eq!(self.out(), client, "behind {server:?}");
    }

    /// What has happened since the last call, printed, the error included.
    pub fn events(&mut self) -> Vec<String> {
        let before = self.log.len();
        let failed_before = self.error.is_some();
        self.poll();
        let mut lines: Vec<String> = Vec::new();
        for event in self.log.get(before..).unwrap() {
            lines.extend(self.names.print(event));
        }
        if let (Some(error), false) = (&self.error, failed_before) {
            lines.push(format!("error {error}"));
        }
        lines
    }

    /// The same, without what is told of replies and the opening: what became
    /// of each recipient.
    pub fn fates(&mut self) -> Vec<String> {
        let mut lines = self.events();
        lines.retain(|line| {
            line.starts_with('m')
                && [" accepted: ", " refused ", " not sent: ", " in doubt: "]
                    .iter()
                    .any(|fate| line.contains(fate))
        });
        lines
    }

    /// Takes down what has happened.
    pub fn poll(&mut self) {
        loop {
            match self.session.poll_event() {
                Ok(Some(event)) => {
                    assert!(self.error.is_none(), "an event behind the error: {event:?}");
                    self.log.push(event);
                }
                Ok(None) => {
                    assert!(self.error.is_none(), "the error did not repeat");
                    return;
                }
                Err(error) => {
                    if let Some(before) = self.error.replace(error.clone()) {
                        assert_eq!(before, error, "the error changed");
                    }
                    return;
                }
            }
        }
    }

    /// Time passes; the driver wakes up only at the end of it.
    pub fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.session.handle_timeout(self.now);
    }

    /// How long the session would wait from now on.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.session.poll_timeout()?;
        Some(deadline.saturating_since(self.now))
    }
}

/// A reply to EHLO that offers these keywords.
pub fn hello(keywords: &[&str]) -> String {
    let mut lines = vec!["mx.example.net"];
    lines.extend(keywords);
    let last = lines.len() - 1;
    lines
        .iter()
        .enumerate()
        .map(|(i, line)| format!("250{}{line}\r\n", if i == last { ' ' } else { '-' }))
        .collect()
}

/// The last reply of an error, for short comparisons.
pub fn code(reply: Option<&Reply>) -> Option<u16> {
    reply.map(|reply| reply.code().get())
}
