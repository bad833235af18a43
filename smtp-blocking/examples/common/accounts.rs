//! Who may send, and the certificate of the receiver.

use std::{collections::HashMap, ffi::OsString, path::PathBuf};

use smtp_proto::{
    TlsPolicy,
    sasl::{Claim, Credential, Proof, ServerMechanism, Verdict},
    server::Authentication,
    tls::{ServerTls, certificate_names},
    types::Secret,
};

use crate::option::{about, parsed, read, read_text, required};

pub(crate) const HELP: &str =
    "  --cert FILE, --key FILE   the certificate of the server and its key (PEM):
                            offers STARTTLS
  --tls opportunistic|required|implicit
                            STARTTLS for those who want it, for all, or TLS from
                            the first octet  (default opportunistic with --cert)
  --client-ca FILE          let clients authenticate with a certificate that one
                            of these has issued (PEM): by its first DNS name or
                            e-mail address, or its common name
  --users FILE              lines NAME:PASSWORD
  --tokens FILE             lines NAME:TOKEN, of OAuth
  --require-auth            no mail from those who have not authenticated
  --allow-clear-password    take passwords and tokens without TLS, too
";

const FOR_PASSWORDS: [ServerMechanism; 7] = [
    ServerMechanism::ScramSha256Plus,
    ServerMechanism::ScramSha1Plus,
    ServerMechanism::ScramSha256,
    ServerMechanism::ScramSha1,
    ServerMechanism::CramMd5,
    ServerMechanism::Plain,
    ServerMechanism::Login,
];
const FOR_TOKENS: [ServerMechanism; 2] = [ServerMechanism::OauthBearer, ServerMechanism::Xoauth2];

#[derive(Default)]
pub(crate) struct Security {
    policy: Option<TlsPolicy>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
    users: Option<PathBuf>,
    tokens: Option<PathBuf>,
    required: bool,
    clear: bool,
}

impl Security {
    /// Takes an option, if it is one of these.
    pub(crate) fn take(
        &mut self,
        option: &str,
        mut value: impl FnMut() -> Option<OsString>,
    ) -> Result<bool, String> {
        let mut path = || Ok::<_, String>(Some(required(option, value())?.into()));
        match option {
            "--cert" => self.certificate = path()?,
            "--key" => self.key = path()?,
            "--client-ca" => self.client_ca = path()?,
            "--users" => self.users = path()?,
            "--tokens" => self.tokens = path()?,
            "--tls" => self.policy = Some(parsed(option, value(), policy)?),
            "--require-auth" => self.required = true,
            "--allow-clear-password" => self.clear = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn policy(&self) -> TlsPolicy {
        self.policy.unwrap_or(match self.certificate {
            Some(_) => TlsPolicy::Opportunistic,
            None => TlsPolicy::None,
        })
    }

    pub(crate) fn tls(&self) -> Result<Option<ServerTls>, String> {
        let Some(certificate) = &self.certificate else {
            return match (&self.key, &self.client_ca, self.policy) {
                (None, None, None) => Ok(None),
                _ => Err("--cert is missing".to_owned()),
            };
        };
        let key = self.key.as_ref().ok_or("--key is missing")?;
        let tls = ServerTls::from_pem(&read(certificate)?, &read(key)?)
            .map_err(|error| about(certificate, &error))?;
        Ok(Some(match &self.client_ca {
            Some(path) => tls
                .client_ca_pem(&read(path)?)
                .map_err(|error| about(path, &error))?,
            None => tls,
        }))
    }

    /// What is offered, if anything.
    pub(crate) fn authentication(&self) -> Option<Authentication> {
        let mut mechanisms = Vec::new();
        if self.client_ca.is_some() {
            mechanisms.push(ServerMechanism::External);
        }
        if self.users.is_some() {
            mechanisms.extend(FOR_PASSWORDS);
        }
        if self.tokens.is_some() {
            mechanisms.extend(FOR_TOKENS);
        }
        let authentication = Authentication::new()
            .required(self.required)
            .secrets_in_clear(self.clear);
        let offered = self.required || !mechanisms.is_empty();
        offered.then(|| authentication.mechanisms(mechanisms))
    }

    pub(crate) fn accounts(&self) -> Result<Accounts, String> {
        Ok(Accounts {
            passwords: pairs(self.users.as_ref())?,
            tokens: pairs(self.tokens.as_ref())?,
        })
    }
}

/// Who is known.
#[derive(Default)]
pub(crate) struct Accounts {
    passwords: HashMap<String, Secret>,
    tokens: HashMap<String, Secret>,
}

impl Accounts {
    /// Whether the client is who it says. Nobody may act for anybody else.
    pub(crate) fn judge(&self, claim: &Claim) -> Verdict {
        let user = claim.authentication_identity();
        let other = claim.authorization_identity();
        match claim.proof() {
            Proof::Certificate(der) => match (certificate_names(der).first(), other) {
                (Some(name), None) => Verdict::AcceptAs(name.clone()),
                (Some(name), Some(other)) if name == other => Verdict::AcceptAs(name.clone()),
                _ => Verdict::Refuse,
            },
            _ if other.is_some_and(|other| other != user) => Verdict::Refuse,
            Proof::Token(token) => match self.tokens.get(user) {
                Some(known) if known == token => Verdict::Accept,
                _ => Verdict::UnknownUser,
            },
            _ => match self.passwords.get(user) {
                Some(password) => Verdict::Check(Credential::password(password.clone())),
                None => Verdict::UnknownUser,
            },
        }
    }
}

/// Lines of a name and a secret. `#` begins a comment.
fn pairs(path: Option<&PathBuf>) -> Result<HashMap<String, Secret>, String> {
    let Some(path) = path else {
        return Ok(HashMap::new());
    };
    let text = read_text(path)?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            let (name, secret) = line
                .split_once(':')
                .ok_or_else(|| format!("{}: no ':' in line {}", path.display(), number + 1))?;
            Ok((name.to_owned(), Secret::from(secret)))
        })
        .collect()
}

/// The value of `--tls`.
fn policy(text: &str) -> Result<TlsPolicy, &'static str> {
    match text {
        "opportunistic" => Ok(TlsPolicy::Opportunistic),
        "required" => Ok(TlsPolicy::Required),
        "implicit" => Ok(TlsPolicy::Implicit),
        _ => Err("none of opportunistic, required and implicit"),
    }
}
