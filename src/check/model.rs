//! The register: what one key must do when operations come one after another.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    history::{Call, End, Operation, Outcome},
    types::Revision,
};

/// A value, by number: comparing two costs nothing, however long the values are.
pub(super) type ValueId = u32;

/// What the register holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    /// The value; `None`: no such key.
    pub value: Option<ValueId>,
    /// The revision of the last change; if `newer`, the last one known, and the last change has a
    /// greater one that nobody has seen yet. 0 before the first change.
    pub revision: Revision,
    /// Whether changes of unknown revision came after `revision`.
    pub newer: bool,
}

/// An operation, with its answer, as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Put {
        value: ValueId,
        revision: Option<Revision>,
    },
    Get {
        seen: Option<(ValueId, Option<Revision>)>,
    },
    Delete {
        deleted: bool,
        revision: Option<Revision>,
    },
    CompareAndSet {
        expected: Option<ValueId>,
        new: ValueId,
        succeeded: bool,
        revision: Option<Revision>,
    },
    /// Outcome unknown: a put.
    MaybePut { value: ValueId },
    /// Outcome unknown: a delete.
    MaybeDelete,
    /// Outcome unknown: a compare-and-set.
    MaybeCompareAndSet {
        expected: Option<ValueId>,
        new: ValueId,
    },
}

impl State {
    /// The state after `step`, or `None` if the step's answer is impossible here. An operation of
    /// unknown outcome that would change nothing counts as impossible: there is no use in it.
    pub fn after(self, step: Step) -> Option<State> {
        match step {
            Step::Put { value, revision } => self.change(Some(value), revision),
            Step::Get { seen } => self.read(seen),
            Step::Delete { deleted, revision } if deleted == self.value.is_some() => {
                if deleted {
                    self.change(None, revision)
                } else {
                    Some(self)
                }
            }
            Step::CompareAndSet {
                expected,
                new,
                succeeded,
                revision,
            } if succeeded == (self.value == expected) => {
                if succeeded {
                    self.change(Some(new), revision)
                } else {
                    Some(self)
                }
            }
            Step::Delete { .. } | Step::CompareAndSet { .. } => None,
            Step::MaybePut { value } => self.maybe(Some(value)),
            Step::MaybeDelete => self.value.and_then(|_| self.maybe(None)),
            Step::MaybeCompareAndSet { expected, new } => (self.value == expected)
                .then_some(new)
                .and_then(|new| self.maybe(Some(new))),
        }
    }

    fn change(self, value: Option<ValueId>, revision: Option<Revision>) -> Option<State> {
        match revision {
            Some(revision) if revision <= self.revision => None,
            Some(revision) => Some(State {
                value,
                revision,
                newer: false,
            }),
            None => Some(State {
                value,
                newer: true,
                ..self
            }),
        }
    }

    fn maybe(self, value: Option<ValueId>) -> Option<State> {
        let after = self.change(value, None)?;
        (after != self).then_some(after)
    }

    fn read(self, seen: Option<(ValueId, Option<Revision>)>) -> Option<State> {
        if self.value != seen.map(|(value, _)| value) {
            return None;
        }
        let Some((_, Some(revision))) = seen else {
            return Some(self);
        };
        // The first one to see a change of unknown revision tells which it was.
        let fits = if self.newer {
            revision > self.revision
        } else {
            revision == self.revision
        };
        fits.then_some(State {
            revision,
            newer: false,
            ..self
        })
    }
}

impl Step {
    /// Whether it leaves every state as it is, apart from what it tells about the last revision.
    pub fn is_read(self) -> bool {
        matches!(
            self,
            Step::Get { .. }
                | Step::Delete { deleted: false, .. }
                | Step::CompareAndSet {
                    succeeded: false,
                    ..
                }
        )
    }

    /// What the register holds after it, if it is a write.
    pub fn leaves(self) -> Option<Option<ValueId>> {
        match self {
            Step::Put { value, .. }
            | Step::MaybePut { value }
            | Step::CompareAndSet {
                new: value,
                succeeded: true,
                ..
            }
            | Step::MaybeCompareAndSet { new: value, .. } => Some(Some(value)),
            Step::Delete { deleted: true, .. } | Step::MaybeDelete => Some(None),
            _ => None,
        }
    }

    /// The revision of the key's last change once it is done, if its answer tells.
    pub fn mod_revision(self) -> Option<Revision> {
        match self {
            Step::Put { revision, .. }
            | Step::Delete {
                deleted: true,
                revision,
            }
            | Step::CompareAndSet {
                succeeded: true,
                revision,
                ..
            } => revision,
            Step::Get { seen } => seen.and_then(|(_, revision)| revision),
            _ => None,
        }
    }

    /// What the register must hold before it, if its answer tells precisely.
    pub fn needs(self) -> Option<Option<ValueId>> {
        match self {
            Step::Get { seen } => Some(seen.map(|(value, _)| value)),
            Step::Delete { deleted: false, .. } => Some(None),
            Step::CompareAndSet {
                expected,
                succeeded: true,
                ..
            } => Some(expected),
            _ => None,
        }
    }
}

/// All operations on one key, ready to be judged.
#[derive(Debug)]
pub(super) struct Register {
    /// Those with an answer, in the order of their invocations.
    pub known: Vec<Known>,
    /// Writes whose outcome is unknown, in the order of their invocations.
    pub maybe: Vec<Maybe>,
    /// How many different values there are.
    pub values: usize,
}

