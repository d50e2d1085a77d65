//! Who a server is known to be: lines of `known_hosts` (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, PublicKeyOrCertificate};
use sha1::{Digest, Sha1};

/// The most lines that are looked at.
const MAX_LINES: usize = 100_000;
/// The most characters of a line that are looked at: a key of ours has below 200, and a host may have many names.
const MAX_LINE: usize = 32 * 1024;

/// What lines say of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Trusted,
    /// Nothing is said of it.
    Unknown,
    Refused(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    Key,
    Authority,
    Revoked,
}

#[derive(Debug)]
struct Line {
    marker: Marker,
    hosts: String,
    key: PublicKey,
}

/// All lines that can be read. Others are passed over, as OpenSSH does: a line that says nothing trusts nobody.
#[derive(Debug, Default)]
pub(crate) struct Known {
    lines: Vec<Line>,
}

impl Known {
    pub(crate) fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        Self { lines: lines.take(MAX_LINES).filter_map(line).collect() }
    }

    fn of<'a>(&'a self, name: &'a str, marker: Marker) -> impl Iterator<Item = &'a PublicKey> + 'a {
        self.lines.iter().filter(move |it| it.marker == marker && is_meant(&it.hosts, name)).map(|it| &it.key)
    }

    /// The kinds of keys that are known of a server: it is asked for no other, as it may have several.
    pub(crate) fn algorithms(&self, name: &str) -> Vec<Algorithm> {
        self.of(name, Marker::Key).map(PublicKey::algorithm).collect()
    }

    /// Whether somebody is trusted to vouch for it.
    pub(crate) fn has_authority(&self, name: &str) -> bool {
        self.of(name, Marker::Authority).next().is_some()
    }

    /// `name` is how lines call the server, `host` how a certificate does.
    pub(crate) fn judge(&self, name: &str, host: &str, shown: &PublicKeyOrCertificate, now: SystemTime) -> Verdict {
        let key = shown.public_key();
        let is_revoked = |key: &PublicKey| self.of(name, Marker::Revoked).any(|it| it.key_data() == key.key_data());
        if is_revoked(&key) {
            return Verdict::Refused("its key was revoked");
        }
        if let Some(certificate) = shown.certificate() {
            let authority = PublicKey::new(certificate.signature_key().clone(), "");
            return match is_revoked(&authority) {
                true => Verdict::Refused("the key of its authority was revoked"),
                false => self.vouched(name, host, certificate, now),
            };
        }
        let mut known = self.of(name, Marker::Key).peekable();
        if known.peek().is_none() {
            return Verdict::Unknown;
        }
        match known.any(|it| it.key_data() == key.key_data()) {
            true => Verdict::Trusted,
            false => {
                Verdict::Refused("its key is not the one that is known: it was changed, or somebody is in between")
            }
        }
    }

    fn vouched(&self, name: &str, host: &str, certificate: &Certificate, now: SystemTime) -> Verdict {
        let trusted: Vec<_> = self.of(name, Marker::Authority).map(|it| it.fingerprint(HashAlg::Sha256)).collect();
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
        if certificate.validate_at(seconds, trusted.iter()).is_err() {
            return Verdict::Refused("its certificate is not of a known authority, or not of this time");
        }
        let names = certificate.valid_principals();
        match certificate.cert_type() == CertType::Host && certificate.critical_options().is_empty() {
            true if names.iter().any(|it| fits(&it.to_lowercase(), &host.to_lowercase())) => Verdict::Trusted,
            true => Verdict::Refused("its certificate is of another host"),
            false => Verdict::Refused("its certificate is not one of a host"),
        }
    }
}

/// How lines call a server.
pub(crate) fn name(host: &str, port: u16) -> String {
    match port {
        22 => host.to_lowercase(),
        _ => format!("[{}]:{port}", host.to_lowercase()),
    }
}

fn line(text: &str) -> Option<Line> {
    if MAX_LINE < text.len() || text.trim_start().starts_with('#') {
        return None;
    }
    let mut words = text.split_whitespace();
    let first = words.next()?;
    let (marker, hosts) = match first {
        "@cert-authority" => (Marker::Authority, words.next()?),
        "@revoked" => (Marker::Revoked, words.next()?),
        _ if first.starts_with('@') => return None,
        _ => (Marker::Key, first),
    };
    let (kind, key) = (words.next()?, words.next()?);
    let key = PublicKey::from_openssh(&format!("{kind} {key}")).ok()?;
    Some(Line { marker, hosts: hosts.to_owned(), key })
}

