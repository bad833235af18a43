//! A client host: it has a queue of messages, and sends them over one connection
//! after another, until what became of each is known or it has tried often enough.

use std::{collections::VecDeque, iter::repeat};

use smtp_proto::client::{
    Config, ErrorKind, Event, Fate, NotSent, Outcome, RecipientPolicy, Transaction, TransactionId,
};

use crate::{
    agenda::{Around, HOUR, MILLISECOND, SECOND, What},
    call::{Call, Letter, Stages},
    ledger::{Message, Supply, address, sender},
    network::{ConnectionId, Side},
    settings::Settings,
    world::Flaw,
};

/// How often a mailer dials at most.
const DIALS: usize = 12;

/// How often it tries to send a message.
const ATTEMPTS: usize = 6;

#[derive(Debug)]
pub(crate) struct Mailer {
    number: usize,
    receiver: usize,
    config: Config,
    /// How many messages may be in doubt when a session ends.
    in_doubt: usize,
    flaw: Flaw,
    queue: VecDeque<Letter>,
    dials: usize,
    call: Option<Call>,
    is_dialling: bool,
}

impl Mailer {
    pub(crate) fn new(
        number: usize,
        receiver: usize,
        Settings { config, in_doubt }: Settings,
        messages: impl Iterator<Item = (usize, usize)>,
        flaw: Flaw,
    ) -> Self {
        let letter = |(message, recipients)| Letter {
            message,
            recipients: (0..recipients).collect(),
            tries: 0,
        };
        Self {
            number,
            receiver,
            config,
            in_doubt,
            flaw,
            queue: messages.map(letter).collect(),
            dials: 0,
            call: None,
            is_dialling: false,
        }
    }

    /// Whether it has done what it can.
    pub(crate) fn is_quiet(&self) -> bool {
        let has_done_all = self.queue.is_empty() || self.dials == DIALS;
        self.call.is_none() && !self.is_dialling && has_done_all
    }

    /// Dials, if there is anything to send.
    pub(crate) fn begin(&mut self, around: &mut Around) {
        if self.call.is_some() || self.is_dialling || self.queue.is_empty() {
            return;
        }
        if self.dials == DIALS {
            around.seen.count("a mailer that gives up");
            return;
        }
        self.dials += 1;
        self.is_dialling = true;
        let id = around.open(self.number, self.receiver);
        let delay = around.chance.magnitude(50..=300 * MILLISECOND);
        around.after(delay, What::Connect(id));
    }

    pub(crate) fn dialled(&mut self, around: &mut Around, id: ConnectionId, taken: bool) {
        self.is_dialling = false;
        if !taken {
            self.call_again(around);
            return;
        }
        let name = format!("c{}.{id}", self.number);
        around.note(&name, || format!("{:?}", self.config));
        let mut call = Call::new(around, name, id, self.config.clone());
        call.begin_batch(around, self.queue.len());
        self.call = Some(call);
        self.wake(around);
    }

    /// Plans to dial again.
    fn call_again(&self, around: &mut Around) {
        if !self.queue.is_empty() {
            let pause = around.chance.magnitude(SECOND..=2 * HOUR);
            around.after(pause, What::Mailer(self.number));
        }
    }

