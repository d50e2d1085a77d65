//! Whether the bucket is there and may be read, and what it holds.

use backend_core::{Health, Power, Result, Scope, Usage};

use super::Client;
use super::list::{Ask, Line, Mark};

impl Client {
    /// One key of the bucket is listed: unlike a HEAD, a listing that is refused says why.
    pub(crate) async fn health(&self) -> Health {
        let begun = self.clock.monotonic();
        let ask = Ask { prefix: self.rules.prefix.clone(), shallow: false, versions: false, most: Some(1) };
        let answer = self.page(&ask, &Mark::default()).await;
        let latency = self.clock.monotonic().saturating_sub(begun);
        match answer {
            Ok(_) => Health { identity: Some(self.identity()), ..Health::new(Power::Works, Power::Unknown, latency) },
            Err(err) => {
                let fails = Power::Fails(err.kind());
                Health { note: Some(err.message().to_owned()), ..Health::new(fails, fails, latency) }
            }
        }
    }

    /// Which bucket of which service.
    fn identity(&self) -> String {
        let host = self.rules.endpoint.as_ref().map_or("aws", |url| url.authority());
        format!("s3://{}/{} at {host}", self.rules.bucket, self.rules.prefix)
    }

    /// Counted by listing everything, older versions too where they are kept: S3 has no other way.
    pub(crate) async fn usage(&self) -> Result<Usage> {
        let versions = self.learnt.versions;
        let ask = Ask { prefix: self.rules.prefix.clone(), shallow: false, versions, most: None };
        let (mut next, mut used, mut objects) = (Some(Mark::default()), 0_u64, 0_u64);
        while let Some(mark) = next {
            let page = self.page(&ask, &mark).await?;
            next = page.next;
            for line in page.lines {
                if let Line::Object { size, .. } = line {
                    used = used.saturating_add(size.unwrap_or_default());
                    objects += 1;
                }
            }
        }
        Ok(Usage { used: Some(used), objects: Some(objects), ..Usage::of(Scope::Store) })
    }
}
