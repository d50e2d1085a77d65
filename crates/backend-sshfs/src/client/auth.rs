//! Who we are: what is given is tried in turn, and the server says what it takes.

use std::path::Path;
use std::sync::Arc;

use backend_core::{Result, Secret};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Answer};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, Certificate, Error as Keys, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};

use super::link::Client;
use crate::config::{Credentials, invalid};
use crate::error::{unauthenticated, unreachable};

/// The most keys of an agent that are tried: servers count each as a failure (sshd_config(5), `MaxAuthTries` is 6).
const MAX_IDENTITIES: usize = 5;
/// The most rounds of questions.
const MAX_ROUNDS: usize = 8;
/// The most bytes of a key's or a certificate's file.
const MAX_FILE: u64 = 64 * 1024;
const RSA: &str = "RSA keys are not supported, because the one implementation has an open advisory (RUSTSEC-2023-0071): make an ed25519 key";

/// What was given, ready to be shown. Kept from one connection to the next: an encrypted key takes its time.
#[derive(Debug)]
pub(crate) struct Proofs {
    key: Option<Arc<PrivateKey>>,
    certificate: Option<Certificate>,
}

impl Proofs {
    /// # Errors
    /// `InvalidConfig` for a key or a certificate that cannot be read.
    pub(crate) async fn load(given: &Credentials) -> Result<Self> {
        let key = text(given.private_key.as_ref(), given.private_key_path.as_deref(), "private_key_path").await?;
        let key = key.map(|it| private_key(&it, given.passphrase.as_ref())).transpose()?;
        let at = given.certificate_path.as_deref();
        let certificate = match text(given.certificate.as_ref(), at, "certificate_path").await? {
            Some(text) => Some(
                Certificate::from_openssh(text.reveal().trim())
                    .map_err(|_| invalid("credentials.certificate: it is not a certificate as OpenSSH writes it"))?,
            ),
            None => None,
        };
        match (&key, &certificate) {
            (None, Some(_)) => Err(invalid("credentials.private_key: the certificate is for a key, and none is given")),
            _ => Ok(Self { key: key.map(Arc::new), certificate }),
        }
    }
}

async fn text(given: Option<&Secret>, path: Option<&Path>, setting: &str) -> Result<Option<Secret>> {
    let Some(path) = path.filter(|_| given.is_none()) else { return Ok(given.cloned()) };
    let unread = || invalid(&format!("credentials.{setting}: the file cannot be read"));
    let about = tokio::fs::metadata(path).await.map_err(|err| unread().with_source(err))?;
    if !about.is_file() || MAX_FILE < about.len() {
        return Err(invalid(&format!("credentials.{setting}: it is no file of a key")));
    }
    let text = tokio::fs::read_to_string(path).await.map_err(|err| unread().with_source(err))?;
    Ok(Some(Secret::new(text)))
}

fn private_key(text: &Secret, passphrase: Option<&Secret>) -> Result<PrivateKey> {
    let key = decode_secret_key(text.reveal(), passphrase.map(Secret::reveal)).map_err(|err| match err {
        Keys::UnsupportedKeyType { key_type_string, .. } if key_type_string == "RSA" => {
            invalid(&format!("credentials.private_key: {RSA}"))
        }
        Keys::KeyIsEncrypted => invalid("credentials.passphrase: the private key is encrypted, and this is missing"),
        _ if passphrase.is_some() => {
            invalid("credentials.private_key: it cannot be read, or the passphrase is not that of the key")
        }
        _ => invalid("credentials.private_key: it is no private key that can be read"),
    })?;
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(key),
        Algorithm::Rsa { .. } => Err(invalid(&format!("credentials.private_key: {RSA}"))),
        _ => Err(invalid("credentials.private_key: keys of its kind are not supported: make an ed25519 key")),
    }
}

/// One attempt to get in.
pub(crate) struct Entry<'a> {
    pub(crate) host: &'a str,
    pub(crate) user: &'a str,
    pub(crate) given: &'a Credentials,
    pub(crate) proofs: &'a Proofs,
    pub(crate) agent: Option<&'a Path>,
}

