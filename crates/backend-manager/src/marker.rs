//! A store's identity: the marker object that we put there, or the service's own word.

use backend_core::{
    AddOptions, Addressing, Backend, Condition, Content, ContentId, Error, ErrorKind, GetOptions, Key, Locator, Power,
    Result, Role,
};
use ipld::address;
use serde::{Deserialize, Serialize};

use crate::layout;
use crate::naming;

/// A marker is a few dozen bytes; a larger object is not ours.
const MARKER_MAX: u64 = 4096;

#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    /// Random; the same for all who use this store.
    store_id: String,
    /// Of this object.
    version: u32,
}

/// What a backend says it is. `known` is what the catalog expects; `None`: never seen, so a marker may be written.
///
/// # Errors
/// `InvalidConfig` when a marker was expected and the store shows none; whatever the store answers.
pub(crate) async fn identity(backend: &dyn Backend, known: Option<&str>) -> Result<Option<String>> {
    let info = backend.info();
    let keeps_marker =
        info.role == Role::Store && info.addressing == Addressing::Key && info.offers.get && info.offers.add;
    if !keeps_marker {
        let health = backend.health().await;
        return match health.reads {
            Power::Fails(kind) => Err(Error::new(kind, format!("{} cannot be reached", info.name))),
            _ => Ok(health.identity.map(|it| format!("{}:{it}", info.kind))),
        };
    }
    match (read(backend).await?, known) {
        (Some(id), _) => Ok(Some(id)),
        (None, None) => write(backend).await.map(Some),
        (None, Some(_)) => Err(Error::new(
            ErrorKind::InvalidConfig,
            format!(
                "{} shows no marker .ipfs-kit/store: it is not the store it was (an empty mount point, another bucket?)",
                info.name
            ),
        )),
    }
}

async fn read(backend: &dyn Backend) -> Result<Option<String>> {
    let at = Locator::new(layout::marker()?);
    let fetched = match backend.get(&at, &GetOptions::default()).await {
        Ok(fetched) => fetched,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(err),
    };
    let bytes = crate::read::collect(fetched.body, MARKER_MAX).await?;
    let marker: Marker = serde_json::from_slice(&bytes).map_err(|err| {
        Error::new(ErrorKind::InvalidConfig, format!("the marker of {} is not ours to read", backend.info().name))
            .with_source(err)
    })?;
    Ok(Some(marker.store_id))
}

/// Two processes may meet here: whoever comes second reads what the first has written.
async fn write(backend: &dyn Backend) -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|err| Error::new(ErrorKind::Internal, "no random numbers").with_source(err))?;
    let store_id: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let marker = Marker { store_id: store_id.clone(), version: 1 };
    let json =
        serde_json::to_vec(&marker).map_err(|err| Error::new(ErrorKind::Internal, "no marker").with_source(err))?;
    let digests = naming::of_bytes(&backend.info().needs, &json)?;
    let content = Content::bytes(address::sha256(address::RAW, &json), json).with_digests(digests);
    let condition = if backend.info().offers.if_absent { Condition::IfAbsent } else { Condition::Always };
    let key: Key = layout::marker()?;
    let opts = AddOptions { id: Some(ContentId::Key(key)), condition, ..AddOptions::default() };
    match backend.add(&content, &opts).await {
        Ok(_) => Ok(store_id),
        Err(err) if err.kind() == ErrorKind::AlreadyExists => {
            let there = read(backend).await?;
            there.ok_or_else(|| Error::new(ErrorKind::Unavailable, "the marker came and went"))
        }
        Err(err) => Err(err),
    }
}
