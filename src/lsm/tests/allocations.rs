//! What a read costs when everything it needs is in memory.

use std::sync::Arc;

use super::{super::*, model::note};
use crate::{
    env::{MemDisk, task::block_on},
    lsm::allocations,
};

fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

#[test]
fn a_read_from_the_cache_allocates_nothing_nor_does_one_of_an_absent_key() {
    block_on(async {
        let options = Options {
            cache_bytes: 1 << 20,
            ..Options::test_min()
        };
        let db = Db::open(Arc::new(MemDisk::new()), "db", options).await;
        let db = db.expect("a database");
        for seq in 1..=8 {
            let mut batch = Batch::new();
            (0..100).for_each(|number| batch.put(&key(2 * number + seq % 2), seq, &[7; 40]));
            db.write(&batch);
            db.freeze(note(seq)).await.expect("a freeze");
        }
        db.settle().await.expect("compactions");
        let tables = db.stats().tables;
        assert!(
            tables.iter().filter(|tables| **tables > 0).count() > 1,
            "{tables:?}"
        );
        // The first round opens tables and fills the cache.
        for round in 0..2 {
            let before = allocations::calls();
            for number in 0..400 {
                let found = db.get(&key(number), SEQ_MAX).await.expect("a read");
                assert_eq!(found.is_some(), number < 200);
            }
            let calls = allocations::calls() - before;
            assert_eq!(calls == 0, round == 1, "{calls} in round {round}");
        }
    });
}
