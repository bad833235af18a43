//! What `send` needs for TLS and authentication.

use std::{env, ffi::OsString, path::PathBuf};

use smtp_proto::{
    TlsPolicy,
    client::Authentication,
    sasl::{ChannelBinding, Credentials},
    tls::ClientTls,
    types::Secret,
};

use crate::option::{about, parsed, read, read_text, required};

/// The port at which TLS comes first.
const SUBMISSIONS: u16 = 465;

pub(crate) const HELP: &str = "  --tls none|opportunistic|required|implicit
                            TLS not at all, by STARTTLS if the server has it, by
                            STARTTLS or not at all, from the first octet
                            (default: implicit at port 465, required if there
                            is something to authenticate with, else none)
  --tls-name NAME           whom the certificate must be for (default: HOST)
  --ca FILE                 trust these certificates (PEM), and not those of the
                            system
  --cert FILE, --key FILE   the certificate of the client and its key (PEM)
  --user NAME               authenticate with a password: the first line of
                            --password-file, or that of the environment variable
                            SMTP_PASSWORD
  --password-file FILE
  --token-file FILE         authenticate --user with an OAuth token instead: the
                            first line, or the environment variable SMTP_TOKEN
  --external                authenticate with the certificate
  --mechanism NAME          use this mechanism only; may be repeated, best first
  --channel-binding tls-exporter|tls-server-end-point
                            bind SCRAM to TLS in this way (default: the first
                            that can be had)
  --allow-clear-password    send passwords and tokens without TLS, too
";

#[derive(Default)]
pub(crate) struct Security {
    policy: Option<TlsPolicy>,
    name: Option<String>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    user: Option<String>,
    password: Option<PathBuf>,
    token: Option<PathBuf>,
    external: bool,
    mechanisms: Vec<String>,
    binding: Option<ChannelBinding>,
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
            "--ca" => self.ca = path()?,
            "--cert" => self.certificate = path()?,
            "--key" => self.key = path()?,
            "--password-file" => self.password = path()?,
            "--token-file" => self.token = path()?,
            "--tls" => self.policy = Some(parsed(option, value(), policy)?),
            "--tls-name" => self.name = Some(parsed(option, value(), str::parse)?),
            "--user" => self.user = Some(parsed(option, value(), str::parse)?),
            "--mechanism" => self.mechanisms.push(parsed(option, value(), str::parse)?),
            "--channel-binding" => self.binding = Some(parsed(option, value(), binding)?),
            "--external" => self.external = true,
            "--allow-clear-password" => self.clear = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn policy(&self, port: u16) -> TlsPolicy {
        let authenticates = self.user.is_some() || self.token.is_some() || self.external;
        self.policy.unwrap_or(match port {
            SUBMISSIONS => TlsPolicy::Implicit,
            _ if authenticates => TlsPolicy::Required,
            _ => TlsPolicy::None,
        })
    }

    /// Whom to trust, and who the client is; if anything was said about it.
    pub(crate) fn tls(&self) -> Result<Option<ClientTls>, String> {
        if self.ca.is_none() && self.name.is_none() && self.certificate.is_none() {
            return match self.key {
                Some(_) => Err("--key needs --cert".to_owned()),
                None => Ok(None),
            };
        }
        let mut tls = match &self.ca {
            Some(path) => {
                ClientTls::with_ca_pem(&read(path)?).map_err(|error| about(path, &error))?
            }
            None => ClientTls::platform().map_err(|error| error.to_string())?,
        };
        if let Some(path) = &self.certificate {
            let key = self.key.as_ref().ok_or("--cert needs --key")?;
            tls = tls
                .client_certificate_pem(&read(path)?, &read(key)?)
                .map_err(|error| about(path, &error))?;
        }
        if let Some(name) = &self.name {
            tls = tls.server_name(name).map_err(|error| error.to_string())?;
        }
        Ok(Some(tls))
    }

    /// What to authenticate with, if anything.
    pub(crate) fn authentication(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Option<Authentication>, String> {
        let mut all = Vec::new();
        if self.external {
            all.push(Credentials::external());
        }
        if let Some(user) = &self.user {
            let token = secret(self.token.as_ref(), "SMTP_TOKEN")?;
            let password = secret(self.password.as_ref(), "SMTP_PASSWORD")?;
            if token.is_none() && password.is_none() {
                return Err("--user needs a password or a token".to_owned());
            }
            all.extend(token.map(|token| Credentials::token(user, token).server(host, port)));
            all.extend(password.map(|password| Credentials::password(user, password)));
        } else if self.token.is_some() || self.password.is_some() {
            return Err("--user is missing".to_owned());
        }
        let mut all = all.into_iter();
        let Some(first) = all.next() else {
            return Ok(None);
        };
        let mut authentication = all
            .fold(Authentication::new(first), Authentication::or)
            .secrets_in_clear(self.clear);
        if let Some(binding) = self.binding {
            authentication = authentication.channel_binding(binding);
        }
        Ok(Some(if self.mechanisms.is_empty() {
            authentication
        } else {
            authentication.mechanisms(self.mechanisms.clone())
        }))
    }
}

/// The first line of a file, or else a variable.
fn secret(path: Option<&PathBuf>, variable: &str) -> Result<Option<Secret>, String> {
    let text = match path {
        Some(path) => read_text(path)?,
        None => match env::var(variable) {
            Ok(text) => text,
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(Secret::from(text.lines().next().unwrap_or_default())))
}

/// The value of `--channel-binding`.
fn binding(text: &str) -> Result<ChannelBinding, &'static str> {
    [ChannelBinding::Exporter, ChannelBinding::ServerEndPoint]
        .into_iter()
        .find(|binding| binding.name() == text)
        .ok_or("none of tls-exporter and tls-server-end-point")
}

/// The value of `--tls`.
fn policy(text: &str) -> Result<TlsPolicy, &'static str> {
    match text {
        "none" => Ok(TlsPolicy::None),
        "opportunistic" => Ok(TlsPolicy::Opportunistic),
        "required" => Ok(TlsPolicy::Required),
        "implicit" => Ok(TlsPolicy::Implicit),
        _ => Err("none of none, opportunistic, required and implicit"),
    }
}
