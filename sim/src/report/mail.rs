//! Messages: which sending belongs to which arrival, and which never arrived.
//!
//! Frames carry no number that both ends would tell, but a message between two nodes nearly always
//! says something that no other says. Of several that are equal, an arrival belongs to the last one
//! sent before it: a message is sent again when the ones before it were lost. A second arrival of the
//! same message was made by the network.

use std::collections::BTreeMap;

use serde::Serialize;

use super::line::Line;

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Letter {
    /// Which line tells of its sending.
    #[serde(skip)]
    pub line: usize,
    /// From which node.
    pub from: u64,
    /// To which.
    pub to: u64,
    /// When it left, in microseconds.
    pub sent: u64,
    /// When it arrived; once for each copy.
    pub got: Vec<u64>,
    /// Its kind, in a word.
    pub kind: String,
}

/// All messages of a trace, in the order of their sending.
pub(super) fn letters(lines: &[Line]) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::new();
    let mut same: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let (Some(from), Some(to)) = (line.number("from"), line.number("to")) else {
            continue;
        };
        let says = line.text("says");
        match line.what.as_str() {
            "sent" => {
                same.entry(says).or_default().push(letters.len());
                letters.push(Letter {
                    line: at,
                    from,
                    to,
                    sent: line.us,
                    got: Vec::new(),
                    kind: line.text("kind").to_owned(),
                });
            }
            "received" => {
                let sent = same.get(says).map_or(&[][..], Vec::as_slice);
                let open = sent.iter().rev().find(|at| letters[**at].got.is_empty());
                if let Some(at) = open.or(sent.last()) {
                    letters[*at].got.push(line.us);
                }
            }
            _ => {}
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sisyphus::types::NodeId;

    use super::*;
    use crate::{report::line::told, trace::Source};

    fn line(us: u64, what: &str, says: &str) -> Line {
        let node = NodeId(if what == "sent" { 1 } else { 2 });
        let detail = json!({ "from": 1, "to": 2, "kind": "append", "says": says });
        told(us, Source::Node(node), what, detail)
    }

    #[test]
    fn a_message_that_was_sent_again_is_the_one_that_arrives() {
        let lines = [
            line(1, "sent", "a"),
            line(5, "sent", "a"),
            line(6, "sent", "b"),
            line(7, "received", "a"),
            line(9, "received", "b"),
            line(12, "received", "b"),
        ];
        let got: Vec<Vec<u64>> = letters(&lines)
            .into_iter()
            .map(|letter| letter.got)
            .collect();
        assert_eq!(got, [vec![], vec![7], vec![9, 12]]);
    }
}
