//! The tables below the level into which a compaction writes.

use bytes::Bytes;

/// Watches how much of the level below a table in the making overlaps: one that overlapped very
/// much would one day take very long to go down.
#[derive(Debug, Default)]
pub(super) struct Grandparents {
    /// The first key behind each table below, and its bytes, in order.
    tables: Vec<(Bytes, u64)>,
    /// The first of them that is not behind us.
    next: usize,
    /// The bytes of those that were left behind since the table in the making was begun.
    overlapped: u64,
    /// More than that is too much.
    bytes_max: u64,
}

impl Grandparents {
    /// Watches these tables, each with the first key behind it and its bytes.
    pub(super) fn new(tables: Vec<(Bytes, u64)>, bytes_max: u64) -> Self {
        Grandparents {
            tables,
            bytes_max,
            ..Grandparents::default()
        }
    }

    /// Moves on to a key. True if the table in the making had better end before it.
    pub(super) fn are_enough_before(&mut self, key: &[u8]) -> bool {
        while let Some((end, bytes)) = self.tables.get(self.next)
            && &end[..] <= key
        {
            self.overlapped += bytes;
            self.next += 1;
        }
        self.overlapped > self.bytes_max
    }

    /// A table ended.
    pub(super) fn restart(&mut self) {
        self.overlapped = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_ends_when_it_has_left_too_much_behind() {
        let table = |key: &'static str| (Bytes::from_static(key.as_bytes()), 10);
        let tables = ["b", "d", "f", "h", "j"].map(table).to_vec();
        let mut below = Grandparents::new(tables, 20);
        let mut enough = |key: &str| below.are_enough_before(key.as_bytes());
        assert!(!enough("a") && !enough("d") && !enough("e"));
        assert!(enough("f"), "three of ten bytes are behind it");
        below.restart();
        let mut enough = |key: &str| below.are_enough_before(key.as_bytes());
        assert!(!enough("j") && !enough("k") && !enough("z"));
        assert!(!Grandparents::default().are_enough_before(b"z"));
    }
}
