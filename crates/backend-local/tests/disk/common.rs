//! A store in a folder, and words to use it with.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use backend_core::{
    AddOptions, Backend, Content, ContentId, Entry, Error, ErrorKind, GetOptions, Key, ListOptions, Locator, Metadata,
    Removal, RemoveOptions, Result, Settings, StatOptions,
};
use backend_layers::SystemClock;
use backend_local::Local;
use futures::TryStreamExt;
use serde_json::{Value, json};

/// A store at `path`, with more settings.
pub(crate) fn open_with(path: &Path, more: Value) -> Arc<dyn Backend> {
    let mut connection = json!({ "path": path });
    connection.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Local::open(Settings::new("archive", connection, Arc::new(SystemClock))).unwrap()
}

pub(crate) fn open(path: &Path) -> Arc<dyn Backend> {
    open_with(path, json!({}))
}

pub(crate) fn at(key: &str) -> Locator {
    Locator::new(Key::parse(key).unwrap())
}

pub(crate) async fn add(store: &Arc<dyn Backend>, key: &str, content: &Content) -> Result<Metadata> {
    let opts = AddOptions { id: Some(ContentId::Key(Key::parse(key).unwrap())), ..AddOptions::default() };
    store.add(content, &opts).await
}

pub(crate) async fn put(store: &Arc<dyn Backend>, key: &str, bytes: impl AsRef<[u8]>) -> Result<Metadata> {
    add(store, key, &backend_testkit::small(bytes.as_ref().to_vec())).await
}

pub(crate) async fn read(store: &Arc<dyn Backend>, key: &str) -> Result<Vec<u8>> {
    let frames: Vec<_> = store.get(&at(key), &GetOptions::default()).await?.body.try_collect().await?;
    Ok(frames.concat())
}

pub(crate) async fn list(store: &Arc<dyn Backend>, opts: ListOptions) -> Result<Vec<String>> {
    let entries: Vec<Entry> = store.list(&opts).try_collect().await?;
    let name = |entry: &Entry| match entry {
        Entry::Content { meta, .. } => meta.at.id.to_string(),
        Entry::Prefix(prefix) => prefix.clone(),
        _ => String::new(),
    };
    Ok(entries.iter().map(name).collect())
}

/// What each verb says that reads or writes `key`, by its kind.
pub(crate) async fn verbs(store: &Arc<dyn Backend>, key: &str) -> [(&'static str, Option<ErrorKind>); 6] {
    fn kind<T>(result: Result<T>) -> Option<ErrorKind> {
        result.err().map(|err: Error| err.kind())
    }
    [
        ("stat", kind(store.stat(&at(key), &StatOptions::default()).await)),
        ("get", kind(read(store, key).await)),
        ("remove", kind(remove(store, key).await)),
        ("list", kind(list(store, ListOptions::default()).await)),
        ("usage", kind(store.usage().await)),
        ("add", kind(put(store, key, "x").await)),
    ]
}

pub(crate) async fn remove(store: &Arc<dyn Backend>, key: &str) -> Result<Removal> {
    store.remove(&at(key), &RemoveOptions::default()).await
}

/// How many unnamed copies lie in the store at `path`.
pub(crate) fn n_temps(path: &Path) -> usize {
    let names = std::fs::read_dir(path.join(".ipfs-kit/tmp")).unwrap();
    names.filter(|it| it.as_ref().unwrap().file_name() != "lock").count()
}

/// This very test again, in another process, with `variable` set; `before` are words to put in front of the command.
pub(crate) fn again(test: &str, before: &[&str], variable: (&str, &Path)) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match before.split_first() {
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args([test, "--exact", "--nocapture"]).env(variable.0, variable.1);
    command
}
