//! One session of a receiver: the application's side, and the loop.

use smtp_proto::{
    TlsFailure, TlsInfo,
    sasl::Verdict,
    server::{
        Authenticate, Data, Discarded, Error, Event, Expand, Hello, Mail, Message, Rcpt, Rejection,
        Session, Verified, Verify,
    },
    types::Mailbox,
};

use crate::{
    Stream,
    tls::{self, ServerSide, Tls},
    transport::{Handshake, Transport, seed},
};

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

    /// The connection is inside TLS from now on.
    fn secured(&mut self, tls: &TlsInfo) {
        let _ = tls;
    }

    /// TLS could not be established, and the session ends. A client that comes
    /// again and again like this is worth a line in a log.
    fn not_secured(&mut self, why: &TlsFailure) {
        let _ = why;
    }

    /// The client says who it is.
    ///
    /// # Errors
    /// A refusal, as with all that follow.
    fn hello(&mut self, hello: &Hello<'_>) -> Result<(), Rejection> {
        let _ = hello;
        Ok(())
    }

    /// The client wants to prove who it is, and shows a claim. Called only if
    /// the configuration offers authentication.
    ///
    /// # Errors
    /// A refusal, in words of the service's own. That a proof is wrong, or a user
    /// unknown, is a [`Verdict`], which sounds the same in every case.
    fn authenticate(&mut self, question: &Authenticate<'_>) -> Result<Verdict, Rejection> {
        let _ = question;
        Ok(Verdict::Unavailable)
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

    /// The content is about to come: a place to open a file for it. It comes the
    /// same whether the client sends it behind DATA or in chunks (BDAT); but what
    /// [comes in chunks](Data::is_chunked) may end in the middle of a line.
    ///
    /// # Errors
    /// A refusal of the message: before its content is sent, or, in chunks,
    /// instead of it, for the client has sent one already. That is thrown away.
    fn data(&mut self, data: &Data<'_>) -> Result<(), Rejection>;

    /// A piece of the content.
    ///
    /// # Errors
    /// A refusal of the message, which the client hears at the end of the
    /// content, or of the chunk. No more of it is passed on, and nothing told of it: throw away
    /// what was stored.
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
    serve_until(stream, session, service, &ServerSide::default(), || {
        Continue::Yes
    })
}

/// As [`serve`], for a session that is configured to have TLS.
///
/// # Errors
/// As [`serve`].
#[cfg(feature = "tls")]
pub fn serve_with_tls<S: Stream>(
    stream: S,
    session: Session,
    service: &mut impl Service,
    tls: &smtp_proto::tls::ServerTls,
) -> Result<(), Error> {
    let tls = ServerSide::new(tls.clone());
    serve_until(stream, session, service, &tls, || Continue::Yes)
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
    side: &ServerSide,
    mut ask: impl FnMut() -> Continue,
) -> Result<(), Error> {
    let mut transport = Transport::new(stream);
    let mut stopping = false;
    if let Some(seed) = seed() {
        session.set_seed(seed);
    }
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
            if let Event::Closed = event {
                transport.linger();
                return Ok(());
            }
            if let Event::StartTls = event {
                shake_hands(
                    &mut transport,
                    &mut session,
                    service,
                    tls::answer(side),
                    &mut ask,
                );
                continue;
            }
            if let Some(rejection) = answer(event, service) {
                session.refuse_content(rejection);
            }
        }
        transport.step(&mut session);
    }
}

fn shake_hands<S: Stream>(
    transport: &mut Transport<S>,
    session: &mut Session,
    service: &mut impl Service,
    tls: Result<Tls, TlsFailure>,
    ask: &mut impl FnMut() -> Continue,
) {
    // A client that has not said anything yet need not be waited for.
    let go_on = || matches!(ask(), Continue::Yes);
    let made = match tls {
        Ok(tls) => transport.shake_hands(session, tls, go_on),
        Err(failure) => Handshake::Failed(failure),
    };
    let now = transport.now();
    let failure = match made {
        Handshake::Established(info) => {
            service.secured(&info);
            session.handle_tls_established(info, now);
            return;
        }
        Handshake::Failed(failure) => Some(failure),
        Handshake::TimedOut => Some(TlsFailure::TimedOut),
        Handshake::Stopped => None,
    };
    if let Some(failure) = failure {
        service.not_secured(&failure);
    }
    session.handle_tls_failed(now);
}

/// Passes a question on, and the answer back. Returns a refusal of the message
/// whose content is coming in.
fn answer(event: Event<'_>, service: &mut impl Service) -> Option<Rejection> {
    match event {
        Event::Hello(hello) => {
            let answer = service.hello(&hello);
            hello.answer(answer);
        }
        Event::Authenticate(question) => {
            let answer = service.authenticate(&question);
            question.answer(answer);
        }
        Event::Mail(mail) => {
            let answer = service.mail(&mail);
            mail.answer(answer);
        }
        Event::Rcpt(rcpt) => {
            let answer = service.rcpt(&rcpt);
            rcpt.answer(answer);
        }
        Event::Data(data) => {
            let answer = service.data(&data);
            data.answer(answer);
        }
        Event::Content(piece) => return service.content(piece).err(),
        Event::Message(message) => {
            let answer = service.message(&message);
            message.answer(answer);
        }
        Event::Verify(verify) => {
            let answer = service.verify(&verify);
            verify.answer(answer);
        }
        Event::Expand(expand) => {
            let answer = service.expand(&expand);
            expand.answer(answer);
        }
        Event::Discarded(why) => service.discarded(why),
        // `Closed`, which was dealt with; and no question is asked that is not
        // configured.
        _ => {}
    }
    None
}
