//! One session of a receiver: the application's side, and the loop.

use smtp_proto::{
    server::{
        Data, Discarded, Error, Event, Expand, Hello, Mail, Message, Rcpt, Rejection, Session,
        Verify,
    },
    types::Mailbox,
};

use crate::{Stream, transport::Transport};

/// What a receiver decides, for one connection.
///
/// The methods are called in the order of the protocol. An `Err` is the answer
/// to the client; everything that has to do with the protocol itself was
/// checked before.
pub trait Service {
    /// The session is about to begin: a place to give it a transcript.
    fn start(&mut self, session: &mut Session) {
        let _ = session;
    }

    /// The client says who it is.
    ///
    /// # Errors
    /// A refusal, as with all that follow.
    fn hello(&mut self, hello: &Hello<'_>) -> Result<(), Rejection> {
        let _ = hello;
        Ok(())
    }

    /// A transaction begins.
    ///
    /// # Errors
    /// A refusal.
    fn mail(&mut self, mail: &Mail<'_>) -> Result<(), Rejection> {
        let _ = mail;
        Ok(())
    }

    /// Whether to take a message for this recipient.
    ///
    /// # Errors
    /// A refusal of this recipient.
    fn rcpt(&mut self, rcpt: &Rcpt<'_>) -> Result<(), Rejection>;

    /// The content is about to come: a place to open a file for it.
    ///
    /// # Errors
    /// A refusal of the message before its content is sent.
    fn data(&mut self, data: &Data<'_>) -> Result<(), Rejection>;

    /// A piece of the content.
    ///
    /// # Errors
    /// A refusal of the message, which the client hears at the end of the
    /// content. No more of it is passed on: throw away what was stored.
    fn content(&mut self, piece: &[u8]) -> Result<(), Rejection>;

    /// The content is complete. To return a text, such as the name of the
    /// message in a queue, is to promise that it is safe: this is the moment at
    /// which responsibility passes (RFC 5321 section 6.1).
    ///
    /// # Errors
    /// A refusal of the message, of which nothing may be delivered.
    fn message(&mut self, message: &Message<'_>) -> Result<String, Rejection>;

    /// The transaction is gone, without a refusal of the service's own; what was
    /// stored of it is to be thrown away.
    fn discarded(&mut self, why: Discarded) {
        let _ = why;
    }

    /// The client asks whether this is a user. Called only if the configuration
    /// says so, as is the next.
    ///
    /// # Errors
    /// A refusal: there is no such user.
    fn verify(&mut self, verify: &Verify<'_>) -> Result<Verified, Rejection> {
        let _ = verify;
        Ok(Verified::Unknown)
    }

    /// The client asks who is on a list.
    ///
    /// # Errors
    /// A refusal.
    fn expand(&mut self, expand: &Expand<'_>) -> Result<Vec<Mailbox>, Rejection> {
        let _ = expand;
        Err(Rejection::no_such_user())
    }
}

/// What there is to say of a user whom a client asks about.
///
/// A value, and not a method of the question, since a question that is dropped
/// without an answer would be asked again for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// It is this mailbox.
    Mailbox(Mailbox),
    /// Perhaps; a message would be taken.
    Unknown,
    /// It could be any of these.
    Ambiguous(Vec<Mailbox>),
}

/// Serves one session, to its end. The session is one that began just now, at
/// [`Instant::ORIGIN`](smtp_proto::Instant::ORIGIN).
///
/// # Errors
/// None that a client could bring about, nor this driver.
pub fn serve<S: Stream>(
    stream: S,
    session: Session,
    service: &mut impl Service,
) -> Result<(), Error> {
    serve_until(stream, session, service, || Continue::Yes)
}

/// What to do next, which [`serve_until`] asks each time after it has waited.
pub(crate) enum Continue {
    Yes,
    /// End when the client can be told so.
    NoMore,
    /// End now, and tell the client if it listens.
    Stop,
}

pub(crate) fn serve_until<S: Stream>(
    stream: S,
    mut session: Session,
    service: &mut impl Service,
    mut ask: impl FnMut() -> Continue,
) -> Result<(), Error> {
    let mut transport = Transport::new(stream);
    let mut refused = None;
    let mut stopping = false;
    service.start(&mut session);
    loop {
        match ask() {
            Continue::Yes => {}
            Continue::NoMore => session.shutdown(transport.now()),
            Continue::Stop if !stopping => {
                session.abort(transport.now());
                stopping = true;
            }
            // The client does not even read that.
            Continue::Stop => session.handle_write_closed(transport.now()),
        }
        while let Some(event) = session.poll_event()? {
            match event {
                Event::Closed => {
                    transport.linger();
                    return Ok(());
                }
                event => answer(event, service, &mut refused),
            }
        }
        transport.step(&mut session);
    }
}

/// Passes a question on, and the answer back. `refused` keeps the refusal of a
/// message whose content is still coming.
fn answer(event: Event<'_>, service: &mut impl Service, refused: &mut Option<Rejection>) {
    match event {
        Event::Hello(hello) => match service.hello(&hello) {
            Ok(()) => hello.accept(),
            Err(rejection) => hello.reject(&rejection),
        },
        Event::Mail(mail) => match service.mail(&mail) {
            Ok(()) => mail.accept(),
            Err(rejection) => mail.reject(&rejection),
        },
        Event::Rcpt(rcpt) => match service.rcpt(&rcpt) {
            Ok(()) => rcpt.accept(),
            Err(rejection) => rcpt.reject(&rejection),
        },
        Event::Data(data) => match service.data(&data) {
            Ok(()) => {
                *refused = None;
                data.accept();
            }
            Err(rejection) => data.reject(&rejection),
        },
        Event::Content(piece) if refused.is_none() => {
            *refused = service.content(piece).err();
        }
        Event::Message(message) => match refused.take() {
            Some(rejection) => message.reject(&rejection),
            None => match service.message(&message) {
                Ok(text) => message.accept_with(&text),
                Err(rejection) => message.reject(&rejection),
            },
        },
        Event::Verify(verify) => match service.verify(&verify) {
            Ok(Verified::Mailbox(mailbox)) => verify.is(&mailbox),
            Ok(Verified::Unknown) => verify.cannot_tell(),
            Ok(Verified::Ambiguous(candidates)) => verify.ambiguous(&candidates),
            Err(rejection) => verify.reject(&rejection),
        },
        Event::Expand(expand) => match service.expand(&expand) {
            Ok(members) => expand.members(&members),
            Err(rejection) => expand.reject(&rejection),
        },
        Event::Discarded(why) => service.discarded(why),
        // Content of a message that was refused; `Closed`, which was dealt with;
        // and no question is asked that is not configured.
        _ => {}
    }
}
