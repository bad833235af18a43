//! SASLprep: one form for names and passwords that look the same (RFC 4013).

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use alloc::string::String;

use crate::types::Secret;

/// The prepared form of a name.
///
/// What SASLprep forbids, such as a control character, is taken as it is: a
/// server that enforces the profile refuses it, and one that does not may know
/// the name in no other form.
pub(super) fn name(text: &str) -> String {
    prepared(text).map_or_else(|| text.into(), |text| text.as_str().into())
}

/// The prepared form of a password; as it is if it is not UTF-8, or if SASLprep
/// forbids it.
pub(super) fn password(password: &Secret) -> Secret {
    password
        .expose_str()
        .and_then(prepared)
        .map_or_else(|| password.clone(), |text| Secret::from(text.as_str()))
}

/// `None` if SASLprep forbids the text, or leaves nothing of it.
///
/// The rule on right-to-left text (section 2.3) is not checked. It only forbids,
/// and what is forbidden goes out as it is.
fn prepared(text: &str) -> Option<Zeroizing<String>> {
    let chars = || {
        text.chars()
            .map(|c| if is_space(c) { ' ' } else { c })
            .filter(|&c| !is_nothing(c))
            .nfkc()
    };
    // Counted first, so that it does not grow and leave copies behind.
    let length = chars().map(char::len_utf8).sum();
    let mut prepared = Zeroizing::new(String::with_capacity(length));
    prepared.extend(chars());
    (!prepared.is_empty() && !prepared.chars().any(is_prohibited)).then_some(prepared)
}

/// Non-ASCII space: RFC 3454 table C.1.2.
const fn is_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

/// Commonly mapped to nothing: RFC 3454 table B.1.
const fn is_nothing(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}'
            | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// RFC 4013 section 2.3: tables C.1.2 and C.2.1 to C.9 of RFC 3454.
const fn is_prohibited(c: char) -> bool {
    let control = matches!(
        c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{6dd}' | '\u{70f}' | '\u{180e}'
            | '\u{200c}'..='\u{200d}' | '\u{2028}'..='\u{2029}' | '\u{2060}'..='\u{2063}'
            | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}'
            | '\u{1d173}'..='\u{1d17a}'
    );
    let private_or_not_a_character = matches!(
        c,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}'
    ) || c as u32 & 0xfffe == 0xfffe;
    let misleading = matches!(
        c,
        '\u{2ff0}'..='\u{2ffb}' | '\u{340}'..='\u{341}' | '\u{200e}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}'
    );
    is_space(c) || control || private_or_not_a_character || misleading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_207_the_examples_of_rfc_4013_section_3() {
        for (text, prepared) in [
            ("I\u{ad}X", "IX"),
            ("user", "user"),
            ("USER", "USER"),
            ("\u{aa}", "a"),
            ("\u{2168}", "IX"),
            ("a\u{a0}b", "a b"),
            ("\u{7}", "\u{7}"), // prohibited: as it is
            ("\u{fdd0}\u{2168}", "\u{fdd0}\u{2168}"),
            ("\u{ad}", "\u{ad}"), // nothing would be left
            ("e\u{301}", "\u{e9}"),
        ] {
            assert_eq!(name(text), prepared, "{text:?}");
            assert_eq!(password(&text.into()), prepared.into(), "{text:?}");
        }
    }

    #[test]
    fn c_207_every_table_of_rfc_4013() {
        for space in [
            '\u{a0}', '\u{1680}', '\u{2000}', '\u{200a}', '\u{202f}', '\u{3000}',
        ] {
            assert_eq!(name(&format!("a{space}b")), "a b", "{space:?}");
        }
        for nothing in [
            '\u{ad}', '\u{1806}', '\u{200d}', '\u{2060}', '\u{fe0f}', '\u{feff}',
        ] {
            assert_eq!(name(&format!("a{nothing}b")), "ab", "{nothing:?}");
        }
        // Where one of these stands the soft hyphen is not taken away either.
        for prohibited in [
            '\0',
            '\u{1f}',
            '\u{7f}',
            '\u{9f}',
            '\u{6dd}',
            '\u{180e}',
            '\u{2028}',
            '\u{2063}',
            '\u{206a}',
            '\u{fff9}',
            '\u{fffd}',
            '\u{1d173}',
            '\u{e000}',
            '\u{f8ff}',
            '\u{f0000}',
            '\u{10fffd}',
            '\u{fdd0}',
            '\u{fffe}',
            '\u{1fffe}',
            '\u{1ffff}',
            '\u{2ff0}',
            '\u{200e}',
            '\u{202a}',
            '\u{e0001}',
            '\u{e0020}',
            '\u{e007f}',
        ] {
            let text = format!("a\u{ad}{prohibited}");
            assert_eq!(name(&text), text, "{prohibited:?}");
        }
        for allowed in [
            '\u{a1}',
            '\u{6dc}',
            '\u{2010}',
            '\u{fffc}',
            '\u{1fffd}',
            '\u{e0100}',
        ] {
            let prepared = name(&format!("a\u{ad}{allowed}"));
            assert_eq!(
                prepared.contains('\u{ad}'),
                allowed == '\u{fffc}',
                "{allowed:?}"
            );
        }
    }

    #[test]
    fn c_207_a_password_that_is_not_text_is_taken_as_it_is() {
        let octets = Secret::new([0xff, 0x00, 0xc3]);
        assert_eq!(password(&octets), octets);
    }
}
