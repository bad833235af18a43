//! A server of ours, and a service that writes down what it sees.

use std::{io, net::SocketAddr, sync::mpsc, thread};

use crate::adapter::{Server, Service, Shutdown, smtp_proto};
use smtp_proto::{
    TlsFailure, TlsInfo,
    sasl::{Credential, Verdict},
    server::{
        Authenticate, Config, Data, Discarded, Hello, Mail, Message, Rcpt, Rejection, Timeouts,
    },
};

use super::{Talk, joined};

/// What a service saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Secured(String),
    NotSecured(TlsFailure),
    Hello(String),
    /// The mechanism, and who.
    Authenticate(String, String),
    Mail(String),
    Rcpt(String),
    Data,
    /// The recipients, and the content.
    Message(Vec<String>, Vec<u8>),
    Discarded(Discarded),
}

/// Where the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Hello,
    Mail,
    Rcpt,
    Data,
    Content,
    Message,
}

/// What a service answers.
pub(crate) type Answer = fn(Stage, &str) -> Result<(), Rejection>;

pub(crate) const YES: Answer = |_, _| Ok(());

/// Takes everything that `answer` does not refuse. At the end of its session,
/// what it saw goes to the test.
pub(crate) struct Recorder {
    pub(crate) answer: Answer,
    pub(crate) seen: Vec<Seen>,
    pub(crate) content: Vec<u8>,
    pub(crate) report: mpsc::Sender<Vec<Seen>>,
}

impl Recorder {
    pub(crate) fn new(answer: Answer, report: mpsc::Sender<Vec<Seen>>) -> Self {
        Self {
            answer,
            seen: Vec::new(),
            content: Vec::new(),
            report,
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.report.send(std::mem::take(&mut self.seen));
    }
}

impl Service for Recorder {
    fn secured(&mut self, tls: &TlsInfo) {
        self.seen.push(Seen::Secured(tls.to_string()));
    }

    fn not_secured(&mut self, why: &TlsFailure) {
        self.seen.push(Seen::NotSecured(why.clone()));
    }

    /// Alice has a password; whoever has a certificate is the first name in it.
    fn authenticate(&mut self, question: &Authenticate<'_>) -> Result<Verdict, Rejection> {
        let claim = question.claim();
        let (name, verdict) = match claim.proof() {
            #[cfg(feature = "tls")]
            smtp_proto::sasl::Proof::Certificate(der) => {
                let name = smtp_proto::tls::certificate_names(der).remove(0);
                (name.clone(), Verdict::AcceptAs(name))
            }
            _ if claim.authentication_identity() == "alice" => {
                let password = Credential::password("wonderland");
                ("alice".to_owned(), Verdict::Check(password))
            }
            _ => (String::new(), Verdict::UnknownUser),
        };
        let mechanism = claim.mechanism().to_string();
        self.seen.push(Seen::Authenticate(mechanism, name));
        Ok(verdict)
    }

    fn hello(&mut self, hello: &Hello<'_>) -> Result<(), Rejection> {
        self.seen.push(Seen::Hello(hello.name().to_string()));
        (self.answer)(Stage::Hello, &hello.name().to_string())
    }

    fn mail(&mut self, mail: &Mail<'_>) -> Result<(), Rejection> {
        let path = mail.reverse_path().to_string();
        (self.answer)(Stage::Mail, &path)?;
        self.seen.push(Seen::Mail(path));
        Ok(())
    }

    fn rcpt(&mut self, rcpt: &Rcpt<'_>) -> Result<(), Rejection> {
        let path = rcpt.path().to_string();
        (self.answer)(Stage::Rcpt, &path)?;
        self.seen.push(Seen::Rcpt(path));
        Ok(())
    }

    fn data(&mut self, _: &Data<'_>) -> Result<(), Rejection> {
        (self.answer)(Stage::Data, "")?;
        self.seen.push(Seen::Data);
        self.content.clear();
        Ok(())
    }

    fn content(&mut self, piece: &[u8]) -> Result<(), Rejection> {
        self.content.extend_from_slice(piece);
        (self.answer)(Stage::Content, &String::from_utf8_lossy(piece))
    }

    fn message(&mut self, message: &Message<'_>) -> Result<String, Rejection> {
        assert_eq!(message.octets(), self.content.len() as u64);
        (self.answer)(Stage::Message, "")?;
        let recipients = message.envelope().recipients();
        let recipients = recipients.iter().map(|one| one.path().to_string());
        let content = std::mem::take(&mut self.content);
        self.seen.push(Seen::Message(recipients.collect(), content));
        Ok("stored".to_owned())
    }

    fn discarded(&mut self, why: Discarded) {
        self.seen.push(Seen::Discarded(why));
    }
}

/// A server that runs in a thread of its own.
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: Shutdown,
    pub(crate) reports: mpsc::Receiver<Vec<Seen>>,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Serving {
    pub(crate) fn start(config: Config, server: Server, answer: Answer) -> Self {
        let (report, reports) = mpsc::channel();
        Self {
            address: server.local_addr().unwrap(),
            shutdown: server.shutdown_handle().unwrap(),
            reports,
            thread: thread::spawn(move || {
                server.run(&config, |_| Recorder::new(answer, report.clone()))
            }),
        }
    }

    /// With all the defaults.
    pub(crate) fn new(answer: Answer) -> Self {
        Self::start(mx(), local(), answer)
    }

    /// A client that has said hello.
    pub(crate) fn greeted(&self) -> Talk {
        let mut talk = Talk::connect(self.address);
        talk.expect("220 mx.example.net ESMTP");
        talk.ask("EHLO client.example.org", "250-mx.example.net");
        while talk.hear().starts_with("250-") {}
        talk
    }

    /// Connects until the server has a place.
    pub(crate) fn when_there_is_a_place(&self) -> Talk {
        loop {
            let mut talk = Talk::connect(self.address);
            let line = talk.hear();
            if line.starts_with("220 ") {
                return talk;
            }
            assert!(line.starts_with("421 ") || line.is_empty(), "{line}");
        }
    }

    /// Shuts the server down, and returns the reports that were not taken.
    pub(crate) fn stop(self) -> Vec<Vec<Seen>> {
        self.shutdown.shutdown();
        self.ended()
    }

    /// Waits until the server has ended.
    pub(crate) fn ended(self) -> Vec<Vec<Seen>> {
        joined(self.thread.join()).unwrap();
        self.reports.iter().collect()
    }
}

/// The envelope of a message from Alice to Bob, up to its content.
pub(crate) fn content_begins(talk: &mut Talk) {
    talk.ask("MAIL FROM:<alice@example.org>", "250 2.1.0");
    talk.ask("RCPT TO:<bob@example.net>", "250 2.1.5");
    talk.ask("DATA", "354 ");
}

/// A server at a port of the system's choice.
pub(crate) fn local() -> Server {
    Server::bind("127.0.0.1:0").unwrap()
}

/// The default configuration.
pub(crate) fn mx() -> Config {
    Config::new("mx.example.net".parse().unwrap()).unwrap()
}

/// The default configuration, with other time-outs.
pub(crate) fn timeouts(set: impl FnOnce(&mut Timeouts)) -> Config {
    let mut timeouts = Timeouts::default();
    set(&mut timeouts);
    mx().timeouts(timeouts)
}
