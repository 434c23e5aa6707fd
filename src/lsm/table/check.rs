//! Looking at every byte of a table, around the cache.

use super::{
    super::{
        block::BlockCursor,
        entry::{Entry, Seq, order},
        error::{LsmError, Result},
        pace::Pace,
        verify::Report,
    },
    format::{Handle, Properties},
    reader::{Table, Tail},
};

/// What is known of a table on the way through it.
struct Check<'a> {
    table: &'a Table,
    tail: Tail,
    /// The last version that came by.
    last: Option<(Vec<u8>, Seq)>,
    /// What the table should say about itself, counted anew.
    counted: Properties,
}

impl Table {
    /// Reads the whole table from the disk and reports everything that is not as it should be:
    /// checksums, the order of versions, the filter, the index, the range tombstones, and what
    /// it says about itself.
    pub(in crate::lsm) async fn check(&self, report: &mut Report, pace: &mut Pace<'_>) {
        report.tables += 1;
        match self.read_tail().await {
            Ok(tail) => Check::new(self, tail).run(report, pace).await,
            Err(error) => report.find(&self.path, &error),
        }
        pace.turn().await;
    }
}

impl<'a> Check<'a> {
    fn new(table: &'a Table, tail: Tail) -> Self {
        Check {
            table,
            tail,
            last: None,
            counted: Properties::default(),
        }
    }

    async fn run(mut self, report: &mut Report, pace: &mut Pace<'_>) {
        let mut is_whole = true;
        for slot in 0..self.tail.index.len() {
            let Some(handle) = self.tail.index.handle(slot) else {
                break;
            };
            if let Err(error) = self.check_block(slot, handle, report).await {
                report.find(&self.table.path, &error);
                is_whole = false;
            }
            report.blocks += 1;
            report.bytes += handle.length;
            if pace.count(handle.length as usize) {
                pace.turn().await;
            }
        }
        let table = self.table;
        if is_whole && let Err(error) = self.check_properties() {
            report.find(&table.path, &error);
        }
    }

    async fn check_block(
        &mut self,
        slot: usize,
        handle: Handle,
        report: &mut Report,
    ) -> Result<()> {
        let block = self.table.read_block(handle).await?;
        let mut cursor = BlockCursor::new(block);
        let broken = |error| self.table.block_error(handle, error);
        cursor.advance().map_err(broken)?;
        while let Some(entry) = cursor.entry() {
            if let Some(what) = self.flaw(slot, entry) {
                return Err(LsmError::corrupt(&self.table.path, handle.offset, what));
            }
            self.count(entry);
            report.entries += 1;
            let broken = |error| self.table.block_error(handle, error);
            cursor.advance().map_err(broken)?;
        }
        Ok(())
    }

    /// What is wrong with a version of block `slot`.
    fn flaw(&self, slot: usize, entry: Entry<'_>) -> Option<&'static str> {
        let last = self.last.as_ref().map(|(key, seq)| (key.as_slice(), *seq));
        if last.is_some_and(|last| !order(last, (entry.key, entry.seq)).is_lt()) {
            return Some("versions in their order");
        }
        if !self.tail.filter.may_contain(entry.key) {
            return Some("a key that the filter knows");
        }
        match self.table.find(&self.tail, entry.key, entry.seq) {
            Ok(found) if found == slot => None,
            _ => Some("a version in the block where the index looks for it"),
        }
    }

    fn count(&mut self, entry: Entry<'_>) {
        let counted = &mut self.counted;
        let is_first = self.last.is_none();
        let (key, seq) = self.last.get_or_insert_default();
        let is_new = is_first || key != entry.key;
        key.clear();
        key.extend_from_slice(entry.key);
        *seq = entry.seq;
        if is_first {
            counted.smallest = key.clone().into();
            counted.seq_min = entry.seq;
        }
        counted.entries += 1;
        counted.keys += u64::from(is_new);
        counted.tombstones += u64::from(entry.value.is_none());
        counted.seq_min = counted.seq_min.min(entry.seq);
        counted.seq_max = counted.seq_max.max(entry.seq);
    }

    fn check_properties(mut self) -> Result<()> {
        if let Some((key, _)) = &self.last {
            self.counted.end = [key.as_slice(), &[0]].concat().into();
        }
        self.counted.cover(self.tail.tombstones.fragments());
        match self.counted == self.table.info().properties {
            true => Ok(()),
            false => {
                let what = "as many versions, and such, as the table says it has";
                let end = self.table.info().bytes;
                Err(LsmError::corrupt(&self.table.path, end, what))
            }
        }
    }
}
