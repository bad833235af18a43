//! What to send, and to whom.

use alloc::{string::String, vec::Vec};
use core::fmt;

use bytes::Bytes;
use smallvec::SmallVec;

use super::{config::Config, error::CommandError, outcome::NotSent};
use crate::types::{
    BodyType, Capabilities, Capability, ForwardPath, LocalPart, Mailbox, Parameter, ParameterError,
    Parameters, Print, ReversePath, is_keyword,
};

/// The most octets that a caller's parameters may take on one line: the sum of
/// what the extensions known today ask servers to allow for.
const MAX_PARAMETERS_LEN: usize = 1500;

/// One message and its envelope. A clone shares the content with it.
///
/// ```
/// use smtp_proto::client::Transaction;
/// use smtp_proto::types::Mailbox;
///
/// let alice: Mailbox = "alice@example.org".parse()?;
/// let bob: Mailbox = "bob@example.net".parse()?;
/// let transaction = Transaction::new(alice)
///     .recipient(bob)
///     .content("Subject: hello\r\n\r\nHello.\r\n");
/// # Ok::<(), smtp_proto::types::AddressError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Transaction {
    pub(super) reverse_path: ReversePath,
    pub(super) recipients: SmallVec<[Recipient; 1]>,
    pub(super) content: Option<Content>,
    pub(super) policy: RecipientPolicy,
    pub(super) further: bool,
    /// Only the end of it is told.
    pub(super) outcome_only: bool,
    /// No recipient is out of the ordinary: nothing about them has to be checked.
    plain: bool,
    smtputf8: bool,
    size: Option<u64>,
    body: Option<BodyType>,
    parameters: Vec<ExtensionParameter>,
}

impl Transaction {
    /// A transaction without recipients or content.
    #[must_use]
    pub fn new(reverse_path: impl Into<ReversePath>) -> Self {
        Self {
            reverse_path: reverse_path.into(),
            recipients: SmallVec::new(),
            content: None,
            policy: RecipientPolicy::default(),
            further: true,
            outcome_only: false,
            plain: true,
            smtputf8: false,
            size: None,
            body: None,
            parameters: Vec::new(),
        }
    }

    /// Adds a recipient. One that is given twice is sent twice.
    #[must_use]
    pub fn recipient(mut self, recipient: impl Into<Recipient>) -> Self {
        self.push(recipient.into());
        self
    }

    /// Adds several recipients.
    #[must_use]
    pub fn recipients<R: Into<Recipient>>(mut self, all: impl IntoIterator<Item = R>) -> Self {
        all.into_iter().for_each(|one| self.push(one.into()));
        self
    }

    pub(super) fn push(&mut self, recipient: Recipient) {
        self.plain &= recipient.is_plain();
        self.recipients.push(recipient);
    }

    /// Gives the content: header and body, in the form that the
    /// [`Config`] wants. Without this, it is asked for when the server wants it.
    #[must_use]
    pub fn content(mut self, content: impl Into<Bytes>) -> Self {
        self.content = Some(Content(content.into()));
        self
    }

    /// Says how long the content will be, in octets with every line end as
    /// CRLF; rather too much than too little (RFC 1870 section 6). Not needed
    /// for content that is given beforehand.
    #[must_use]
    pub fn size(mut self, octets: u64) -> Self {
        self.size = Some(octets);
        self
    }

    /// Says what octets the content will have. Not needed for content that is
    /// given beforehand. Without this, content that comes later may be 8-bit if
    /// the server offers `8BITMIME`, and must be 7-bit if not.
    ///
    /// With [`BodyType::BinaryMime`] the content is sent as it is, in chunks, and
    /// not looked at: neither line ends nor anything else. A server that does not
    /// offer that cannot have it (RFC 3030 section 3).
    #[must_use]
    pub fn body(mut self, body: BodyType) -> Self {
        self.body = Some(body);
        self
    }

    /// Says that the header of the message is UTF-8, which only a server that
    /// offers `SMTPUTF8` can have (RFC 6531 section 3.4). Not needed for
    /// addresses: the session sees to those.
    #[must_use]
    pub fn smtputf8(mut self) -> Self {
        self.smtputf8 = true;
        self
    }

