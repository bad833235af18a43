//! What must hold for addresses, paths, parameters and what else commands are made of.

pub mod plain;

use std::{fmt, str::FromStr};

use smtp_proto::types::{
    AddressLiteral, Argument, BodyType, Domain, EnhancedCode, ForwardPath, HelloName, Host,
    LocalPart, Mailbox, Parameter, Parameters, RawCommand, ReversePath,
};

use crate::values::{assert_canonical, assert_round_trip};

/// To try every cut of a longer text takes the plain grammar too long.
const LONGEST: usize = 700;

/// The input is one text, which is read as each of them:
///
/// - it is one of them, or not, and prints, as a plain reading of the grammar has it;
/// - what it prints as has no control character, parses to the same value, and prints
///   in the same form again;
/// - what it is not makes no value by any other way either.
pub fn paths(input: &[u8]) {
    let text = &*String::from_utf8_lossy(input);
    if text.len() <= LONGEST {
        by_the_grammar(text);
    }
    constructors(text);
    let _ = assert_canonical::<Mailbox>(text);
    let _ = assert_canonical::<ReversePath>(text);
    let _ = assert_canonical::<ForwardPath>(text);
    let _ = assert_canonical::<Parameters>(text);
}

fn by_the_grammar(text: &str) {
    same::<Domain>(text, plain::domain);
    same::<AddressLiteral>(text, plain::literal);
    same::<Host>(text, plain::host);
    same::<LocalPart>(text, plain::local_part);
    same::<Mailbox>(text, plain::mailbox);
    same::<ReversePath>(text, |text| plain::path_or_mailbox(text, "<>"));
    same::<ForwardPath>(text, |text| plain::path_or_mailbox(text, "<Postmaster>"));
    same::<Parameter>(text, plain::parameter);
    same::<Parameters>(text, plain::parameters);
    same::<EnhancedCode>(text, plain::enhanced_code);
    same::<HelloName>(text, plain::hello_name);
    same::<Argument>(text, plain::argument);
    same::<RawCommand>(text, plain::raw_command);
    same::<BodyType>(text, |text| {
        let text = text.to_ascii_uppercase();
        ["7BIT", "8BITMIME", "BINARYMIME"]
            .contains(&&*text)
            .then_some(text)
    });
}

fn same<T>(text: &str, plain: impl Fn(&str) -> Option<String>)
where
    T: FromStr<Err: fmt::Debug + fmt::Display> + fmt::Display + fmt::Debug + PartialEq,
{
    assert_eq!(assert_canonical::<T>(text), plain(text), "{text:?}");
}

/// Values of text without its quotes, and put together out of others.
fn constructors(text: &str) {
    let local_part = LocalPart::new(text);
    let fits = (1..=Mailbox::MAX_LEN).contains(&text.len()) && plain::is_text(text);
    assert_eq!(local_part.is_ok(), fits, "{text:?}");
    if let Ok(local_part) = local_part {
        assert_eq!(local_part.as_str(), text);
        assert_eq!(local_part.is_ascii(), text.is_ascii());
        let printed = assert_round_trip(&local_part);
        assert_eq!(printed, plain::quoted(text));
        for host in ["x.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
            let mailbox = Mailbox::new(local_part.clone(), host.parse().unwrap());
            let length = printed.len() + 1 + host.len();
            assert_eq!(mailbox.is_ok(), length <= Mailbox::MAX_LEN);
            if let Ok(mailbox) = mailbox {
                assert_mailbox(&mailbox);
                assert_eq!(mailbox.local_part().as_str(), text);
                assert_eq!(mailbox.host().to_string(), host);
            }
        }
    }
    if let Ok(mailbox) = text.parse() {
        assert_mailbox(&mailbox);
    }
    let (keyword, value) = match text.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (text, None),
    };
    for (keyword, value) in [(keyword, value), (text, Some(text)), ("X", Some(text))] {
        let parameter = Parameter::new(keyword, value);
        let fits = plain::is_keyword(keyword) && value.is_none_or(plain::is_value);
        assert_eq!(parameter.is_ok(), fits, "{keyword:?}={value:?}");
        if let Ok(parameter) = parameter {
            assert_round_trip(&parameter);
            assert_eq!((parameter.keyword(), parameter.value()), (keyword, value));
        }
    }
    if let Ok(parameters) = text.parse() {
        assert_parameters(&parameters);
    }
}

/// A mailbox is a path, in brackets and without; a route in front changes nothing;
/// and quoting that is not needed does not either.
pub fn assert_mailbox(mailbox: &Mailbox) {
    let printed = assert_round_trip(mailbox);
    let reverse_path = ReversePath::from(mailbox.clone());
    let forward_path = ForwardPath::from(mailbox.clone());
    assert_round_trip(&reverse_path);
    assert_round_trip(&forward_path);
    assert_eq!(reverse_path.mailbox(), Some(mailbox));
    assert_eq!(forward_path.mailbox(), Some(mailbox));
    assert_eq!(mailbox.is_ascii(), printed.is_ascii());
    for around in [
        printed.clone(),
        format!("<{printed}>"),
        format!("<@relay.example,@[192.0.2.1]:{printed}>"),
    ] {
        assert_eq!(around.parse(), Ok(reverse_path.clone()), "{around:?}");
        assert_eq!(around.parse(), Ok(forward_path.clone()), "{around:?}");
    }
    assert_quoted(mailbox.local_part());
}

/// Quoting that is not needed changes nothing.
pub fn assert_quoted(local_part: &LocalPart) {
    let ascii = |c: char| c.is_ascii().then_some('\\').into_iter().chain([c]);
    let all_quoted: String = local_part.as_str().chars().flat_map(ascii).collect();
    assert_eq!(
        format!("\"{all_quoted}\"").parse().as_ref(),
        Ok(local_part),
        "{all_quoted:?}"
    );
}

/// Each is found by its keyword in any case, and none can be put in again.
pub fn assert_parameters(parameters: &Parameters) {
    assert_round_trip(parameters);
    assert_eq!(parameters.is_empty(), parameters.iter().next().is_none());
    let mut again = Parameters::new();
    for parameter in parameters.iter() {
        assert_round_trip(parameter);
        again.push(parameter.clone()).unwrap();
        let lower = parameter.keyword().to_ascii_lowercase();
        assert_eq!(parameters.get(&lower), Some(parameter));
        assert!(again.push(Parameter::new(&lower, None).unwrap()).is_err());
    }
    assert_eq!(&again, parameters);
    let digits = |value: &str| {
        let fits = (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| value.parse().unwrap_or(u64::MAX))
    };
    let size = parameters.get("size").map(Parameter::value);
    let expected = size.map(|value| value.and_then(digits));
    match parameters.size() {
        Ok(size) => assert_eq!(size.map(Some), expected),
        Err(_) => assert_eq!(expected, Some(None)),
    }
    let body = parameters.get("body").map(Parameter::value);
    let expected = body.map(|value| value.and_then(|value| value.parse::<BodyType>().ok()));
    match parameters.body() {
        Ok(body) => assert_eq!(body.map(Some), expected),
        Err(_) => assert_eq!(expected, Some(None)),
    }
}
