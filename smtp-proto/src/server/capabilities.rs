//! What the reply to EHLO says.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::dialogue::Dialogue;
use crate::{sasl::ServerMechanism, types::Capability};

impl Dialogue {
    /// What the reply to EHLO lists, which is exactly what is accepted.
    fn capabilities(&self) -> Vec<Capability> {
        let config = &self.config;
        let names = |mechanism: ServerMechanism| mechanism.name().to_string();
        let mechanisms: Vec<String> = self.offered_mechanisms().map(names).collect();
        let legacy = config.authentication.as_ref();
        let legacy = legacy.is_some_and(|offered| offered.legacy_list);
        let old_form = Capability::Other {
            keyword: format!("AUTH={}", mechanisms.join(" ")),
            parameters: String::new(),
        };
        [
            (config.pipelining, Capability::Pipelining),
            (
                true,
                Capability::Size(Some(config.max_message_size.unwrap_or(0))),
            ),
            (config.offers_eight_bit(), Capability::EightBitMime),
            (config.smtputf8, Capability::SmtpUtf8),
            (config.chunking, Capability::Chunking),
            (config.offers_binary(), Capability::BinaryMime),
            (true, Capability::EnhancedStatusCodes),
            (self.starttls_refusal().is_none(), Capability::StartTls),
            (legacy && !mechanisms.is_empty(), old_form),
            (!mechanisms.is_empty(), Capability::Auth(mechanisms)),
            (config.ask_verify, Capability::Vrfy),
            (config.ask_expand, Capability::Expn),
            (true, Capability::Help),
        ]
        .into_iter()
        .filter_map(|(offered, capability)| offered.then_some(capability))
        .collect()
    }

    /// The host and the lines of [`capabilities`](Self::capabilities).
    pub(super) fn hello_text(&self) -> String {
        let mut text = self.config.host.to_string();
        for capability in self.capabilities() {
            text.push('\n');
            text.push_str(&capability.to_string());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        TlsInfo, TlsPolicy,
        sasl::Nonces,
        server::{Authentication, Config},
    };

    fn config() -> Config {
        Config::new("mx.example.net".parse().unwrap()).unwrap()
    }

    fn listed(config: Config) -> String {
        Dialogue::new(config).hello_text()
    }

    #[test]
    fn s_030_s_040_what_is_listed() {
        assert_eq!(
            listed(config()),
            "mx.example.net\nPIPELINING\nSIZE 26214400\n8BITMIME\nCHUNKING\nENHANCEDSTATUSCODES\nHELP"
        );
        let least = config()
            .pipelining(false)
            .eight_bit_mime(false)
            .chunking(false)
            .max_message_size(None);
        assert_eq!(
            listed(least),
            "mx.example.net\nSIZE 0\nENHANCEDSTATUSCODES\nHELP"
        );
    }

    #[test]
    fn s_038_smtputf8_brings_8bitmime() {
        let text = listed(config().eight_bit_mime(false).smtputf8(true));
        assert!(text.contains("\n8BITMIME\nSMTPUTF8\n"), "{text}");
    }

    #[test]
    fn s_039_binarymime_takes_chunking_and_brings_8bitmime() {
        let binary = || config().eight_bit_mime(false).binary_mime(true);
        let text = listed(binary());
        assert!(
            text.contains("\n8BITMIME\nCHUNKING\nBINARYMIME\n"),
            "{text}"
        );
        let text = listed(binary().chunking(false));
        assert!(!text.contains("CHUNKING"), "{text}");
        assert!(!text.contains("MIME"), "{text}");
    }

    #[test]
    fn s_037_starttls_is_listed_where_it_can_be_used() {
        for (policy, secured, expected) in [
            (TlsPolicy::None, false, false),
            (TlsPolicy::Opportunistic, false, true),
            (TlsPolicy::Opportunistic, true, false),
            (TlsPolicy::Required, false, true),
            (TlsPolicy::Required, true, false),
            (TlsPolicy::Implicit, true, false),
        ] {
            let mut dialogue = Dialogue::new(config().tls(policy));
            if secured {
                dialogue.secure(TlsInfo::new());
            }
            let text = dialogue.hello_text();
            assert_eq!(text.contains("\nSTARTTLS\n"), expected, "{text}");
        }
    }

    /// The lines about AUTH.
    fn mechanisms(offer: Authentication, tls: Option<TlsInfo>, seed: bool) -> Vec<String> {
        let mut dialogue = Dialogue::new(config().authentication(offer));
        dialogue.tls = tls;
        dialogue.nonces = seed.then(|| Nonces::new([7; 32]));
        let text = dialogue.hello_text();
        let lines = text.lines().filter(|line| line.starts_with("AUTH"));
        lines.map(ToString::to_string).collect()
    }

    #[test]
    fn s_041_mechanisms_are_listed_where_they_can_be_used() {
        let none: [&str; 0] = [];
        let own = Authentication::new;
        assert_eq!(mechanisms(own(), None, false), none);
        let plain = TlsInfo::new();
        assert_eq!(
            mechanisms(own(), Some(plain.clone()), false),
            ["AUTH PLAIN LOGIN"]
        );
        let clear = own().secrets_in_clear(true);
        assert_eq!(mechanisms(clear, None, false), ["AUTH PLAIN LOGIN"]);
        let all = || own().mechanisms(ServerMechanism::ALL);
        assert_eq!(
            mechanisms(all(), Some(plain.client_certificate(*b"der")), false),
            ["AUTH EXTERNAL OAUTHBEARER XOAUTH2 PLAIN LOGIN"]
        );
    }

    #[cfg(feature = "digest")]
    #[test]
    fn s_041_mechanisms_with_digests_need_a_seed_and_a_binding() {
        let own = Authentication::new;
        assert_eq!(
            mechanisms(own(), None, true),
            ["AUTH SCRAM-SHA-256 SCRAM-SHA-1"]
        );
        let tls = TlsInfo::new();
        assert_eq!(
            mechanisms(own(), Some(tls.clone()), true),
            ["AUTH SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"]
        );
        assert_eq!(
            mechanisms(own(), Some(tls.exporter([1; 32])), true),
            ["AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN"]
        );
    }

    #[test]
    fn s_042_the_old_form_is_listed_too_on_request() {
        let tls = Some(TlsInfo::new());
        assert_eq!(
            mechanisms(Authentication::new().legacy_list(true), tls, false),
            ["AUTH=PLAIN LOGIN", "AUTH PLAIN LOGIN"]
        );
    }
}
