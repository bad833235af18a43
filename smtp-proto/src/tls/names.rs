//! Whose a certificate is.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

/// `id-at-commonName`, 2.5.4.3, and `id-ce-subjectAltName`, 2.5.29.17.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The most names that are looked at.
const MAX_NAMES: usize = 100;

/// The names of the owner of a certificate, in DER: e-mail addresses and DNS
/// names among its subject alternative names (RFC 5280 section 4.2.1.6), in
/// their order, and after them the common names.
///
/// For a server that authenticates clients by their certificates (EXTERNAL),
/// after these were verified: here nothing is. A name that is not plain text is
/// left out, and what is not a certificate has no names.
#[must_use]
pub fn certificate_names(der: &[u8]) -> Vec<String> {
    names(der).unwrap_or_default()
}

fn names(der: &[u8]) -> Option<Vec<String>> {
    let (certificate, _) = expect(Tag::SEQUENCE, der)?;
    let (to_be_signed, _) = expect(Tag::SEQUENCE, certificate)?;
    let mut fields = Elements(to_be_signed).skip_while(|(tag, _)| *tag == Tag::context(0));
    // After serial number, algorithm, issuer and validity.
    let (tag, subject) = fields.nth(4)?;
    if tag != Tag::SEQUENCE {
        return None;
    }
    let mut names = Vec::new();
    for (tag, extensions) in fields {
        if tag == Tag::context(3) {
            alternative_names(extensions, &mut names)?;
        }
    }
    for (_, set) in Elements(subject) {
        for (_, attribute) in Elements(set) {
            common_name(attribute, &mut names);
        }
    }
    names.truncate(MAX_NAMES);
    Some(names)
}

fn alternative_names(extensions: &[u8], names: &mut Vec<String>) -> Option<()> {
    let (extensions, _) = expect(Tag::SEQUENCE, extensions)?;
    for (_, extension) in Elements(extensions) {
        let mut fields = Elements(extension);
        if fields.next() != Some((Tag::OBJECT_IDENTIFIER, SUBJECT_ALT_NAME)) {
            continue;
        }
        // Whether it is critical may come between.
        let (_, value) = fields.find(|(tag, _)| *tag == Tag::OCTET_STRING)?;
        let (general_names, _) = expect(Tag::SEQUENCE, value)?;
        for (tag, name) in Elements(general_names).take(MAX_NAMES) {
            if tag == Tag::RFC822_NAME || tag == Tag::DNS_NAME {
                names.extend(text(name));
            }
        }
    }
    Some(())
}

fn common_name(attribute: &[u8], names: &mut Vec<String>) {
    let mut fields = Elements(attribute);
    if fields.next() == Some((Tag::OBJECT_IDENTIFIER, COMMON_NAME))
        && let Some((Tag::UTF8_STRING | Tag::PRINTABLE_STRING | Tag::IA5_STRING, name)) =
            fields.next()
    {
        names.extend(text(name));
    }
}

/// Text that reads as it is compared: a name with a NUL in it is a trick.
fn text(octets: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(octets).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A tag of one octet, which are all that are needed here.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tag(u8);

impl Tag {
    const OCTET_STRING: Self = Self(0x04);
    const OBJECT_IDENTIFIER: Self = Self(0x06);
    const UTF8_STRING: Self = Self(0x0c);
    const PRINTABLE_STRING: Self = Self(0x13);
    const IA5_STRING: Self = Self(0x16);
    const SEQUENCE: Self = Self(0x30);
    /// `[1] IA5String`, and `[2]`.
    const RFC822_NAME: Self = Self(0x81);
    const DNS_NAME: Self = Self(0x82);

    const fn context(number: u8) -> Self {
        Self(0xa0 | number)
    }
}

/// The elements that octets are made of, up to the first that is broken.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (Tag, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (tag, content, rest) = element(self.0)?;
        self.0 = rest;
        Some((tag, content))
    }
}

/// The content of the first element, and what follows it, if it has this tag.
fn expect(tag: Tag, octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(octets)?;
    (found == tag).then_some((content, rest))
}

fn element(octets: &[u8]) -> Option<(Tag, &[u8], &[u8])> {
    let (&tag, rest) = octets.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Three octets can say more than a certificate has.
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let number = length
                .iter()
                .fold(0, |sum, &octet| sum << 8 | usize::from(octet));
            (number, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Tag(tag), content, rest))
}
