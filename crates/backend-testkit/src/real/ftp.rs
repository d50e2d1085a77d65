//! Real FTP servers: vsftpd and proftpd as distributions have them, plain and by TLS; pyftpdlib. Each serves its `data` folder; a bucket is a folder there that everybody may
//! write to.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::certificate::{certified, openssl};
use super::plan::Plan;
use super::{SECRET, Server, USER, Unready, shelf};

/// How an FTP server takes its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FtpTls {
    /// Unencrypted.
    Plain,
    /// `AUTH TLS`, which it demands; where it can, also that data connections resume the session.
    Explicit,
    /// From the first byte on.
    Implicit,
}

/// A vsftpd that knows nobody, and lets everybody write to the buckets. Its own user `ftp` need not be there.
const VSFTPD: &str = "listen=YES
listen_address=127.0.0.1
background=NO
anonymous_enable=YES
no_anon_password=YES
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
local_enable=NO
seccomp_sandbox=NO
max_per_ip=0
ftp_username=daemon
";

/// vsftpd 3.0.3 wants its ciphers named; the reuse of sessions is its default, and said all the same.
const VSFTPD_TLS: &str = "ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
";

/// Unencrypted: TLS is judged by the others. Each session has a thread with a loop of its own. With one
/// loop for all, an event of a descriptor that was just closed can reach whoever was given its number next: an upload then ended with 226 and no bytes (our
/// look at the size found it), or a command was never answered, once in some ten thousand.
const PYFTPDLIB: &str = r#"
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer
port, root, user, password = sys.argv[1:]
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_user(user, password, root, perm="elradfmwMT")
ThreadedFTPServer(("127.0.0.1", int(port)), FTPHandler).serve_forever()
"#;

/// proftpd by default refuses to write from an offset, and to rename over what is there. It computes digests when it is told to.
const PROFTPD: &str = "LoadModule mod_digest.c
ServerType standalone
DefaultAddress 127.0.0.1
SocketBindTight on
UseReverseDNS off
UseIPv6 off
RequireValidShell off
AuthOrder mod_auth_file.c
RootLogin on
User root
Group root
Umask 022
AllowOverwrite on
AllowStoreRestart on
MaxInstances 100
DelayEngine off
WtmpLog off
TransferLog none
AllowFilter .*
DigestEngine on
";

/// That data connections resume the session is its default.
const PROFTPD_TLS: &str = "LoadModule mod_tls.c
TLSEngine on
TLSRequired on
";

impl Server {
    /// vsftpd: neither `MLSD` nor names of users; everybody is `anonymous`.
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn vsftpd(tls: FtpTls) -> Result<Self, Unready> {
        Self::begin(match tls {
            FtpTls::Plain => plan("vsftpd", |server| vsftpd(server, FtpTls::Plain), greets)?,
            FtpTls::Explicit => plan("vsftpd", |server| vsftpd(server, FtpTls::Explicit), greets)?,
            FtpTls::Implicit => plan("vsftpd", |server| vsftpd(server, FtpTls::Implicit), listens)?,
        })
    }

    /// pyftpdlib: `MLSD`, with [`USER`] and [`SECRET`], unencrypted.
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn pyftpdlib() -> Result<Self, Unready> {
        Self::begin(plan("pyftpdlib", pyftpdlib, greets)?)
    }

    /// proftpd: `MLSD`, with [`USER`] and [`SECRET`].
    ///
    /// # Errors
    /// As [`Server::s3s_fs`].
    pub fn proftpd(tls: FtpTls) -> Result<Self, Unready> {
        Self::begin(match tls {
            FtpTls::Plain => plan("proftpd", |server| proftpd(server, FtpTls::Plain), greets)?,
            FtpTls::Explicit => plan("proftpd", |server| proftpd(server, FtpTls::Explicit), greets)?,
            FtpTls::Implicit => plan("proftpd", |server| proftpd(server, FtpTls::Implicit), listens)?,
        })
    }

