//! A message to show.

use std::io;

use mail_builder::MessageBuilder;

/// A message with everything that people put into one.
pub(crate) fn message() -> io::Result<Vec<u8>> {
    MessageBuilder::new()
        .from(("Alice", "alice@example.org"))
        .to(("Bob Kovačič", "bob@example.net"))
        .reply_to("replies@example.org")
        .subject("Lepo pozdravljen, KOVAČIČ ✉")
        .text_body("Hello.\n.\nThe line above is a single dot.\n")
        .html_body("<p>Hello.</p>\n<p>And this is <b>HTML</b>.</p>\n")
        .attachment("text/plain", "načrt.txt", "The plan: to be sent.\n")
        .write_to_vec()
}
