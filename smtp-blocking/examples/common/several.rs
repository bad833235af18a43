//! Several messages over one connection.

use bytes::Bytes;
use smtp_proto::{client::Transaction, types::ForwardPath};

use crate::send_options::Options;

/// A message by its number, from 1 on, and its recipients.
pub(crate) type Name<'a> = (usize, &'a [ForwardPath]);

/// What is to be sent, in this order.
pub(crate) fn messages<'a>(
    options: &'a Options,
    contents: &'a [Bytes],
) -> impl Iterator<Item = (Name<'a>, Transaction)> {
    let at_once = if options.each { 1 } else { options.to.len() };
    (0..options.count)
        .flat_map(move |_| contents)
        .flat_map(move |content| options.to.chunks(at_once).map(move |to| (to, content)))
        .zip(1..)
        .map(|((to, content), number)| {
            let transaction = options.transaction(to).content(content.clone());
            ((number, to), transaction)
        })
}
