//! Two sessions that hear and say the same: one of them whole flights, the other
//! one octet at a time.

use core::{fmt::Debug, time::Duration};

use smtp_oracles::talk::{CONTENT, EHLO, Talk, config, hello, message};
use smtp_proto::{
    TlsInfo,
    client::{Config, Error, Event, Outcome, Session},
};

pub(crate) const MAIL: &str = "MAIL FROM:<alice@example.org>\r\n";
pub(crate) const RCPT: &str = "RCPT TO:<bob@example.net>\r\n";

/// A session, and the same one in single octets.
pub(crate) struct Twins {
    whole: Talk,
    octets: Talk,
    /// What the second has told and nobody has asked for.
    heard: Vec<String>,
}

impl Twins {
    /// Before the greeting.
    pub(crate) fn new(config: Config) -> Self {
        Self {
            whole: Talk::new(config.clone()),
            octets: Talk::new(config),
            heard: Vec::new(),
        }
    }

    /// Open, with a server that offers these keywords.
    #[track_caller]
    pub(crate) fn open(config: Config, keywords: &[&str]) -> Self {
        let mut twins = Self::new(config);
        twins.exchange("220 mx.example.net\r\n", EHLO);
        twins.exchange(hello(keywords), "");
        assert_eq!(twins.events(), ["ready"]);
        twins
    }

    /// The application asks both for this.
    pub(crate) fn ask(&mut self, request: impl Fn(&mut Session)) {
        request(&mut self.whole.session);
        request(&mut self.octets.session);
    }

    /// A message from alice to these recipients.
    pub(crate) fn send(&mut self, recipients: &[&str]) {
        self.ask(|session| assert!(session.send(message(recipients)).is_ok()));
    }

    /// The server says this; nothing at all is nothing, and not its end.
    pub(crate) fn say(&mut self, text: impl AsRef<[u8]>) {
        if text.as_ref().is_empty() {
            return;
        }
        self.whole.say(&text);
        for octet in text.as_ref() {
            self.octets.say([*octet]);
            self.heard.extend(self.octets.events());
        }
    }

    /// The server closes.
    pub(crate) fn eof(&mut self) {
        self.whole.eof();
        self.octets.eof();
    }

    /// A write fails, and then reading comes to its end.
    pub(crate) fn write_closed_and_eof(&mut self) {
        self.write_closed();
        self.eof();
    }

    pub(crate) fn write_closed(&mut self) {
        for talk in [&mut self.whole, &mut self.octets] {
            talk.session.handle_write_closed(talk.now);
        }
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.whole.wait(time);
        self.octets.wait(time);
    }

    /// How long the session would wait from now on.
    #[track_caller]
    pub(crate) fn remaining(&self) -> Option<Duration> {
        let remaining = self.whole.remaining();
        assert_eq!(remaining, self.octets.remaining());
        remaining
    }

    pub(crate) fn tls_established(&mut self) {
        for talk in [&mut self.whole, &mut self.octets] {
            let info = TlsInfo::new().version("TLSv1.3");
            talk.session.handle_tls_established(info, talk.now);
        }
    }

    pub(crate) fn tls_failed(&mut self) {
        for talk in [&mut self.whole, &mut self.octets] {
            talk.session.handle_tls_failed(talk.now);
        }
    }

    /// The one that hears whole flights, where that is not the same.
    pub(crate) fn whole_only(&mut self) -> &mut Talk {
        &mut self.whole
    }

    /// Everything that waits to be sent, which is text.
    #[track_caller]
    pub(crate) fn out(&mut self) -> String {
        let out = self.whole.out();
        let mut octets = Vec::new();
        loop {
            let octet = self.octets.send(1);
            if octet.is_empty() {
                break;
            }
            octets.extend(octet);
        }
        assert_eq!(String::from_utf8(octets).unwrap(), out, "in single octets");
        out
    }

    /// Sends this many octets and no more.
    pub(crate) fn transmit(&mut self, octets: usize) {
        self.whole.send(octets);
        for _ in 0..octets {
            self.octets.send(1);
        }
    }

    /// The server says this, and the client answers that.
    #[track_caller]
    pub(crate) fn exchange(&mut self, server: impl AsRef<[u8]>, client: &str) {
        self.say(&server);
        let server = server.as_ref().escape_ascii();
        assert_eq!(self.out(), client, "behind \"{server}\"");
    }

    /// What has happened since the last call, printed, the error included.
    #[track_caller]
    pub(crate) fn events(&mut self) -> Vec<String> {
        let events = self.whole.events();
        let mut heard = core::mem::take(&mut self.heard);
        heard.extend(self.octets.events());
        assert_eq!(heard, events, "in single octets, and whole");
        events
    }

    /// What became of each recipient since the last call.
    #[track_caller]
    pub(crate) fn fates(&mut self) -> Vec<String> {
        let is_fate = |line: &String| {
            [" accepted: ", " refused ", " not sent: ", " in doubt: "]
                .iter()
                .any(|fate| line.starts_with('m') && line.contains(fate))
        };
        self.events().into_iter().filter(is_fate).collect()
    }

    /// What became of the last message.
    #[track_caller]
    pub(crate) fn outcome(&mut self) -> Outcome {
        self.events();
        let outcome = |talk: &Talk| {
            let outcomes = talk.log.iter().filter_map(|event| match event {
                Event::Finished { outcome, .. } => Some(outcome.clone()),
                _ => None,
            });
            outcomes.collect::<Vec<_>>().pop().unwrap()
        };
        assert_eq!(outcome(&self.whole), outcome(&self.octets));
        outcome(&self.whole)
    }

    /// How the session ended.
    #[track_caller]
    pub(crate) fn error(&mut self) -> Error {
        self.events();
        assert_eq!(self.whole.error, self.octets.error);
        self.whole.error.clone().unwrap()
    }

    /// How the session is doing, by one of its getters.
    #[track_caller]
    pub(crate) fn get<T: PartialEq + Debug>(&self, getter: impl Fn(&Session) -> T) -> T {
        let got = getter(&self.whole.session);
        assert_eq!(got, getter(&self.octets.session));
        got
    }
}

/// A session whose message was sent in full, and is not answered.
pub(crate) fn sent() -> Twins {
    sent_with(config())
}

pub(crate) fn sent_with(config: Config) -> Twins {
    let mut twins = Twins::open(config, &["PIPELINING"]);
    twins.send(&["bob"]);
    assert_eq!(twins.out(), format!("{MAIL}{RCPT}DATA\r\n"));
    twins.exchange("250 ok\r\n250 ok\r\n354 go\r\n", CONTENT);
    twins.events();
    twins
}
