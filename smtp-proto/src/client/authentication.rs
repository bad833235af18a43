//! Who the client is, how it may prove that, and why it could not.

use alloc::{borrow::ToOwned, boxed::Box, string::String, sync::Arc, vec, vec::Vec};
use core::fmt;

use crate::{
    TlsInfo,
    sasl::{self, Binding, ChannelBinding, Credentials, Mechanism},
    types::{Class, Reply, is_mechanism_name},
};

/// What a name ends in if the mechanism is bound to the channel (RFC 5802 section
/// 4).
const PLUS: &str = "-PLUS";

/// How many of the mechanisms that a server offers an error tells.
const MAX_TOLD: usize = 20;

/// How to authenticate: with what, by which mechanisms, and within which bounds
/// (RFC 4954).
///
/// Of the mechanisms that the server offers and the credentials fit, the first
/// in the order of preference is used. Without an order of the caller's own that
/// is the strongest: SCRAM bound to the channel, SCRAM, CRAM-MD5, and then those
/// that show the password to the server. Another one is tried only where the
/// server says that this one is not to be had (432, 454, 504, 534, 538), never
/// where it says that the credentials are wrong: that may lock the account. Nor is
/// one without channel binding tried after one with it.
///
/// SCRAM needs [`Session::set_seed`](super::Session::set_seed), which the
/// adapters call; without it, it is passed over.
///
/// ```
/// use smtp_proto::{TlsPolicy, client::{Authentication, Config}};
///
/// let config = Config::new(&"client.example.org".parse()?)?
///     .tls(TlsPolicy::Required)
///     .authentication(Authentication::password("alice", "wonderland"));
/// assert!(!format!("{config:?}").contains("wonderland"));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Authentication {
    /// Those that fit a mechanism first are used with it.
    credentials: Vec<Credentials>,
    custom: Option<Custom>,
    preference: Option<Vec<String>>,
    in_clear: bool,
    channel_binding: Option<ChannelBinding>,
    pub(super) hello_again: bool,
    pub(super) max_rounds: usize,
    max_iterations: u32,
}

impl Authentication {
    /// The default of [`max_rounds`](Self::max_rounds).
    pub const DEFAULT_MAX_ROUNDS: usize = 10;

    /// The default of [`max_iterations`](Self::max_iterations). It takes a fast
    /// machine a few tenths of a second.
    pub const DEFAULT_MAX_ITERATIONS: u32 = 1_000_000;

    /// The mechanisms of this crate, the most preferred one first.
    pub const PREFERENCE: [&'static str; 10] = [
        "EXTERNAL",
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "CRAM-MD5",
        "OAUTHBEARER",
        "XOAUTH2",
        "PLAIN",
        "LOGIN",
    ];

