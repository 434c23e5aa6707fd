//! STALE: a read that may be old is as old as it says and no older (thesis §6.4 tells what such a read
//! gives up; the product's own promises: `service/grpc`, `node/status`).
//!
//! * A read that asks for a revision shows that one or a later one.
//! * It shows the answering node's own state, at some moment while it was being answered.
//! * What the node knew to be committed when it was asked is in the answer, or is counted as missing.

use super::{
    Violation,
    asked::{Age, Answered, Freshness, Stood},
    truth::Truth,
};
use sisyphus::types::Revision;

/// A read that was allowed to be old was answered at `revision`; `now` is how its node stands.
pub fn check_age(
    truth: &Truth,
    answered: &Answered<'_>,
    freshness: Freshness,
    revision: Revision,
    age: Option<Age>,
    now: Stood,
) -> Result<(), Violation> {
    let node = answered.node;
    let wrong = |what: String| Err(Violation::new("STALE", format!("{node} {what}")));
    if let Freshness::AtLeast(least) = freshness
        && revision < least
    {
        return wrong(format!(
            "was asked for revision {least} and shows {revision}"
        ));
    }
    let Some(age) = age else {
        return wrong("does not say how old its answer may be".to_owned());
    };
    let stood = answered.stood;
    if stood.starts != now.starts {
        // Another process than the one that was looked at answered.
        return Ok(());
    }
    let least = truth.revision_after(stood.applied);
    if least.is_some_and(|least| revision < least) {
        let applied = stood.applied;
        return wrong(format!(
            "shows revision {revision}, and had applied {applied} when it was asked"
        ));
    }
    let shown = truth.last_index_at(revision);
    if shown + age.entries < stood.commit {
        return wrong(format!(
            "shows entry {shown} and says that {} are missing, and knew {} to be committed",
            age.entries, stood.commit
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sisyphus::{machine::Page, types::NodeId};

    use super::*;
    use crate::oracle::{
        asked::{Answer, Asked},
        truth::tests::{all, put, truth},
    };

    fn check(freshness: Freshness, revision: Revision, entries: Option<u64>) -> bool {
        let truth = truth(&[
            (None, put("a", "1")),
            (None, put("a", "2")),
            (None, put("a", "3")),
        ]);
        let age = entries.map(|entries| Age {
            entries,
            leader_heard_ms: None,
        });
        let asked = Asked::Read {
            query: all(),
            freshness,
        };
        let answer = Answer::Read {
            page: Page::default(),
            revision,
            age,
        };
        let stood = Stood {
            starts: 1,
            applied: 1,
            commit: 3,
        };
        let answered = Answered {
            asked: &asked,
            request: None,
            answer: &answer,
            node: NodeId(1),
            stood,
            floor: 0,
        };
        check_age(&truth, &answered, freshness, revision, age, stood).is_ok()
    }

    #[test]
    fn an_answer_that_is_older_than_it_may_be_or_says_is_seen() {
        assert!(check(Freshness::AtLeast(3), 3, Some(1)));
        assert!(!check(Freshness::AtLeast(3), 2, Some(2)), "not as asked");
        assert!(check(Freshness::Stale, 2, Some(2)));
        assert!(!check(Freshness::Stale, 2, Some(1)), "one is not counted");
        assert!(!check(Freshness::Stale, 2, None), "no age");
        assert!(!check(Freshness::Stale, 1, Some(9)), "it had come further");
    }
}
