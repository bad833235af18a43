//! xtext: text in the value of a parameter (RFC 3461 section 4).

use alloc::{string::String, vec::Vec};
use core::fmt;

/// Why a text is not xtext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XtextError {
    /// A `+` without two hexadecimal digits behind it.
    Escape,
    /// A character that xtext must escape.
    Character,
}

impl fmt::Display for XtextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Escape => "a plus sign without two hexadecimal digits",
            Self::Character => "a character that has to be escaped",
        })
    }
}

impl core::error::Error for XtextError {}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

fn is_xchar(octet: u8) -> bool {
    octet.is_ascii_graphic() && octet != b'+' && octet != b'='
}

/// Encodes any octets.
///
/// ```
/// use smtp_proto::wire::encode_xtext;
///
/// assert_eq!(encode_xtext(b"a+b=c d"), "a+2Bb+3Dc+20d");
/// ```
#[must_use]
pub fn encode_xtext(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for &octet in octets {
        if is_xchar(octet) {
            text.push(char::from(octet));
        } else {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            text.push('+');
            text.push(char::from(digit(octet >> 4)));
            text.push(char::from(digit(octet & 0xF)));
        }
    }
    text
}

/// Decodes xtext. Digits may have either case (RFC 4954 section 8). What comes
/// out may hold any octet, CR, LF and NUL among them.
///
/// # Errors
/// [`XtextError`] if it is not xtext.
pub fn decode_xtext(text: &str) -> Result<Vec<u8>, XtextError> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet == b'+' {
            let mut digit = || {
                let digit = rest.next().and_then(|b| char::from(b).to_digit(16));
                digit.and_then(|digit| u8::try_from(digit).ok())
            };
            let (Some(high), Some(low)) = (digit(), digit()) else {
                return Err(XtextError::Escape);
            };
            octets.push(high << 4 | low);
        } else if is_xchar(octet) {
            octets.push(octet);
        } else {
            return Err(XtextError::Character);
        }
    }
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_235_round_trip_and_errors() {
        let every: Vec<u8> = (0..=255).collect();
        assert_eq!(decode_xtext(&encode_xtext(&every)), Ok(every));
        assert_eq!(decode_xtext("a+2b"), Ok(b"a+".to_vec()));
        assert_eq!(decode_xtext("a+2"), Err(XtextError::Escape));
        assert_eq!(decode_xtext("+zz"), Err(XtextError::Escape));
        assert_eq!(decode_xtext("a b"), Err(XtextError::Character));
        assert_eq!(decode_xtext("a=b"), Err(XtextError::Character));
    }
}
