//! What a command answers, and how it is written: at once, in lines, in small pieces, and with what was ordered to go wrong.

use std::io::Result;

use bytes::Bytes;
use serde_json::{Value, json};

use super::rpc::Lie;
use super::wire::Wire;

/// Bytes that Kubo writes at a time (go-ipfs-cmds, `flushCopy`).
const FLUSH: usize = 4096;

/// What a command answers.
pub(super) enum Answer {
    /// One JSON value.
    One(Value),
    /// JSON values, a line each, and the trailer.
    Lines(Vec<Value>, Option<String>),
    /// Bytes of this type; their number if it is told; the trailer.
    Bytes { media: &'static str, bytes: Bytes, told: Option<u64>, failure: Option<String> },
    /// The command failed.
    Failed(String),
    /// The request made no sense.
    Refused(u16, String),
}

/// Whether the connection can be used further.
pub(super) async fn send(wire: &mut Wire, answer: Answer, lie: Option<&Lie>) -> Result<bool> {
    let json = ("Content-Type", "application/json");
    let (headers, body, failure) = match answer {
        Answer::Refused(status, text) => {
            wire.whole(status, &[("Content-Type", "text/plain; charset=utf-8")], text.as_bytes()).await?;
            return Ok(true);
        }
        Answer::Failed(text) => {
            let body = json!({ "Message": text, "Code": 0, "Type": "error" });
            wire.begin(500, &[json]).await?;
            wire.chunk(format!("{body}\n").as_bytes()).await?;
            wire.end(None).await?;
            return Ok(true);
        }
        Answer::One(value) => (vec![json], format!("{value}\n").into_bytes().into(), None),
        Answer::Lines(lines, failure) => {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            (vec![json, ("X-Chunked-Output", "1")], text.into_bytes().into(), failure)
        }
        Answer::Bytes { media, bytes, told, failure } => {
            let told = told.map(|it| it.to_string()).unwrap_or_default();
            let mut headers = vec![("Content-Type", media), ("X-Stream-Output", "1")];
            if !told.is_empty() {
                headers.push(("X-Content-Length", &told));
            }
            wire.begin(200, &headers).await?;
            return stream(wire, &twisted(bytes, lie), failure.as_deref(), lie).await;
        }
    };
    wire.begin(200, &headers).await?;
    stream(wire, &body, failure.as_deref(), lie).await
}

async fn stream(wire: &mut Wire, body: &Bytes, failure: Option<&str>, lie: Option<&Lie>) -> Result<bool> {
    let cut = matches!(lie, Some(Lie::CutShort));
    let shown = if cut { &body[..body.len() / 2] } else { &body[..] };
    for part in shown.chunks(FLUSH) {
        wire.chunk(part).await?;
    }
    if cut {
        return Ok(false);
    }
    let failure = match lie {
        Some(Lie::Trailer(text)) => Some(*text),
        _ => failure,
    };
    wire.end(failure).await?;
    Ok(true)
}

fn twisted(bytes: Bytes, lie: Option<&Lie>) -> Bytes {
    match lie {
        Some(Lie::OtherBytes) => bytes.iter().map(|byte| byte ^ 1).collect::<Vec<_>>().into(),
        _ => bytes,
    }
}
