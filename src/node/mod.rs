//! The replica: the only glue of the consensus core and the disk.

mod log_store;

pub use log_store::{LogStore, LogStoreError};