    /// With these credentials, by any mechanism that they fit.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self::with(vec![credentials], None)
    }

    /// With a user name and a password.
    #[must_use]
    pub fn password(user: &str, password: &str) -> Self {
        Self::new(Credentials::password(user, password))
    }

    /// By a mechanism of the caller's own, of which `make` makes one for each
    /// exchange, or `None` if it cannot be used; it is told what is known of
    /// TLS, if that is active. A name that cannot be one of a mechanism is never
    /// used.
    #[must_use]
    pub fn custom(
        name: &str,
        make: impl Fn(Option<&TlsInfo>) -> Option<Box<dyn Mechanism>> + Send + Sync + 'static,
    ) -> Self {
        Self::with(
            Vec::new(),
            Some(Custom {
                name: name.to_ascii_uppercase(),
                make: Arc::new(make),
            }),
        )
    }

    fn with(credentials: Vec<Credentials>, custom: Option<Custom>) -> Self {
        Self {
            credentials,
            custom,
            preference: None,
            in_clear: false,
            channel_binding: None,
            hello_again: false,
            max_rounds: Self::DEFAULT_MAX_ROUNDS,
            max_iterations: Self::DEFAULT_MAX_ITERATIONS,
        }
    }

    /// Adds credentials: a password beside a token, say, or behind a mechanism of
    /// the caller's own. Which are used, the order of the mechanisms decides.
    #[must_use]
    pub fn or(mut self, credentials: Credentials) -> Self {
        self.credentials.push(credentials);
        self
    }

    /// Uses these mechanisms and no others, the first that is offered.
    #[must_use]
    pub fn mechanisms<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into);
        self.preference = Some(names.map(|name| name.to_ascii_uppercase()).collect());
        self
    }

    /// Also uses mechanisms that show the password, or a token, to everybody who
    /// listens, where the session is not protected by TLS. Off by default (RFC
    /// 4954 section 4, RFC 8314 section 5.2).
    #[must_use]
    pub fn secrets_in_clear(mut self, allow: bool) -> Self {
        self.in_clear = allow;
        self
    }

    /// Binds SCRAM to TLS in this way only. By default that is `tls-exporter` if
    /// it can be had, and else `tls-server-end-point`.
    #[must_use]
    pub fn channel_binding(mut self, binding: ChannelBinding) -> Self {
        self.channel_binding = Some(binding);
        self
    }

    /// Says EHLO again afterwards, since some servers then offer more. Off by
    /// default: others take that amiss, and nothing has to change (RFC 4954
    /// section 4).
    #[must_use]
    pub fn hello_again(mut self, again: bool) -> Self {
        self.hello_again = again;
        self
    }

    /// The most challenges that one exchange may have.
    #[must_use]
    pub fn max_rounds(mut self, challenges: usize) -> Self {
        self.max_rounds = challenges;
        self
    }

    /// The most iterations that a server may ask for with SCRAM: they are work
    /// for the client. (Fewer than 4096 are refused, too: they would help
    /// somebody to guess the password, RFC 7677 section 4.)
    #[must_use]
    pub fn max_iterations(mut self, iterations: u32) -> Self {
        self.max_iterations = iterations;
        self
    }

    /// The next mechanism to use with a server that offers `offered`, besides
    /// those that were `tried`.
    pub(super) fn choose(
        &self,
        offered: &[&str],
        tried: &[String],
        tls: Option<&TlsInfo>,
        starttls: bool,
        nonce: Option<String>,
    ) -> Result<(String, Box<dyn Mechanism>), AuthenticationError> {
        let context = sasl::Context {
            binding: tls.and_then(|tls| Binding::new(tls, self.channel_binding)),
            plus_offered: offered.iter().any(|name| name.ends_with(PLUS)),
            nonce,
            max_iterations: self.max_iterations,
        };
        let mut needs_tls = false;
        // To go on without channel binding where it was refused is what somebody
        // in between would want (RFC 5802 section 6).
        let must_bind = tried.iter().any(|name| name.ends_with(PLUS));
        for name in self.wanted() {
            let usable = offered.contains(&name)
                && (name.ends_with(PLUS) || !must_bind)
                && is_mechanism_name(name)
                && !tried.iter().any(|tried| tried == name);
            let made = match &self.custom {
                _ if !usable => None,
                Some(custom) if custom.name == name => (custom.make)(tls),
                _ => self.built_in(name, &context),
            };
            let Some(mechanism) = made else { continue };
            if tls.is_none() && mechanism.exposes_credentials() && !self.in_clear {
                needs_tls = true;
                continue;
            }
            return Ok((name.to_owned(), mechanism));
        }
        Err(if needs_tls {
            AuthenticationError::NeedsTls
        } else {
            let some = offered.iter().take(MAX_TOLD);
            AuthenticationError::NotOffered {
                offered: some.map(|&name| name.to_owned()).collect(),
                starttls,
            }
        })
    }

    fn wanted(&self) -> Vec<&str> {
        match &self.preference {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => {
                let custom = self.custom.iter().map(|custom| custom.name.as_str());
                custom.chain(Self::PREFERENCE).collect()
            }
        }
    }

    fn built_in(&self, name: &str, context: &sasl::Context) -> Option<Box<dyn Mechanism>> {
        let mut all = self.credentials.iter();
        all.find_map(|credentials| sasl::client(name, credentials, context))
    }
}

