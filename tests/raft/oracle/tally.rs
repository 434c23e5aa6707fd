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
    /// Reads answered by a lease, here or for a follower.
    pub leased: u64,
    /// Reads that saw less than was committed when they began: none, unless clocks lie.
    pub stale: u64,
    /// Snapshots installed.
    pub installed: u64,
    /// Batches that overwrote entries on a disk.
    pub overwritten: u64,
    /// Changes of members begun.
    pub changes: u64,
    /// Transfers of leadership begun.
    pub transfers: u64,
    /// Candidates that stood because their leader told them to.
    pub called: u64,
    /// Disks that lost entries.
    pub damaged: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.committed += other.committed;
        self.elected += other.elected;
        self.reads += other.reads;
        self.leased += other.leased;
        self.stale += other.stale;
        self.installed += other.installed;
        self.overwritten += other.overwritten;
        self.changes += other.changes;
        self.transfers += other.transfers;
        self.called += other.called;
        self.damaged += other.damaged;
    }

    /// Panics if so many schedules should have done more.
    pub fn assert_busy(&self, schedules: u64) {
        let often = [self.committed / 5, self.elected, self.reads / 3];
        let now_and_then = [
            self.installed,
            self.overwritten,
            self.changes,
            self.transfers,
            self.called,
            self.leased,
        ];
        let busy = often.iter().all(|count| *count > schedules)
            && now_and_then.iter().all(|count| 10 * count > schedules);
        assert!(busy, "{self:?}");
    }
}
