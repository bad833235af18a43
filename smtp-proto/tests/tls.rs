//! Trust, facts and failures of TLS: handshakes in memory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails may panic"
)]

mod pki;

use std::sync::Arc;

use pki::{Ca, Identity};
use rustls::{ClientConnection, Connection, ServerConfig, ServerConnection};
use smtp_proto::{
    TlsFailure, TlsInfo,
    tls::{ClientSide, ClientTls, ServerSide, ServerTls, TlsError, certificate_names, rustls},
};

fn server(identity: &Identity) -> ServerTls {
    ServerTls::from_pem(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap()
}

fn trusting(ca: &Ca) -> ClientTls {
    ClientTls::with_ca_pem(ca.pem.as_bytes()).unwrap()
}

/// Passes octets on, so many at a time, until nobody has any more.
fn talk(
    client: &mut Connection,
    server: &mut Connection,
    most: usize,
) -> Result<(), (TlsFailure, &'static str)> {
    loop {
        let mut moved = false;
        let mut pass = |from: &mut Connection, to: &mut Connection, who| {
            let mut octets = Vec::new();
            while from.wants_write() {
                from.write_tls(&mut octets).unwrap();
            }
            for mut piece in octets.chunks(most) {
                moved = true;
                while !piece.is_empty() {
                    to.read_tls(&mut piece).unwrap();
                    to.process_new_packets()
                        .map_err(|error| (TlsFailure::from(&error), who))?;
                }
            }
            Ok(())
        };
        pass(client, server, "server")?;
        pass(server, client, "client")?;
        if !moved {
            return Ok(());
        }
    }
}

fn both(
    client: &ClientTls,
    server: &ServerTls,
    host: &str,
) -> Result<(TlsInfo, TlsInfo), (TlsFailure, &'static str)> {
    let mut infos = Vec::new();
    for most in [usize::MAX, 1] {
        let mut ours: Connection = client.connection(host).unwrap().into();
        let mut theirs: Connection = server.connection().unwrap().into();
        talk(&mut ours, &mut theirs, most)?;
        assert!(!ours.is_handshaking() && !theirs.is_handshaking());
        let (Connection::Client(ours), Connection::Server(theirs)) = (&ours, &theirs) else {
            panic!("no longer what they were");
        };
        infos.push((client.info(ours), server.info(theirs)));
    }
    Ok(infos.swap_remove(0))
}

fn refusal(client: &ClientTls, server: &ServerTls, host: &str) -> TlsFailure {
    let (failure, who) = both(client, server, host).unwrap_err();
    assert_eq!(who, "client", "{failure}");
    assert!(failure.is_of_the_certificate());
    failure
}

#[test]
fn c_206_both_sides_know_the_same_facts() {
    let ca = Ca::new("ca");
    let identity = ca.issue(&["mx.example.net"]);
    let (ours, theirs) = both(&trusting(&ca), &server(&identity), "mx.example.net").unwrap();
    // Version, cipher suite, exporter, certificate of the server.
    assert_eq!(ours, theirs);
    assert_eq!(ours.to_string(), "TLSv1.3 TLS_AES_256_GCM_SHA384");
    let minimal = TlsInfo::new()
        .version("TLSv1.3")
        .cipher_suite("TLS_AES_256_GCM_SHA384")
        .server_certificate(identity.der);
    assert_ne!(ours, minimal, "the exporter is missing");
    // Another connection has another exporter.
    let identity = ca.issue(&["mx.example.net"]);
    let (other, _) = both(&trusting(&ca), &server(&identity), "mx.example.net").unwrap();
    assert_ne!(ours, other);
}

#[test]
fn c_206_there_is_no_exporter_before_tls_1_3() {
    let ca = Ca::new("ca");
    let identity = ca.issue(&["mx.example.net"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&server(&identity).config().cert_resolver));
    let server = ServerTls::from_config(Arc::new(config));
    let (ours, theirs) = both(&trusting(&ca), &server, "mx.example.net").unwrap();
    let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    let known = TlsInfo::new().version("TLSv1.2").cipher_suite(suite);
    // Which certificate a configuration of another's sent is not known.
    assert_eq!(theirs, known);
    assert_eq!(ours, known.server_certificate(identity.der));
}

#[test]
fn c_183_the_name_is_that_which_was_asked_for() {
    let ca = Ca::new("ca");
    let names = [
        "mx.example.net",
        "*.example.org",
        "192.0.2.1",
        "2001:db8::1",
    ];
    let server = server(&ca.issue(&names));
    let client = trusting(&ca);
    for host in [
        "mx.example.net",
        "mx.example.net.",
        "MX.Example.NET",
        "mail.example.org",
        "192.0.2.1",
        "[192.0.2.1]",
        "2001:db8::1",
        "[2001:db8::1]",
        "2001:db8:0::1",
    ] {
        both(&client, &server, host).unwrap();
    }
    for (host, asked) in [
        ("example.net", "example.net"),
        ("xmx.example.net", "xmx.example.net"),
        // C-184: one label, and a whole one.
        ("example.org", "example.org"),
        ("a.b.example.org", "a.b.example.org"),
        ("192.0.2.2", "192.0.2.2"),
        ("[2001:db8::2]", "2001:db8::2"),
    ] {
        let TlsFailure::NameMismatch {
            asked: name,
            presented,
        } = refusal(&client, &server, host)
        else {
            panic!("{host}");
        };
        assert_eq!(name, asked);
        assert_eq!(presented[..3], names[..3]);
    }
    let text = refusal(&client, &server, "example.net").to_string();
    let start = "the certificate is for another name: asked for example.net, it is for \
                 mx.example.net, *.example.org, 192.0.2.1";
    assert!(text.starts_with(start), "{text}");

    let renamed = client.server_name("mx.example.net").unwrap();
    both(&renamed, &server, "localhost").unwrap();
    let renamed = trusting(&ca).server_name("example.net").unwrap();
    refusal(&renamed, &server, "mx.example.net");
}

#[test]
fn c_183_a_name_that_no_certificate_has() {
    let client = trusting(&Ca::new("ca"));
    let long = format!("{}.example", "a".repeat(64));
    for host in [
        "",
        ".",
        "..",
        "mx..example.net",
        "mx example.net",
        "bücher.example",
        "mx.example.net:25",
        "[::1",
        "::1]",
        "[mx.example.net]",
        "[]",
        "fe80::1%eth0",
        "-\0-",
        "user@example.net",
        &long,
    ] {
        let error = client.connection(host).unwrap_err();
        assert_eq!(error, TlsError::Name(host.to_owned()));
        assert!(trusting(&Ca::new("ca")).server_name(host).is_err());
    }
    assert!(client.connection("xn--bcher-kva.example").is_ok());
}

#[test]
fn m_each_kind_of_bad_certificate_is_told_from_the_others() {
    let ca = Ca::new("ca");
    let client = trusting(&ca);
    let of = |identity: &Identity| refusal(&client, &server(identity), "mx.example.net");
    let names = ["mx.example.net"];

    assert_eq!(of(&ca.expired(&names)), TlsFailure::Expired);
    assert_eq!(of(&ca.not_yet_valid(&names)), TlsFailure::NotValidYet);
    // An authority that has the name of another is not the other.
    for stranger in [Ca::new("somebody else"), Ca::new("ca")] {
        assert_eq!(of(&stranger.issue(&names)), TlsFailure::UnknownIssuer);
    }
    let stranger = Ca::new("somebody else");
    let own = Ca::signed_by_itself(&names, (2001, 3001));
    assert_eq!(of(&own), TlsFailure::SelfSigned);
    let mut texts: Vec<_> = [
        of(&ca.issue(&["mx.example.org"])),
        of(&ca.expired(&names)),
        of(&ca.not_yet_valid(&names)),
        of(&stranger.issue(&names)),
    ]
    .iter()
    .map(ToString::to_string)
    .collect();
    texts.dedup();
    assert_eq!(texts.len(), 4, "{texts:?}");
}

/// What `openssl req -x509` makes, given as that which is to be trusted.
#[test]
fn m_a_certificate_that_is_signed_by_itself_and_trusted() {
    let names = ["mx.example.net"];
    let pinned = |identity: &Identity| ClientTls::with_ca_pem(identity.chain.as_bytes()).unwrap();
    let own = Ca::signed_by_itself(&names, (2001, 3001));
    both(&pinned(&own), &server(&own), "mx.example.net").unwrap();

    // Everything else is checked all the same.
    let refused = |client: &Identity, host| refusal(&pinned(client), &server(&own), host);
    assert!(matches!(
        refused(&own, "mx.example.org"),
        TlsFailure::NameMismatch { .. }
    ));
    let another = Ca::signed_by_itself(&names, (2001, 3001));
    assert!(matches!(
        refused(&another, "mx.example.net"),
        TlsFailure::SelfSigned | TlsFailure::UnknownIssuer
    ));
    for (years, failure) in [
        ((2001, 2002), TlsFailure::Expired),
        ((3001, 3002), TlsFailure::NotValidYet),
    ] {
        let own = Ca::signed_by_itself(&names, years);
        assert_eq!(
            refusal(&pinned(&own), &server(&own), "mx.example.net"),
            failure
        );
    }
}

#[test]
fn m_the_names_of_a_stranger_are_bounded() {
    let ca = Ca::new("ca");
    let names: Vec<String> = (0..50).map(|n| format!("host{n}.example.net")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let failure = refusal(&trusting(&ca), &server(&ca.issue(&names)), "mx.example.net");
    let TlsFailure::NameMismatch { presented, .. } = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(presented, names[..8]);
}

#[test]
fn s_141_a_client_may_have_a_certificate() {
    let (ca, people) = (Ca::new("ca"), Ca::new("people"));
    let identity = ca.issue(&["mx.example.net"]);
    let open = server(&identity);
    let asking = server(&identity)
        .client_ca_pem(people.pem.as_bytes())
        .unwrap();
    let alice = people.person("alice@example.org", "Alice");
    let with = |identity: &Identity| {
        trusting(&ca)
            .client_certificate_pem(identity.chain.as_bytes(), identity.key.as_bytes())
            .unwrap()
    };
    let host = "mx.example.net";
    let certificate = |client: &ClientTls, server: &ServerTls| {
        let (ours, theirs) = both(client, server, host).unwrap();
        // A client does not tell itself who it is.
        assert_eq!(ours.verified_client_certificate(), None);
        theirs.verified_client_certificate().map(<[u8]>::to_vec)
    };
    assert_eq!(certificate(&with(&alice), &asking), Some(alice.der.clone()));
    assert_eq!(certificate(&trusting(&ca), &asking), None);
    // Not asked, a client does not say who it is.
    assert_eq!(certificate(&with(&alice), &open), None);

    let mallory = Ca::new("people of mallory").person("alice@example.org", "Alice");
    let (failure, who) = both(&with(&mallory), &asking, host).unwrap_err();
    assert_eq!((failure, who), (TlsFailure::UnknownIssuer, "server"));

    let own = ServerTls::from_config(Arc::clone(open.config()));
    let error = own.client_ca_pem(people.pem.as_bytes()).unwrap_err();
    assert_eq!(error, TlsError::OwnConfiguration);
}

#[test]
fn s_140_any_name_or_none_gets_the_certificate() {
    let ca = Ca::new("ca");
    let identity = ca.issue(&["mx.example.net"]);
    let server = server(&identity);
    // A client that asks for a name tells it to the server; it fails here, after
    // it was given the certificate.
    for host in ["unknown.example.net", "192.0.2.9"] {
        assert!(matches!(
            refusal(&trusting(&ca), &server, host),
            TlsFailure::NameMismatch { .. }
        ));
    }
    let mut config = trusting(&ca).config().as_ref().clone();
    config.enable_sni = false;
    let client = ClientTls::from_config(Arc::new(config));
    both(&client, &server, "mx.example.net").unwrap();
}

#[test]
fn c_187_tls_1_1_is_no_use() {
    let server = server(&Ca::new("ca").issue(&["mx.example.net"]));
    let mut server = server.connection().unwrap();
    // A client hello of TLS 1.1, with one cipher suite.
    let hello = [
        &[0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2][..],
        &[7; 32],
        &[0, 0, 2, 0xc0, 0x0a, 1, 0],
    ]
    .concat();
    server.read_tls(&mut &hello[..]).unwrap();
    let error = server.process_new_packets().unwrap_err();
    let failure = TlsFailure::from(&error);
    assert!(
        matches!(failure, TlsFailure::Incompatible(_)),
        "{failure:?}"
    );
    // It says so to the client, too.
    let mut alert = Vec::new();
    server.write_tls(&mut alert).unwrap();
    assert_eq!(alert[0], 0x15);
}

#[test]
fn c_010_what_is_not_tls() {
    let ca = Ca::new("ca");
    for octets in [
        "220 mx.example.net ESMTP\r\n",
        "EHLO client.example.org\r\n",
        "GET / HTTP/1.1\r\n",
    ] {
        let mut connections: [Connection; 2] = [
            trusting(&ca).connection("mx.example.net").unwrap().into(),
            server(&ca.issue(&["mx.example.net"]))
                .connection()
                .unwrap()
                .into(),
        ];
        for connection in &mut connections {
            connection.read_tls(&mut octets.as_bytes()).unwrap();
            let error = connection.process_new_packets().unwrap_err();
            assert_eq!(TlsFailure::from(&error), TlsFailure::NotTls);
            // As a stream passes it on.
            let error = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
            assert_eq!(TlsFailure::from(&error), TlsFailure::NotTls);
        }
    }
}

#[test]
fn m_an_alert_and_the_end_of_the_stream_have_names() {
    let ca = Ca::new("ca");
    let mut client: ClientConnection = trusting(&ca).connection("mx.example.net").unwrap();
    client
        .read_tls(&mut &[0x15, 3, 3, 0, 2, 2, 40][..])
        .unwrap();
    let error = client.process_new_packets().unwrap_err();
    let failure = TlsFailure::from(&error);
    assert_eq!(failure, TlsFailure::Alert("handshake failure".into()));
    for kind in [
        std::io::ErrorKind::UnexpectedEof,
        std::io::ErrorKind::ConnectionReset,
        std::io::ErrorKind::BrokenPipe,
    ] {
        let failure = TlsFailure::from(&std::io::Error::from(kind));
        assert_eq!(failure, TlsFailure::PeerClosed);
    }
}

#[test]
fn m_what_a_handshake_needs_is_checked_before_it() {
    let ca = Ca::new("ca");
    let (one, two) = (ca.issue(&["one.example"]), ca.issue(&["two.example"]));
    let secret = one.key.lines().nth(1).unwrap().to_owned();
    let cut = one.key[..60].to_owned();
    for (chain, key, expected) in [
        ("", &one.key, TlsError::NoCertificate),
        ("hello", &one.key, TlsError::NoCertificate),
        (&one.key, &one.key, TlsError::NoCertificate),
        (&one.chain[..100], &one.key, TlsError::NoCertificate),
        (&one.chain, &String::new(), TlsError::NoKey),
        (&one.chain, &one.chain, TlsError::NoKey),
        (&one.chain, &cut, TlsError::NoKey),
        (&one.chain, &two.key, TlsError::WrongKey),
    ] {
        let error = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err();
        assert_eq!(error, expected);
        assert!(!format!("{error:?} {error}").contains(&secret[..20]));
        let error = trusting(&ca)
            .client_certificate_pem(chain.as_bytes(), key.as_bytes())
            .unwrap_err();
        assert_eq!(error, expected);
    }
    assert_eq!(
        ClientTls::with_ca_pem(b"").unwrap_err(),
        TlsError::NoCertificate
    );
    let printed = format!("{:?} {:?}", server(&one), trusting(&ca));
    assert!(!printed.contains(&secret[..20]));
}

#[test]
fn m_the_roots_of_the_system_are_those_of_the_system() {
    match ClientTls::platform() {
        // Whoever is trusted, it is not this one.
        Ok(client) => {
            let ca = Ca::new("ca");
            let server = server(&ca.issue(&["mx.example.net"]));
            let failure = refusal(&client, &server, "mx.example.net");
            assert_eq!(failure, TlsFailure::UnknownIssuer);
        }
        Err(error) => assert!(matches!(error, TlsError::NoRoots(_)), "{error}"),
    }
}

#[test]
fn m_the_names_of_a_person_are_in_the_certificate() {
    let ca = Ca::new("ca");
    let alice = ca.person("alice@example.org", "Alice Ångström");
    assert_eq!(
        certificate_names(&alice.der),
        ["alice@example.org", "Alice Ångström"]
    );
    let host = ca.issue(&["client.example.org", "192.0.2.1", "other.example.org"]);
    assert_eq!(
        certificate_names(&host.der),
        ["client.example.org", "other.example.org", "somebody"]
    );
    // Cut off, or broken, it has no more names than before, and nothing worse.
    for cut in 0..alice.der.len() {
        assert!(certificate_names(&alice.der[..cut]).len() <= 3);
        for bit in [0x01, 0x80] {
            let mut broken = alice.der.clone();
            broken[cut] ^= bit;
            assert!(certificate_names(&broken).len() <= 3);
        }
    }
    assert!(certificate_names(b"").is_empty());
    assert!(certificate_names(&[0x30, 0x83, 0xff, 0xff, 0xff, 0]).is_empty());
}

#[test]
fn m_a_trick_with_nul_is_no_name() {
    let ca = Ca::new("ca");
    let mut der = ca.person("alice@example.org", "Alice").der;
    let at = der.windows(5).position(|part| part == b"alice").unwrap();
    der[at + 5] = 0;
    assert_eq!(certificate_names(&der), ["Alice"]);
}

#[test]
fn m_a_connection_takes_no_more_than_it_has_room_for() {
    // An unfinished handshake message does not grow without bound.
    let ca = Ca::new("ca");
    let mut server: ServerConnection = server(&ca.issue(&["a.example"])).connection().unwrap();
    let record = [
        &[0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff][..],
        &[0; 0x3ffc],
    ]
    .concat();
    let mut taken = 0;
    let failed = (0..100).any(|_| {
        let read = server.read_tls(&mut &record[..]);
        taken += read.as_ref().copied().unwrap_or(0);
        read.is_err() || server.process_new_packets().is_err()
    });
    assert!(failed && taken < 256 * 1024, "{taken}");
}

#[test]
fn what_cannot_be_configured_in_words() {
    let errors = [
        TlsError::NoCertificate,
        TlsError::NoKey,
        TlsError::WrongKey,
        TlsError::Name(String::new()),
        TlsError::Name("ä b".into()),
        TlsError::NoRoots("an empty store".into()),
        TlsError::OwnConfiguration,
        TlsError::Other("what rustls says".into()),
    ];
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    for (index, text) in texts.iter().enumerate() {
        assert!(!text.is_empty() && !texts[..index].contains(text), "{text}");
        let failure = TlsFailure::from(errors[index].clone());
        assert_eq!(failure, TlsFailure::Configuration(text.clone()));
    }
    assert!(texts[3].starts_with("no name"), "{}", texts[3]);
    assert!(texts[4].starts_with("\"ä b\""), "{}", texts[4]);
    assert!(texts[5].ends_with("an empty store"));
    assert_eq!(texts[7], "what rustls says");
    // A certificate that is none, and a key beside it.
    let key = Ca::new("ca").issue(&["mx.example.net"]).key;
    let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let error = ServerTls::from_pem(broken.as_bytes(), key.as_bytes()).unwrap_err();
    assert_eq!(error, TlsError::NoCertificate);
    let error = ClientTls::with_ca_pem(broken.as_bytes()).unwrap_err();
    assert!(matches!(error, TlsError::Other(_)), "{error:?}");
}

#[test]
fn what_each_side_has_for_tls() {
    let ca = Ca::new("ca");
    let client = ClientSide::new(trusting(&ca));
    let server = ServerSide::new(server(&ca.issue(&["mx.example.net"])));
    let (ours, theirs) = (client.get().unwrap(), server.get().unwrap());
    both(ours, theirs, "mx.example.net").unwrap();
    // Without anything, a client has what the system has, and a server nothing.
    let nothing = ServerSide::default().get().unwrap_err();
    assert!(matches!(nothing, TlsFailure::Configuration(_)), "{nothing}");
    let client = ClientSide::default();
    match (client.get(), ClientTls::platform()) {
        (Ok(first), Ok(_)) => {
            assert!(core::ptr::eq(first, client.get().unwrap()), "once");
            assert!(refusal(first, theirs, "mx.example.net").is_of_the_certificate());
        }
        (Err(error), Err(other)) => assert_eq!(error, other.into()),
        differ => panic!("{differ:?}"),
    }
}

#[test]
fn what_rustls_says_of_certificates_in_words() {
    use rustls::{AlertDescription, CertificateError, Error};
    let failure = |problem| TlsFailure::from(&Error::InvalidCertificate(problem));
    for (problem, words) in [
        (CertificateError::Revoked, "revoked"),
        (CertificateError::InvalidPurpose, "invalid purpose"),
        (CertificateError::BadEncoding, "bad encoding"),
    ] {
        let TlsFailure::Certificate(text) = failure(problem) else {
            panic!("{words}");
        };
        assert!(text.to_lowercase().contains(words), "{text}");
    }
    let unknown = TlsFailure::UnknownIssuer;
    assert_eq!(failure(CertificateError::BadSignature), unknown);
    let name = TlsFailure::NameMismatch {
        asked: String::new(),
        presented: Vec::new(),
    };
    assert_eq!(failure(CertificateError::NotValidForName), name);
    for (alert, words) in [
        (AlertDescription::UnknownCA, "unknown CA"),
        (AlertDescription::HandshakeFailure, "handshake failure"),
        (
            AlertDescription::NoApplicationProtocol,
            "no application protocol",
        ),
    ] {
        let failure = TlsFailure::from(&Error::AlertReceived(alert));
        assert_eq!(failure, TlsFailure::Alert(words.into()));
    }
    // What somebody wrote does nothing to a terminal.
    #[derive(Debug)]
    struct Words;
    impl core::fmt::Display for Words {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a\x1b[2Jb")
        }
    }
    impl core::error::Error for Words {}
    let other = rustls::OtherError(Arc::new(Words));
    assert_eq!(
        failure(CertificateError::Other(other)),
        TlsFailure::Certificate("a?[2Jb".into())
    );
}
