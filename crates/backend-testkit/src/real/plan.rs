//! How each server is started, is known to be ready, and makes a bucket.

use std::fs;
use std::process::Command;

use super::{SECRET, Server, USER, Unready, azure, certificate, http, shelf};

/// moto's own server, but for one thing: what is in memory is changed by one request after the other, once its body is there. Left to its threads, moto
/// answers 500 to two writers of one key.
const MOTO: &str = r#"
import io, sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.wsgi import get_input_stream
inner, one = DomainDispatcherApplication(create_backend_app), threading.Lock()
def app(environ, start):
    body = get_input_stream(environ).read()
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    with one:
        return list(inner(environ, start))
run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True)
"#;

/// A kind of server.
#[derive(Clone)]
pub(super) struct Plan {
    /// Its name in `xtask/services/table.txt`.
    pub(super) service: &'static str,
    /// How many ports it listens on; the first is that of its main service.
    pub(super) ports: usize,
    pub(super) command: fn(&Server) -> Result<Command, Unready>,
    pub(super) ready: fn(&Server) -> bool,
    pub(super) bucket: fn(&Server, &str) -> Result<(), Unready>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.service)
    }
}

/// The plan of a service that was provisioned.
fn plan(service: &'static str, command: fn(&Server) -> Result<Command, Unready>) -> Result<Plan, Unready> {
    shelf::program(service)?;
    Ok(Plan { service, ports: 1, command, ready: answers, bucket: folder })
}

fn program(server: &Server) -> Result<Command, Unready> {
    shelf::program(server.plan.service).map(Command::new)
}

fn address(server: &Server) -> String {
    format!("127.0.0.1:{}", server.port())
}

/// Whatever it answers, it is HTTP.
fn answers(server: &Server) -> bool {
    http::ask(server.port(), "GET /", &[], "").is_ok()
}

/// A bucket is a folder in the server's data.
fn folder(server: &Server, name: &str) -> Result<(), Unready> {
    let path = server.data().join(name);
    fs::create_dir_all(&path).map_err(|err| Unready::at(&path, "make", err))
}

fn asked(server: &Server, words: &str, headers: &[(&str, &str)], body: &str) -> Result<(), Unready> {
    let service = server.plan.service;
    let answer = http::ask(server.port(), words, headers, body);
    match answer.map_err(|err| Unready::new(format!("{service}: {err}")))? {
        it if (200..300).contains(&it.status) || it.status == 409 => Ok(()),
        it => Err(Unready::new(format!("{service} makes no bucket: {}", it.text))),
    }
}

pub(super) fn s3s_fs() -> Result<Plan, Unready> {
    plan("s3s-fs", |server| {
        let mut command = program(server)?;
        command.args(["--host", "127.0.0.1", "--port", &server.port().to_string()]);
        command.args(["--access-key", USER, "--secret-key", SECRET]).arg(server.data());
        Ok(command)
    })
}

pub(super) fn s3s_fs_by_host() -> Result<Plan, Unready> {
    plan("s3s-fs", |server| {
        let mut command = program(server)?;
        let port = server.port().to_string();
        command.args(["--host", "127.0.0.1", "--port", &port, "--domain", &format!("s3.localhost:{port}")]);
        command.args(["--access-key", USER, "--secret-key", SECRET]).arg(server.data());
        Ok(command)
    })
}

pub(super) fn moto() -> Result<Plan, Unready> {
    let begun = plan("moto", |server| {
        let mut command = program(server)?;
        command.args(["-c", MOTO, &server.port().to_string()]);
        Ok(command)
    })?;
    Ok(Plan { bucket: |server, name| asked(server, &format!("PUT /{name}"), &[], ""), ..begun })
}

pub(super) fn rclone_s3() -> Result<Plan, Unready> {
    let begun = plan("rclone", |server| {
        let mut command = program(server)?;
        command.args(["serve", "s3", "--addr", &address(server), "--auth-key", &format!("{USER},{SECRET}")]);
        command.arg(server.data()).env("RCLONE_CONFIG", "");
        Ok(command)
    })?;
    Ok(Plan { bucket: known, ..begun })
}

