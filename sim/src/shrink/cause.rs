//! When two failures are the same one: the same oracle on the same key. That a store shows what it should not
//! is the same to AUD, which looks in the end, and to SNAP, which looks at what clients are shown; a plan
//! that fails in the end may fail long before with tinier limits.

use crate::oracle::Violation;

/// What failed: the oracle, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    oracle: &'static str,
    /// The key, for an oracle that names one; what a server said, for one that gave up.
    subject: String,
}

impl Cause {
    /// What a violation is about.
    pub fn of(violation: &Violation) -> Self {
        let subject = match violation.oracle {
            "PAN" => wording(&violation.what),
            _ => key(&violation.what),
        };
        Cause {
            oracle: sense(violation),
            subject,
        }
    }

    /// Whether it may have been seen because somebody happened to look at a disk.
    pub(super) fn is_luck(&self) -> bool {
        matches!(self.oracle, "PROM" | "SNAP" | "AUD")
    }
}

/// The oracle that saw it, or would have if it had looked.
fn sense(violation: &Violation) -> &'static str {
    match violation.oracle {
        "AUD" if violation.what.contains(" shows of ") => "SNAP",
        oracle => oracle,
    }
}

/// The key that a verdict names, as in `key "k3"`; nothing if it names none.
fn key(what: &str) -> String {
    let key = what
        .split_once("key \"")
        .and_then(|(_, rest)| rest.split_once('"'));
    key.map_or(String::new(), |(key, _)| key.to_owned())
}

/// The first two lines (a panic's place and its message) without numbers, which differ from run to run.
fn wording(what: &str) -> String {
    let lines = what.lines().take(2).collect::<Vec<_>>().join(" ");
    lines
        .chars()
        .filter(|char| !char.is_ascii_digit())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(oracle: &'static str, what: &str) -> Cause {
        Cause::of(&Violation::new(oracle, what))
    }

    #[test]
    fn the_same_oracle_on_the_same_key_is_the_same_failure() {
        let base = cause("LIN", "NOT linearizable: key \"k1\"\nan order");
        assert_eq!(base, cause("LIN", "NOT linearizable: key \"k1\"\nanother"));
        assert_ne!(base, cause("LIN", "NOT linearizable: key \"k2\"\nan order"));
        assert_ne!(base, cause("DUR", "NOT linearizable: key \"k1\"\nan order"));
    }

    #[test]
    fn what_a_store_shows_is_the_same_whoever_looks() {
        let shown = cause("SNAP", "n1 shows of k1 at revision 7: nothing");
        assert_eq!(
            shown,
            cause("AUD", "n2 shows of a.. at revision 9: nothing")
        );
        assert_ne!(
            shown,
            cause("AUD", "n2, in the end: 7.table at 0: too short")
        );
    }

    #[test]
    fn luck_is_what_looks_at_disks_may_have_seen() {
        assert!(cause("PROM", "n1 has promised").is_luck());
        assert!(!cause("PAN", "n1 refuses to start").is_luck());
    }

    #[test]
    fn a_server_that_gives_up_for_another_reason_is_another_failure() {
        let base = cause("PAN", "n1 refuses to start: bad record at 17");
        assert_eq!(base, cause("PAN", "n2 refuses to start: bad record at 170"));
        assert_ne!(base, cause("PAN", "n1 refuses to start: no manifest"));
    }
}
