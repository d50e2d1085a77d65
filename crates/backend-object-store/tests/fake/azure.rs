//! Azure's dialect: the blob service's REST API, as its reference documents it.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use bytes::Bytes;

use super::bucket::{Object, between, escaped, range};
use super::{Answer, Asked, Bucket};

const PAGE: usize = 500;

fn refused(code: StatusCode, name: &str) -> Answer {
    let text = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{name}</Code></Error>");
    Response::builder().status(code).header("x-ms-error-code", name).body(Body::from(text)).unwrap()
}

fn tag(object: &Object) -> String {
    format!("\"0x{:X}\"", object.generation)
}

pub(super) async fn answer(bucket: &Bucket, asked: Asked) -> Answer {
    let is_signed = asked.header("authorization").is_some_and(|it| it.starts_with("SharedKey devstoreaccount1:"));
    if !is_signed || asked.header("x-ms-version").is_none() || asked.header("date").is_none() {
        return refused(StatusCode::FORBIDDEN, "AuthenticationFailed");
    }
    if asked.bucket != "suite" {
        return refused(StatusCode::NOT_FOUND, "ContainerNotFound");
    }
    let outcome = match (asked.method.as_str(), asked.ask("comp")) {
        ("GET", Some("list")) if asked.name.is_empty() => Ok(list(bucket, &asked)),
        ("HEAD" | "GET", None) => Ok(get(bucket, &asked)),
        ("PUT", None) if asked.header("x-ms-blob-type").as_deref() == Some("BlockBlob") => put(bucket, asked).await,
        ("PUT", Some("block")) => block(bucket, asked).await,
        ("PUT", Some("blocklist")) => commit(bucket, asked).await,
        ("GET", Some("blocklist")) => Ok(waiting(bucket, &asked)),
        ("DELETE", None) => Ok(delete(bucket, &asked)),
        _ => Ok(refused(StatusCode::BAD_REQUEST, "UnsupportedHeader")),
    };
    outcome.unwrap_or_else(|err| err)
}

/// The refusal, if a condition does not hold. A condition for a read or a removal of nothing is a 404 before.
fn condition(if_match: Option<&str>, if_none: Option<&str>, present: Option<&Object>) -> Option<Answer> {
    match (if_match, if_none, present) {
        (_, Some("*"), Some(_)) => Some(refused(StatusCode::CONFLICT, "BlobAlreadyExists")),
        (Some(wanted), _, present) if present.map(tag).as_deref() != Some(wanted) => {
            Some(refused(StatusCode::PRECONDITION_FAILED, "ConditionNotMet"))
        }
        _ => None,
    }
}

fn about(asked: &Asked) -> Vec<(String, String)> {
    let pairs = asked.headers.iter().filter_map(|(name, value)| {
        let name = match name.as_str() {
            "x-ms-blob-content-type" => "content-type",
            name if name.starts_with("x-ms-meta-") => name,
            _ => return None,
        };
        Some((name.to_owned(), value.to_str().unwrap().to_owned()))
    });
    pairs.collect()
}

