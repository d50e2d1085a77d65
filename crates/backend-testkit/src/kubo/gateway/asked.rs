//! What a request asks for: a path, a form, and the parameters of a CAR, each in the query or in `Accept`.

use ipld::resolve::{Resolver, Step, Target};
use ipld::{Cid, address};

use super::super::blocks::Blocks;
use super::super::wire::Head;

pub(super) const RAW: &str = "application/vnd.ipld.raw";
pub(super) const CAR: &str = "application/vnd.ipld.car";

#[derive(Debug)]
pub(super) enum Form {
    Raw,
    Car(Params),
    Plain,
}

/// Parameters of a CAR.
#[derive(Debug, Clone, Copy)]
pub(super) struct Params {
    pub(super) scope: Scope,
    /// Bounds as they stand, both inclusive; negative ones count from the end.
    pub(super) bytes: Option<(i64, Option<i64>)>,
    pub(super) dups: bool,
    pub(super) dfs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Block,
    Entity,
    All,
}

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) root: Cid,
    pub(super) names: Vec<String>,
    pub(super) form: Form,
    text: String,
}

/// A refusal before anything was looked at.
type Refused = (u16, String);

impl Asked {
    pub(super) fn parse(path: &str, head: &Head) -> Result<Self, Refused> {
        let mut parts = path.split('/');
        let text = parts.next().unwrap_or_default();
        let root = address::parse(text).map_err(|_| {
            (400, format!("invalid path \"/ipfs/{text}\": invalid cid: selected encoding not supported\n"))
        })?;
        let names = parts.filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let form = form(head)?;
        Ok(Self { root, names, form, text: path.trim_end_matches('/').to_owned() })
    }

    pub(super) fn shown(&self) -> String {
        format!("/ipfs/{}", self.text)
    }

    pub(super) fn uri(&self) -> String {
        format!("ipfs://{}", self.text)
    }

    /// The blocks on the way, without the last, and where it leads.
    pub(super) fn resolve(&self, blocks: &Blocks) -> (Vec<Cid>, Result<Target, String>) {
        let mut way = Vec::new();
        let mut resolver = Resolver::new(self.root, self.names.clone());
        loop {
            match resolver.next() {
                Ok(Step::Found(target)) => {
                    way.retain(|cid| !address::same(cid, &target.cid));
                    return (way, Ok(target));
                }
                Ok(Step::Need(cid)) => {
                    let Some(data) = blocks.get(&cid) else { return (way, Err(not_found(&cid))) };
                    way.push(cid);
                    if let Err(err) = resolver.feed(&cid, &data) {
                        return (way, Err(no_link(&err)));
                    }
                }
                Err(err) => return (way, Err(no_link(&err))),
            }
        }
    }
}

pub(super) fn not_found(cid: &Cid) -> String {
    let cid = address::text(cid);
    format!(
        "block was not found locally (offline): ipld: could not find {cid}: retrieval: no providers found for the CID (phase: path resolution)"
    )
}

fn no_link(err: &ipld::Error) -> String {
    match err {
        ipld::Error::NoEntry { directory, name } => {
            format!("no link named \"{name}\" under {}", address::text(directory))
        }
        other => other.to_string(),
    }
}

/// `format` beats `Accept`; an unknown word of either is the plain file.
fn form(head: &Head) -> Result<Form, Refused> {
    let accept = head.header("accept").unwrap_or_default();
    let accepted = |media: &str| accept.split(',').any(|it| it.split(';').next().is_some_and(|it| it.trim() == media));
    match head.option("format") {
        Some("raw") => Ok(Form::Raw),
        Some("car") => params(head, accept).map(Form::Car),
        Some(_) => Ok(Form::Plain),
        None if accepted(CAR) => params(head, accept).map(Form::Car),
        None if accepted(RAW) => Ok(Form::Raw),
        None => Ok(Form::Plain),
    }
}

fn params(head: &Head, accept: &str) -> Result<Params, Refused> {
    let from_accept = |name: &str| {
        let car = accept.split(',').find(|it| it.trim().starts_with(CAR))?;
        car.split(';').skip(1).filter_map(|it| it.trim().split_once('=')).find(|it| it.0 == name).map(|it| it.1)
    };
    let of = |query: &str, accept: &str| head.option(query).or_else(|| from_accept(accept));
    let bad = |what: &str| Err((400, format!("unsupported {CAR} {what}\n")));
    if of("car-version", "version").is_some_and(|it| it != "1") {
        return bad("version: only version=1 is supported");
    }
    let dfs = match of("car-order", "order") {
        None | Some("dfs") => true,
        Some("unk") => false,
        Some(_) => return bad("order parameter"),
    };
    let dups = match of("car-dups", "dups") {
        Some("y") => true,
        None | Some("n") => false,
        Some(_) => return bad("dups parameter"),
    };
    let scope = match head.option("dag-scope") {
        None | Some("all") => Scope::All,
        Some("entity") => Scope::Entity,
        Some("block") => Scope::Block,
        Some(_) => return bad("scope parameter"),
    };
    let bytes = head.option("entity-bytes").map(entity_bytes).transpose()?;
    Ok(Params { scope, bytes, dups, dfs })
}

fn entity_bytes(text: &str) -> Result<(i64, Option<i64>), Refused> {
    let bad = |why: &str| (400, format!("invalid {CAR} entity-bytes URL parameter: {why}\n"));
    let numbers = || bad("range must have two numbers separated with ':'");
    let (from, to) = text.split_once(':').ok_or_else(numbers)?;
    let from: i64 = from.parse().map_err(|_| numbers())?;
    let to: Option<i64> = match to {
        "*" => None,
        to => Some(to.parse().map_err(|_| numbers())?),
    };
    match to {
        Some(to) if (from < 0) == (to < 0) && to < from => {
            Err(bad("cannot have an entity-bytes range where 'from' is after 'to'"))
        }
        _ => Ok((from, to)),
    }
}
