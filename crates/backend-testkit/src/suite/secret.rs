//! Nothing tells a secret: C06.

use std::fmt::Debug;

use backend_core::{AddOptions, ErrorKind, GetOptions, ResumeToken, StatOptions, Write};

use crate::check::{Outcome, ensure};
use crate::content::{Defect, LEAF, lying};
use crate::fixture::CANARY;
use crate::keeper::Keeper;
use crate::logs;
use crate::subject::Subject;

pub(super) async fn c06_nothing_tells_a_secret(subject: &Subject) -> Outcome {
    let (logs, guard) = logs::capture();
    let token = ResumeToken::new(format!("{CANARY}-token"))?;
    let mut said = vec![shown(subject.backend()), shown(subject.backend().info())];
    said.push(shown(&subject.backend().health().await));
    let content = subject.content("absent", 100);
    let at = subject.at("absent", &content)?;
    said.push(shown(&subject.backend().stat(&at, &StatOptions::default()).await));
    said.push(shown(&subject.backend().get(&at, &GetOptions::default()).await));
    let write = Write { resume: Some(token.clone()), ..Write::default() };
    said.push(shown(&write));
    said.push(shown(&subject.add_with("resumed", &content, AddOptions { write, ..AddOptions::default() }).await));
    said.push(shown(&subject.backend().discard(&token).await));
    let real = stopped(subject, &mut said).await;
    drop(guard);
    said.push(logs.text());
    let secrets = [Some(CANARY.to_owned()), real];
    for secret in secrets.into_iter().flatten().filter(|secret| !secret.is_empty()) {
        for text in &said {
            ensure!(!text.contains(&secret), "a secret is shown: {text}");
        }
    }
    Ok(())
}

/// A real token, as text, of an upload that was broken off.
async fn stopped(subject: &Subject, said: &mut Vec<String>) -> Option<String> {
    if !subject.offers().resume || !subject.offers().add {
        return None;
    }
    let content = subject.content("stopped", 2 * LEAF);
    let broken = lying(&content, Defect::Fails(LEAF + 5, ErrorKind::Denied));
    let keeper = Keeper::new();
    let write = Write { checkpoint: Some(keeper.clone()), ..Write::default() };
    said.push(shown(&subject.add_with("stopped", &broken, AddOptions { write, ..AddOptions::default() }).await));
    let token = keeper.newest()?;
    said.push(shown(&subject.backend()));
    said.push(shown(&subject.backend().discard(&token).await));
    String::from_utf8(token.reveal().to_vec()).ok()
}

fn shown(it: &dyn Debug) -> String {
    format!("{it:?}")
}
