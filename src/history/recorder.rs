//! The pen: takes events as they happen.

use std::{fmt, io, sync::Arc};

use parking_lot::Mutex;

use super::{Call, Event, History, OpId, Outcome, PairError, What, line};

/// Records a history, shared by all clients of one process. Call [`invoke`](Recorder::invoke)
/// before the request leaves, and the completion after the answer arrived: the order of these
/// calls is the order of the history.
#[derive(Clone, Debug)]
pub struct Recorder {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    next_op: OpId,
    sink: Sink,
}

enum Sink {
    Memory(Vec<Event>),
    /// Where lines go, and the first error: after it nothing more is written, lest a hole in the
    /// history pass for the truth.
    Lines(Box<dyn io::Write + Send>, Option<io::Error>),
}

impl Recorder {
    /// Keeps the events in memory.
    pub fn in_memory() -> Self {
        Recorder::new(Sink::Memory(Vec::new()))
    }

    /// Writes one line an event to `out`, as they come. Give a buffered writer.
    pub fn to_writer(out: impl io::Write + Send + 'static) -> Self {
        Recorder::new(Sink::Lines(Box::new(out), None))
    }

    fn new(sink: Sink) -> Self {
        let shared = Shared { next_op: 0, sink };
        Recorder {
            shared: Arc::new(Mutex::new(shared)),
        }
    }

    /// `process` is about to ask for `call`. Answers the operation's id.
    pub fn invoke(&self, process: u64, time_us: u64, call: Call) -> OpId {
        let mut shared = self.shared.lock();
        let op = shared.next_op;
        shared.next_op += 1;
        shared.sink.take(Event {
            process,
            op,
            time_us,
            what: What::Invoke(call),
        });
        op
    }

    /// The operation took effect, with this answer.
    pub fn ok(&self, process: u64, op: OpId, time_us: u64, outcome: Outcome) {
        self.complete(process, op, time_us, What::Ok(outcome));
    }

    /// The operation has no effect and never will.
    pub fn fail(&self, process: u64, op: OpId, time_us: u64, reason: impl Into<String>) {
        self.complete(process, op, time_us, What::Fail(reason.into()));
    }

    /// Nobody can say whether the operation has or will have an effect.
    pub fn unknown(&self, process: u64, op: OpId, time_us: u64, reason: impl Into<String>) {
        self.complete(process, op, time_us, What::Unknown(reason.into()));
    }

    fn complete(&self, process: u64, op: OpId, time_us: u64, what: What) {
        self.shared.lock().sink.take(Event {
            process,
            op,
            time_us,
            what,
        });
    }

    /// The events so far; none if they go to a writer.
    pub fn events(&self) -> Vec<Event> {
        match &self.shared.lock().sink {
            Sink::Memory(events) => events.clone(),
            Sink::Lines(..) => Vec::new(),
        }
    }

    /// The history so far, ready to be checked; empty if the events go to a writer. An error means
    /// that the recorder was told something contradictory.
    pub fn history(&self) -> Result<History, PairError> {
        match &self.shared.lock().sink {
            Sink::Memory(events) => History::pair(events.iter().cloned()),
            Sink::Lines(..) => Ok(History::default()),
        }
    }

    /// Flushes the writer. The first error it ever met comes out here.
    pub fn finish(&self) -> io::Result<()> {
        match &mut self.shared.lock().sink {
            Sink::Memory(_) => Ok(()),
            Sink::Lines(out, error) => match error.take() {
                Some(error) => Err(error),
                None => out.flush(),
            },
        }
    }
}

impl Sink {
    fn take(&mut self, event: Event) {
        match self {
            Sink::Memory(events) => events.push(event),
            Sink::Lines(out, error) => {
                if error.is_none() {
                    let written = line::encode(out, &event).and_then(|()| out.write_all(b"\n"));
                    *error = written.err();
                }
            }
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sink::Memory(events) => write!(f, "Memory({} events)", events.len()),
            Sink::Lines(_, error) => write!(f, "Lines(error: {error:?})"),
        }
    }
}
