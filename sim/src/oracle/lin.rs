//! LIN: the history of all clients, final reads included, is linearizable (Herlihy and Wing 1990;
//! Raft §8). The checker is the product's own, [`sisyphus::check`]; here it becomes a verdict.

use sisyphus::{
    check::{SEARCH_STEPS_MAX, Verdict, check},
    history::History,
};

use super::Violation;

/// Judges the history of a run.
pub fn check_history(history: &History) -> Result<(), Violation> {
    let report = check(history, SEARCH_STEPS_MAX);
    match report.verdict {
        Verdict::Linearizable => Ok(()),
        // An oracle that cannot tell is not one: the workload has to be made easier.
        Verdict::Violation(_) | Verdict::CannotTell { .. } => {
            Err(Violation::new("LIN", report.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sisyphus::history::{Call, Outcome, Recorder};

    use super::*;

    #[test]
    fn a_read_that_misses_a_finished_write_is_seen() {
        for misses in [false, true] {
            let recorder = Recorder::in_memory();
            let (key, value) = (Bytes::from("k"), Bytes::from("v"));
            let put = Call::Put { key, value };
            let op = recorder.invoke(1, 0, put);
            if misses {
                recorder.ok(1, op, 1, Outcome::Put { revision: Some(2) });
            }
            let key = Bytes::from("k");
            let op = recorder.invoke(2, 2, Call::Get { key });
            let (seen, revision) = (None, Some(1));
            recorder.ok(2, op, 3, Outcome::Get { seen, revision });
            let verdict = check_history(&recorder.history().unwrap());
            assert_eq!(verdict.is_err(), misses);
        }
    }
}
