//! What is said about a run that failed, and what is kept of it.

mod text;

pub use text::{report, summary};
