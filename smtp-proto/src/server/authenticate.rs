//! The question whether a client is who it says.

use core::fmt;

use super::{dialogue::Dialogue, reply::Rejection};
use crate::{
    TlsInfo,
    sasl::{Claim, Credential, Verdict},
};

/// The client wants to authenticate.
///
/// The mechanism is none of the application's business. It says what it has
/// stored for the user ([`check`](Self::check)), or decides about the proof that
/// the client has shown. A user who does not exist
/// ([`unknown_user`](Self::unknown_user)) gets the same reply as one whose
/// password is wrong, so that nobody can try out names.
///
/// ```
/// use smtp_proto::{sasl::Credential, server::{Authenticate, Rejection}};
///
/// fn authenticate(question: Authenticate<'_>, stored: impl Fn(&str) -> Option<Credential>) {
///     let claim = question.claim();
///     let name = claim.authentication_identity();
///     if claim.authorization_identity().is_some_and(|other| other != name) {
///         // Nobody here may act for somebody else.
///         return question.reject(&Rejection::bad_credentials());
///     }
///     match stored(name) {
///         Some(credential) => question.check(&credential),
///         None => question.unknown_user(),
///     }
/// }
/// ```
#[must_use = "the session waits for an answer"]
pub struct Authenticate<'a> {
    pub(super) dialogue: &'a mut Dialogue,
    pub(super) claim: Claim,
}

impl Authenticate<'_> {
    /// Who the client says it is, and what it shows for it.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The facts of the TLS connection, if there is one.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.dialogue.tls()
    }

    /// The client is who it says, and may act for whom it wants to. Not for SCRAM
    /// and CRAM-MD5, where nothing has been shown yet
    /// ([`Proof::Digest`](crate::sasl::Proof::Digest)): there it fails.
    pub fn accept(self) {
        self.dialogue.decide_on(&Verdict::Accept);
    }

    /// As [`accept`](Self::accept), and this is who it is: where the claim names
    /// nobody (a certificate), or not in the way the application does.
    pub fn accept_as(self, name: &str) {
        self.dialogue.decide_on(&Verdict::AcceptAs(name.into()));
    }

    /// The client is who it says if its proof fits what is stored for the user.
    /// Whom it may act for ([`Claim::authorization_identity`]) is to be decided
    /// before.
    pub fn check(self, credential: &Credential) {
        self.dialogue.decide_on(&Verdict::Check(credential.clone()));
    }

    /// There is no such user. The client cannot tell it from a wrong password.
    pub fn unknown_user(self) {
        self.dialogue.decide_on(&Verdict::UnknownUser);
    }

    /// 4yz or 5yz: no. [`Rejection::bad_credentials`] and
    /// [`Rejection::authentication_unavailable`] are the usual ones.
    pub fn reject(self, rejection: &Rejection) {
        self.dialogue.reject_claim(rejection);
    }

    /// Any of these.
    pub fn answer(self, answer: Result<Verdict, Rejection>) {
        match answer {
            Ok(verdict) => self.dialogue.decide_on(&verdict),
            Err(rejection) => self.reject(&rejection),
        }
    }
}

/// Shows nothing that the client wants to keep to itself.
impl fmt::Debug for Authenticate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("mechanism", &self.claim.mechanism())
            .finish_non_exhaustive()
    }
}