    /// Adds a parameter to MAIL.
    #[must_use]
    pub fn parameter(mut self, parameter: ExtensionParameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// What to do when some recipients are refused.
    #[must_use]
    pub fn policy(mut self, policy: RecipientPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Keeps to one transaction, also if the server takes only some of the
    /// recipients in one: the others are then refused. For content that cannot
    /// be given again.
    #[must_use]
    pub fn in_one(mut self) -> Self {
        self.further = false;
        self
    }

    /// Tells what became of it in the end, and not what the server says to MAIL
    /// and to each RCPT: neither [`Event::Sender`](super::Event::Sender) nor
    /// [`Event::Recipient`](super::Event::Recipient) comes. For drivers that would
    /// drop them.
    #[must_use]
    pub fn outcome_only(mut self) -> Self {
        self.outcome_only = true;
        self
    }

    /// Whether the content was given.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.content.is_some()
    }

    /// Checks what can be checked without knowing the server.
    pub(super) fn check(&self, config: &Config) -> Result<(), CommandError> {
        check_mailbox(self.reverse_path.mailbox(), config)?;
        if !self.parameters.is_empty() {
            let mut taken = Parameters::new();
            taken.push(Parameter::size(0))?;
            taken.push(Parameter::body(BodyType::SevenBit))?;
            taken.push(Parameter::smtputf8())?;
            check_parameters(taken, &self.parameters)?;
        }
        if self.plain {
            return Ok(());
        }
        self.recipients
            .iter()
            .try_for_each(|recipient| recipient.check(config))
    }

    /// Whether a server that offers nothing can have every recipient.
    pub(super) const fn is_plain(&self) -> bool {
        self.plain
    }

    /// Gives up what may be large.
    pub(super) fn clear(&mut self) {
        self.content = None;
        self.recipients = SmallVec::new();
        self.parameters = Vec::new();
    }

    /// Whether the content is to be sent as it is, whatever it is.
    pub(super) fn is_binary(&self) -> bool {
        self.body == Some(BodyType::BinaryMime)
    }

    /// What MAIL says to a server that offers `offered`; or why it cannot have
    /// the message. `given` is what is known of content that was given
    /// beforehand.
    pub(super) fn parameters_for(
        &self,
        offered: &Capabilities,
        given: Option<&Given>,
    ) -> Result<MailParameters, NotSent> {
        let mut parameters = MailParameters::default();
        if let Some(size) = given.map(|given| given.size).or(self.size) {
            match offered.max_size() {
                Some(limit) if size > limit => return Err(NotSent::TooLarge { size, limit }),
                _ if offered.offers("SIZE") => parameters.size = Some(size),
                _ => {}
            }
        }
        if self.is_binary() {
            if !offered.has(&Capability::BinaryMime) || !offered.has(&Capability::Chunking) {
                return Err(NotSent::NeedsBinaryMime);
            }
            parameters.body = Some(BodyType::BinaryMime);
        } else if self.is_eight_bit(offered, given) {
            if !offered.has(&Capability::EightBitMime) {
                return Err(NotSent::Needs8BitMime);
            }
            parameters.body = Some(BodyType::EightBitMime);
        }
        let utf8_offered = offered.has(&Capability::SmtpUtf8);
        let ascii = !self.smtputf8
            && self.reverse_path.is_ascii()
            && self.parameters.iter().all(ExtensionParameter::is_ascii);
        if !ascii && !utf8_offered {
            return Err(NotSent::NeedsSmtpUtf8);
        }
        parameters.smtputf8 = utf8_offered
            && !(ascii && (self.plain || self.recipients.iter().all(Recipient::is_ascii)));
        for extension in &self.parameters {
            extension.check_offered(offered)?;
        }
        Ok(parameters)
    }

    /// The line of MAIL.
    pub(super) fn mail_line(&self, parameters: MailParameters) -> MailLine<'_> {
        MailLine {
            transaction: self,
            parameters,
        }
    }

    /// Whether the content is, or may be, 8-bit.
    pub(super) fn is_eight_bit(&self, offered: &Capabilities, given: Option<&Given>) -> bool {
        match (given, self.body) {
            (Some(given), _) => given.is_eight_bit,
            (None, Some(body)) => body != BodyType::SevenBit,
            (None, None) => offered.has(&Capability::EightBitMime),
        }
    }
}

/// What MAIL says about the message, besides the parameters of the caller's.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MailParameters {
    size: Option<u64>,
    pub(super) body: Option<BodyType>,
    pub(super) smtputf8: bool,
}

/// What is known of content that was given beforehand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    /// In octets, as SIZE counts them.
    pub(super) size: u64,
    pub(super) is_eight_bit: bool,
    /// It goes over the wire as it is, also when dots are stuffed.
    pub(super) is_unaltered: bool,
}

/// Content that was given beforehand. Its `Debug` form does not show it.
#[derive(Clone)]
pub(super) struct Content(pub(super) Bytes);

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} octets)", self.0.len())
    }
}

/// A forward-path, and the parameters that go with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub(super) path: ForwardPath,
    parameters: Vec<ExtensionParameter>,
}

impl Recipient {
    /// A recipient without parameters.
    #[must_use]
    pub fn new(path: impl Into<ForwardPath>) -> Self {
        Self {
            path: path.into(),
            parameters: Vec::new(),
        }
    }

