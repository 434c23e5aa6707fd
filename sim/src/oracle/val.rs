//! VAL: nobody is told anything that was never written. What is left of linearizability (Herlihy and Wing
//! 1990) when more was destroyed than the cluster can bear: it may have lost what it had acknowledged, and
//! may refuse to answer, but bytes that were damaged must not pass for an answer.

use std::collections::BTreeSet;

use bytes::Bytes;
use sisyphus::history::{Call, Event, Outcome, What};

use super::Violation;

/// Judges what clients heard: each value that was read had been sent by some client, for that key,
/// before the answer came.
pub fn check_values(events: &[Event]) -> Result<(), Violation> {
    let mut written: BTreeSet<(Bytes, Bytes)> = BTreeSet::new();
    let mut asked = std::collections::BTreeMap::new();
    for event in events {
        match &event.what {
            What::Invoke(call) => {
                if let Call::Put { key, value }
                | Call::CompareAndSet {
                    key, new: value, ..
                } = call
                {
                    written.insert((key.clone(), value.clone()));
                }
                asked.insert(event.op, call.key().clone());
            }
            What::Ok(Outcome::Get {
                seen: Some(seen), ..
            }) => {
                let key = asked.get(&event.op).cloned().unwrap_or_default();
                let read = (key, seen.value.clone());
                if !written.contains(&read) {
                    let what = format!(
                        "{:?} was read as {:?}, which nobody had written",
                        read.0, read.1
                    );
                    return Err(Violation::new("VAL", what));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sisyphus::history::{Recorder, Seen};

    use super::*;

    #[test]
    fn a_value_that_nobody_wrote_or_that_belongs_elsewhere_is_seen() {
        for (key, value, is_well) in [("k", "v", true), ("k", "w", false), ("l", "v", false)] {
            let recorder = Recorder::in_memory();
            let put = Call::Put {
                key: Bytes::from("k"),
                value: Bytes::from("v"),
            };
            let op = recorder.invoke(1, 0, put);
            recorder.unknown(1, op, 1, "no answer");
            let op = recorder.invoke(2, 2, Call::Get { key: key.into() });
            let seen = Some(Seen {
                value: value.into(),
                mod_revision: Some(2),
            });
            recorder.ok(
                2,
                op,
                3,
                Outcome::Get {
                    seen,
                    revision: Some(2),
                },
            );
            assert_eq!(
                check_values(&recorder.events()).is_ok(),
                is_well,
                "{key}={value}"
            );
        }
    }
}
