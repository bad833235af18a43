//! The replies that the core gives of itself, and those that an application may
//! give instead.

use alloc::{
    borrow::{Cow, ToOwned},
    format,
    string::String,
};
use core::fmt;

use crate::types::{EnhancedCode, Host, Reply, ReplyCode, ReplyError};

/// A reply of which all is known beforehand: code, enhanced code and text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed {
    code: u16,
    /// Subject and detail; the class is the first digit of the code. A 3yz has
    /// none (RFC 2034 section 4).
    enhanced: Option<(u16, u16)>,
    text: &'static str,
}

const fn fixed(code: u16, subject: u16, detail: u16, text: &'static str) -> Fixed {
    Fixed {
        code,
        enhanced: Some((subject, detail)),
        text,
    }
}

pub(super) const RESET: Fixed = fixed(250, 0, 0, "forgotten");
pub(super) const NOOP: Fixed = fixed(250, 0, 0, "ok");
pub(super) const MAIL_ACCEPTED: Fixed = fixed(250, 1, 0, "sender ok");
pub(super) const RCPT_ACCEPTED: Fixed = fixed(250, 1, 5, "recipient ok");
pub(super) const FORWARDED: Fixed = fixed(251, 1, 5, "not local, will forward");
pub(super) const CHUNK_ACCEPTED: Fixed = fixed(250, 0, 0, "chunk received");
pub(super) const MESSAGE_ACCEPTED: Fixed = fixed(250, 0, 0, "message accepted");
pub(super) const VERIFIED: Fixed = fixed(250, 1, 5, "");
pub(super) const EXPANDED: Fixed = fixed(250, 1, 5, "");
pub(super) const CANNOT_VERIFY: Fixed = fixed(252, 5, 0, "cannot tell, try to send");
pub(super) const AMBIGUOUS: Fixed = fixed(553, 1, 4, "ambiguous");
pub(super) const HELP: Fixed = fixed(
    214,
    0,
    0,
    "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT",
);
pub(super) const SEND_CONTENT: Fixed = Fixed {
    code: 354,
    enhanced: None,
    text: "go on, end with a dot on a line of its own",
};
pub(super) const READY_FOR_TLS: Fixed = fixed(220, 0, 0, "ready for TLS");
pub(super) const CHALLENGE: Fixed = Fixed {
    code: 334,
    enhanced: None,
    text: "***",
};
pub(super) const AUTHENTICATION_SUCCEEDED: Fixed = fixed(235, 7, 0, "authenticated");
pub(super) const BYE: Fixed = fixed(221, 0, 0, "bye");

pub(super) const TIMEOUT: Fixed = fixed(421, 4, 2, "waited too long");
pub(super) const SHUTDOWN: Fixed = fixed(421, 3, 2, "shutting down");
pub(super) const TOO_MANY_ATTEMPTS: Fixed = fixed(421, 7, 0, "too many attempts to authenticate");
pub(super) const TOO_MANY_ERRORS: Fixed = fixed(421, 7, 0, "too many errors");
pub(super) const UNKNOWN_CHUNK: Fixed = fixed(421, 5, 4, "cannot tell where the chunk ends");
pub(super) const NOT_TLS: Fixed = fixed(421, 7, 0, "this port speaks SMTP, not TLS");
pub(super) const NOT_HTTP: Fixed = fixed(421, 7, 0, "this port speaks SMTP, not HTTP");

pub(super) const TOO_MANY_RECIPIENTS: Fixed = fixed(452, 5, 3, "too many recipients");

pub(super) const UNKNOWN_COMMAND: Fixed = fixed(500, 5, 2, "unknown command");
pub(super) const BROKEN_LINE: Fixed = fixed(500, 5, 2, "a lone CR or LF in a command");
pub(super) const LINE_TOO_LONG: Fixed = fixed(500, 5, 2, "line too long");
pub(super) const RESPONSE_TOO_LONG: Fixed = fixed(500, 5, 6, "line too long");
pub(super) const NOT_BASE64: Fixed = fixed(501, 5, 2, "not base64");
pub(super) const BAD_RESPONSE: Fixed = fixed(501, 5, 2, "cannot read that response");
pub(super) const CANCELLED: Fixed = fixed(501, 7, 0, "authentication cancelled");
pub(super) const NO_INITIAL_RESPONSE: Fixed =
    fixed(501, 7, 0, "this mechanism has no initial response");
