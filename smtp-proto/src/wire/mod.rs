//! The wire format: octets to values and back, without any session state.
//!
//! Framing comes first and enforces the limits; grammar comes second and sees
//! only lines that are whole and bounded.

mod command;
mod dot;
mod line;
pub(crate) mod marks;
mod reply;
pub(crate) mod survey;
mod xtext;

pub use command::{CommandSyntaxError, encode_command, parse_command, parse_command_lenient};
pub use dot::{Stuffed, Stuffer, Unstuffed, Unstuffer};
pub use line::{CommandFramer, Framed};
pub use reply::{ReplyLimits, ReplyParseError, ReplyParser, encode_reply};
pub use xtext::{XtextError, decode_xtext, encode_xtext};

/// How every line ends (RFC 5321 section 2.3.8).
pub(crate) const CRLF: &[u8] = b"\r\n";