impl Entry<'_> {
    /// # Errors
    /// `Unauthenticated` when nothing of what was given is taken.
    pub(crate) async fn enter(&self, handle: &mut Handle<Client>) -> Result<()> {
        let failed = |err| unreachable(self.host, err);
        if let (Some(key), Some(certificate)) = (&self.proofs.key, &self.proofs.certificate) {
            let answer = handle.authenticate_openssh_cert(self.user, key.clone(), certificate.clone()).await;
            if answer.map_err(failed)?.success() {
                return Ok(());
            }
        }
        if let Some(key) = &self.proofs.key {
            let key = PrivateKeyWithHashAlg::new(key.clone(), None);
            if handle.authenticate_publickey(self.user, key).await.map_err(failed)?.success() {
                return Ok(());
            }
        }
        if let Some(agent) = self.agent
            && self.by_agent(handle, agent).await?
        {
            return Ok(());
        }
        let Some(password) = &self.given.password else {
            let answer = handle.authenticate_none(self.user).await.map_err(failed)?;
            return self.end(handle, &answer);
        };
        let answer = handle.authenticate_password(self.user, password.reveal()).await.map_err(failed)?;
        if answer.success() || self.by_questions(handle, password).await? {
            return Ok(());
        }
        self.end(handle, &answer)
    }

    fn end(&self, handle: &Handle<Client>, answer: &AuthResult) -> Result<()> {
        match answer {
            AuthResult::Success => Ok(()),
            AuthResult::Failure { .. } if handle.is_closed() => {
                Err(unauthenticated(self.host, "it closes the connection before anything given is taken"))
            }
            AuthResult::Failure { partial_success: true, .. } => {
                Err(unauthenticated(self.host, "it wants more than what is given"))
            }
            AuthResult::Failure { .. } => Err(unauthenticated(self.host, "it takes nothing of what is given")),
        }
    }

    async fn by_agent(&self, handle: &mut Handle<Client>, socket: &Path) -> Result<bool> {
        let silent = |err: Keys| invalid("connection.agent: there is no agent that answers").with_source(err);
        let mut agent = AgentClient::connect_uds(socket).await.map_err(silent)?;
        let identities = agent.request_identities().await.map_err(silent)?;
        let is_ours = |it: &AgentIdentity| !matches!(it.public_key().algorithm(), Algorithm::Rsa { .. });
        for identity in identities.into_iter().filter(is_ours).take(MAX_IDENTITIES) {
            let answer = match identity {
                AgentIdentity::PublicKey { key, .. } => {
                    handle.authenticate_publickey_with(self.user, key, None, &mut agent).await
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    handle.authenticate_certificate_with(self.user, certificate, None, &mut agent).await
                }
            };
            // A key that the agent will not use, because it is locked or its owner said no, is as if it were not there.
            if answer.is_ok_and(|it| it.success()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// "keyboard-interactive" (RFC 4256): a single question without echo is taken for the one for the password.
    async fn by_questions(&self, handle: &mut Handle<Client>, password: &Secret) -> Result<bool> {
        let failed = |err| unreachable(self.host, err);
        if handle.is_closed() {
            return Ok(false);
        }
        let begun = handle.authenticate_keyboard_interactive_start(self.user, None).await;
        let mut answer = begun.map_err(failed)?;
        for _ in 0..MAX_ROUNDS {
            let responses = match &answer {
                Answer::Success => return Ok(true),
                Answer::Failure { .. } => return Ok(false),
                Answer::InfoRequest { prompts, .. } if prompts.is_empty() => Vec::new(),
                Answer::InfoRequest { prompts, .. } if matches!(prompts.as_slice(), [it] if !it.echo) => {
                    vec![password.reveal().to_owned()]
                }
                Answer::InfoRequest { .. } => {
                    return Err(unauthenticated(self.host, "it asks what only a person can answer"));
                }
            };
            answer = handle.authenticate_keyboard_interactive_respond(responses).await.map_err(failed)?;
        }
        Err(unauthenticated(self.host, "it does not stop asking"))
    }
}
