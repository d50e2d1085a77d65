//! What the log is told, in a process of its own: tracing decides once for all threads whether anybody listens to an event.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]
#![expect(dead_code, reason = "the script is shared with the other tests of this crate, which use all of it")]

#[path = "../layers/scripted.rs"]
mod scripted;
#[path = "../layers/words.rs"]
mod words;

use std::io;
use std::sync::{Arc, Mutex};

use backend_core::{AddOptions, Error, ErrorKind, Link, Pin, ResumeToken, Secret, StatOptions, Write};
use backend_layers::Operational;
use tracing_subscriber::fmt::MakeWriter;

use scripted::Scripted;
use words::{CID, at, cid, content, stacked, unavailable};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Buffer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn secret_write() -> Write {
    Write { resume: Some(ResumeToken::new("canary").unwrap()), ..Write::default() }
}

#[tokio::test(start_paused = true)]
async fn each_failure_is_told_once_and_no_secret_is_told() {
    let log = Buffer::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
    let subscriber = subscriber.with_writer(log.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let not_found = Error::new(ErrorKind::NotFound, "no such object");
    let leaf = Scripted::new().fails(unavailable()).fails(unavailable()).fails(not_found).then(vec![]);
    let how = Operational { retry_count: 1, ..Operational::default() };
    let stack = stacked(&Arc::new(leaf), &how);
    let opts = AddOptions { write: secret_write(), ..AddOptions::default() };
    stack.add(&content(1), &opts).await.unwrap_err();
    stack.stat(&at().with_handle(Some("canary".into())), &StatOptions::default()).await.unwrap_err();
    let link = Link { url: Secret::new("canary"), until: None };
    stack.pin(&cid(), &Pin { sources: vec![link], ..Pin::default() }).await.unwrap();
    stack.discard(&ResumeToken::new("canary").unwrap()).await.unwrap();
    drop(guard);
    let told = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].contains("WARN") && lines[0].contains("archive: add: the service is down"), "{told}");
    assert!(lines[0].contains("backend{") && lines[0].contains("op=\"add\""), "{told}");
    assert!(lines[1].contains("DEBUG") && lines[1].contains(CID), "{told}");
    assert!(!told.contains("canary"), "{told}");
}