pub(super) fn rclone_s3_by_tls() -> Result<Plan, Unready> {
    let begun = plan("rclone", |server| {
        certificate::certified(server)?;
        let mut command = program(server)?;
        command.args(["serve", "s3", "--addr", &address(server), "--auth-key", &format!("{USER},{SECRET}")]);
        command.args(["--cert", "cert.pem", "--key", "key.pem", "--force-path-style=false"]);
        command.arg(server.data()).env("RCLONE_CONFIG", "");
        Ok(command)
    })?;
    let ready = |server: &Server| std::net::TcpStream::connect(("127.0.0.1", server.port())).is_ok();
    Ok(Plan { bucket: known, ready, ..begun })
}

/// So many buckets of a suite are there before rclone starts.
const KNOWN: usize = 1024;

/// What is put on its disk later rclone does not see for minutes; told to look more often, it misses what it was just asked to make.
pub(super) fn folders(server: &Server) -> Result<(), Unready> {
    let names = (0..KNOWN).map(|n| format!("suite-{n:04}")).chain(["first", "peers"].map(str::to_owned));
    names.into_iter().try_for_each(|name| folder(server, &name))
}

fn known(server: &Server, name: &str) -> Result<(), Unready> {
    match server.data().join(name).is_dir() {
        true => Ok(()),
        false => {
            Err(Unready::new(format!("rclone has only the buckets that it began with, suite-0000 and on: no {name}")))
        }
    }
}

pub(super) fn rclone_webdav() -> Result<Plan, Unready> {
    plan("rclone", |server| {
        let mut command = program(server)?;
        command.args(["serve", "webdav", "--addr", &address(server), "--user", USER, "--pass", SECRET]);
        command.arg(server.data()).env("RCLONE_CONFIG", "");
        Ok(command)
    })
}

pub(super) fn azurite() -> Result<Plan, Unready> {
    let begun = plan("azurite", |server| {
        let mut command = program(server)?;
        command.args(["--blobHost", "127.0.0.1", "--blobPort", &server.port().to_string()]);
        command.args(["--skipApiVersionCheck", "--disableTelemetry", "--silent", "--location"]).arg(server.data());
        Ok(command)
    })?;
    Ok(Plan { bucket: azure::container, ..begun })
}

pub(super) fn seaweedfs() -> Result<Plan, Unready> {
    let begun = plan("seaweedfs", weed)?;
    let ready = |server: &Server| {
        let filer = server.ports.get(6).copied().unwrap_or_default();
        let writes = http::ask(filer, "PUT /buckets/.ready", &[("Content-Type", "text/plain")], "ready");
        answers(server) && writes.is_ok_and(|it| it.status == 201)
    };
    // The gateway takes a bucket to be a folder of the filer; the slash makes it one.
    let bucket = |server: &Server, name: &str| {
        let filer = server.ports.get(6).copied().unwrap_or_default();
        match http::ask(filer, &format!("POST /buckets/{name}/"), &[], "") {
            Ok(it) if (200..300).contains(&it.status) => Ok(()),
            Ok(it) => Err(Unready::new(format!("seaweedfs makes no bucket: {}", it.text))),
            Err(err) => Err(Unready::new(format!("seaweedfs: {err}"))),
        }
    };
    Ok(Plan { ports: 8, ready, bucket, ..begun })
}

/// Master, volumes, filer and S3 gateway in one process: each with a port for HTTP and one for gRPC.
fn weed(server: &Server) -> Result<Command, Unready> {
    let users = server.folder.join("s3.json");
    let text = format!(
        r#"{{"identities":[{{"name":"suite","credentials":[{{"accessKey":"{USER}","secretKey":"{SECRET}"}}],"actions":["Admin","Read","Write","List","Tagging"]}}]}}"#
    );
    fs::write(&users, text).map_err(|err| Unready::at(&users, "write", err))?;
    let mut command = program(server)?;
    command.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-filer", "-master.volumeSizeLimitMB=256"]);
    // Each bucket is a collection with volumes of its own, seven at once; they take room when something is in them.
    command.arg("-volume.max=8192").arg(format!("-dir={}", server.data().display()));
    command.arg(format!("-s3.config={}", users.display()));
    let names = ["s3", "master", "volume", "filer"];
    for (name, ports) in names.iter().zip(server.ports.chunks(2)) {
        let [http, grpc] = ports else { continue };
        command.arg(format!("-{name}.port={http}")).arg(format!("-{name}.port.grpc={grpc}"));
    }
    Ok(command)
}
