//! Trace fields (RFC 5321 section 4.4), and the dates in them (RFC 5322 section
//! 3.3).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, net::IpAddr};

use super::envelope::Envelope;
use crate::{
    TlsInfo,
    types::{AddressLiteral, HelloName, Host, Mailbox, ReversePath},
};

/// The longest line that a header should have, without its CRLF (RFC 5322
/// section 2.1.1).
const LINE: usize = 78;

/// The `Received:` field that a server puts in front of every message it
/// accepts, so that the way of the message can be followed, and loops be found.
///
/// Prints as header lines, each with its CRLF. Made by
/// [`Data::received`](super::Data::received) and its like, since most of it is
/// what the session knows:
///
/// ```text
/// Received: from client.example.org ([192.0.2.9]) by mx.example.net with ESMTP
///  id 7Q1 for <bob@example.net>; Sun, 22 Nov 2026 09:05:00 +0200
/// ```
///
/// What the client calls itself stands behind `from` if it is a name or an
/// address literal, and in a comment, made harmless, if it is anything else. The
/// recipient is named only if there is just one, so that a blind copy stays one
/// (RFC 5321 section 7.2).
#[derive(Clone, Debug)]
pub struct Received<'a> {
    by: &'a Host,
    hello: Option<(&'a HelloName, bool)>,
    envelope: Option<&'a Envelope>,
    tls: Option<&'a TlsInfo>,
    authenticated: bool,
    date: Date,
    peer: Option<IpAddr>,
    id: Option<String>,
}

impl<'a> Received<'a> {
    pub(super) const fn new(
        by: &'a Host,
        hello: Option<(&'a HelloName, bool)>,
        envelope: Option<&'a Envelope>,
        tls: Option<&'a TlsInfo>,
        authenticated: bool,
        date: Date,
    ) -> Self {
        Self {
            by,
            hello,
            envelope,
            tls,
            authenticated,
            date,
            peer: None,
            id: None,
        }
    }

    /// Adds the address that the connection came from: the one thing about the
    /// client that is known and not claimed.
    #[must_use]
    pub fn with_peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Adds what the message is called here. Only letters, digits, hyphens, dots
    /// and underscores are kept of it.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let id: String = id.chars().filter(kept).collect();
        self.id = (!id.is_empty()).then_some(id);
        self
    }

    fn source(&self) -> Vec<String> {
        let peer = self.peer.map(AddressLiteral::from);
        let name = self.hello.map(|(name, _)| name);
        let host = name.and_then(HelloName::host).filter(Host::is_ascii);
        let mut words = Vec::new();
        match (&host, &peer) {
            (Some(host), Some(peer)) => words.push(format!("from {host} ({peer})")),
            (Some(host), None) => words.push(format!("from {host}")),
            (None, Some(peer)) => words.push(format!("from {peer}")),
            (None, None) => words.push(String::from("from unknown")),
        }
        if let (None, Some(name)) = (host, name) {
            words.push(format!("(hello {})", harmless(name.as_str())));
        }
        words
    }

    /// The transmission type (RFC 3848, RFC 6531 section 4.3). Behind HELO there
    /// is but one.
    fn protocol(&self) -> String {
        let base = match (self.hello, self.envelope) {
            (_, Some(envelope)) if envelope.is_smtputf8() => "UTF8SMTP",
            (Some((_, true)), _) => "ESMTP",
            _ => return String::from("SMTP"),
        };
        let secured = if self.tls.is_some() { "S" } else { "" };
        let authenticated = if self.authenticated { "A" } else { "" };
        format!("{base}{secured}{authenticated}")
    }

    /// The name of the cipher suite, if it is one of the registry (RFC 8314
    /// section 4.3).
    fn cipher_suite(&self) -> Option<&str> {
        let name = self.tls?.cipher_suite_name();
        let registered = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        (name.starts_with("TLS_") && name.bytes().all(registered)).then_some(name)
    }

    /// The recipient, if it is one alone.
    fn recipient(&self) -> Option<&Mailbox> {
        match self.envelope?.recipients() {
            [only] => only.path().mailbox(),
            _ => None,
        }
    }
}

