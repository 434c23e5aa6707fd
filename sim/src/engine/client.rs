//! Those who use the store.

use std::{ops::Bound, sync::Arc, time::Duration};

use sisyphus::{
    lsm::{LsmError, Range, Store},
    rng::Rng,
};

use super::model::{Contents, Model, end, prefix};

/// The longest pause of a reader, in milliseconds.
const PAUSE_MS_MAX: u64 = 20;

/// Writes batch after batch, until one fails.
pub(super) async fn write(store: Store, model: Arc<Model>, writer: u64, life: u64) {
    loop {
        let (number, batch) = model.begin(writer, life);
        if store.write(&batch).await.is_err() {
            return;
        }
        model.acknowledge(writer, number);
        // A write that needs no sync has not let anybody else run.
        tokio::task::yield_now().await;
    }
}

/// Reads all keys of some writer again and again, in one of several ways.
pub(super) async fn read(store: Store, model: Arc<Model>, mut rng: Rng) {
    loop {
        tokio::time::sleep(Duration::from_millis(rng.below(PAUSE_MS_MAX))).await;
        let writer = rng.below(model.writers());
        let least = model.acknowledged(writer);
        let seen = match rng.below(3) {
            0 => backwards(range(writer, |bounds| store.range(bounds))).await,
            1 => contents(range(writer, |bounds| store.range(bounds))).await,
            _ => from_snapshot(&store, writer, &mut rng).await,
        };
        // A drive that fails may fail a read; no answer is not a wrong one.
        if let Ok(seen) = seen {
            model.check(writer, least, &seen);
        }
    }
}

/// A snapshot shows the same, however late it is looked at, key by key and in a row.
async fn from_snapshot(store: &Store, writer: u64, rng: &mut Rng) -> Result<Contents, LsmError> {
    let snapshot = store.snapshot();
    tokio::time::sleep(Duration::from_millis(rng.below(PAUSE_MS_MAX))).await;
    let seen = contents(range(writer, |bounds| snapshot.range(bounds))).await?;
    tokio::time::sleep(Duration::from_millis(rng.below(PAUSE_MS_MAX))).await;
    for (key, value) in &seen {
        // An error of the store as a whole says nothing about the key.
        if let Ok(found) = snapshot.get(key).await {
            assert_eq!(found.as_deref(), Some(&value[..]), "a snapshot has changed");
        }
    }
    Ok(seen)
}

/// All keys of a writer, at the present.
pub(super) async fn all(store: &Store, writer: u64) -> Result<Contents, LsmError> {
    contents(range(writer, |bounds| store.range(bounds))).await
}

fn range(writer: u64, open: impl FnOnce((Bound<&[u8]>, Bound<&[u8]>)) -> Range) -> Range {
    let (from, to) = (prefix(writer), end(writer));
    open((Bound::Included(&from), Bound::Excluded(&to)))
}

/// As [`contents`], by a range that is gone through from its end.
async fn backwards(range: Range) -> Result<Contents, LsmError> {
    let mut range = range.reversed();
    let mut contents = Contents::new();
    while let Some((key, found)) = range.next().await? {
        let first = contents.first_key_value();
        assert!(first.is_none_or(|(first, _)| *first > key), "keys descend");
        contents.insert(key.to_vec(), found.value.to_vec());
    }
    Ok(contents)
}

async fn contents(mut range: Range) -> Result<Contents, LsmError> {
    let mut contents = Contents::new();
    while let Some((key, found)) = range.next().await? {
        contents.insert(key.to_vec(), found.value.to_vec());
    }
    Ok(contents)
}