    /// Adds a parameter to RCPT.
    #[must_use]
    pub fn parameter(mut self, parameter: ExtensionParameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Where the message is to go.
    #[must_use]
    pub fn path(&self) -> &ForwardPath {
        &self.path
    }

    pub(super) fn check(&self, config: &Config) -> Result<(), CommandError> {
        check_mailbox(self.path.mailbox(), config)?;
        check_parameters(Parameters::new(), &self.parameters)
    }

    /// Whether a server that offers `offered` can have it, in a transaction
    /// with or without `SMTPUTF8`.
    pub(super) fn check_offered(&self, offered: &Capabilities, utf8: bool) -> Result<(), NotSent> {
        if !utf8 && !self.is_ascii() {
            return Err(NotSent::NeedsSmtpUtf8);
        }
        self.parameters
            .iter()
            .try_for_each(|extension| extension.check_offered(offered))
    }

    /// Whether there is nothing to check about it.
    fn is_plain(&self) -> bool {
        let mailbox = self.path.mailbox();
        let is_long =
            |mailbox: &Mailbox| mailbox.local_part().as_str().len() > LocalPart::RECOMMENDED_LEN;
        self.parameters.is_empty() && self.path.is_ascii() && !mailbox.is_some_and(is_long)
    }

    fn is_ascii(&self) -> bool {
        self.path.is_ascii() && self.parameters.iter().all(ExtensionParameter::is_ascii)
    }
}

impl From<ForwardPath> for Recipient {
    fn from(path: ForwardPath) -> Self {
        Self::new(path)
    }
}

impl From<Mailbox> for Recipient {
    fn from(mailbox: Mailbox) -> Self {
        Self::new(mailbox)
    }
}

/// A parameter, and the extension that it belongs to. It is sent only to a
/// server that offers the extension; the message is not sent at all to one that
/// does not.
///
/// ```
/// use smtp_proto::client::ExtensionParameter;
///
/// let parameter = ExtensionParameter::new("DSN", "NOTIFY=SUCCESS,FAILURE".parse()?)?;
/// # Ok::<(), smtp_proto::types::ParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionParameter {
    extension: String,
    parameter: Parameter,
}

impl ExtensionParameter {
    /// A parameter that belongs to the extension with this EHLO keyword.
    ///
    /// # Errors
    /// [`ParameterError::Syntax`] if that is no keyword.
    pub fn new(extension: &str, parameter: Parameter) -> Result<Self, ParameterError> {
        if !is_keyword(extension) {
            return Err(ParameterError::Syntax);
        }
        Ok(Self {
            extension: extension.into(),
            parameter,
        })
    }

    /// Values may be UTF-8 with `SMTPUTF8` (RFC 6531 section 3.3).
    fn is_ascii(&self) -> bool {
        self.parameter.value().is_none_or(str::is_ascii)
    }

    fn check_offered(&self, offered: &Capabilities) -> Result<(), NotSent> {
        if offered.offers(&self.extension) {
            Ok(())
        } else {
            Err(NotSent::NotOffered(self.extension.clone()))
        }
    }
}

/// What to do when some recipients are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecipientPolicy {
    /// Send to the others.
    #[default]
    Partial,
    /// Send to nobody. Costs a round trip, since DATA has to wait until all
    /// recipients were accepted.
    AllOrNothing,
}

/// The line of MAIL.
pub(super) struct MailLine<'a> {
    transaction: &'a Transaction,
    parameters: MailParameters,
}

impl Print for MailLine<'_> {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str("MAIL FROM:")?;
        self.transaction.reverse_path.print(out)?;
        if let Some(size) = self.parameters.size {
            out.write_str(" SIZE=")?;
            size.print(out)?;
        }
        if let Some(body) = self.parameters.body {
            out.write_str(" BODY=")?;
            out.write_str(body.as_str())?;
        }
        if self.parameters.smtputf8 {
            out.write_str(" SMTPUTF8")?;
        }
        print_parameters(&self.transaction.parameters, out)
    }
}

/// The line of RCPT.
pub(super) struct RcptLine<'a>(pub(super) &'a Recipient);

impl Print for RcptLine<'_> {
    fn print(&self, out: &mut impl fmt::Write) -> fmt::Result {
        out.write_str("RCPT TO:")?;
        self.0.path.print(out)?;
        print_parameters(&self.0.parameters, out)
    }
}

fn print_parameters(all: &[ExtensionParameter], out: &mut impl fmt::Write) -> fmt::Result {
    all.iter().try_for_each(|extension| {
        out.write_char(' ')?;
        extension.parameter.print(out)
    })
}

fn check_mailbox(mailbox: Option<&Mailbox>, config: &Config) -> Result<(), CommandError> {
    let local_part = mailbox.map(Mailbox::local_part);
    let long = |local_part: &&LocalPart| local_part.as_str().len() > LocalPart::RECOMMENDED_LEN;
    match local_part.filter(long) {
        Some(local_part) if !config.long_local_parts => {
            Err(CommandError::LocalPartTooLong(local_part.clone()))
        }
        _ => Ok(()),
    }
}

fn check_parameters(
    mut taken: Parameters,
    more: &[ExtensionParameter],
) -> Result<(), CommandError> {
    let mut length = 0;
    for ExtensionParameter { parameter, .. } in more {
        length += 1 + parameter.keyword().len();
        length += parameter.value().map_or(0, |value| 1 + value.len());
        taken.push(parameter.clone())?;
    }
    if length > MAX_PARAMETERS_LEN {
        return Err(CommandError::LineTooLong);
    }
    Ok(())
}