impl fmt::Display for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.source();
        words.push(format!("by {}", self.by));
        words.push(format!("with {}", self.protocol()));
        words.extend(self.id.as_ref().map(|id| format!("id {id}")));
        words.extend(self.recipient().map(|path| format!("for <{path}>")));
        words.extend(self.cipher_suite().map(|name| format!("tls {name}")));
        if let Some(last) = words.last_mut() {
            last.push(';');
        }
        words.push(self.date.to_string());
        fold(f, "Received:", &words)
    }
}

/// What can stand in a comment without ending it or beginning another.
fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '(' | ')' | '\\' => '?',
            '!'..='~' => c,
            _ => '?',
        })
        .collect()
}

/// Writes a header field, a line break between two words wherever a line would
/// become too long.
fn fold(f: &mut fmt::Formatter<'_>, name: &str, words: &[String]) -> fmt::Result {
    f.write_str(name)?;
    let mut column = name.len();
    for word in words {
        if column + 1 + word.len() > LINE && column > name.len() {
            f.write_str("\r\n")?;
            column = 0;
        }
        write!(f, " {word}")?;
        column += 1 + word.len();
    }
    f.write_str("\r\n")
}

/// The `Return-Path:` field that final delivery puts in front of everything
/// else; one alone, and none if the message goes on by SMTP (RFC 5321 section
/// 4.4).
///
/// ```
/// use smtp_proto::{server::ReturnPath, types::ReversePath};
///
/// let sender: ReversePath = "<alice@example.org>".parse()?;
/// assert_eq!(ReturnPath(&sender).to_string(), "Return-Path: <alice@example.org>\r\n");
/// assert_eq!(ReturnPath(&ReversePath::Null).to_string(), "Return-Path: <>\r\n");
/// # Ok::<(), smtp_proto::types::AddressError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReturnPath<'a>(pub &'a ReversePath);

impl fmt::Display for ReturnPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Return-Path: {}\r\n", self.0)
    }
}

/// A point in the calendar, with the zone in which it is told.
///
/// ```
/// use smtp_proto::server::Date;
///
/// let date = Date::new(1_795_331_100, 120);
/// assert_eq!(date.to_string(), "Sun, 22 Nov 2026 09:05:00 +0200");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Seconds since the start of 1970 as the clock on the wall shows them.
    local: i64,
    offset_minutes: i16,
}

impl Date {
    const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
    /// 1 January 1900, the first day that RFC 5322 can name.
    const FIRST: i64 = -25_567 * Self::SECONDS_PER_DAY;
    /// The last second of the year 9999.
    const LAST: i64 = 2_932_897 * Self::SECONDS_PER_DAY - 1;

    /// The time `seconds` after the start of 1970 in UTC, told in a zone that is
    /// `offset_minutes` ahead of UTC. Leap seconds are not counted, as in Unix
    /// time. What lies outside of the years 1900 to 9999, or of a day in the
    /// offset, is moved to the limit.
    #[must_use]
    pub fn new(seconds: i64, offset_minutes: i16) -> Self {
        let offset_minutes = offset_minutes.clamp(-1439, 1439);
        let local = seconds.saturating_add(i64::from(offset_minutes) * 60);
        Self {
            local: local.clamp(Self::FIRST, Self::LAST),
            offset_minutes,
        }
    }

