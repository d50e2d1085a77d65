//! What a server says of files and folders: PROPFIND (RFC 4918, section 9.1), read from whatever its XML looks like.

use std::time::{Duration, SystemTime};

use backend_core::{Error, ErrorKind, Evidence, Key, Locator, Metadata, Result};
use object_store::client::HttpRequestBody;
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::super::call::Call;
use super::Folder;
use crate::error::unexpected;

const ASKED: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/>\
                     <getcontentlength/><getlastmodified/><getetag/></prop></propfind>";

/// A file or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// Below our folder, without slashes around it; empty: our folder itself.
    pub(super) name: String,
    pub(super) is_folder: bool,
    pub(super) size: u64,
    pub(super) etag: Option<String>,
    pub(super) modified: Option<SystemTime>,
}

#[derive(Debug, Deserialize)]
struct Many {
    #[serde(default, rename = "response")]
    responses: Vec<Response>,
}

#[derive(Debug, Deserialize)]
struct Response {
    href: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default, rename = "propstat")]
    stats: Vec<Stat>,
}

#[derive(Debug, Deserialize)]
struct Stat {
    #[serde(default)]
    prop: Prop,
    #[serde(default)]
    status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Prop {
    resourcetype: Option<Kind>,
    getcontentlength: Option<String>,
    getlastmodified: Option<String>,
    getetag: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    collection: Option<()>,
}

impl Node {
    pub(super) fn describe(&self, key: &Key, evidence: Evidence) -> Metadata {
        let mut meta = Metadata::new(Locator::new(key.clone()), evidence);
        meta.size = Some(self.size);
        meta.etag = self.etag.clone();
        meta.modified = self.modified;
        meta
    }

    /// What it sorts by: a folder as the names below it.
    pub(super) fn text(&self) -> String {
        match self.is_folder {
            true => format!("{}/", self.name),
            false => self.name.clone(),
        }
    }
}

impl Folder {
    /// Our own folder must be there before anything is called absent.
    pub(super) async fn recognise(&self) -> Result<()> {
        let missing = |why| Error::new(ErrorKind::InvalidConfig, format!("connection.url: {why}"));
        match self.asked("", "0").await {
            Ok(Some(nodes)) if nodes.iter().any(|node| node.name.is_empty() && node.is_folder) => Ok(()),
            Ok(Some(_)) => Err(missing("no folder is there")),
            Ok(None) => Err(missing("nothing is there")),
            Err(err) if matches!(err.kind(), ErrorKind::Unsupported) => {
                Err(missing("the server speaks no WebDAV there"))
            }
            Err(err) => Err(err),
        }
    }

    /// What stands under `name`, if anything does.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Node>> {
        match self.asked(name, "0").await? {
            Some(mut nodes) if nodes.len() == 1 => Ok(nodes.pop()),
            Some(_) => Err(unexpected("look at the content", "the server answers of several names")),
            None => self.recognise().await.map(|()| None),
        }
    }

    /// What stands in the folder `name`; `None`: it is not there.
    pub(super) async fn children(&self, name: &str) -> Result<Option<Vec<Node>>> {
        let Some(nodes) = self.asked(name, "1").await? else { return Ok(None) };
        let below = if name.is_empty() { String::new() } else { format!("{name}/") };
        let mut children = Vec::with_capacity(nodes.len());
        for node in nodes {
            match node.name.strip_prefix(&below) {
                _ if node.name == name => {}
                Some(rest) if !rest.is_empty() && !rest.contains('/') => children.push(node),
                _ => return Err(unexpected("list", "the server lists what was not asked for")),
            }
        }
        Ok(Some(children))
    }