pub(super) const BAD_ARGUMENT: Fixed = fixed(501, 5, 4, "bad argument");
pub(super) const BAD_SENDER: Fixed = fixed(501, 1, 7, "not an address that can send");
pub(super) const BAD_RECIPIENT: Fixed = fixed(501, 1, 3, "not an address");
pub(super) const BAD_PARAMETER: Fixed = fixed(501, 5, 4, "bad parameter");
pub(super) const NOT_IMPLEMENTED: Fixed = fixed(502, 5, 1, "not implemented");
pub(super) const OUT_OF_SEQUENCE: Fixed = fixed(503, 5, 1, "bad sequence of commands");
pub(super) const NO_HELLO: Fixed = fixed(503, 5, 1, "say EHLO first");
pub(super) const NO_MAIL: Fixed = fixed(503, 5, 1, "MAIL first");
pub(super) const NESTED_MAIL: Fixed = fixed(503, 5, 1, "a transaction is open");
pub(super) const NO_RECIPIENTS: Fixed = fixed(503, 5, 1, "no valid recipients");
pub(super) const NEEDS_BDAT: Fixed = fixed(503, 5, 1, "BDAT, not DATA");
pub(super) const NEEDS_RESET: Fixed = fixed(503, 5, 1, "RSET first");
pub(super) const NO_SERVICE: Fixed = fixed(503, 5, 1, "no service here");
pub(super) const TLS_ACTIVE: Fixed = fixed(503, 5, 1, "TLS is active");
pub(super) const AUTHENTICATED: Fixed = fixed(503, 5, 1, "already authenticated");
pub(super) const UNKNOWN_MECHANISM: Fixed = fixed(504, 5, 4, "unknown mechanism");
pub(super) const NEEDS_AUTHENTICATION: Fixed = fixed(530, 7, 0, "Authentication required");
pub(super) const NEEDS_STARTTLS: Fixed = fixed(530, 7, 0, "Must issue a STARTTLS command first");
pub(super) const NEEDS_ENCRYPTION: Fixed = fixed(
    538,
    7,
    11,
    "Encryption required for requested authentication mechanism",
);
pub(super) const TOO_LARGE: Fixed = fixed(552, 3, 4, "message too large");
pub(super) const EMPTY_SENDER: Fixed = fixed(553, 1, 7, "an empty local part");
pub(super) const EMPTY_RECIPIENT: Fixed = fixed(553, 1, 3, "an empty local part");
pub(super) const NEEDS_SMTPUTF8: Fixed = fixed(553, 6, 7, "such an address needs SMTPUTF8");
pub(super) const LONE_LINE_END: Fixed = fixed(554, 6, 0, "a lone CR or LF in the content");
pub(super) const EARLY_INPUT: Fixed = fixed(554, 5, 0, "nothing may follow STARTTLS in clear");
pub(super) const UNKNOWN_PARAMETER: Fixed = fixed(555, 5, 4, "unknown parameter");

impl Fixed {
    pub(super) fn reply(self) -> Reply {
        self.saying(self.text)
    }

    /// The reply, with what or whom it is about in front of its text.
    pub(super) fn about(self, subject: &dyn fmt::Display) -> Reply {
        self.saying(&format!("{subject} {}", self.text))
    }

    /// The reply with another text.
    pub(super) fn saying(self, text: &str) -> Reply {
        let class = u8::try_from(self.code / 100).unwrap_or_default();
        let enhanced = self
            .enhanced
            .map(|(subject, detail)| EnhancedCode::fixed(class, subject, detail));
        build(ReplyCode::fixed(self.code), enhanced, text)
    }

    pub(super) const fn text(self) -> &'static str {
        self.text
    }
}

/// The greeting, and the first line of the replies to EHLO and HELO: a host,
/// never an enhanced code (RFC 2034 section 4).
pub(super) fn from_host(code: u16, text: &str) -> Reply {
    build(ReplyCode::fixed(code), None, text)
}

/// Any reply, with what no reply can have replaced.
fn build(code: ReplyCode, enhanced: Option<EnhancedCode>, text: &str) -> Reply {
    Reply::assemble(code, enhanced, &sanitised(text))
}

/// The text with everything that a reply cannot have replaced by `?`. An LF
/// stays, and begins another line.
pub(super) fn sanitised(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            ' '..='~' | '\n' => c,
            _ => '?',
        })
        .collect()
}

/// What an application says when it refuses something: a 4yz or 5yz reply.
///
/// 4yz says that the same may succeed later, 5yz that it will not; clients act
/// on that. A refusal with the code 421 ends the session once it was sent.
///
/// ```
/// use smtp_proto::server::Rejection;
///
/// let greylisted = Rejection::new(450, Some("4.7.1".parse()?), "come back in a minute")?;
/// assert_eq!(greylisted.to_string(), "450 4.7.1 come back in a minute");
/// assert!(Rejection::new(250, None, "no").is_err());
/// assert!(Rejection::new(550, None, "no\r\n250 yes").is_err());
/// # Ok::<(), smtp_proto::types::ReplyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    code: ReplyCode,
    enhanced: EnhancedCode,
    text: Cow<'static, str>,
}

