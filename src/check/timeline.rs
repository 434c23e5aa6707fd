//! What is not placed yet, in the order of time.

use super::model::Register;

/// The invocations and completions of unplaced operations, as a linked list from which an
/// operation is lifted and into which it is put back in constant time (in reverse order, as a
/// search does: then its neighbours of old are its neighbours again).
pub(super) struct Timeline {
    /// Node `2i` is the invocation of operation `i`, `2i + 1` its completion, the last node the
    /// ring's head.
    next: Vec<usize>,
    before: Vec<usize>,
}

impl Timeline {
    /// All known operations of `register`.
    pub fn new(register: &Register) -> Timeline {
        let known = &register.known;
        let mut nodes: Vec<usize> = (0..2 * known.len()).collect();
        nodes.sort_unstable_by_key(|node| match node % 2 {
            0 => known[node / 2].invoked,
            _ => known[node / 2].completed,
        });
        let head = nodes.len();
        let mut timeline = Timeline {
            next: vec![head; head + 1],
            before: vec![head; head + 1],
        };
        let mut last = head;
        for node in nodes {
            timeline.join(last, node);
            last = node;
        }
        timeline.join(last, head);
        timeline
    }

    fn join(&mut self, before: usize, next: usize) {
        self.next[before] = next;
        self.before[next] = before;
    }

    fn head(&self) -> usize {
        self.next.len() - 1
    }

    /// Whether everything is placed.
    pub fn is_empty(&self) -> bool {
        self.next[self.head()] == self.head()
    }

    /// The operations invoked before the first completion, and the one that completes there.
    /// There must be one.
    pub fn candidates(&self) -> (Vec<usize>, usize) {
        assert!(!self.is_empty(), "nothing is left to place");
        let mut found = Vec::new();
        let mut node = self.next[self.head()];
        while node.is_multiple_of(2) {
            found.push(node / 2);
            node = self.next[node];
        }
        (found, node / 2)
    }

    /// Takes an operation out.
    pub fn lift(&mut self, operation: usize) {
        for node in [2 * operation, 2 * operation + 1] {
            self.join(self.before[node], self.next[node]);
        }
    }

    /// Puts back the operation that was taken out last.
    pub fn put_back(&mut self, operation: usize) {
        for node in [2 * operation + 1, 2 * operation] {
            let (before, next) = (self.before[node], self.next[node]);
            self.join(before, node);
            self.join(node, next);
        }
    }
}
