//! A mechanism of the `rsasl` framework as one of ours.
//!
//! `rsasl` has mechanisms that this crate has not (GSSAPI, ANONYMOUS), and more
//! can be written for it. Thirty lines make any of them a [`Mechanism`]; here
//! they are tried with ANONYMOUS, against a server that is a few lines of text.
//!
//! ```console
//! $ cargo run -p smtp-proto --example rsasl
//! ```

use std::{error::Error, fmt, sync::Arc};

use rsasl::{
    callback::{Context, Request, SessionCallback, SessionData},
    mechanisms::anonymous::AnonymousToken,
    prelude::{Mechname, MessageSent, SASLClient, SASLConfig, Session, SessionError, State},
};
use smtp_proto::{
    Instant,
    client::{self, Authentication, Config, Event},
    sasl::{self, Challenge, Mechanism},
    types::Secret,
};

/// The client of an exchange that `rsasl` carries out.
struct Rsasl {
    name: String,
    session: Session,
    finished: bool,
}

impl Rsasl {
    /// A mechanism by its name, with a configuration of the framework.
    fn new(name: &str, config: Arc<SASLConfig>) -> Result<Self, Box<dyn Error>> {
        let offered = [Mechname::parse(name.as_bytes())?];
        let session = SASLClient::new(config).start_suggested(&offered)?;
        Ok(Self {
            name: name.to_owned(),
            session,
            finished: false,
        })
    }

    fn step(&mut self, input: Option<&[u8]>) -> Result<Secret, sasl::Error> {
        if self.finished {
            return Err(sasl::Error::Challenge("the mechanism has finished"));
        }
        let mut said = Vec::new();
        let state = self.session.step(input, &mut said);
        match state.map_err(|_| sasl::Error::Other("the framework gave up"))? {
            State::Running => {}
            State::Finished(MessageSent::Yes | MessageSent::No) => self.finished = true,
        }
        Ok(said.into())
    }
}

impl Mechanism for Rsasl {
    fn name(&self) -> &str {
        &self.name
    }

    fn exposes_credentials(&self) -> bool {
        // The framework does not say. Whoever knows better says so.
        true
    }

    fn start(&mut self) -> Result<Option<Secret>, sasl::Error> {
        match self.session.are_we_first() {
            true => self.step(None).map(Some),
            false => Ok(None),
        }
    }

    fn respond(&mut self, challenge: Challenge<'_>) -> Result<Secret, sasl::Error> {
        self.step(Some(&challenge.decode()?))
    }

    fn finish(&mut self) -> Result<(), sasl::Error> {
        match self.finished {
            true => Ok(()),
            false => Err(sasl::Error::TooEarly),
        }
    }
}

impl fmt::Debug for Rsasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rsasl({})", self.name)
    }
}

/// What the framework asks for: here, how the anonymous user may be traced.
struct Trace;

impl SessionCallback for Trace {
    fn callback(
        &self,
        _: &SessionData,
        _: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        request.satisfy::<AnonymousToken>("visitor@client.example.org")?;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let framework = SASLConfig::builder().with_defaults().with_callback(Trace)?;
    let authentication = Authentication::custom("ANONYMOUS", move |_| {
        let made = Rsasl::new("ANONYMOUS", Arc::clone(&framework));
        made.ok().map(|mechanism| Box::new(mechanism) as _)
    })
    // Nothing that is secret is said.
    .secrets_in_clear(true);
    let config = Config::new(&"client.example.org".parse()?)?.authentication(authentication);

    let mut session = client::Session::new(config, Instant::ORIGIN);
    session.set_transcript(|entry| show(entry));
    for reply in [
        "220 mx.example.net\r\n",
        "250-mx.example.net\r\n250 AUTH ANONYMOUS\r\n",
        "235 2.7.0 be welcome, whoever you are\r\n",
    ] {
        session.handle_input(reply.as_bytes(), Instant::ORIGIN);
        while let Some(out) = session.poll_transmit() {
            let n = out.first().len();
            session.handle_transmitted(n, Instant::ORIGIN);
        }
    }
    while let Some(event) = session.poll_event()? {
        if event == Event::Ready {
            show(format_args!(
                "authenticated by {:?}",
                session.authenticated()
            ));
        }
    }
    Ok(())
}

#[allow(clippy::print_stdout, reason = "an example talks to the terminal")]
fn show(line: impl fmt::Display) {
    println!("{line}");
}
