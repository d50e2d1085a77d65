//! `import`.
use std::path::{Path, PathBuf};
use super::Outcome;
use crate::output::Output;
pub(super) fn run(_: &Path, _: bool, _: Option<PathBuf>, _: &Output) -> Outcome {
    Err(backend_core::Error::unsupported("import", "this build").into())
}
