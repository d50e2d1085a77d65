//! What a service does not take is refused before the first byte: C07.

use std::sync::Arc;

use backend_core::{AddOptions, Content, ContentId, Dag, ErrorKind, Key};

use crate::check::{Outcome, ensure, must_fail};
use crate::content::{Random, Watch};
use crate::subject::Subject;

pub(super) async fn c07_limits_are_held_before_the_first_byte(subject: &Subject) -> Outcome {
    if !subject.offers().add {
        return Ok(());
    }
    let limits = subject.backend().info().limits.clone();
    let above = limits.max_size.and_then(|max| max.checked_add(1));
    let below = limits.min_size.checked_sub(1);
    for len in [above, below].into_iter().flatten() {
        let name = subject.content("limits", 9);
        // Too large to be named: the name is another content's, which nobody gets to see.
        let huge = Content::file(*name.cid(), len, Dag::empty(), Arc::new(Random::new("limits", len)));
        let (huge, watch) = Watch::over(&huge);
        let answer = subject.add_with("limits", &huge, AddOptions::default()).await;
        must_fail(&format!("adding {len} bytes"), answer, &[ErrorKind::TooLarge])?;
        ensure!(watch.opened().is_empty(), "{len} bytes are refused only after the source was opened");
    }
    if subject.has_keys() && limits.max_key < backend_core::MAX_KEY {
        let (content, watch) = Watch::over(&subject.content("long", 9));
        let id: ContentId = Key::new("k".repeat(limits.max_key + 1))?.into();
        let opts = AddOptions { id: Some(id), ..AddOptions::default() };
        must_fail("a key that is too long", subject.backend().add(&content, &opts).await, &[ErrorKind::InvalidInput])?;
        ensure!(watch.opened().is_empty(), "a key is refused only after the source was opened");
    }
    Ok(())
}