    async fn asked(&self, name: &str, depth: &str) -> Result<Option<Vec<Node>>> {
        let headers = [("depth", depth), ("content-type", "application/xml; charset=utf-8")];
        let (asked, body) = (("PROPFIND", name), HttpRequestBody::from(ASKED.to_owned()));
        let answer = self.ask_with(Call::read(), "look at the folder", asked, &headers, &[404, 410], body).await?;
        if !answer.status().is_success() {
            return Ok(None);
        }
        let wrong = || unexpected("look at the folder", "the server answers no list of properties");
        let text = answer.into_body().bytes().await.map_err(|_| wrong())?;
        let many: Many = quick_xml::de::from_reader(text.as_ref()).map_err(|_| wrong())?;
        let is_absent = |it: &Response| it.status.as_deref().is_some_and(|status| status.contains(" 404"));
        match many.responses.as_slice() {
            [] => Ok(None),
            [only] if depth == "0" && is_absent(only) => Ok(None),
            all => all.iter().filter(|it| !is_absent(it)).map(|it| self.node(it)).collect::<Result<_>>().map(Some),
        }
    }

    fn node(&self, response: &Response) -> Result<Node> {
        let name = self.name(&response.href)?;
        let (mut is_folder, mut size, mut etag, mut modified) = (false, None, None, None);
        for stat in response.stats.iter().filter(|stat| stat.status.contains(" 200")) {
            is_folder |= stat.prop.resourcetype.as_ref().is_some_and(|kind| kind.collection.is_some());
            size = size.or(stat.prop.getcontentlength.as_deref().and_then(|it| it.trim().parse().ok()));
            etag = etag.or(stat.prop.getetag.clone().filter(|it| !it.is_empty()));
            modified = modified.or(stat.prop.getlastmodified.as_deref().and_then(time));
        }
        match size {
            None if !is_folder => Err(unexpected("look at the folder", "the server names no size")),
            size => Ok(Node { name, is_folder, size: size.unwrap_or_default(), etag, modified }),
        }
    }

    /// The name below our folder that an address means. Hosts are not compared: a server behind another one knows itself by another name.
    fn name(&self, href: &str) -> Result<String> {
        let outside = || unexpected("look at the folder", "the server names what lies outside of the folder");
        let url = self.shared.home.join(href.trim()).map_err(|_| outside())?;
        let path = percent_decode_str(url.path()).decode_utf8().map_err(|_| outside())?;
        let path = path.strip_suffix('/').unwrap_or(&path);
        match path.strip_prefix(self.shared.path.as_str()) {
            Some(name) => Ok(name.to_owned()),
            None if format!("{path}/") == self.shared.path => Ok(String::new()),
            None => Err(outside()),
        }
    }
}

/// RFC 4918, section 15.7: the form of HTTP's dates.
fn time(text: &str) -> Option<SystemTime> {
    let seconds = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp().as_second();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_answer_is_understood() {
        let text = r#"<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">
            <d:response><d:href>/dav/a%20b/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype>
            <d:getlastmodified>Mon, 12 Jan 1998 09:25:56 GMT</d:getlastmodified></d:prop>
            <d:status>HTTP/1.1 200 OK</d:status></d:propstat><d:propstat><d:prop><d:getcontentlength/></d:prop>
            <d:status>HTTP/1.1 404 Not Found</d:status></d:propstat></d:response>
            <d:response><d:href>/dav/x</d:href><d:propstat><d:prop><d:resourcetype/><d:getcontentlength>5</d:getcontentlength>
            <d:getetag>"e"</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"#;
        let many: Many = quick_xml::de::from_str(text).unwrap();
        let [folder, file] = many.responses.as_slice() else { panic!("there are two") };
        assert!(folder.stats[0].prop.resourcetype.as_ref().unwrap().collection.is_some());
        assert!(file.stats[0].prop.resourcetype.as_ref().is_none_or(|kind| kind.collection.is_none()));
        assert_eq!(file.stats[0].prop.getcontentlength.as_deref(), Some("5"));
        assert!(time("Mon, 12 Jan 1998 09:25:56 GMT").is_some() && time("yesterday").is_none());
    }
}