    /// Year, month (from 0) and day of the month (from 1): days counted in eras
    /// of 400 years that begin on 1 March, so that the leap day is the last of
    /// its year.
    fn civil(self) -> (i64, i64, i64) {
        const DAYS_PER_ERA: i64 = 146_097;
        const DAYS_FROM_YEAR_0_TO_1970: i64 = 719_468;
        let days = self.local.div_euclid(Self::SECONDS_PER_DAY) + DAYS_FROM_YEAR_0_TO_1970;
        let era = days.div_euclid(DAYS_PER_ERA);
        let day = days.rem_euclid(DAYS_PER_ERA);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        // Months from March on have 31, 30, 31, 30, 31 days, over and over.
        let month = (5 * day_of_year + 2) / 153;
        let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
        let year = era * 400 + year + i64::from(month >= 10);
        (year, (month + 2) % 12, day_of_month)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The start of 1970 was a Thursday.
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let name = |names: &[&'static str], index: i64| {
            let index = usize::try_from(index).ok();
            index
                .and_then(|index| names.get(index).copied())
                .unwrap_or_default()
        };
        let (year, month, day) = self.civil();
        let weekday = self.local.div_euclid(Self::SECONDS_PER_DAY).rem_euclid(7);
        let second = self.local.rem_euclid(Self::SECONDS_PER_DAY);
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = self.offset_minutes.unsigned_abs();
        write!(
            f,
            "{}, {day} {} {year:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
            name(&DAYS, weekday),
            name(&MONTHS, month),
            second / 3600,
            second / 60 % 60,
            second % 60,
            offset / 60,
            offset % 60,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{server::envelope::Recipient, types::Parameters};

    const NOON: i64 = 1_795_331_100;

    fn envelope(recipients: &[&str], parameters: &str) -> Envelope {
        let mut envelope = Envelope::new(ReversePath::Null, parameters.parse().unwrap());
        for path in recipients {
            envelope.recipients.push(Recipient {
                path: path.parse().unwrap(),
                parameters: Parameters::new(),
            });
        }
        envelope
    }

    fn printed(name: &str, extended: bool, envelope: &Envelope) -> String {
        printed_with(name, extended, envelope, None, false)
    }

    fn printed_with(
        name: &str,
        extended: bool,
        envelope: &Envelope,
        tls: Option<&TlsInfo>,
        authenticated: bool,
    ) -> String {
        let by = "mx.example.net".parse().unwrap();
        let name = HelloName::new(name).unwrap();
        Received::new(
            &by,
            Some((&name, extended)),
            Some(envelope),
            tls,
            authenticated,
            Date::new(NOON, 120),
        )
        .with_peer("192.0.2.9".parse().unwrap())
        .with_id("7Q1")
        .to_string()
    }

    #[test]
    fn s_161_s_162_one_recipient_is_named() {
        assert_eq!(
            printed(
                "client.example.org",
                true,
                &envelope(&["<bob@example.net>"], "")
            ),
            "Received: from client.example.org ([192.0.2.9]) by mx.example.net with ESMTP\r\n \
             id 7Q1 for <bob@example.net>; Sun, 22 Nov 2026 09:05:00 +0200\r\n"
        );
        let two = envelope(&["<bob@example.net>", "<carol@example.net>"], "");
        assert!(!printed("a", true, &two).contains("for"));
    }

    #[test]
    fn s_164_the_transmission_type() {
        let plain = envelope(&[], "");
        assert!(printed("a", true, &plain).contains(" with ESMTP"));
        assert!(printed("a", false, &plain).contains(" with SMTP"));
        let utf8 = envelope(&["<ü@example.net>"], "SMTPUTF8");
        let text = printed("a", true, &utf8);
        assert!(text.contains(" with UTF8SMTP") && text.contains("for <ü@example.net>;"));
    }

    #[test]
    fn s_164_s_165_inside_tls_and_authenticated() {
        let tls = TlsInfo::new().cipher_suite("TLS_AES_128_GCM_SHA256");
        let one = envelope(&["<bob@example.net>"], "");
        assert_eq!(
            printed_with("client.example.org", true, &one, Some(&tls), false),
            "Received: from client.example.org ([192.0.2.9]) by mx.example.net with ESMTPS\r\n \
             id 7Q1 for <bob@example.net> tls TLS_AES_128_GCM_SHA256;\r\n \
             Sun, 22 Nov 2026 09:05:00 +0200\r\n"
        );
        let utf8 = envelope(&[], "SMTPUTF8");
        assert!(printed_with("a", true, &utf8, Some(&tls), false).contains(" with UTF8SMTPS id"));
        assert!(printed_with("a", false, &one, Some(&tls), true).contains(" with SMTP id"));
        assert!(printed_with("a", true, &one, Some(&tls), true).contains(" with ESMTPSA id"));
        assert!(printed_with("a", true, &one, None, true).contains(" with ESMTPA id"));
        assert!(printed_with("a", true, &utf8, Some(&tls), true).contains(" with UTF8SMTPSA"));
        let odd = TlsInfo::new().cipher_suite("TLS_A; (b)");
        assert!(!printed_with("a", true, &one, Some(&odd), false).contains("tls"));
    }

    #[test]
    fn s_167_what_the_client_calls_itself_is_made_harmless() {
        let text = printed("a(b\\)", true, &envelope(&[], ""));
        assert!(text.contains("from [192.0.2.9] (hello a?b??) by"), "{text}");
        let text = printed(&"(".repeat(255), true, &envelope(&[], ""));
        assert!(text.split("\r\n").all(|line| line.len() < 998));
        let by = "mx.example.net".parse().unwrap();
        let nobody =
            Received::new(&by, None, None, None, false, Date::new(0, 0)).with_id("\r\nBcc: x ()");
        assert_eq!(
            nobody.to_string(),
            "Received: from unknown by mx.example.net with SMTP id Bccx;\r\n \
             Thu, 1 Jan 1970 00:00:00 +0000\r\n"
        );
    }

    #[test]
    fn lines_are_folded_where_they_can_be() {
        let long = format!("<{}@example.net>", "b".repeat(50));
        let text = printed("client.example.org", true, &envelope(&[&long], ""));
        for line in text.trim_end().split("\r\n") {
            assert!(line.len() <= LINE, "{line}");
        }
        assert!(text.matches("\r\n").count() == text.matches('\n').count());
    }

    #[test]
    fn lines_are_as_long_as_they_may_be_and_no_longer() {
        let words = |lengths: &[usize]| -> Vec<String> {
            lengths.iter().map(|length| "x".repeat(*length)).collect()
        };
        struct Folded(Vec<String>);
        impl fmt::Display for Folded {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fold(f, "Received:", &self.0)
            }
        }
        for (lengths, lines) in [
            (&[30, 37][..], &[78][..]),
            (&[30, 38], &[40, 39]),
            (&[30, 38, 38], &[40, 78]),
            (&[30, 38, 39], &[40, 39, 40]),
            // A word that fits nowhere is not left to a line of the name alone.
            (&[100, 1], &[110, 2]),
            (&[1, 100, 1], &[11, 101, 2]),
        ] {
            let text = Folded(words(lengths)).to_string();
            let found: Vec<usize> = text.trim_end().split("\r\n").map(str::len).collect();
            assert_eq!(found, lines, "{lengths:?}");
        }
    }

    #[test]
    fn s_163_dates() {
        for (seconds, offset, expected) in [
            (0, 0, "Thu, 1 Jan 1970 00:00:00 +0000"),
            (-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000"),
            (951_782_400, 0, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (951_868_800, 0, "Wed, 1 Mar 2000 00:00:00 +0000"),
            (1_709_164_800, 0, "Thu, 29 Feb 2024 00:00:00 +0000"),
            (1_709_164_800, -1, "Wed, 28 Feb 2024 23:59:00 -0001"),
            (4_107_456_000, 0, "Sun, 28 Feb 2100 00:00:00 +0000"),
            (4_107_542_400, 0, "Mon, 1 Mar 2100 00:00:00 +0000"),
            (1_735_689_599, 345, "Wed, 1 Jan 2025 05:44:59 +0545"),
            (i64::MAX, 0, "Fri, 31 Dec 9999 23:59:59 +0000"),
            (i64::MIN, i16::MIN, "Mon, 1 Jan 1900 00:00:00 -2359"),
        ] {
            assert_eq!(Date::new(seconds, offset).to_string(), expected);
        }
    }

    #[test]
    fn every_day_is_the_one_after_the_day_before() {
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (mut year, mut month, mut day) = (1900, 0, 1);
        for index in -25_567..200_000 {
            let date = Date::new(index * Date::SECONDS_PER_DAY, 0);
            assert_eq!(date.civil(), (year, month, day), "{index}");
            let length = match month {
                1 => 28 + i64::from(leap(year)),
                3 | 5 | 8 | 10 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month == 12 {
                (year, month) = (year + 1, 0);
            }
        }
    }
}
