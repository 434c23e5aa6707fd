//! A log against power failures and decay.

use std::sync::Arc;

use super::*;
use crate::{
    env::{MemDisk, task::block_on},
    types::ShardId,
};

const SHARD: ShardId = ShardId(1);

async fn open(disk: &MemDisk) -> Result<(Wal, Vec<Vec<u8>>), WalError> {
    let (wal, recovered) = Wal::open(Arc::new(disk.clone()), "log", 256).await?;
    let payloads = recovered.records.into_iter();
    Ok((
        wal,
        payloads
            .map(|found| found.record.payload.to_vec())
            .collect(),
    ))
}

#[test]
fn what_was_committed_is_found_again() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, found) = open(&disk).await.unwrap();
        assert!(found.is_empty());
        wal.append(1, SHARD, &[b"one"]);
        wal.append(1, SHARD, &[b"", b"tw", b"o"]);
        wal.commit().await.unwrap();
        wal.rotate().await.unwrap();
        wal.append(1, SHARD, &[]);
        wal.commit().await.unwrap();
        wal.append(1, SHARD, &[b"never committed"]);
        let disk = disk.restart();
        let (mut wal, found) = open(&disk).await.unwrap();
        assert_eq!(found, [&b"one"[..], b"two", b""]);
        wal.remove_before(SegmentId(2)).await.unwrap();
        let (_, found) = open(&disk.restart()).await.unwrap();
        assert_eq!(found, [b""]);
    });
}
