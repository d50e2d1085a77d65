//! From an address to a connection that is logged in, in the right mode, and knows where its root lies.

use std::sync::Arc;
use std::time::Duration;

use backend_core::{Clock, Error, ErrorKind, Result};
use futures::future::{Either, select};
use suppaftp::types::FileType;
use suppaftp::{FtpError, Mode};
use tokio::net::TcpStream;

use super::control::{Control, Features};
use super::secured::FtpStream;
use super::tls::{Age, Trust};
use crate::config::{Connection, Credentials, Tls};
use crate::error::{Reply, at_the_door, broken, failed, no_root, strange, wants_newer};

/// Makes connections, one like the other.
#[derive(Debug)]
pub(crate) struct Dialer {
    connection: Connection,
    credentials: Credentials,
    trust: Trust,
    clock: Arc<dyn Clock>,
    patience: Duration,
}

impl Dialer {
    pub(crate) fn new(
        connection: Connection,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
        patience: Duration,
    ) -> Result<Self> {
        let trust = Trust::new(&connection.ca_certificates, connection.verify_tls)?;
        Ok(Self { connection, credentials, trust, clock, patience })
    }

    /// A new connection, within the time that the settings give it.
    ///
    /// # Errors
    /// `Timeout`, or whatever reaching the server and logging in answers; `InvalidConfig` if the folder is not there.
    pub(crate) async fn dial(&self) -> Result<Control> {
        let late = self.clock.sleep(self.patience);
        match select(Box::pin(self.connect()), late).await {
            Either::Left((connected, _)) => connected,
            Either::Right(_) => Err(Error::new(ErrorKind::Timeout, "the server does not answer in time")),
        }
    }

    async fn connect(&self) -> Result<Control> {
        let mut ftp = self.greeted().await?;
        let user = self.credentials.username.as_deref().unwrap_or("anonymous");
        ftp.login(user, self.credentials.password.reveal()).await.map_err(|err| at_the_door("log in", err))?;
        ftp.set_passive_nat_workaround(true);
        ftp.set_mode(if self.connection.passive { Mode::ExtendedPassive } else { Mode::Active });
        ftp.transfer_type(FileType::Binary).await.map_err(|err| failed("set the type of transfers", err))?;
        let mut control = Control::new(ftp, self.connection.tls != Tls::None, self.connection.passive);
        if self.connection.tls == Tls::Implicit {
            self.protect_data(&mut control).await?;
        }
        control.features = Features::of(&control.ask("FEAT").await?);
        if self.connection.utf8 && control.features.utf8 {
            // Some need it said, others say that they know no such option: the names tell.
            control.ask("OPTS UTF8 ON").await?;
        }
        if let Some(choose) = control.features.choose_hash() {
            let chosen = control.ask(choose).await?;
            control.features.hash &= chosen.is_good();
        }
        control.root = self.root(&mut control).await?;
        control.enter_root().await?;
        Ok(control)
    }

    async fn greeted(&self) -> Result<FtpStream> {
        let age = self.trust.age();
        let greeted = match self.knock(age).await? {
            // The server has refused nothing but the version, and is asked for the other one.
            Err(err) if age == Age::Resumable && wants_newer(&err) => self.knock(self.trust.renew()).await?,
            greeted => greeted,
        };
        greeted.map_err(|err| at_the_door("talk to the server", err))
    }

    async fn knock(&self, age: Age) -> Result<std::result::Result<FtpStream, FtpError>> {
        let host = self.connection.host.as_str();
        let address = (host, self.connection.port());
        let prompt = |err| broken("set up the connection", err);
        if self.connection.tls == Tls::Implicit {
            // The library connects by itself here: one connection of ours beside it would be one too many where servers count them.
            let secure = FtpStream::connect_secure_implicit(address, self.trust.connector(age), host).await;
            if let Ok(secure) = &secure {
                secure.get_ref().await.set_nodelay(true).map_err(prompt)?;
            }
            return Ok(secure);
        }
        let tcp = TcpStream::connect(address).await.map_err(|err| broken("reach the server", err))?;
        tcp.set_nodelay(true).map_err(prompt)?;
        let plain = FtpStream::connect_with_stream(tcp).await;
        Ok(match (plain, self.connection.tls) {
            (Ok(plain), Tls::Explicit) => plain.into_secure(self.trust.connector(age), host).await,
            (plain, _) => plain,
        })
    }

    /// The library does this only for explicit TLS (RFC 4217, sections 8 and 9).
    async fn protect_data(&self, control: &mut Control) -> Result<()> {
        for line in ["PBSZ 0", "PROT P"] {
            let reply = control.ask(line).await?;
            if !reply.is_good() {
                let why = format!("connection.tls: the server does not encrypt data connections: {}", reply.code);
                return Err(Error::new(ErrorKind::InvalidConfig, why));
            }
        }
        Ok(())
    }

    /// The root as an absolute path without a slash at its end.
    async fn root(&self, control: &mut Control) -> Result<String> {
        let path = self.connection.path.as_str();
        if path.starts_with('/') {
            return Ok(path.trim_end_matches('/').to_owned());
        }
        let home = control.ask("PWD").await?;
        let home = match home.code {
            257 => quoted(&home).ok_or_else(|| strange("the server does not say where the user's folder is"))?,
            _ => return Err(home.error("find the user's folder")),
        };
        let home = home.trim_end_matches('/');
        Ok(match path.trim_end_matches('/') {
            "" => home.to_owned(),
            path => format!("{home}/{path}"),
        })
    }
}

/// `257 "/a ""b"" c" is the current directory` (RFC 959, appendix II).
fn quoted(reply: &Reply) -> Option<String> {
    let rest = reply.text.get(4..)?.strip_prefix('"')?;
    let mut path = String::new();
    let mut chars = rest.chars().peekable();
    while let Some(it) = chars.next() {
        match it {
            '"' if chars.peek() == Some(&'"') => {
                path.push('"');
                chars.next();
            }
            '"' => break,
            it => path.push(it),
        }
    }
    let safe = path.starts_with('/') && !path.chars().any(char::is_control) && !path.split('/').any(|it| it == "..");
    safe.then_some(path)
}

impl Control {
    /// Goes to the root: whether it is still there.
    ///
    /// # Errors
    /// `InvalidConfig` if it is not.
    pub(crate) async fn enter_root(&mut self) -> Result<()> {
        let line = format!("CWD {}", if self.root.is_empty() { "/" } else { &self.root });
        let reply = self.ask(&line).await?;
        match reply.code {
            code if (200..300).contains(&code) => Ok(()),
            550 | 553 | 501 => Err(no_root(&reply)),
            _ => Err(reply.error("enter the folder")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_out_of_its_quotes() {
        let check = |text: &str| quoted(&Reply::read(text.as_bytes()));
        assert_eq!(check("257 \"/\" is current").as_deref(), Some("/"));
        assert_eq!(check("257 \"/a \"\"b\"\" c\" is \"it\"").as_deref(), Some("/a \"b\" c"));
        for text in ["257 /a", "257 \"C:\\a\"", "257 \"/a/../b\"", "257", "257 \"/a\tb\""] {
            assert_eq!(check(text), None, "{text}");
        }
    }
}
