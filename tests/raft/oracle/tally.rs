//! What happened in a schedule: a test in which nothing does proves nothing.

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Entries committed.
    pub committed: u64,
    /// Elections won.
    pub elected: u64,
    /// Reads answered.
    pub reads: u64,
    /// Snapshots installed.
    pub installed: u64,
    /// Batches that overwrote entries on a disk.
    pub overwritten: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.committed += other.committed;
        self.elected += other.elected;
        self.reads += other.reads;
        self.installed += other.installed;
        self.overwritten += other.overwritten;
    }

    /// Panics if so many schedules should have done more.
    pub fn assert_busy(&self, schedules: u64) {
        let Tally {
            committed,
            elected,
            reads,
            installed,
            overwritten,
        } = self;
        let busy = *committed > 5 * schedules && *reads > 3 * schedules && *elected > schedules;
        let rare = schedules / 10;
        assert!(busy && *installed > rare && *overwritten > rare, "{self:?}");
    }
}