impl Rejection {
    /// A refusal. Without an enhanced code it gets the one that says no more
    /// than the code does (`4.0.0`, `5.0.0`). An LF in the text begins another
    /// line; lines that are too long are split.
    ///
    /// # Errors
    /// [`ReplyError`] if the code is not 4yz or 5yz with a second digit of at
    /// most 5, if the enhanced code is of another class, or if the text has
    /// anything but printable US-ASCII and LF.
    pub fn new(code: u16, enhanced: Option<EnhancedCode>, text: &str) -> Result<Self, ReplyError> {
        let class = code / 100;
        if !matches!(class, 4 | 5) || code / 10 % 10 > 5 {
            return Err(ReplyError::Code);
        }
        let class = if class == 4 { 4 } else { 5 };
        let enhanced = enhanced.unwrap_or(EnhancedCode::fixed(class, 0, 0));
        if enhanced.class() != class {
            return Err(ReplyError::EnhancedCode);
        }
        if sanitised(text) != text {
            return Err(ReplyError::Text);
        }
        Ok(Self {
            code: ReplyCode::fixed(code),
            enhanced,
            text: Cow::Owned(text.to_owned()),
        })
    }

    const fn fixed(code: u16, enhanced: (u8, u16, u16), text: &'static str) -> Self {
        Self {
            code: ReplyCode::fixed(code),
            enhanced: EnhancedCode::fixed(enhanced.0, enhanced.1, enhanced.2),
            text: Cow::Borrowed(text),
        }
    }

    /// `550 5.1.1`: there is no such mailbox here.
    #[must_use]
    pub const fn no_such_user() -> Self {
        Self::fixed(550, (5, 1, 1), "no such user here")
    }

    /// `550 5.7.1`: the recipient is not ours, and the client may not send to
    /// others through us.
    #[must_use]
    pub const fn relaying_denied() -> Self {
        Self::fixed(550, (5, 7, 1), "relaying denied")
    }

    /// `535 5.7.8`: no such user, or a wrong password; which of them is nobody's
    /// business.
    #[must_use]
    pub const fn bad_credentials() -> Self {
        Self::fixed(535, (5, 7, 8), "authentication failed")
    }

    /// `454 4.7.0`: nobody can tell for now whether that is right.
    #[must_use]
    pub const fn authentication_unavailable() -> Self {
        Self::fixed(454, (4, 7, 0), "temporary authentication failure")
    }

    /// `550 5.7.1`: not allowed.
    #[must_use]
    pub const fn policy() -> Self {
        Self::fixed(550, (5, 7, 1), "refused by policy")
    }

    /// `452 4.2.2`: the mailbox is full, for now.
    #[must_use]
    pub const fn mailbox_full() -> Self {
        Self::fixed(452, (4, 2, 2), "mailbox full")
    }

    /// `452 4.3.1`: the server is full, for now.
    #[must_use]
    pub const fn insufficient_storage() -> Self {
        Self::fixed(452, (4, 3, 1), "insufficient storage")
    }

    /// `552 5.3.4`: the message is larger than this server takes.
    #[must_use]
    pub const fn message_too_large() -> Self {
        Self::fixed(552, (5, 3, 4), "message too large")
    }

    /// `451 4.3.0`: something went wrong here; the same may succeed later.
    #[must_use]
    pub const fn try_again_later() -> Self {
        Self::fixed(451, (4, 3, 0), "try again later")
    }

    /// `554 5.0.0`: it will not work, for a reason that is not told.
    #[must_use]
    pub const fn transaction_failed() -> Self {
        Self::fixed(554, (5, 0, 0), "transaction failed")
    }

    /// `421 4.3.2`: the server goes away; ends the session.
    #[must_use]
    pub const fn service_not_available() -> Self {
        Self::fixed(421, (4, 3, 2), "service not available")
    }

