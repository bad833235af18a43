//! What must hold for every value that prints and parses.

use std::{fmt, str::FromStr};

use crate::pieces::assert_on_one_line;

/// `value` prints to something harmless that parses to `value`.
pub fn assert_round_trip<T>(value: &T) -> String
where
    T: FromStr<Err: fmt::Debug> + fmt::Display + fmt::Debug + PartialEq,
{
    let printed = assert_on_one_line(value);
    assert_eq!(&printed.parse::<T>().unwrap(), value, "{printed:?}");
    printed
}

/// Whatever `text` is, parsing it does not panic, and its result, if there is one,
/// survives being printed, in one form. Returns that form.
pub fn assert_canonical<T>(text: &str) -> Option<String>
where
    T: FromStr<Err: fmt::Debug + fmt::Display> + fmt::Display + fmt::Debug + PartialEq,
{
    match text.parse::<T>() {
        Ok(value) => {
            let printed = assert_round_trip(&value);
            assert_eq!(printed.parse::<T>().unwrap().to_string(), printed);
            Some(printed)
        }
        Err(error) => {
            assert_on_one_line(&error);
            None
        }
    }
}