    /// The program of a client that was provisioned.
    ///
    /// # Errors
    /// If it was not.
    pub fn client(name: &str) -> Result<PathBuf, Unready> {
        shelf::program(name)
    }
}

fn plan(
    service: &'static str,
    command: fn(&Server) -> Result<Command, Unready>,
    ready: fn(&Server) -> bool,
) -> Result<Plan, Unready> {
    shelf::program(service)?;
    Ok(Plan { service, ports: 1, command, ready, bucket })
}

/// The server's own user must be able to write there, whoever that is.
fn bucket(server: &Server, name: &str) -> Result<(), Unready> {
    let path = server.data().join(name);
    fs::create_dir_all(&path).map_err(|err| Unready::at(&path, "make", err))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).map_err(|err| Unready::at(&path, "open", err))
}

fn listens(server: &Server) -> bool {
    TcpStream::connect(("127.0.0.1", server.port())).is_ok()
}

fn greets(server: &Server) -> bool {
    let Ok(stream) = TcpStream::connect(("127.0.0.1", server.port())) else { return false };
    let mut line = String::new();
    let waits = stream.set_read_timeout(Some(Duration::from_secs(5)));
    waits.is_ok() && BufReader::new(stream).read_line(&mut line).is_ok() && line.starts_with("220")
}

fn written(server: &Server, name: &str, text: &str) -> Result<PathBuf, Unready> {
    let path = server.folder.join(name);
    fs::write(&path, text).map_err(|err| Unready::at(&path, "write", err))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(|err| Unready::at(&path, "close", err))?;
    Ok(path)
}

fn vsftpd(server: &Server, tls: FtpTls) -> Result<Command, Unready> {
    let empty = server.folder.join("empty");
    fs::create_dir_all(&empty).map_err(|err| Unready::at(&empty, "make", err))?;
    let folder = server.folder.display();
    let mut text = format!("{VSFTPD}listen_port={}\nanon_root={folder}/data\n", server.port());
    text.push_str(&format!("secure_chroot_dir={folder}/empty\n"));
    if tls != FtpTls::Plain {
        certified(server)?;
        text.push_str(VSFTPD_TLS);
        text.push_str(&format!("rsa_cert_file={folder}/cert.pem\nrsa_private_key_file={folder}/key.pem\n"));
    }
    if tls == FtpTls::Implicit {
        text.push_str("implicit_ssl=YES\n");
    }
    let mut command = Command::new(shelf::program("vsftpd")?);
    command.arg(written(server, "vsftpd.conf", &text)?);
    Ok(command)
}

fn pyftpdlib(server: &Server) -> Result<Command, Unready> {
    let mut command = Command::new(shelf::program("pyftpdlib")?);
    command.args(["-c", PYFTPDLIB, &server.port().to_string()]).arg(server.data()).args([USER, SECRET]);
    Ok(command)
}

fn proftpd(server: &Server, tls: FtpTls) -> Result<Command, Unready> {
    let (folder, hash) = (server.folder.display(), openssl(server, &["passwd", "-6", SECRET])?);
    written(server, "passwd", &format!("{USER}:{hash}:0:0::{folder}/data:/bin/sh\n"))?;
    let mut text = format!(
        "{PROFTPD}Port {}\nAuthUserFile {folder}/passwd\nDefaultRoot {folder}/data\nPidFile {folder}/proftpd.pid\n\
         ScoreboardFile {folder}/scoreboard\nSystemLog {folder}/system.log\n",
        server.port()
    );
    if tls != FtpTls::Plain {
        shelf::program("proftpd-tls")?;
        certified(server)?;
        text.push_str(PROFTPD_TLS);
        text.push_str(&format!("TLSRSACertificateFile {folder}/cert.pem\nTLSRSACertificateKeyFile {folder}/key.pem\n"));
    }
    if tls == FtpTls::Implicit {
        text.push_str("TLSOptions UseImplicitSSL\n");
    }
    let mut command = Command::new(shelf::program("proftpd")?);
    command.arg("-n").arg("-c").arg(written(server, "proftpd.conf", &text)?);
    Ok(command)
}
