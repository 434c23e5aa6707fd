//! The lines of a trace, read back.

use std::str::FromStr;

use serde_json::Value;

use crate::trace::Source;

/// One event of a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    /// When, in microseconds since the run began.
    pub us: u64,
    /// Whose event it is.
    pub who: Source,
    /// Its kind, in a word.
    pub what: String,
    /// All that was said about it.
    pub detail: Value,
}

/// A position in a log: index, then term.
pub(super) type Pair = (u64, u64);

impl Line {
    /// Reads a line; none if it is not one of a trace.
    pub fn read(text: &str) -> Option<Line> {
        let mut value: Value = serde_json::from_str(text).ok()?;
        Some(Line {
            us: value["us"].as_u64()?,
            who: Source::from_str(value["who"].as_str()?).ok()?,
            what: value["what"].as_str()?.to_owned(),
            detail: value["detail"].take(),
        })
    }

    /// Whether it is an event of this node.
    pub fn is_of(&self, node: u64) -> bool {
        matches!(self.who, Source::Node(id) if id.0 == node)
    }

    /// The node, if it is a node's event.
    pub fn node(&self) -> Option<u64> {
        match self.who {
            Source::Node(node) => Some(node.0),
            _ => None,
        }
    }

    /// A number of its detail.
    pub fn number(&self, field: &str) -> Option<u64> {
        self.detail[field].as_u64()
    }

    /// A yes or no of its detail.
    pub fn flag(&self, field: &str) -> Option<bool> {
        self.detail[field].as_bool()
    }

    /// A text of its detail; empty if it has none.
    pub fn text(&self, field: &str) -> &str {
        self.detail[field].as_str().unwrap_or_default()
    }

    /// A position of its detail.
    pub fn pair(&self, field: &str) -> Option<Pair> {
        pair(&self.detail[field])
    }

    /// The first and the last entry that it is about.
    pub fn log(&self) -> Option<(Pair, Pair)> {
        let log = &self.detail["log"];
        Some((pair(&log[0])?, pair(&log[1])?))
    }

    /// Whether it is about the entry at this position.
    pub fn covers(&self, (index, term): Pair) -> bool {
        self.log().is_some_and(|(first, last)| {
            (first.0..=last.0).contains(&index) && (first.1..=last.1).contains(&term)
        })
    }

    /// Whether it is a message of this kind that is sent.
    pub fn sends(&self, kind: &str) -> bool {
        self.what == "sent" && self.text("kind") == kind
    }

    /// The event in words.
    pub fn says(&self) -> String {
        match &self.detail["says"] {
            Value::String(says) => short(says),
            _ => plain(&self.detail),
        }
    }
}

fn pair(value: &Value) -> Option<Pair> {
    Some((value[0].as_u64()?, value[1].as_u64()?))
}

/// Values are padded with dots to their length, and two of them are enough for the eye.
pub(super) fn short(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '.' {
            out.push(letter);
            continue;
        }
        let mut dots = 1;
        while letters.next_if_eq(&'.').is_some() {
            dots += 1;
        }
        out.push_str(if dots > 2 { "…" } else { &".."[..dots] });
    }
    out
}

/// A value for the eye: `name: value` after `name: value`, without what is empty.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            let told =
                fields.map(|(name, value)| format!("{}: {}", name.replace('_', " "), plain(value)));
            told.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::String(text) => short(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A line told by hand.
#[cfg(test)]
pub(super) fn told(us: u64, who: Source, what: &str, detail: Value) -> Line {
    Line {
        us,
        who,
        what: what.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use sisyphus::types::NodeId;

    use super::*;

    #[test]
    fn a_line_is_read_and_nonsense_is_not() {
        let text =
            r#"{"us":7,"who":"n2","what":"persisted","detail":{"log":[[3,1],[5,2]],"says":"x"}}"#;
        let line = Line::read(text).unwrap();
        assert_eq!((line.us, line.who), (7, Source::Node(NodeId(2))));
        assert!(line.covers((4, 1)) && !line.covers((6, 2)) && !line.covers((4, 3)));
        for wrong in [
            "",
            "{}",
            "[1]",
            r#"{"us":7,"who":"x2","what":"a","detail":1}"#,
        ] {
            assert_eq!(Line::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn padding_is_cut_and_ranges_are_not() {
        let padded = "put 1.7......... [1@1..2@1] a.b";
        assert_eq!(short(padded), "put 1.7… [1@1..2@1] a.b");
        assert_eq!(
            plain(&serde_json::json!({"a_b": [1, 2], "c": null})),
            "a b: 1 2"
        );
    }
}
