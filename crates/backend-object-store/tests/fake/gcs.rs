//! Google's dialect: the XML API, as its reference documents it.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::bucket::{Object, Upload, between, escaped, range};
use super::{Answer, Asked, Bucket, SECRET, status};

const PAGE: usize = 500;

fn refused(code: StatusCode, name: &str) -> Answer {
    let text = format!("<?xml version='1.0' encoding='UTF-8'?><Error><Code>{name}</Code><Message>no</Message></Error>");
    Response::builder().status(code).header("content-type", "application/xml").body(Body::from(text)).unwrap()
}

fn xml(text: String) -> Answer {
    Response::builder().header("content-type", "application/xml").body(Body::from(text)).unwrap()
}

pub(super) async fn answer(bucket: &Bucket, asked: Asked) -> Answer {
    if asked.header("authorization") != Some(format!("Bearer {SECRET}")) {
        return refused(StatusCode::UNAUTHORIZED, "AuthenticationRequired");
    }
    if asked.bucket != "suite" {
        return refused(StatusCode::NOT_FOUND, "NoSuchBucket");
    }
    let has = |name: &str| asked.query.contains_key(name);
    let outcome = match (asked.method.as_str(), has("uploads"), has("uploadId")) {
        ("GET", ..) if asked.name.is_empty() => Ok(list(bucket, &asked)),
        ("HEAD" | "GET", false, false) => Ok(get(bucket, &asked)),
        ("PUT", false, false) => put(bucket, asked).await,
        ("DELETE", false, false) => Ok(delete(bucket, &asked)),
        ("POST", true, false) => Ok(initiate(bucket, &asked)),
        ("PUT", false, true) => part(bucket, asked).await,
        ("GET", false, true) => Ok(parts(bucket, &asked)),
        ("POST", false, true) => complete(bucket, asked).await,
        ("DELETE", false, true) => Ok(abort(bucket, &asked)),
        _ => Ok(refused(StatusCode::NOT_IMPLEMENTED, "NotImplemented")),
    };
    outcome.unwrap_or_else(|err| err)
}

/// `x-goog-if-generation-match`: 0 means that nothing is there.
fn holds(asked: &Asked, present: Option<&Object>, ignores: bool) -> bool {
    match asked.header("x-goog-if-generation-match").filter(|_| !ignores) {
        Some(wanted) => wanted == present.map_or(0, |it| it.generation).to_string(),
        None => true,
    }
}

fn about(asked: &Asked) -> Vec<(String, String)> {
    let kept = |name: &str| name == "content-type" || name.starts_with("x-goog-meta-");
    let pairs = asked.headers.iter().filter(|(name, _)| kept(name.as_str()));
    pairs.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

fn get(bucket: &Bucket, asked: &Asked) -> Answer {
    let ignores = bucket.lock().ignores_conditions;
    let object = bucket.lock().objects.get(&asked.name).cloned();
    let Some(object) = object else { return refused(StatusCode::NOT_FOUND, "NoSuchKey") };
    if !holds(asked, Some(&object), ignores) {
        return refused(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    }
    let len = object.bytes.len() as u64;
    let mut answer = Response::builder()
        .header("etag", format!("\"e{}\"", object.generation))
        .header("last-modified", "Fri, 27 Nov 2026 10:00:00 GMT")
        .header("x-goog-generation", object.generation);
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
    let headers = asked.headers.clone();
    let bytes = asked.bytes().await?;
    let mut state = bucket.lock();
    let again = Asked { headers, ..nothing(&name) };
    if !holds(&again, state.objects.get(&name), state.ignores_conditions) {
        return Ok(refused(StatusCode::PRECONDITION_FAILED, "PreconditionFailed"));
    }
    let generation = state.put(&name, bytes, about);
    Ok(stored(generation))
}

/// A request whose body was read.
fn nothing(name: &str) -> Asked {
    Asked {
        method: String::new(),
        bucket: String::new(),
        name: name.to_owned(),
        query: Default::default(),
        headers: Default::default(),
        body: Body::empty(),
    }
}

fn stored(generation: u64) -> Answer {
    let answer = Response::builder().header("etag", format!("\"e{generation}\""));
    answer.header("x-goog-generation", generation).body(Body::empty()).unwrap()
}

fn delete(bucket: &Bucket, asked: &Asked) -> Answer {
    let mut state = bucket.lock();
    if !state.objects.contains_key(&asked.name) {
        return refused(StatusCode::NOT_FOUND, "NoSuchKey");
    }
    if !holds(asked, state.objects.get(&asked.name), state.ignores_conditions) {
        return refused(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
    }
    state.objects.remove(&asked.name);
    status(StatusCode::NO_CONTENT)
}

fn list(bucket: &Bucket, asked: &Asked) -> Answer {
    let most = asked.ask("max-keys").map_or(PAGE, |it| it.parse().unwrap());
    let after = asked.ask("continuation-token").or(asked.ask("start-after"));
    let prefix = asked.ask("prefix").unwrap_or_default();
    let page = bucket.lock().page(prefix, asked.ask("delimiter") == Some("/"), after, most);
    let mut text = String::from("<?xml version='1.0' encoding='UTF-8'?><ListBucketResult><Name>suite</Name>");
    for (name, object) in &page.objects {
        text += &format!(
            "<Contents><Key>{}</Key><Generation>{g}</Generation><LastModified>2026-11-27T10:00:00.000Z</LastModified>\
             <ETag>\"e{g}\"</ETag><Size>{}</Size></Contents>",
            escaped(name),
            object.bytes.len(),
            g = object.generation,
        );
    }
    for folder in &page.folders {
        text += &format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(folder));
    }
    if let Some(next) = &page.next {
        text += &format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(next));
    }
    xml(text + &format!("<IsTruncated>{}</IsTruncated></ListBucketResult>", page.next.is_some()))
}

fn initiate(bucket: &Bucket, asked: &Asked) -> Answer {
    let mut state = bucket.lock();
    let id = format!("upload-{}", state.next());
    let upload = Upload { name: asked.name.clone(), about: about(asked), parts: Default::default() };
    state.uploads.insert(id.clone(), upload);
    xml(format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"))
}

fn known<'a>(
    uploads: &'a mut std::collections::HashMap<String, Upload>,
    id: &str,
    name: &str,
) -> Option<&'a mut Upload> {
    uploads.get_mut(id).filter(|upload| upload.name == name)
}