fn get(bucket: &Bucket, asked: &Asked) -> Answer {
    let object = bucket.lock().objects.get(&asked.name).cloned();
    let Some(object) = object else { return refused(StatusCode::NOT_FOUND, "BlobNotFound") };
    if let Some(refused) = condition(asked.header("if-match").as_deref(), None, Some(&object)) {
        return refused;
    }
    let len = object.bytes.len() as u64;
    let mut answer = Response::builder()
        .header("etag", tag(&object))
        .header("x-ms-blob-type", "BlockBlob")
        .header("last-modified", "Fri, 27 Nov 2026 10:00:00 GMT");
    for (name, value) in &object.about {
        answer = answer.header(name, value);
    }
    let (start, end) = match asked.header("range").map(|text| range(&text, len)) {
        None => (0, len),
        Some(None) => return refused(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange"),
        Some(Some((start, end))) => {
            answer = answer.status(206).header("content-range", format!("bytes {start}-{}/{len}", end - 1));
            (start, end)
        }
    };
    let body = match asked.method.as_str() {
        "HEAD" => Body::empty(),
        _ => Body::from(object.bytes.slice(start as usize..end as usize)),
    };
    answer.header("content-length", end - start).body(body).unwrap()
}

async fn put(bucket: &Bucket, asked: Asked) -> Result<Answer, Answer> {
    let (name, about) = (asked.name.clone(), about(&asked));
    let (if_match, if_none) = (asked.header("if-match"), asked.header("if-none-match"));
    let bytes = asked.bytes().await?;
    Ok(store(bucket, &name, bytes, about, (if_match.as_deref(), if_none.as_deref())))
}

fn store(
    bucket: &Bucket,
    name: &str,
    bytes: Bytes,
    about: Vec<(String, String)>,
    (if_match, if_none): (Option<&str>, Option<&str>),
) -> Answer {
    let mut state = bucket.lock();
    if let Some(refused) = condition(if_match, if_none, state.objects.get(name)) {
        return refused;
    }
    state.blocks.remove(name);
    state.put(name, bytes, about);
    let answer = Response::builder().status(201).header("etag", tag(&state.objects[name]));
    answer.header("last-modified", "Fri, 27 Nov 2026 10:00:00 GMT").body(Body::empty()).unwrap()
}

fn delete(bucket: &Bucket, asked: &Asked) -> Answer {
    let mut state = bucket.lock();
    let Some(object) = state.objects.get(&asked.name) else { return refused(StatusCode::NOT_FOUND, "BlobNotFound") };
    if let Some(refused) = condition(asked.header("if-match").as_deref(), None, Some(object)) {
        return refused;
    }
    state.objects.remove(&asked.name);
    super::status(StatusCode::ACCEPTED)
}

async fn block(bucket: &Bucket, asked: Asked) -> Result<Answer, Answer> {
    let (name, id) = (asked.name.clone(), asked.ask("blockid").unwrap_or_default().to_owned());
    let bytes = asked.bytes().await?;
    let mut state = bucket.lock();
    let blocks = state.blocks.entry(name).or_default();
    if blocks.keys().any(|other| other.len() != id.len()) {
        return Ok(refused(StatusCode::BAD_REQUEST, "InvalidBlobOrBlock"));
    }
    blocks.insert(id, bytes);
    Ok(super::status(StatusCode::CREATED))
}

async fn commit(bucket: &Bucket, asked: Asked) -> Result<Answer, Answer> {
    let (name, about) = (asked.name.clone(), about(&asked));
    let (if_match, if_none) = (asked.header("if-match"), asked.header("if-none-match"));
    let bytes = asked.bytes().await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut whole = Vec::new();
    {
        let state = bucket.lock();
        let blocks = state.blocks.get(&name);
        for id in between(&text, "Latest") {
            match blocks.and_then(|blocks| blocks.get(id)) {
                Some(bytes) => whole.extend_from_slice(bytes),
                None => return Ok(refused(StatusCode::BAD_REQUEST, "InvalidBlockList")),
            }
        }
    }
    Ok(store(bucket, &name, whole.into(), about, (if_match.as_deref(), if_none.as_deref())))
}

fn waiting(bucket: &Bucket, asked: &Asked) -> Answer {
    let state = bucket.lock();
    let Some(blocks) = state.blocks.get(&asked.name) else { return refused(StatusCode::NOT_FOUND, "BlobNotFound") };
    let line = |(id, bytes): (&String, &Bytes)| format!("<Block><Name>{id}</Name><Size>{}</Size></Block>", bytes.len());
    let lines: String = blocks.iter().map(line).collect();
    let text = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><UncommittedBlocks>{lines}</UncommittedBlocks></BlockList>"
    );
    Response::builder().header("content-type", "application/xml").body(Body::from(text)).unwrap()
}

fn list(bucket: &Bucket, asked: &Asked) -> Answer {
    let most = asked.ask("maxresults").map_or(PAGE, |it| it.parse().unwrap());
    // `startFrom` is not known here, as in Azurite.
    let prefix = asked.ask("prefix").unwrap_or_default();
    let page = bucket.lock().page(prefix, asked.ask("delimiter") == Some("/"), asked.ask("marker"), most);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>");
    for (name, object) in &page.objects {
        text += &format!(
            "<Blob><Name>{}</Name><Properties><Creation-Time>Fri, 27 Nov 2026 10:00:00 GMT</Creation-Time>\
             <Last-Modified>Fri, 27 Nov 2026 10:00:00 GMT</Last-Modified><Etag>{}</Etag>\
             <Content-Length>{}</Content-Length><Content-Type>application/octet-stream</Content-Type></Properties></Blob>",
            escaped(name),
            tag(object),
            object.bytes.len(),
        );
    }
    for folder in &page.folders {
        text += &format!("<BlobPrefix><Name>{}</Name></BlobPrefix>", escaped(folder));
    }
    text +=
        &format!("</Blobs><NextMarker>{}</NextMarker></EnumerationResults>", escaped(&page.next.unwrap_or_default()));
    Response::builder().header("content-type", "application/xml").body(Body::from(text)).unwrap()
}