/// Whether a line's hosts mean `name`: patterns parted by commas, of which one with `!` excludes; or one hashed name.
fn is_meant(hosts: &str, name: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return is_hash_of(hashed, name);
    }
    let mut found = false;
    for pattern in hosts.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if fits(&pattern.to_lowercase(), name) => return false,
            Some(_) => {}
            None => found = found || fits(&pattern.to_lowercase(), name),
        }
    }
    found
}

/// `*` stands for any text, `?` for any character. It never takes longer than the product of both lengths.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(it) if *it == '?' || text.get(t) == Some(it) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((back, taken)) = star else { return false };
                star = Some((back, taken + 1));
                p = back + 1;
                t = taken + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|it| *it == '*')
}

/// HMAC-SHA1 of the name, with the salt as its key.
fn is_hash_of(hashed: &str, name: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else { return false };
    let (Ok(salt), Ok(hash)) = (BASE64.decode(salt), BASE64.decode(hash)) else { return false };
    hmac(&salt, name.as_bytes()).as_slice() == hash
}

/// HMAC-SHA1 (RFC 2104).
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut padded = [0u8; 64];
    let digest = Sha1::digest(key);
    let key = if key.len() <= padded.len() { key } else { digest.as_slice() };
    for (to, from) in padded.iter_mut().zip(key) {
        *to = *from;
    }
    let inner = Sha1::new().chain_update(padded.map(|it| it ^ 0x36)).chain_update(message).finalize();
    Sha1::new().chain_update(padded.map(|it| it ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn check(lines: &str, name: &str, wanted: Verdict) {
        let key = PublicKey::from_openssh(ONE).unwrap();
        let found = Known::parse(lines.lines()).judge(name, name, &key.into(), SystemTime::now());
        match (found, wanted) {
            (Verdict::Refused(why), Verdict::Refused(part)) => assert!(why.contains(part), "{lines}: {why}"),
            _ => assert_eq!(found, wanted, "{lines}"),
        }
    }

    #[test]
    fn lines_say_whom_to_trust() {
        check("", "host", Verdict::Unknown);
        check(&format!("host {ONE}"), "host", Verdict::Trusted);
        check(&format!("HOST,other {ONE} comment"), "host", Verdict::Trusted);
        check(&format!("# host {ONE}"), "host", Verdict::Unknown);
        check(&format!("host {OTHER}"), "host", Verdict::Refused("not the one that is known"));
        check(&format!("host {OTHER}\nhost {ONE}"), "host", Verdict::Trusted);
        check(&format!("*.example.org {ONE}"), "a.example.org", Verdict::Trusted);
        check(&format!("*.example.org,!a.example.org {ONE}"), "a.example.org", Verdict::Unknown);
        check(&format!("h?st {ONE}"), "host", Verdict::Trusted);
        check(&format!("[host]:2022 {ONE}"), "[host]:2022", Verdict::Trusted);
        check(&format!("host {ONE}"), "[host]:2022", Verdict::Unknown);
        check(&format!("host {ONE}\n@revoked * {ONE}"), "host", Verdict::Refused("revoked"));
        check(&format!("@cert-authority host {ONE}"), "host", Verdict::Unknown);
        check(&format!("@unheard-of host {ONE}"), "host", Verdict::Unknown);
        check("host ssh-ed25519 nonsense", "host", Verdict::Unknown);
        check("host ssh-rsa", "host", Verdict::Unknown);
    }

    #[test]
    fn hashed_names_are_understood() {
        // RFC 2202, test case 2.
        let hex: String = hmac(b"Jefe", b"what do ya want for nothing?").iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(hex, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        let hash = BASE64.encode(hmac(b"0123456789abcdef0123", b"[host]:2022"));
        let hosts = format!("|1|{}|{hash}", BASE64.encode(b"0123456789abcdef0123"));
        check(&format!("{hosts} {ONE}"), "[host]:2022", Verdict::Trusted);
        check(&format!("{hosts} {ONE}"), "host", Verdict::Unknown);
        check(&format!("|1|!|! {ONE}"), "host", Verdict::Unknown);
    }

    #[test]
    fn patterns_end_in_time() {
        assert!(fits("*a*b*", "xxaxxbxx"));
        assert!(!fits("a?", "a"));
        assert!(!fits(&"*a".repeat(200), &"b".repeat(2000)));
    }
}
