//! The values of options.

use std::{ffi::OsString, fmt, fs, path::Path};

/// The value of an option.
pub(crate) fn parsed<T, E: fmt::Display>(
    option: &str,
    value: Option<OsString>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    let value = required(option, value)?;
    let wrong = |error: &dyn fmt::Display| format!("{option} '{}': {error}", value.display());
    let text = value.to_str().ok_or_else(|| wrong(&"not UTF-8"))?;
    parse(text).map_err(|error| wrong(&error))
}

/// The value of an option, as it is.
pub(crate) fn required(option: &str, value: Option<OsString>) -> Result<OsString, String> {
    value.ok_or_else(|| format!("{option} needs a value"))
}

/// A file that an option names.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| about(path, &error))
}

/// The text of such a file.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    String::from_utf8(read(path)?).map_err(|error| about(path, &error))
}

/// What is wrong with it.
pub(crate) fn about(path: &Path, error: &dyn fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