/// An operation that took effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Its place in the list of the key's operations.
    pub at: usize,
    /// Its invocation's place in the history.
    pub invoked: usize,
    /// Its completion's place in the history.
    pub completed: usize,
    /// What it did and answered.
    pub step: Step,
    /// The revision in its reply, and whether it made that revision (else it found it).
    pub revision: Option<(Revision, Touch)>,
}

/// Whether an operation made the revision in its reply. Sorts writers before those who found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touch {
    Made,
    Found,
}

/// A write that may have taken effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Maybe {
    /// Its place in the list of the key's operations.
    pub at: usize,
    /// Its invocation's place in the history.
    pub invoked: usize,
    /// What it does if it does.
    pub step: Step,
}

impl Register {
    /// What happened before the place `until` in the history: operations begun later are left
    /// out, the outcome of those that completed later is unknown. Reads of unknown outcome, which
    /// say nothing, are left out too.
    pub fn new(operations: &[&Operation], until: usize) -> Register {
        let values = Values::of(operations);
        let (mut known, mut maybe) = (Vec::new(), Vec::new());
        let begun = operations.partition_point(|operation| operation.invoked < until);
        for (at, operation) in operations[..begun].iter().enumerate() {
            let invoked = operation.invoked;
            match &operation.end {
                End::Ok {
                    completed, outcome, ..
                } if *completed < until => known.push(Known {
                    at,
                    invoked,
                    completed: *completed,
                    step: values.step(&operation.call, outcome),
                    revision: touched(outcome),
                }),
                _ => {
                    let step = values.maybe(&operation.call);
                    maybe.extend(step.map(|step| Maybe { at, invoked, step }));
                }
            }
        }
        Register {
            known,
            maybe,
            values: values.ids.len() + 1,
        }
    }
}

/// The revision in a reply. For a read that found something, it is the store's revision if the
/// reply has it, since any later write has a greater one.
fn touched(outcome: &Outcome) -> Option<(Revision, Touch)> {
    let touch = match outcome {
        Outcome::Put { .. }
        | Outcome::Delete { deleted: true, .. }
        | Outcome::CompareAndSet {
            succeeded: true, ..
        } => Touch::Made,
        _ => Touch::Found,
    };
    let seen = match outcome {
        Outcome::Get { seen, .. } => seen.as_ref().and_then(|seen| seen.mod_revision),
        _ => None,
    };
    let revision = outcome.revision().or(seen)?;
    Some((revision, touch))
}

/// The numbers of values. All values that no operation sees or expects share number 0: nothing can
/// tell them apart, so the search need not either.
struct Values<'a> {
    ids: BTreeMap<&'a Bytes, ValueId>,
}

impl<'a> Values<'a> {
    fn of(operations: &[&'a Operation]) -> Values<'a> {
        let mut ids = BTreeMap::new();
        for operation in operations {
            for value in mentioned(operation) {
                let next = ids.len() as ValueId + 1;
                ids.entry(value).or_insert(next);
            }
        }
        Values { ids }
    }

    fn id(&self, value: &Bytes) -> ValueId {
        self.ids.get(value).copied().unwrap_or(0)
    }

    fn step(&self, call: &Call, outcome: &Outcome) -> Step {
        match (call, outcome) {
            (Call::Put { value, .. }, Outcome::Put { revision }) => Step::Put {
                value: self.id(value),
                revision: *revision,
            },
            (Call::Get { .. }, Outcome::Get { seen, .. }) => Step::Get {
                seen: seen
                    .as_ref()
                    .map(|seen| (self.id(&seen.value), seen.mod_revision)),
            },
            (Call::Delete { .. }, Outcome::Delete { deleted, revision }) => Step::Delete {
                deleted: *deleted,
                revision: *revision,
            },
            (
                Call::CompareAndSet { expected, new, .. },
                Outcome::CompareAndSet {
                    succeeded,
                    revision,
                },
            ) => Step::CompareAndSet {
                expected: expected.as_ref().map(|value| self.id(value)),
                new: self.id(new),
                succeeded: *succeeded,
                revision: *revision,
            },
            (call, outcome) => unreachable!("{call} answered by {outcome}: History pairs them"),
        }
    }

    fn maybe(&self, call: &Call) -> Option<Step> {
        match call {
            Call::Put { value, .. } => Some(Step::MaybePut {
                value: self.id(value),
            }),
            Call::Get { .. } => None,
            Call::Delete { .. } => Some(Step::MaybeDelete),
            Call::CompareAndSet { expected, new, .. } => Some(Step::MaybeCompareAndSet {
                expected: expected.as_ref().map(|value| self.id(value)),
                new: self.id(new),
            }),
        }
    }
}

/// The values that an operation sees or expects.
fn mentioned(operation: &Operation) -> impl Iterator<Item = &Bytes> {
    let seen = match &operation.end {
        End::Ok {
            outcome: Outcome::Get {
                seen: Some(seen), ..
            },
            ..
        } => Some(&seen.value),
        _ => None,
    };
    let expected = match &operation.call {
        Call::CompareAndSet { expected, .. } => expected.as_ref(),
        _ => None,
    };
    seen.into_iter().chain(expected)
}
