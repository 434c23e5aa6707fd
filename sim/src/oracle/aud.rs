//! AUD: what the nodes ended with. Each store holds what the applied commands come to (the
//! [`Truth`]), at the latest revision and at revisions of the past; and its files are those of its manifest, each
//! block as it was written. Who takes part is a part of the state as well: nodes that have applied the same agree on it.

use sisyphus::{
    lsm::Report,
    machine::{Page, Query},
    node::Roster,
    types::{NodeId, Revision},
};

use super::{Violation, snap::check_page, truth::Truth};

/// The store of `node` is at `revision`, and holds `page` of what `query` asks for.
pub fn check_store(
    truth: &Truth,
    node: NodeId,
    query: &Query,
    revision: Revision,
    page: &Page,
) -> Result<(), Violation> {
    if revision != truth.latest() {
        let what = format!(
            "{node} ends at revision {revision}, and the commands come to {}",
            truth.latest()
        );
        return Err(Violation::new("AUD", what));
    }
    let checked = check_page(truth, node, query, revision, page);
    checked.map_err(|violation| Violation::new("AUD", violation.what))
}

/// All nodes have applied the same, and so they name the same nodes as those who take part.
pub fn check_members(rosters: &[(NodeId, Roster)]) -> Result<(), Violation> {
    let part = |roster: &Roster| (roster.membership.clone(), roster.members.clone());
    let parts = rosters.windows(2);
    for pair in parts {
        let [(one, its), (other, others)] = pair else {
            continue;
        };
        if part(its) != part(others) {
            let what = format!(
                "in the end {one} says that {} take part, and {other} that {} do (as of {} and {})",
                its.membership, others.membership, its.since, others.since
            );
            return Err(Violation::new("AUD", what));
        }
    }
    Ok(())
}

/// The files of `node` were checked; `when` says in which state they were.
pub fn check_files(node: NodeId, when: &str, report: &Report) -> Result<(), Violation> {
    let Some(finding) = report.findings.first() else {
        return Ok(());
    };
    let what = format!(
        "{node}, {when}: {} at {}: {} ({} findings)",
        finding.file,
        finding.offset,
        finding.what,
        report.findings.len()
    );
    Err(Violation::new("AUD", what))
}

#[cfg(test)]
mod tests {
    use sisyphus::{lsm::Finding, raft::Membership};

    use super::*;
    use crate::oracle::truth::tests::{all, put, truth};

    #[test]
    fn a_store_that_holds_something_else_is_seen() {
        let truth = truth(&[(None, put("a", "1")), (None, put("a", "2"))]);
        let check =
            |revision, page: &Page| check_store(&truth, NodeId(1), &all(), revision, page).is_ok();
        let page = truth.page(&all(), 3);
        assert!(check(3, &page));
        assert!(!check(4, &page), "another revision");
        assert!(!check(3, &truth.page(&all(), 2)), "another value");
        assert!(!check(3, &Page::default()), "nothing");
    }

    #[test]
    fn nodes_that_disagree_on_who_takes_part_are_seen() {
        let roster = |ids: &[u64]| Roster {
            membership: Membership::of_voters(ids.iter().copied().map(NodeId)),
            ..Roster::default()
        };
        let check = |one: &[u64], other: &[u64]| {
            check_members(&[(NodeId(1), roster(one)), (NodeId(2), roster(other))]).is_ok()
        };
        assert!(check(&[1, 2, 3], &[1, 2, 3]));
        assert!(!check(&[1, 2, 3], &[]));
        assert!(!check(&[1, 2, 3], &[1, 2, 4]));
    }

    #[test]
    fn a_finding_in_the_files_is_seen() {
        let mut report = Report::default();
        assert_eq!(check_files(NodeId(1), "in the end", &report), Ok(()));
        report.findings.push(Finding {
            file: "shard-0/7.sst".to_owned(),
            offset: 512,
            what: "not found: the block".to_owned(),
        });
        let seen = check_files(NodeId(1), "in the end", &report).unwrap_err();
        assert!(seen.what.contains("shard-0/7.sst at 512"));
    }
}
