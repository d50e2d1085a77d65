//! Commands: `POST /api/v0/…`, one JSON value or lines of them, and what went wrong (Kubo RPC; go-ipfs-cmds `http`).

use std::path::PathBuf;

use backend_core::{Result, Settings};
use backend_http::{
    Auth, Client, ClientOptions, Endpoint, HeaderMap, Method, Plain, Redirects, Request, Response, StatusCode,
};
use futures::stream::{BoxStream, StreamExt};
use serde::de::DeserializeOwned;

use super::answers::{Identity, Line, RepoStat};
use crate::address::Address;
use crate::config::{Config, Login};
use crate::error;

/// The most bytes of an answer of one value, and of a line.
const MAX_ANSWER: usize = 1 << 20;

/// A server and how it is reached.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) client: Client,
    pub(super) endpoint: Endpoint,
}

impl Server {
    fn new(settings: &Settings, address: &Address, login: &Login) -> Result<Self> {
        let (url, socket): (&str, Option<PathBuf>) = match address {
            Address::Url(url) => (url, None),
            Address::Unix(path) => ("http://localhost", Some(path.clone())),
        };
        // A node behind plain http is the rule: the user named it.
        let opts = ClientOptions { plain: Plain::Always, unix_socket: socket, ..ClientOptions::new(settings) };
        let endpoint = Endpoint::parse(url, Plain::Always)?;
        let endpoint = match login {
            Login::None => endpoint,
            Login::Bearer(token) => endpoint.with_auth(Auth::Bearer(token.clone())),
            Login::Basic(user, password) => {
                endpoint.with_auth(Auth::Basic { user: user.clone(), password: password.clone() })
            }
        };
        Ok(Self { client: Client::new(&opts)?, endpoint })
    }
}

/// One node. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(super) api: Server,
    pub(super) gateway: Option<Server>,
}

/// Whether a command changes something: then a lost answer leaves its effect unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Ask,
    Change,
}

impl Node {
    pub(crate) fn new(settings: &Settings, config: &Config) -> Result<Self> {
        let api = Server::new(settings, &config.api, &config.login)?;
        // What is for the RPC is not for the gateway, which anybody may ask.
        let gateway = config.gateway.as_ref().map(|it| Server::new(settings, it, &Login::None)).transpose()?;
        Ok(Self { api, gateway })
    }

    /// Whose rate limits it shares.
    pub(crate) fn gate(&self) -> String {
        self.api.endpoint.gate()
    }

    pub(super) fn request(&self, command: &str, query: &[(&str, &str)], does: Does) -> Result<Request> {
        let path: Vec<&str> = ["api", "v0"].into_iter().chain(command.split('/')).collect();
        let request = self.api.endpoint.request(Method::POST, &path)?.query(query);
        Ok(Request { changes: does == Does::Change, redirects: Redirects::Never, ..request })
    }

    pub(super) async fn send(&self, request: Request) -> Result<Response> {
        let response = self.api.client.send(request).await?;
        match response.status {
            StatusCode::OK => Ok(response),
            _ => Err(error::refused(&response.refusal().await)),
        }
    }

    pub(super) async fn ask(&self, command: &str, query: &[(&str, &str)]) -> Result<Response> {
        self.send(self.request(command, query, Does::Ask)?).await
    }

    /// The answer of a command that answers one value.
    pub(super) async fn one<T: DeserializeOwned>(&self, command: &str, query: &[(&str, &str)]) -> Result<T> {
        self.ask(command, query).await?.json(MAX_ANSWER).await
    }

    /// `id`: one authenticated round trip. Peer id and version.
    pub(crate) async fn identity(&self) -> Result<(String, String)> {
        let answer: Identity = self.one("id", &[]).await?;
        Ok((answer.id, answer.agent_version))
    }

    /// `repo/stat`: bytes of the repository, and how many it should have at most.
    pub(crate) async fn usage(&self) -> Result<(u64, u64)> {
        let answer: RepoStat = self.one("repo/stat", &[("size-only", "true")]).await?;
        Ok((answer.repo_size, answer.storage_max))
    }
}

/// The lines of an answer; a failure that is told in a line or in the trailer is an error.
pub(super) fn lines(response: Response) -> BoxStream<'static, Result<Line>> {
    let origin = response.origin().clone();
    let lines = Response::json_lines_of::<Line>(&origin, response.body_with(judge), MAX_ANSWER);
    lines.map(|line| line.and_then(whole)).boxed()
}

fn whole(line: Line) -> Result<Line> {
    match line.r#type.as_deref() {
        Some("error") => Err(error::said(line.message.as_deref().unwrap_or("something went wrong"))),
        _ => Ok(line),
    }
}

/// Behind the first byte the trailer is the only sign that a command failed.
pub(super) fn judge(trailers: &HeaderMap) -> Result<()> {
    match trailers.get("x-stream-error") {
        Some(text) => Err(error::said(&String::from_utf8_lossy(text.as_bytes()))),
        None => Ok(()),
    }
}
