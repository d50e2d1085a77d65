//! What is sent with a request: bytes, a stream that can be sent once, or one that can be opened again.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use backend_core::{ByteStream, Content, Result};
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};

/// The body of a request.
#[derive(Clone, Default)]
pub enum Body {
    /// None at all.
    #[default]
    Empty,
    /// Bytes in memory.
    Bytes(Bytes),
    /// A source that can be opened more than once, so that a redirect can be followed with it.
    Open {
        /// How many bytes it has; absent: sent in chunks.
        len: Option<u64>,
        /// Opens it.
        open: Arc<dyn Fn() -> BoxFuture<'static, Result<ByteStream>> + Send + Sync>,
    },
    /// A stream that can be sent once.
    Once {
        /// How many bytes it has; absent: sent in chunks.
        len: Option<u64>,
        /// The stream; taken by the first sending.
        stream: Arc<std::sync::Mutex<Option<ByteStream>>>,
    },
}

impl Body {
    /// `range` of content. Its frames are handed on without a copy.
    pub fn content(content: &Content, range: Range<u64>) -> Self {
        let content = content.clone();
        let len = range.end.saturating_sub(range.start);
        let open = move || {
            let (content, range) = (content.clone(), range.clone());
            async move { content.open(range).await }.boxed()
        };
        Body::Open { len: Some(len), open: Arc::new(open) }
    }

    /// A stream of `len` bytes that can be sent once.
    pub fn stream(stream: ByteStream, len: Option<u64>) -> Self {
        Body::Once { len, stream: Arc::new(std::sync::Mutex::new(Some(stream))) }
    }

    /// How many bytes it has, if that is known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Body::Empty => Some(0),
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::Open { len, .. } | Body::Once { len, .. } => *len,
        }
    }

    /// Whether it is known to have no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Whether it can be sent a second time.
    pub(crate) fn can_repeat(&self) -> bool {
        !matches!(self, Body::Once { .. })
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Body::Bytes(bytes)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            Some(len) => write!(f, "{len} bytes"),
            None => f.write_str("a stream"),
        }
    }
}
