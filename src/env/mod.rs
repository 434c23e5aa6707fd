//! The only doors to the world.
//!
//! Everything above this floor is deterministic: given the same inputs in the same order it does
//! the same things. What is not deterministic comes in here, and each door has two sides, one for
//! production and one for the simulation:
//!
//! | door | production | simulation |
//! |---|---|---|
//! | [`task`]: spawn, channels, timers | tokio | madsim's tokio, which the twin package puts under the same name |
//! | [`Clock`]: time, one per node | the machine's | the same, bent by an offset and a drift per node |
//! | [`Disk`], [`File`] | `OsDisk` | `SimDisk` (in `sim/`), which tears; [`MemDisk`] in unit tests; [`Overlay`] to look without writing |
//! | [`Transport`], [`Inbound`]: frames between peers | gRPC streams (`rpc/`) | `SimNet` (in `sim/`), which loses and reorders |
//! | [`Rng`](crate::rng::Rng) | seeded by the machine | seeded by the seed |
//!
//! Besides, [`rare`]: two hooks for tests of the whole, nothing in production.
//!
//! Nothing else in `src/` may read a clock, open a file, start a thread or draw a number; clippy's
//! fence (`clippy.toml`) and `tests/tidy` see to it.

mod clock;
mod disk;
#[cfg(all(test, not(feature = "simulated")))]
mod disk_tests;
#[cfg(not(feature = "simulated"))]
mod entropy;
mod mem_disk;
mod net;
#[cfg(not(feature = "simulated"))]
mod os_disk;
mod overlay;
pub mod rare;
mod rate;
pub mod task;
pub mod watch;

pub use clock::{Clock, Timer};
pub use disk::{Disk, DiskError, DiskResult, File};
#[cfg(not(feature = "simulated"))]
pub use entropy::machine_rng;
pub use mem_disk::MemDisk;
pub use net::{Inbound, Lane, Transport};
#[cfg(not(feature = "simulated"))]
pub use os_disk::OsDisk;
pub use overlay::Overlay;
pub use rate::{Debt, Rate};
