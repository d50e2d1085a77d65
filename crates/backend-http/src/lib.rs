//! HTTP for leaves that speak it themselves: one client without retries, redirects by hand, answers that are bounded and complete.
//!
//! ```text
//! let endpoint = Endpoint::parse("https://node.example/base", Plain::Never)?.with_auth(Auth::Bearer(token));
//! let client   = Client::new(&ClientOptions::new(&settings))?;
//! let answer   = client.send(endpoint.request(Method::GET, &["ipfs", "bafk…"])?).await?;      // any status is an answer
//! let answer   = answer.successful().await?;                                                  // Refusal -> Error by the common table
//! let part     = answer.part(ByteRange::Bounded(0, 99), OnWhole::Fail).await?;                // exactly these bytes, or an error
//! ```
//! * Credentials are bound to one [`Origin`] and are attached nowhere else; nothing of them is ever printed.
//! * Nothing here retries, sleeps, spawns or reads the environment. There is no total time-out: idleness is the business of the layers above.
//! * A body that ends early is an error, whether it was announced by a length or came in chunks; so is a trailer that says so.
//! * An error says [`Effect::None`](backend_core::Effect::None) only when the request certainly never left, or when nothing was asked to change.
#![warn(missing_docs)]

mod auth;
mod body;
mod client;
mod endpoint;
mod error;
mod incoming;
mod lines;
mod part;
mod redirect;
mod refusal;
mod request;
mod response;
mod retry_after;
mod sending;
mod tls;
pub mod trustless;

pub use auth::{Auth, Credential, gate};
pub use body::Body;
pub use client::{Client, ClientOptions, Plain};
pub use endpoint::{Endpoint, Origin, encode, with_query};
pub use error::shown;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use incoming::{Framing, Trailers};
pub use part::{OnWhole, Part, range_header};
pub use redirect::Redirects;
pub use refusal::Refusal;
pub use request::Request;
pub use response::Response;
pub use url::Url;