type Make = dyn Fn(Option<&TlsInfo>) -> Option<Box<dyn Mechanism>> + Send + Sync;

/// A mechanism that is not of this crate.
#[derive(Clone)]
struct Custom {
    name: String,
    make: Arc<Make>,
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Why a client is not authenticated. Shows no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// The server offers no mechanism that could be used.
    NotOffered {
        /// What it offers: the first twenty of it.
        offered: Vec<String>,
        /// It offers `STARTTLS`, which was not used; inside TLS it may offer more.
        starttls: bool,
    },
    /// The server offers no mechanism but such as would show the password to
    /// everybody who listens, since the session is not protected by TLS.
    NeedsTls,
    /// The server said no.
    Refused {
        /// By which mechanism it was tried.
        mechanism: String,
        /// What the server said: 535 if the credentials are wrong.
        reply: Box<Reply>,
        /// What it had said before, in a challenge: JSON, with OAuth.
        message: Option<String>,
    },
    /// The exchange was given up on this side.
    Mechanism {
        /// By which mechanism it was tried.
        mechanism: String,
        /// Why.
        error: sasl::Error,
    },
    /// The server has more challenges than
    /// [`Authentication::max_rounds`] allows.
    TooManyRounds {
        /// By which mechanism it was tried.
        mechanism: String,
    },
    /// A response is longer than any server has to take (RFC 4954 section 4).
    TooLong {
        /// By which mechanism it was tried.
        mechanism: String,
    },
}

impl AuthenticationError {
    /// What the server said, if it refused.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Refused { reply, .. } => Some(reply),
            _ => None,
        }
    }

    /// Whether the same may succeed later: the server has a trouble of its own
    /// (4yz).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.reply()
            .is_some_and(|reply| reply.class() == Some(Class::TransientNegative))
    }

    /// Whether the server takes the credentials for wrong (535): time to ask the
    /// user for others, and not to try again before.
    #[must_use]
    pub fn is_about_credentials(&self) -> bool {
        self.reply().is_some_and(|reply| reply.code().get() == 535)
    }

    /// Whether the server may be somebody else, so that nothing more should be
    /// said to it.
    pub(super) fn is_about_the_server(&self) -> bool {
        matches!(
            self,
            Self::Mechanism {
                error: sasl::Error::Server(_) | sasl::Error::TooEarly,
                ..
            }
        )
    }
}

impl fmt::Display for AuthenticationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOffered { offered, starttls } => {
                if offered.is_empty() {
                    f.write_str("the server offers no authentication")?;
                } else {
                    f.write_str("the server offers no mechanism that could be used; it offers")?;
                    offered.iter().try_for_each(|name| write!(f, " {name}"))?;
                }
                f.write_str(match starttls {
                    true => " (without TLS; it offers STARTTLS)",
                    false => "",
                })
            }
            Self::NeedsTls => f.write_str(
                "every mechanism that is offered would show the password to whoever listens, \
                 since there is no TLS",
            ),
            Self::Refused {
                mechanism,
                reply,
                message,
            } => {
                write!(f, "{mechanism} refused: {reply}")?;
                match message {
                    Some(message) => {
                        f.write_str(" (")?;
                        for c in message.chars() {
                            if c.is_control() {
                                write!(f, "{}", c.escape_default())?;
                            } else {
                                write!(f, "{c}")?;
                            }
                        }
                        f.write_str(")")
                    }
                    None => Ok(()),
                }
            }
            Self::Mechanism { mechanism, error } => write!(f, "{mechanism}: {error}"),
            Self::TooManyRounds { mechanism } => {
                write!(f, "{mechanism}: more challenges than allowed")
            }
            Self::TooLong { mechanism } => {
                write!(f, "{mechanism}: a response longer than servers take")
            }
        }
    }
}

impl core::error::Error for AuthenticationError {}
