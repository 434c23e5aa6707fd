//! The storage engine as a library: `cargo run --example embedded`.

use std::{ops::Bound::*, path::Path, sync::Arc};

use sisyphus::{
    env::OsDisk,
    lsm::{Store, StoreOptions, WriteBatch},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let disk = Arc::new(OsDisk::open(Path::new("target/embedded"))?);
    let store = Store::open(disk, "fruit", StoreOptions::default()).await?;
    store.put(b"apple", b"green").await?;
    let before = store.snapshot();
    let mut batch = WriteBatch::new();
    batch.put(b"apple", b"red");
    batch.put(b"pear", b"yellow");
    store.write(&batch).await?;
    assert_eq!(before.get(b"apple").await?.unwrap(), "green");
    let mut range = store.range((Included(b"a"), Unbounded));
    while let Some((key, found)) = range.next().await? {
        println!(
            "{key:?} is {:?}, written as number {}",
            found.value, found.seq
        );
    }
    Ok(store.close().await?)
}
