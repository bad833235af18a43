//! What must hold for xtext.

use smtp_proto::{
    types::Parameter,
    wire::{decode_xtext, encode_xtext},
};

use crate::pieces::assert_on_one_line;

/// The input is octets to be encoded, and text to be decoded.
pub fn xtext(input: &[u8]) {
    any_octets(input);
    any_text(&String::from_utf8_lossy(input));
}

/// Any octets are encoded into what a parameter can hold, at most three times as
/// long, and come back; the case of the digits does not count.
pub fn any_octets(octets: &[u8]) {
    let encoded = encode_xtext(octets);
    assert!(
        encoded
            .bytes()
            .all(|octet| octet.is_ascii_graphic() && octet != b'=')
    );
    assert!((octets.len()..=3 * octets.len()).contains(&encoded.len()));
    assert_eq!(decode_xtext(&encoded).as_deref(), Ok(octets));
    assert_eq!(decode_plainly(&encoded).as_deref(), Some(octets));
    let any_case = encoded.split('+').enumerate().map(|(index, part)| {
        let digits = if index > 0 { 2 } else { 0 };
        part[..digits].to_ascii_lowercase() + &part[digits..]
    });
    let any_case = any_case.collect::<Vec<_>>().join("+");
    assert_eq!(decode_xtext(&any_case).as_deref(), Ok(octets));
    let parameter = Parameter::new("ORCPT", Some(&encoded));
    assert_eq!(parameter.is_ok(), !octets.is_empty());
}

/// Any text decodes as a plain reading has it, or not at all; and what comes out is
/// the same when it is encoded and decoded again.
pub fn any_text(text: &str) {
    match decode_xtext(text) {
        Ok(octets) => {
            assert_eq!(decode_plainly(text), Some(octets.clone()));
            let encoded = encode_xtext(&octets);
            assert!(encoded.len() <= 3 * text.len());
            assert_eq!(decode_xtext(&encoded), Ok(octets));
        }
        Err(error) => {
            assert_eq!(decode_plainly(text), None);
            assert_on_one_line(&error);
        }
    }
}

/// The parts between plus signs; behind each sign stand two digits.
fn decode_plainly(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    for (index, part) in text.split('+').enumerate() {
        let mut part = part.to_owned();
        if index > 0 {
            let digits = part.get(..2)?;
            if !digits.chars().all(|c| c.is_ascii_hexdigit()) {
                return None;
            }
            octets.push(u8::from_str_radix(digits, 16).unwrap());
            part = part.split_off(2);
        }
        if !part.chars().all(|c| c.is_ascii_graphic() && c != '=') {
            return None;
        }
        octets.extend(part.into_bytes());
    }
    Some(octets)
}