async fn part(bucket: &Bucket, asked: Asked) -> Result<Answer, Answer> {
    let (id, name) = (asked.ask("uploadId").unwrap_or_default().to_owned(), asked.name.clone());
    let number: usize = asked.ask("partNumber").and_then(|it| it.parse().ok()).unwrap();
    let bytes = asked.bytes().await?;
    let mut state = bucket.lock();
    let Some(upload) = known(&mut state.uploads, &id, &name) else {
        return Ok(refused(StatusCode::NOT_FOUND, "NoSuchUpload"));
    };
    upload.parts.insert(number, bytes);
    Ok(Response::builder().header("etag", format!("\"p{number}\"")).body(Body::empty()).unwrap())
}

fn parts(bucket: &Bucket, asked: &Asked) -> Answer {
    let mut state = bucket.lock();
    let Some(upload) = known(&mut state.uploads, asked.ask("uploadId").unwrap_or_default(), &asked.name) else {
        return refused(StatusCode::NOT_FOUND, "NoSuchUpload");
    };
    let line = |(n, bytes): (&usize, &bytes::Bytes)| {
        format!("<Part><PartNumber>{n}</PartNumber><ETag>\"p{n}\"</ETag><Size>{}</Size></Part>", bytes.len())
    };
    let lines: String = upload.parts.iter().map(line).collect();
    xml(format!("<ListPartsResult><IsTruncated>false</IsTruncated>{lines}</ListPartsResult>"))
}

async fn complete(bucket: &Bucket, asked: Asked) -> Result<Answer, Answer> {
    let (id, name) = (asked.ask("uploadId").unwrap_or_default().to_owned(), asked.name.clone());
    let bytes = asked.bytes().await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut state = bucket.lock();
    let Some(upload) = known(&mut state.uploads, &id, &name).cloned() else {
        return Ok(refused(StatusCode::NOT_FOUND, "NoSuchUpload"));
    };
    let numbers = between(&text, "PartNumber").into_iter().map(|it| it.parse::<usize>().unwrap());
    let mut whole = Vec::new();
    for (number, etag) in numbers.zip(between(&text, "ETag")) {
        match upload.parts.get(&number) {
            Some(part) if etag == format!("\"p{number}\"") => whole.extend_from_slice(part),
            _ => return Ok(refused(StatusCode::BAD_REQUEST, "InvalidPart")),
        }
    }
    state.uploads.remove(&id);
    let generation = state.put(&name, whole.into(), upload.about);
    let text = format!("<CompleteMultipartUploadResult><ETag>\"e{generation}\"</ETag></CompleteMultipartUploadResult>");
    let answer = Response::builder().header("x-goog-generation", generation);
    Ok(answer.body(Body::from(text)).unwrap())
}

fn abort(bucket: &Bucket, asked: &Asked) -> Answer {
    match bucket.lock().uploads.remove(asked.ask("uploadId").unwrap_or_default()) {
        Some(_) => status(StatusCode::NO_CONTENT),
        None => refused(StatusCode::NOT_FOUND, "NoSuchUpload"),
    }
}
