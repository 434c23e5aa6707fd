//! Leaving oracles out, to see what only they find.

use std::sync::OnceLock;

use super::Violation;

/// The oracles that do not count in this process.
static OFF: OnceLock<Vec<String>> = OnceLock::new();

/// From now on these oracles do not count, in all runs of this process. Only the first call does
/// something.
pub fn switch_off(oracles: &[String]) {
    OFF.get_or_init(|| oracles.to_vec());
}

impl Violation {
    /// Whether its oracle counts.
    pub fn counts(&self) -> bool {
        let off = OFF.get().map_or(&[][..], Vec::as_slice);
        !off.iter().any(|oracle| oracle == self.oracle)
    }
}

/// What an oracle says, if it counts.
pub(crate) fn counted(said: Result<(), Violation>) -> Result<(), Violation> {
    said.or_else(|violation| match violation.counts() {
        true => Err(violation),
        false => Ok(()),
    })
}
