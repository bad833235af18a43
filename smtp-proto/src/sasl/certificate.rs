//! The digest of a certificate that `tls-server-end-point` is (RFC 5929 section
//! 4.1).
//!
//! Of the certificate only the algorithm of its signature is read. Whether it is
//! valid in any way is for TLS to know.

use alloc::vec::Vec;

use sha2::{Digest, Sha256, Sha384, Sha512};

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// `[0]`, explicit: in the parameters of RSASSA-PSS, the hash.
const FIELD_0: u8 = 0xa0;

/// The digest of a certificate, made with the hash of its signature. `None` if
/// it is not a certificate, or its signature does not have one hash that is
/// known here; for Ed25519, RFC 5929 does not define any.
pub(super) fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    Some(match signature_hash(der)? {
        Hash::Sha256 => Sha256::digest(der).to_vec(),
        Hash::Sha384 => Sha384::digest(der).to_vec(),
        Hash::Sha512 => Sha512::digest(der).to_vec(),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }`.
fn signature_hash(der: &[u8]) -> Option<Hash> {
    let (certificate, rest) = element(SEQUENCE, der)?;
    let (_, after) = element(SEQUENCE, certificate)?;
    let (algorithm, signature) = element(SEQUENCE, after)?;
    if !rest.is_empty() || signature.is_empty() {
        return None;
    }
    let (identifier, parameters) = element(OBJECT_IDENTIFIER, algorithm)?;
    match identifier {
        RSASSA_PSS => pss_hash(parameters),
        _ => find(SIGNATURES, identifier),
    }
}

/// `RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0] DEFAULT sha1, .. }` (RFC
/// 4055 section 3.1).
fn pss_hash(parameters: &[u8]) -> Option<Hash> {
    let (parameters, _) = element(SEQUENCE, parameters)?;
    let Some((field, _)) = element(FIELD_0, parameters) else {
        return Some(Hash::Sha256); // which stands for SHA-1
    };
    let (algorithm, _) = element(SEQUENCE, field)?;
    let (identifier, _) = element(OBJECT_IDENTIFIER, algorithm)?;
    find(HASHES, identifier)
}

fn find(table: &[(&[u8], Hash)], identifier: &[u8]) -> Option<Hash> {
    let (_, hash) = table.iter().find(|(known, _)| *known == identifier)?;
    Some(*hash)
}

/// The content of the first element, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, der) = der.split_first()?;
    let (&length, der) = der.split_first()?;
    if first != tag {
        return None;
    }
    let (length, der) = match length {
        0..=0x7f => (usize::from(length), der),
        // As many octets as fit in a usize on any machine that has the room.
        0x81..=0x83 => {
            let (octets, der) = der.split_at_checked(usize::from(length & 0x7f))?;
            let length = octets
                .iter()
                .fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            (length, der)
        }
        _ => return None,
    };
    der.split_at_checked(length)
}

/// 1.2.840.113549.1.1.10
const RSASSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";

/// Where the hash is MD5 or SHA-1, SHA-256 takes its place.
const SIGNATURES: &[(&[u8], Hash)] = &[
    // RSA with MD5, SHA-1, SHA-256, SHA-384, SHA-512: 1.2.840.113549.1.1
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04", Hash::Sha256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", Hash::Sha256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", Hash::Sha256),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c", Hash::Sha384),
    (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d", Hash::Sha512),
    // ECDSA with SHA-1, SHA-256, SHA-384, SHA-512: 1.2.840.10045.4
    (b"\x2a\x86\x48\xce\x3d\x04\x01", Hash::Sha256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x02", Hash::Sha256),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x03", Hash::Sha384),
    (b"\x2a\x86\x48\xce\x3d\x04\x03\x04", Hash::Sha512),
];

const HASHES: &[(&[u8], Hash)] = &[
    // SHA-1: 1.3.14.3.2.26
    (b"\x2b\x0e\x03\x02\x1a", Hash::Sha256),
    // SHA-256, SHA-384, SHA-512: 2.16.840.1.101.3.4.2
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", Hash::Sha256),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", Hash::Sha384),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", Hash::Sha512),
];

#[cfg(test)]
pub(super) mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    // Made with `openssl req -x509`; the digests are those of `openssl x509
    // -fingerprint`.
    /// ECDSA with SHA-384.
    const ECDSA_SHA384: &str = "\
        MIIBbjCCAROgAwIBAgIUZH+T/leIG/9rdWNJzVhL4wlKCu8wCgYIKoZIzj0EAwMwDDEKMAgGA1UEAwwBYTAe\
        Fw0yNjExMjIxNjQ3MjNaFw0zNjExMTkxNjQ3MjNaMAwxCjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjO\
        PQMBBwNCAASuU791CshbGFdDVWiiSX17yQlZhTmz+MK4rdtGpGU9xB/VJySW1wETMngRdFy+AL2XO5s3QCm/\
        r09Z9GENMP8bo1MwUTAdBgNVHQ4EFgQUGNLgDmVHwktj0P/AkjpjK+u3TMswHwYDVR0jBBgwFoAUGNLgDmVH\
        wktj0P/AkjpjK+u3TMswDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAwNJADBGAiEAniDwKfDcnyMyUvrZ\
        AJI3w6E1rem4AIB6cJk/3ONzARsCIQC0r5gSuCw5+hz6knimii69f1D/hm5XWRnawMVJxgdh/w==\
    ";

    /// RSA with SHA-512.
    const RSA_SHA512: &str = "\
        MIIB9DCCAV2gAwIBAgIUCSghdcx55W8RcsULSemBHIIPLmcwDQYJKoZIhvcNAQENBQAwDDEKMAgGA1UEAwwB\
        YTAeFw0yNjExMjIxNjQ3MjNaFw0zNjExMTkxNjQ3MjNaMAwxCjAIBgNVBAMMAWEwgZ8wDQYJKoZIhvcNAQEB\
        BQADgY0AMIGJAoGBAJjLpsYSivq+AapYLi/Jb9YwdY/hKPHTL68bJ4R63revNJdl2Er5wFB22mF6CqikGsmw\
        DsBkcRIGAvFH9LaXkrcQKXc8/QSjsVHAoJQr9cqyJExw7Wk1iVFXvVOKOV8fEoMdefDT+8AGHdYtOmOUwmU2\
        7SUWb6Bu1W+yrHDm1nGNAgMBAAGjUzBRMB0GA1UdDgQWBBTyC36DgqdOU4eulz0GfJZZ73SXBzAfBgNVHSME\
        GDAWgBTyC36DgqdOU4eulz0GfJZZ73SXBzAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBDQUAA4GBAGto\
        u7IrWzwABN6Jyw8XGJMFq2q6YkB3Nrcz/xV038obHsNnvRqve7b/C2t+XLWYdtW/0oA9gkMz5V1IRotre/SV\
        qIfMhHJNSCBY2gr/pQaARWpKDBaLFTxU1mOJLmlsy/dpAcW5t60XY/B1VREm5tf+vXzzqZ7PevNbYEpeOcb4\
    ";

    /// RSA with SHA-1.
    const RSA_SHA1: &str = "\
        MIIB9DCCAV2gAwIBAgIUUGdSGM7a7++gOedJI0gyHA88vukwDQYJKoZIhvcNAQEFBQAwDDEKMAgGA1UEAwwB\
        YTAeFw0yNjExMjIxNjQ3MjNaFw0zNjExMTkxNjQ3MjNaMAwxCjAIBgNVBAMMAWEwgZ8wDQYJKoZIhvcNAQEB\
        BQADgY0AMIGJAoGBAJjLpsYSivq+AapYLi/Jb9YwdY/hKPHTL68bJ4R63revNJdl2Er5wFB22mF6CqikGsmw\
        DsBkcRIGAvFH9LaXkrcQKXc8/QSjsVHAoJQr9cqyJExw7Wk1iVFXvVOKOV8fEoMdefDT+8AGHdYtOmOUwmU2\
        7SUWb6Bu1W+yrHDm1nGNAgMBAAGjUzBRMB0GA1UdDgQWBBTyC36DgqdOU4eulz0GfJZZ73SXBzAfBgNVHSME\
        GDAWgBTyC36DgqdOU4eulz0GfJZZ73SXBzAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBBQUAA4GBABjc\
        ODQ0/w3lteZaqq0lHI52nqceqYqAyQ5Ko2LIHaSas8Nb0XNL8kFFSvRCLXJYngADZzieClis3tHza7YjwgHa\
        Nmzstze8mAoMncKyt1y+D89F4fS68aruWUgh/fT0GEht2I4EusTNq6Biu3JnvJd2Je64cp2w26l+LsyNt5yN\
    ";

    /// RSASSA-PSS with SHA-384.
    const PSS_SHA384: &str = "\
        MIICXDCCAZGgAwIBAgIULlDR5NFr/bBsI97/1PST5QUsfjgwQQYJKoZIhvcNAQEKMDSgDzANBglghkgBZQME\
        AgIFAKEcMBoGCSqGSIb3DQEBCDANBglghkgBZQMEAgIFAKIDAgFOMAwxCjAIBgNVBAMMAWEwHhcNMjYxMTIy\
        MTY0NzIzWhcNMzYxMTE5MTY0NzIzWjAMMQowCAYDVQQDDAFhMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKB\
        gQCYy6bGEor6vgGqWC4vyW/WMHWP4Sjx0y+vGyeEet63rzSXZdhK+cBQdtphegqopBrJsA7AZHESBgLxR/S2\
        l5K3ECl3PP0Eo7FRwKCUK/XKsiRMcO1pNYlRV71TijlfHxKDHXnw0/vABh3WLTpjlMJlNu0lFm+gbtVvsqxw\
        5tZxjQIDAQABo1MwUTAdBgNVHQ4EFgQU8gt+g4KnTlOHrpc9BnyWWe90lwcwHwYDVR0jBBgwFoAU8gt+g4Kn\
        TlOHrpc9BnyWWe90lwcwDwYDVR0TAQH/BAUwAwEB/zBBBgkqhkiG9w0BAQowNKAPMA0GCWCGSAFlAwQCAgUA\
        oRwwGgYJKoZIhvcNAQEIMA0GCWCGSAFlAwQCAgUAogMCAU4DgYEAEPLjNYh9jxW91AeUm5mTHSPoL+sGPZDY\
        Fp9FFftWDdjQFA1/ZJEFyLcJIJUJHdudk6PsLIglA7lt5Bg072XF+QrwXJ3t6+sWeeLeoFPmOBmta+DC2qvV\
        WErJlUuslK8GFD2GPHDA8ADk+RKL8k5f4fE/hWc/agJAaqaI6yKbmMQ=\
    ";

    /// RSASSA-PSS with SHA-1, which is what no parameters stand for.
    const PSS_DEFAULT: &str = "\
        MIIB/jCCAWKgAwIBAgIUQc2tYTczn52p80cPtigZVyn0rBUwEgYJKoZIhvcNAQEKMAWiAwIBajAMMQowCAYD\
        VQQDDAFhMB4XDTI2MTEyMjE2NDcyM1oXDTM2MTExOTE2NDcyM1owDDEKMAgGA1UEAwwBYTCBnzANBgkqhkiG\
        9w0BAQEFAAOBjQAwgYkCgYEAmMumxhKK+r4BqlguL8lv1jB1j+Eo8dMvrxsnhHret680l2XYSvnAUHbaYXoK\
        qKQaybAOwGRxEgYC8Uf0tpeStxApdzz9BKOxUcCglCv1yrIkTHDtaTWJUVe9U4o5Xx8Sgx158NP7wAYd1i06\
        Y5TCZTbtJRZvoG7Vb7KscObWcY0CAwEAAaNTMFEwHQYDVR0OBBYEFPILfoOCp05Th66XPQZ8llnvdJcHMB8G\
        A1UdIwQYMBaAFPILfoOCp05Th66XPQZ8llnvdJcHMA8GA1UdEwEB/wQFMAMBAf8wEgYJKoZIhvcNAQEKMAWi\
        AwIBagOBgQB9D+Rgq41PAnhCXypF6iwH3qPQP4RjmXDFc5PPUgtB03jOqP9+X/GlFPIyNN8qv4Ak6xxPNN04\
        wDHioLo4B0qD4OhELt6DeyKe6Y/pKl0gccEqEv9iDDERPRyFWZeieILDgOoGSUVsmkxJXBt/+B4hNYf5Y5Jp\
        1lxlWGw6zJjpSA==\
    ";

    /// Ed25519.
    const ED25519: &str = "\
        MIIBLDCB36ADAgECAhRC2mk8zWZG6XAzZFB/pxF5SgZILDAFBgMrZXAwDDEKMAgGA1UEAwwBYTAeFw0yNjEx\
        MjIxNjQ3MjNaFw0zNjExMTkxNjQ3MjNaMAwxCjAIBgNVBAMMAWEwKjAFBgMrZXADIQAhiyGKqqDoC0iT3ehJ\
        y9/vd0fzNmNKQ6FNilpN1vO+zqNTMFEwHQYDVR0OBBYEFEBzKMij4+7MomXioQZLhyu8B8m7MB8GA1UdIwQY\
        MBaAFEBzKMij4+7MomXioQZLhyu8B8m7MA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EAI3edJ+UWAXYfj+he\
        sK2C/Djx/ImzjKq4yYxItEzJ2en+kqnjUSF+U46C33Vg+spzLYa5Owy//4i+SQ3k774wCA==\
    ";

    fn der(text: &str) -> Vec<u8> {
        STANDARD.decode(text).unwrap()
    }

    /// One of them.
    pub(in crate::sasl) fn certificate() -> Vec<u8> {
        der(ECDSA_SHA384)
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn c_206_the_digest_is_made_with_the_hash_of_the_signature() {
        for (certificate, digest) in [
            (
                ECDSA_SHA384,
                "8eb9bb332c85031f5e9a5a42aac3c3ce438c3c6138aa6251622e4843749007c29b3677750ba455c3b9bad87df897e239",
            ),
            (
                RSA_SHA512,
                "6bd764cd2626f0bd5542384c3a3acdce9bab49435815c90de398f5b0d0a7646525cf316d46b4a96192102b858a68e6e1ecfabc169ce87ae3734d0c23683a3167",
            ),
            (
                RSA_SHA1,
                "92860cb7db2c5e24ddc69160e9a638b89a66cb0aa7166675d5c21b5f261d543a",
            ),
            (
                PSS_SHA384,
                "7d6d63b5277a0302fb002f411fc719c19d1714ebe0152ea37153492b885f62ee5317d5fc1f9ee0e782bd423e839420a9",
            ),
            (
                PSS_DEFAULT,
                "7c5cccd08dccef9719cb23f2d494d8cfa09385f95064913528fd5706d5c65065",
            ),
        ] {
            let end_point = end_point(&der(certificate)).map(|octets| hex(&octets));
            assert_eq!(end_point.as_deref(), Some(digest));
        }
        assert_eq!(end_point(&der(ED25519)), None);
    }

    #[test]
    fn every_signature_of_ecdsa_has_its_hash() {
        let known = b"\x2a\x86\x48\xce\x3d\x04\x03\x03";
        let original = der(ECDSA_SHA384);
        let at = original
            .windows(8)
            .rposition(|octets| octets == known)
            .unwrap();
        for (last, hash) in [
            (1, None), // SHA-224
            (2, Some(Hash::Sha256)),
            (3, Some(Hash::Sha384)),
            (4, Some(Hash::Sha512)),
            (5, None),
        ] {
            let mut changed = original.clone();
            changed[at + 7] = last;
            assert_eq!(signature_hash(&changed), hash);
        }
    }

    #[test]
    fn nothing_but_a_whole_certificate_has_a_digest() {
        for text in [ECDSA_SHA384, RSA_SHA512, PSS_SHA384, PSS_DEFAULT] {
            let whole = der(text);
            for end in 0..whole.len() {
                assert_eq!(end_point(&whole[..end]), None, "cut at {end}");
            }
            let longer = [whole.as_slice(), b"\0"].concat();
            assert_eq!(end_point(&longer), None);
            // Whatever it makes of them, it comes to an end.
            for at in 0..whole.len() {
                for mask in [0x01, 0x80, 0xff] {
                    let mut changed = whole.clone();
                    changed[at] ^= mask;
                    end_point(&changed);
                }
            }
        }
    }
}
