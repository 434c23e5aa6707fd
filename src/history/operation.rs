//! Operations: invocations paired with their completions.

use std::{collections::BTreeMap, fmt};

use super::{Call, Event, OpId, Outcome, What};

/// An operation that took effect or may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its id in the history.
    pub id: OpId,
    /// The client that asked.
    pub process: u64,
    /// What was asked.
    pub call: Call,
    /// The place of its invocation among the history's events.
    pub invoked: usize,
    /// When it was invoked, in microseconds of the recorder's clock.
    pub invoked_us: u64,
    /// How it ended.
    pub end: End,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It took effect between invocation and completion.
    Ok {
        /// The place of the completion among the history's events.
        completed: usize,
        /// When it completed, in microseconds of the recorder's clock.
        completed_us: u64,
        /// The answer.
        outcome: Outcome,
    },
    /// It may take effect at any time after its invocation, or never.
    Unknown,
}

/// All operations of a history that may have had an effect, in the order of their invocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The operations.
    pub operations: Vec<Operation>,
    /// How many more there were that certainly had no effect.
    pub failed: usize,
}

/// An event that contradicts those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    /// The id was used before.
    #[error("operation {0} is invoked a second time")]
    InvokedTwice(OpId),
    /// The operation never began, or is over already.
    #[error("operation {0} completes without being under way")]
    NotUnderWay(OpId),
    /// The answer is of another kind than the question.
    #[error("operation {op} was invoked as {invoked} and is answered as {answered}")]
    OtherCall {
        /// The operation.
        op: OpId,
        /// The name of its call.
        invoked: &'static str,
        /// The name of the call that is answered.
        answered: &'static str,
    },
}

impl History {
    /// Pairs invocations with completions.
    pub fn pair(events: impl IntoIterator<Item = Event>) -> Result<History, PairError> {
        let events = events.into_iter();
        let mut builder = History::builder();
        // Two events an operation, if they are all there.
        builder.operations.reserve(events.size_hint().0 / 2);
        for event in events {
            builder.add(event)?;
        }
        Ok(builder.finish())
    }

    pub(super) fn builder() -> Builder {
        Builder::default()
    }
}

/// A history that is being read.
#[derive(Default)]
pub(super) struct Builder {
    /// Events taken so far: the clock of the history.
    events: usize,
    operations: Vec<Operation>,
    /// Where in `operations` the operations under way stand; `None` once an operation is over.
    under_way: BTreeMap<OpId, Option<usize>>,
    /// Places in `operations` of those that failed, to be left out.
    failed: Vec<usize>,
}

impl Builder {
    pub(super) fn add(&mut self, event: Event) -> Result<(), PairError> {
        match event.what {
            What::Invoke(call) => self.invoke(event.process, event.op, event.time_us, call)?,
            What::Ok(outcome) => self.ok(event.op, event.time_us, outcome)?,
            What::Fail(_) => {
                let at = self.complete(event.op)?;
                self.failed.push(at);
            }
            // It stays as it was invoked: without an end.
            What::Unknown(_) => {
                self.complete(event.op)?;
            }
        }
        self.events += 1;
        Ok(())
    }

    fn invoke(&mut self, process: u64, id: OpId, now_us: u64, call: Call) -> Result<(), PairError> {
        if self.under_way.contains_key(&id) {
            return Err(PairError::InvokedTwice(id));
        }
        self.under_way.insert(id, Some(self.operations.len()));
        self.operations.push(Operation {
            id,
            process,
            call,
            invoked: self.events,
            invoked_us: now_us,
            end: End::Unknown,
        });
        Ok(())
    }

    fn ok(&mut self, id: OpId, now_us: u64, outcome: Outcome) -> Result<(), PairError> {
        let at = self.complete(id)?;
        let operation = &mut self.operations[at];
        let (invoked, answered) = (operation.call.name(), outcome.name());
        if invoked != answered {
            return Err(PairError::OtherCall {
                op: id,
                invoked,
                answered,
            });
        }
        operation.end = End::Ok {
            completed: self.events,
            completed_us: now_us,
            outcome,
        };
        Ok(())
    }

    fn complete(&mut self, id: OpId) -> Result<usize, PairError> {
        self.under_way
            .get_mut(&id)
            .and_then(Option::take)
            .ok_or(PairError::NotUnderWay(id))
    }

    pub(super) fn finish(self) -> History {
        let mut failed = self.failed;
        failed.sort_unstable();
        let mut operations = self.operations;
        let mut place = 0..;
        operations.retain(|_| {
            let place = place.next().expect("an endless range");
            failed.binary_search(&place).is_err()
        });
        History {
            operations,
            failed: failed.len(),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation {
            id, process, call, ..
        } = self;
        write!(f, "op {id} of process {process}: {call}: ")?;
        match &self.end {
            End::Ok { outcome, .. } => write!(f, "{outcome}"),
            End::Unknown => write!(f, "outcome unknown"),
        }
    }
}
