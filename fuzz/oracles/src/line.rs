//! A client session and a server session, with a line between them that carries
//! as much at once as one likes, and can be cut.

use smtp_proto::{
    TlsInfo,
    client::Event,
    server::{self, Session},
};

use crate::talk::Talk;

/// What is behind the sessions: whoever receives messages and supplies content.
pub trait Application {
    fn event(&mut self, event: server::Event<'_>);

    /// Supplies some of the content that the client is to send. False if there is
    /// nothing to do.
    fn supply(&mut self, _talk: &mut Talk) -> bool {
        false
    }
}

#[derive(Debug)]
pub struct Line<A> {
    pub talk: Talk,
    pub server: Session,
    pub application: A,
    /// What both sides know of TLS once it is established.
    pub tls: TlsInfo,
    /// Whether each side is to shake hands.
    shakes_hands: (bool, bool),
    /// Octets that have left, and have not come.
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    /// How many octets have left each side.
    pub by_client: usize,
    pub by_server: usize,
    /// All that the client has sent.
    pub said: Vec<u8>,
    polled: usize,
    pub server_closed: bool,
}

impl<A: Application> Line<A> {
    pub fn new(talk: Talk, server: Session, application: A) -> Self {
        Self {
            talk,
            server,
            application,
            tls: TlsInfo::new().version("TLSv1.3").exporter([9; 32]),
            shakes_hands: (false, false),
            to_server: Vec::new(),
            to_client: Vec::new(),
            by_client: 0,
            by_server: 0,
            said: Vec::new(),
            polled: 0,
            server_closed: false,
        }
    }

    /// Moves octets until nothing moves any more, as many at once as `step` says.
    pub fn run(&mut self, mut step: impl FnMut() -> usize) {
        for round in 0.. {
            assert!(round < 100_000, "no end");
            let client = self.run_client(step(), step());
            let server = self.run_server(step(), step());
            if !client && !server {
                return;
            }
        }
    }

    /// The client hears at most so many octets, and sends at most so many.
    pub fn run_client(&mut self, hears: usize, sends: usize) -> bool {
        let heard: Vec<u8> = drain(&mut self.to_client, hears);
        if !heard.is_empty() {
            self.talk.say(&heard);
        }
        self.poll_client();
        let supplied = self.application.supply(&mut self.talk);
        let sent = self.talk.send(sends);
        self.by_client += sent.len();
        self.to_server.extend(&sent);
        self.said.extend(&sent);
        self.poll_client();
        supplied || !heard.is_empty() || !sent.is_empty() || self.shake_hands()
    }

    fn poll_client(&mut self) {
        self.talk.poll();
        let news = &self.talk.log[self.polled..];
        self.shakes_hands.0 |= news.contains(&Event::StartTls);
        self.polled = self.talk.log.len();
    }

    fn shake_hands(&mut self) -> bool {
        let both = self.shakes_hands == (true, true);
        if both {
            self.shakes_hands = (false, false);
            let now = self.talk.now;
            self.talk
                .session
                .handle_tls_established(self.tls.clone(), now);
            self.server.handle_tls_established(self.tls.clone(), now);
        }
        both
    }

    /// The same for the server.
    pub fn run_server(&mut self, hears: usize, sends: usize) -> bool {
        let now = self.talk.now;
        let mut heard = Vec::new();
        if self.server.wants_input() {
            heard = drain(&mut self.to_server, hears);
        }
        if !heard.is_empty() {
            self.server.handle_input(&heard, now);
        }
        self.poll_server();
        let mut sent = Vec::new();
        if let Some(out) = self.server.poll_transmit() {
            sent = out.slices().flatten().take(sends).copied().collect();
        }
        self.by_server += sent.len();
        self.to_client.extend(&sent);
        if !sent.is_empty() {
            self.server.handle_transmitted(sent.len(), now);
            self.poll_server();
        }
        !heard.is_empty() || !sent.is_empty() || self.shake_hands()
    }

    fn poll_server(&mut self) {
        while let Some(event) = self.server.poll_event().unwrap() {
            assert!(!self.server_closed, "behind the end: {event:?}");
            match event {
                server::Event::StartTls => self.shakes_hands.1 = true,
                server::Event::Closed => self.server_closed = true,
                event => self.application.event(event),
            }
        }
    }

    /// The line is cut: what is on it still comes, or not.
    pub fn cut(&mut self, to_server: bool, to_client: bool) {
        let now = self.talk.now;
        let last = std::mem::take(&mut self.to_server);
        if to_server && !last.is_empty() {
            self.server.handle_input(&last, now);
            self.poll_server();
        }
        self.server.handle_input(&[], now);
        self.poll_server();
        let last = std::mem::take(&mut self.to_client);
        if to_client && !last.is_empty() {
            self.talk.say(last);
            self.poll_client();
        }
        self.talk.eof();
        self.poll_client();
    }
}

fn drain(octets: &mut Vec<u8>, most: usize) -> Vec<u8> {
    let count = most.min(octets.len());
    octets.drain(..count).collect()
}
