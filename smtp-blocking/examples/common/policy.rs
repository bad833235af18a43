//! What a receiver decides.

use std::{
    io,
    net::IpAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use smtp_proto::{
    server::{Data, Date, Rcpt, Rejection, ReturnPath},
    types::{Domain, ForwardPath, Host},
};

use crate::terminal::note;

/// Whether to take mail for this recipient.
pub(crate) fn check(rcpt: &Rcpt<'_>, domains: &[Domain]) -> Result<(), Rejection> {
    let ForwardPath::Mailbox(mailbox) = rcpt.path() else {
        return Ok(()); // Postmaster
    };
    let is_ours = |domain| matches!(mailbox.host(), Host::Domain(host) if host == domain);
    if !domains.is_empty() && !domains.iter().any(is_ours) {
        return Err(Rejection::relaying_denied());
    }
    if mailbox.local_part().as_str() == "nobody" {
        return Err(Rejection::no_such_user());
    }
    Ok(())
}

/// The lines that go in front of a message that comes from `peer`, and will be
/// stored under this name.
pub(crate) fn trace(data: &Data<'_>, peer: IpAddr, name: &str) -> String {
    let received = data
        .received(Date::new(unix_seconds(), 0))
        .with_peer(peer)
        .with_id(name);
    let return_path = ReturnPath(data.envelope().reverse_path());
    format!("{return_path}{received}")
}

/// What the client hears when storing fails.
pub(crate) fn no_room(error: &io::Error) -> Rejection {
    note(format_args!("receive: {error}"));
    Rejection::insufficient_storage()
}

fn unix_seconds() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or_default()
}
