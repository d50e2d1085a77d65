//! Whether conditions are honoured: tried on an object of our own, and believed only when a refusal changed nothing.

use backend_core::{Condition, Error, ErrorKind, Facts, GetOptions, Key, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{Attributes, PutPayload};

use super::super::Learnt;
use super::super::call::Call;
use super::Bucket;
use crate::error::unexpected;

impl Bucket {
    /// Writes, overwrites and removes `.ipfs-kit/probe/…`.
    pub(super) async fn try_conditions(&self) -> Result<Facts> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| unexpected("try conditions", "there is no randomness"))?;
        let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = Key::parse(format!("{}probe/{name}", backend_core::OWN_PREFIX))?;
        let learnt = self.learn(&key).await;
        let cleaned = self.delete(&self.path(&key)?, None).await;
        let learnt = learnt?;
        match cleaned {
            Err(err) if err.kind() != ErrorKind::NotFound => return Err(err),
            _ => {}
        }
        serde_json::to_value(learnt).map_err(|_| unexpected("try conditions", "the facts cannot be written"))
    }

    async fn learn(&self, key: &Key) -> Result<Learnt> {
        let (first, second) = (Bytes::from_static(b"first"), Bytes::from_static(b"the second"));
        let etag = self.write(key, first.clone(), &Condition::IfAbsent).await;
        let Some(etag) = etag? else { return Ok(Learnt::default()) };
        let again = self.write(key, second.clone(), &Condition::IfAbsent).await;
        let if_absent = refused(again)? && self.holds(key, &first).await?;
        let wrong = self.other(&etag);
        let put = refused(self.write(key, second.clone(), &Condition::IfMatch(wrong.clone())).await)?;
        let got =
            refused(self.read(key, &GetOptions { if_match: Some(wrong.clone()), ..GetOptions::default() }).await)?;
        let removed = refused(self.delete(&self.path(key)?, Some(&wrong)).await)?;
        let unharmed = put && got && removed && self.holds(key, &first).await?;
        // One that refuses everything honours nothing.
        let right = unharmed && self.write(key, second.clone(), &Condition::IfMatch(etag)).await.is_ok();
        let if_match = right && self.holds(key, &second).await?;
        Ok(Learnt { if_absent, if_match })
    }

    async fn write(&self, key: &Key, bytes: Bytes, condition: &Condition) -> Result<Option<String>> {
        let (path, mode) = (self.path(key)?, self.mode(condition)?);
        self.put(Call::write(None), &path, PutPayload::from(bytes), Attributes::new(), mode).await
    }

    async fn holds(&self, key: &Key, wanted: &Bytes) -> Result<bool> {
        match self.read(key, &GetOptions::default()).await {
            Ok(fetched) if fetched.range.end == wanted.len() as u64 => {
                let frames: Vec<Bytes> = fetched.body.try_collect().await?;
                Ok(frames.concat() == *wanted)
            }
            Ok(_) => Ok(false),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(false),
            Err(err) => Err(err),
        }
    }

    /// An etag that could be, and is not.
    fn other(&self, etag: &str) -> String {
        match self.is_azure() {
            true => "\"0x8D000000000000A\"".to_owned(),
            false => etag.parse::<u64>().map(|it| it.saturating_sub(1).max(1)).unwrap_or(1).to_string(),
        }
    }
}

/// Refused for the condition. A service that does not know conditions at all may refuse in another way: then they are not honoured either.
fn refused<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(false),
        Err(err) if matches!(err.kind(), ErrorKind::Precondition | ErrorKind::AlreadyExists) => Ok(true),
        Err(err) if matches!(err.kind(), ErrorKind::Unsupported | ErrorKind::NotFound) => Ok(false),
        Err(err) => Err(Error::new(err.kind(), "conditions could not be tried").with_advice(err.advice())),
    }
}