    /// There is news of its connection.
    pub(crate) fn wake(&mut self, around: &mut Around) {
        let Some(mut call) = self.call.take() else {
            return;
        };
        if self.drive(around, &mut call) {
            call.set_timer(around);
            self.call = Some(call);
            return;
        }
        around.note(&call.name, || "closed".into());
        if call.vanishes && around.chance.one_in(2) {
            around.seen.count("a client that vanishes");
            around.vanish(call.channel.id, Side::Client);
        } else {
            call.channel.close(around);
        }
        around.ledger.claim(call.in_doubt <= self.in_doubt, || {
            format!("{}: {} messages in doubt", call.name, call.in_doubt)
        });
        around.ledger.claim(call.under_way.is_empty(), || {
            format!("{}: never told: {:?}", call.name, call.under_way)
        });
        self.call_again(around);
    }

    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.call.as_ref().map(|call| call.channel.id)
    }

    /// Does what there is to do; whether the connection goes on.
    fn drive(&mut self, around: &mut Around, call: &mut Call) -> bool {
        loop {
            let mut moved = call.go_on_with_handshake(around);
            match self.poll(around, call) {
                None => return false,
                Some(has_polled) => moved |= has_polled,
            }
            moved |= self.hand_over(around, call);
            moved |= call.go_on_in_stages(around);
            moved |= call.supply(around);
            call.go_on(around, self.queue.len());
            moved |= call.leave(around);
            moved |= call.heed_deadline(around);
            call.check_bounds(around);
            moved |= call.write(around);
            moved |= call.read(around);
            if !moved {
                return true;
            }
        }
    }

    /// Deals with all events; whether there were any, or `None` if the session has
    /// ended.
    fn poll(&mut self, around: &mut Around, call: &mut Call) -> Option<bool> {
        let mut moved = false;
        loop {
            let event = match call.session.poll_event() {
                Ok(Some(event)) => event,
                Ok(None) => return Some(moved),
                Err(error) => {
                    around.note(&call.name, || format!("error: {error}"));
                    around.seen.count(kind_of(error.kind()));
                    if !call.channel.is_in_handshake() {
                        call.write(around);
                    }
                    if !error.is_transient() && around.chance.one_in(2) {
                        self.dials = DIALS;
                    }
                    if let Some(config) = self.config.after(&error) {
                        around.seen.count("another configuration after an error");
                        self.config = config;
                    }
                    return None;
                }
            };
            moved = true;
            match event {
                Event::StartTls => {
                    let refuses = around.chance.one_in(20);
                    call.channel.shake_hands(refuses);
                }
                Event::Ready => around.seen.count("sessions that are open"),
                Event::BodyWanted { transaction } => call.begin_content(around, transaction),
                Event::Finished {
                    transaction,
                    outcome,
                } => self.finished(around, call, transaction, &outcome),
                Event::Reply { request, reply } => {
                    assert_eq!(call.probe.take(), Some(request));
                    around.seen.count("a probe that is answered");
                    if !reply.code().is_positive() {
                        call.quit();
                    }
                }
                Event::Closed => {
                    around.seen.count("a session that ends with QUIT");
                    return None;
                }
                Event::Sender { .. } | Event::Recipient { .. } | Event::Closing(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// A transaction has ended. What was surely not sent, or is refused for now,
    /// will be tried again; what is in doubt never.
    fn finished(
        &mut self,
        around: &mut Around,
        call: &mut Call,
        transaction: TransactionId,
        outcome: &Outcome,
    ) {
        let (attempt, letter) = call.under_way.remove(&transaction).unwrap();
        let fates = outcome.recipients();
        around.note(&call.name, || {
            let all: Vec<String> = fates.iter().map(ToString::to_string).collect();
            format!("attempt {attempt}: {}", all.join("; "))
        });
        around.ledger.told(attempt, fates);
        call.in_doubt += usize::from(matches!(outcome.fate(), Fate::InDoubt(_)));
        call.supplied.take_if(|one| one.transaction == transaction);
        call.stages.take_if(|one| one.transaction == transaction);
        let again = |fate: &Fate| match fate {
            Fate::NotSent(NotSent::Session(_) | NotSent::Abandoned) => true,
            Fate::InDoubt(_) => self.flaw == Flaw::SendsAgainInDoubt,
            fate => fate.is_transient(),
        };
        // In stages the last of them may never have been named.
        let fates = fates.iter().map(Some).chain(repeat(None));
        let left: Vec<usize> = letter
            .recipients
            .iter()
            .zip(fates)
            .filter(|(_, fate)| fate.is_none_or(again))
            .map(|(index, _)| *index)
            .collect();
        if !left.is_empty() && letter.tries < ATTEMPTS {
            around.seen.count("a message tried again");
            self.queue.push_back(Letter {
                message: letter.message,
                recipients: left,
                tries: letter.tries + 1,
            });
        }
    }

    /// Hands over the next messages, as far as they may be.
    fn hand_over(&mut self, around: &mut Around, call: &mut Call) -> bool {
        let mut moved = false;
        while call.takes_more(around.now) {
            let Some(letter) = self.queue.pop_front() else {
                call.batch = 0;
                break;
            };
            let message = around.ledger.messages[letter.message].clone();
            if message.supply == Supply::InStages && !call.under_way.is_empty() {
                self.queue.push_front(letter);
                break;
            }
            moved = true;
            call.batch -= 1;
            hand(around, call, letter, message);
        }
        // Stages that are not over would be given up.
        let is_last = call.batch == 0 && call.stages.is_none() && call.pause.is_none();
        if is_last && call.quits_early && !call.has_quit {
            call.quit();
            moved = true;
        }
        moved
    }
}

/// Hands over one message.
fn hand(around: &mut Around, call: &mut Call, letter: Letter, message: Message) {
    let named = match message.supply {
        Supply::InStages => &[],
        _ => &letter.recipients[..],
    };
    let attempt = around.ledger.begin(letter.message, named);
    let recipients = named.iter().map(|index| address(letter.message, *index));
    let mut transaction = Transaction::new(sender(attempt)).recipients(recipients);
    if message.all_or_nothing {
        transaction = transaction.policy(RecipientPolicy::AllOrNothing);
    }
    if let Some(body) = message.body {
        transaction = transaction.body(body);
    }
    if message.supply != Supply::Given && around.chance.one_in(2) {
        transaction = transaction.size(message.stored.len() as u64);
    }
    if around.chance.one_in(3) {
        transaction = transaction.outcome_only();
    }
    let id = match message.supply {
        Supply::Given => call.session.send(transaction.content(message.content)),
        Supply::Streamed => call.session.send(transaction),
        Supply::InStages => call.session.mail(transaction),
    };
    let id = id.unwrap_or_else(|error| panic!("{error}"));
    around.seen.count("messages handed over");
    if message.supply == Supply::InStages {
        around.seen.count("a transaction in stages");
        call.stages = Some(Stages {
            transaction: id,
            attempt,
            message: letter.message,
            recipients: letter.recipients.iter().copied().collect(),
            next: around.now,
        });
    }
    call.under_way.insert(id, (attempt, letter));
}

/// How a session has ended. Between two sides that are in order some of it cannot
/// be.
fn kind_of(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Refused => "a session refused",
        ErrorKind::Closing => "a session closed by 421",
        ErrorKind::ConnectionLost => "a connection lost",
        ErrorKind::TimedOut => "a session that timed out",
        ErrorKind::TlsNotOffered => "TLS not offered",
        ErrorKind::TlsRefused => "TLS refused",
        ErrorKind::TlsFailed => "TLS failed",
        ErrorKind::Authentication(_) => "a failed authentication",
        ErrorKind::GroupDropped => "a group of commands without an answer",
        ErrorKind::Aborted => "a session given up",
        other => panic!("{other:?}"),
    }
}
