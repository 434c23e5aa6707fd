//! LIN: the history of all clients, final reads included, is linearizable (Herlihy and Wing 1990;
//! Raft §8). Judged in two ways that must agree:
//!
//! * **By revision**, on line, over all keys at once: every answer carries the store's revision, and by
//!   revision the operations must stand in the order of time. One that begins after another is
//!   over has no smaller revision, and a greater one if it made it. That an answer is what its revision
//!   holds, XO and SNAP see. Both together are a proof, in O(1) an operation.
//! * **By search**, at the end, key by key, as if the revisions meant nothing more than any other part of an answer:
//!   the product's own checker, [`sisyphus::check`], with its shortcut and without.

use sisyphus::{
    check::{Report, SEARCH_STEPS_MAX, Verdict, check, check_by_search},
    history::History,
    types::Revision,
};

use super::{
    Violation,
    asked::{Answer, Answered, Asked, Freshness},
};

/// Remembers how far answers have come.
#[derive(Debug, Default)]
pub struct Lin {
    floor: Revision,
}

impl Lin {
    /// The greatest revision that anybody has heard of.
    pub fn floor(&self) -> Revision {
        self.floor
    }

    /// An operation was answered; `made` says that it made its revision.
    pub fn answered(&mut self, answered: &Answered<'_>, made: bool) -> Result<(), Violation> {
        let revision = answered.answer.revision();
        let may_be_old = matches!(answered.asked, Asked::Read { freshness, .. } if *freshness != Freshness::Linearizable);
        let floor = answered.floor + u64::from(made);
        self.floor = self.floor.max(revision);
        if may_be_old || revision >= floor {
            return Ok(());
        }
        let what = format!(
            "{} answers `{}` with revision {revision}, and {} was heard of before it was asked{}",
            answered.node,
            answered.asked,
            answered.floor,
            match answered.answer {
                Answer::Read { .. } => "",
                Answer::Write(_) => " (a write)",
            }
        );
        Err(Violation::new("LIN", what))
    }
}

/// Judges the history of a run, all of whose answers stand in the order of their revisions.
pub fn check_history(history: &History) -> Result<(), Violation> {
    let quick = verdict(check(history, SEARCH_STEPS_MAX))?;
    let searched = verdict(check_by_search(history, SEARCH_STEPS_MAX));
    searched.map_err(|violation| {
        let what = format!(
            "the revisions prove it ({quick}), the search does not: {}",
            violation.what
        );
        Violation::new("LIN", what)
    })?;
    Ok(())
}

fn verdict(report: Report) -> Result<Report, Violation> {
    match report.verdict {
        Verdict::Linearizable => Ok(report),
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
    use crate::oracle::{
        asked::Stood,
        truth::tests::{all, put},
    };
    use sisyphus::{
        machine::{Page, Reply},
        types::NodeId,
    };

    fn answered(freshness: Option<Freshness>, revision: Revision, floor: Revision) -> bool {
        let (asked, answer) = match freshness {
            Some(freshness) => {
                let (query, page, age) = (all(), Page::default(), None);
                let answer = Answer::Read {
                    page,
                    revision,
                    age,
                };
                (Asked::Read { query, freshness }, answer)
            }
            None => {
                let reply = Reply {
                    revision,
                    succeeded: true,
                    results: vec![],
                };
                (Asked::Write(put("k", "v")), Answer::Write(reply))
            }
        };
        let answered = Answered {
            asked: &asked,
            request: None,
            answer: &answer,
            node: NodeId(1),
            stood: Stood::default(),
            floor,
        };
        let is_write = freshness.is_none();
        Lin::default().answered(&answered, is_write).is_ok()
    }

    #[test]
    fn an_answer_older_than_what_was_heard_before_the_question_is_seen() {
        assert!(answered(Some(Freshness::Linearizable), 5, 5));
        assert!(!answered(Some(Freshness::Linearizable), 4, 5));
        assert!(answered(Some(Freshness::Stale), 4, 5), "it may be old");
        assert!(answered(None, 6, 5));
        assert!(!answered(None, 5, 5), "a write makes a revision of its own");
    }

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
