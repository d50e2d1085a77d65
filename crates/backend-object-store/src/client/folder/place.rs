//! Storing: a file is put aside whole and then moved into its place, so that a broken connection never shows half of it.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use backend_core::{AddOptions, Content, Error, ErrorKind, Key, Result};

use super::super::call::Call;
use super::super::source::exactly;
use super::Folder;
use crate::error::unexpected;

/// Where files are put aside.
pub(super) const ASIDE: &str = ".ipfs-kit/webdav-tmp";
/// What was put aside by somebody who has not come back for so long is nobody's.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);
/// The most folders that are remembered to be there.
const MAX_KNOWN: usize = 4096;
/// How often a place is looked at again because somebody else changed it meanwhile.
const MAX_LOOKS: usize = 16;
/// How long a name that another writer holds is left alone before it is looked at again.
const UNLOCKS: Duration = Duration::from_millis(50);
/// The most that is swept at a time.
const MAX_SWEPT: usize = 256;

impl Folder {
    /// Stores content under `key`. Whether something was there before.
    pub(super) async fn place(&self, content: &Content, key: &Key, opts: &AddOptions) -> Result<bool> {
        if let Some((folder, _)) = key.as_str().rsplit_once('/') {
            self.make_folders(folder).await?;
        }
        self.make_folders(ASIDE).await?;
        self.is_taken(key).await?;
        self.sweep_once().await;
        let aside = format!("{ASIDE}/{}", random()?);
        let placed = match self.put_aside(content, &aside, opts).await {
            Ok(()) => self.move_to(&aside, key).await,
            Err(err) => Err(err),
        };
        if placed.is_err() {
            // The first error is what matters, and the next one to come sweeps.
            let _ = self.ask(Call::write(None), "clean up", ("DELETE", &aside), &[], &[404]).await;
        }
        placed
    }

    /// Whether a file is there. What is neither a file of this very name nor nothing refuses.
    async fn is_taken(&self, key: &Key) -> Result<bool> {
        let refuse = |why: &str| Err(Error::new(ErrorKind::AlreadyExists, why));
        match self.find(key.as_str()).await? {
            None => Ok(false),
            Some(node) if node.is_folder => refuse("a folder stands there"),
            Some(node) if node.name != key.as_str() => refuse("the server takes it for another name"),
            Some(_) if !self.lists(key).await? => refuse("the server takes it for another name"),
            Some(_) => Ok(true),
        }
    }

    /// Whether the name stands in its folder letter by letter. A server that knows one form of each character only (rclone) answers for the other form,
    /// too, and under the name that it was asked for.
    async fn lists(&self, key: &Key) -> Result<bool> {
        if key.as_str().is_ascii() {
            return Ok(true);
        }
        let folder = key.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        let nodes = self.children(folder).await?.unwrap_or_default();
        Ok(nodes.iter().any(|node| node.name == key.as_str()))
    }

    async fn put_aside(&self, content: &Content, aside: &str, opts: &AddOptions) -> Result<()> {
        let body = exactly(content.open_all().await?, content.len());
        let call = Call::write(Some(&opts.write.progress)).body(content.len(), body);
        let headers = [("content-type", "application/octet-stream")];
        let answer = self.ask(call, "store the content", ("PUT", aside), &headers, &[404, 409]).await?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(self.forget()),
        }
    }

    /// RFC 4918, section 9.9. A move onto a folder would replace all that lies below: only a file is ever overwritten.
    async fn move_to(&self, aside: &str, key: &Key) -> Result<bool> {
        let to = self.url(key.as_str()).to_string();
        for _ in 0..MAX_LOOKS {
            let is_taken = self.is_taken(key).await?;
            let overwrite = if is_taken { "T" } else { "F" };
            let headers = [("destination", to.as_str()), ("overwrite", overwrite)];
            let asked = ("MOVE", aside);
            let answer = self.ask(
                Call::write(None),
                "put the content in its place",
                asked,
                &headers,
                &[403, 404, 409, 412, 423],
            );
            match answer.await?.status().as_u16() {
                412 => {}
                // RFC 4918, section 9.9.4: somebody else's move holds the name.
                423 => self.shared.clock.sleep(UNLOCKS).await,
                403 => return Err(self.refused_place(key).await),
                404 | 409 => return Err(self.forget()),
                _ => return Ok(is_taken),
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "others write there all the time"))
    }

    /// Some servers call a folder that is not there forbidden (rclone).
    async fn refused_place(&self, key: &Key) -> Error {
        let folder = key.as_str().rsplit_once('/').map(|(folder, _)| folder).unwrap_or_default();
        match self.find(folder).await {
            Ok(None) => self.forget(),
            _ => Error::new(ErrorKind::Denied, "the server does not permit to put it in its place"),
        }
    }

    /// Makes `folder` and those above it.
    async fn make_folders(&self, folder: &str) -> Result<()> {
        if self.knows(folder) {
            return Ok(());
        }
        let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
        for name in ends.map(|end| &folder[..end]) {
            if self.knows(name) {
                continue;
            }
            self.make_folder(name).await?;
            let mut known = self.shared.known.lock().unwrap_or_else(PoisonError::into_inner);
            if MAX_KNOWN <= known.len() {
                known.clear();
            }
            known.insert(name.to_owned());
        }
        Ok(())
    }

    async fn make_folder(&self, name: &str) -> Result<()> {
        for _ in 0..MAX_LOOKS {
            // Servers differ in how they refuse what is there already, or what they do not like to be asked.
            let refusals = [403, 404, 405, 409, 423];
            let answer = self.ask(Call::write(None), "make a folder", ("MKCOL", name), &[], &refusals).await?;
            if answer.status().is_success() {
                return Ok(());
            }
            match self.find(name).await? {
                Some(node) if node.is_folder && node.name == name => return Ok(()),
                Some(_) => return Err(Error::new(ErrorKind::AlreadyExists, "a file stands where a folder is needed")),
                // Somebody else is making it at this moment (rclone).
                None if answer.status().as_u16() == 423 => self.shared.clock.sleep(UNLOCKS).await,
                None => {
                    self.recognise().await?;
                    return Err(Error::new(ErrorKind::Denied, "the server does not permit to make a folder"));
                }
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "others write there all the time"))
    }

    fn knows(&self, folder: &str) -> bool {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
    }

    /// A folder that we knew of is gone: the next try makes it again.
    fn forget(&self) -> Error {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Error::new(ErrorKind::Unavailable, "a folder vanished meanwhile")
    }

    /// What dead processes put aside is removed by the first add. Failing at that is no failure.
    async fn sweep_once(&self) {
        if self.shared.is_swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let Ok(Some(nodes)) = self.children(ASIDE).await else { return };
        let now = self.shared.clock.now();
        let is_abandoned = |it: &super::Node| it.modified.is_some_and(|then| then + ABANDONED < now);
        for node in nodes.iter().filter(|it| !it.is_folder && is_abandoned(it)).take(MAX_SWEPT) {
            let _ = self.ask(Call::write(None), "clean up", ("DELETE", &node.name), &[], &[404]).await;
        }
    }
}

fn random() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| unexpected("store the content", "there is no randomness"))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