    /// `421 4.3.2`: the server serves as many clients as it can; ends the
    /// session.
    #[must_use]
    pub const fn too_many_connections() -> Self {
        Self::fixed(421, (4, 3, 2), "too many connections, try again later")
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> ReplyCode {
        self.code
    }

    /// The enhanced code.
    #[must_use]
    pub const fn enhanced(&self) -> EnhancedCode {
        self.enhanced
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the session ends with it.
    pub(super) const fn closes(&self) -> bool {
        self.code.get() == 421
    }

    pub(super) fn reply(&self) -> Reply {
        build(self.code, Some(self.enhanced), &self.text)
    }

    /// The refusal in place of a greeting, which has a host and no enhanced
    /// code.
    pub(super) fn greeting(&self, host: &Host) -> Reply {
        build(self.code, None, &format!("{host} {}", self.text))
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.code, self.enhanced, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Fixed; 59] = [
        RESET,
        NOOP,
        MAIL_ACCEPTED,
        RCPT_ACCEPTED,
        FORWARDED,
        CHUNK_ACCEPTED,
        MESSAGE_ACCEPTED,
        VERIFIED,
        EXPANDED,
        CANNOT_VERIFY,
        AMBIGUOUS,
        HELP,
        SEND_CONTENT,
        READY_FOR_TLS,
        CHALLENGE,
        AUTHENTICATION_SUCCEEDED,
        BYE,
        TIMEOUT,
        SHUTDOWN,
        TOO_MANY_ATTEMPTS,
        TOO_MANY_ERRORS,
        UNKNOWN_CHUNK,
        NOT_TLS,
        NOT_HTTP,
        TOO_MANY_RECIPIENTS,
        UNKNOWN_COMMAND,
        BROKEN_LINE,
        LINE_TOO_LONG,
        RESPONSE_TOO_LONG,
        NOT_BASE64,
        BAD_RESPONSE,
        CANCELLED,
        NO_INITIAL_RESPONSE,
        BAD_ARGUMENT,
        BAD_SENDER,
        BAD_RECIPIENT,
        BAD_PARAMETER,
        NOT_IMPLEMENTED,
        OUT_OF_SEQUENCE,
        NO_HELLO,
        NO_MAIL,
        NESTED_MAIL,
        NO_RECIPIENTS,
        NEEDS_BDAT,
        NEEDS_RESET,
        NO_SERVICE,
        TLS_ACTIVE,
        AUTHENTICATED,
        UNKNOWN_MECHANISM,
        NEEDS_AUTHENTICATION,
        NEEDS_STARTTLS,
        NEEDS_ENCRYPTION,
        TOO_LARGE,
        EMPTY_SENDER,
        EMPTY_RECIPIENT,
        NEEDS_SMTPUTF8,
        LONE_LINE_END,
        EARLY_INPUT,
        UNKNOWN_PARAMETER,
    ];

    #[test]
    fn s_107_s_109_fixed_replies_are_well_formed() {
        for fixed in ALL {
            let reply = fixed.reply();
            let again = Reply::new(reply.code(), reply.enhanced(), fixed.text).unwrap();
            assert_eq!(again, reply);
            assert_eq!(
                reply.enhanced().is_none(),
                reply.code().get() / 100 == 3,
                "{reply}"
            );
        }
    }

    #[test]
    fn s_105_s_108_long_lines_are_split_at_spaces() {
        let text = "word ".repeat(300);
        let reply = RESET.saying(text.trim_end());
        assert!(reply.line_count() > 2);
        for line in reply.lines() {
            assert!(line.len() <= 506);
            assert!(line.starts_with(b"2.0.0 word"));
            assert!(line.trim_ascii_end().ends_with(b"word"));
        }
        assert_eq!(reply.text().replace('\n', ""), text.trim_end());
        let reply = RESET.saying(&"x".repeat(2000));
        assert_eq!(reply.text().replace('\n', "").len(), 2000);
        assert!(reply.lines().all(|line| line.len() <= 506));
    }

    #[test]
    fn s_110_s_111_text_is_checked_or_sanitised() {
        assert_eq!(sanitised("a\r\x0bü\0\x7f b"), "a????? b");
        for text in ["a\rb", "ü", "\0", "a\tb"] {
            assert_eq!(Rejection::new(550, None, text), Err(ReplyError::Text));
        }
    }

    #[test]
    fn s_107_s_109_rejections_are_negative_and_of_one_class() {
        for code in [0, 199, 250, 354, 399, 460, 600, 999] {
            assert_eq!(Rejection::new(code, None, ""), Err(ReplyError::Code));
        }
        let enhanced = EnhancedCode::new(4, 1, 1);
        assert_eq!(
            Rejection::new(550, enhanced, ""),
            Err(ReplyError::EnhancedCode)
        );
        let rejection = Rejection::new(451, None, "later").unwrap();
        assert_eq!(rejection.reply().to_string(), "451 4.0.0 later");
    }

    #[test]
    fn an_empty_text_is_one_line() {
        assert_eq!(VERIFIED.reply().line_count(), 1);
        assert_eq!(from_host(250, "").line_count(), 1);
    }
}
