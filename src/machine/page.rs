//! What a read answers: as many keys as may be, and how many there are.

use super::{Bounds, KeyValue, MachineError, Page, Query, cursor::Cursor};
use crate::env::task;

/// What a key takes in an answer beside its bytes: three numbers and two lengths, at most.
const NUMBERS_BYTES: usize = 40;

/// A long range that lies in memory never has to wait, and would keep its thread from all others:
/// after so many keys they get their turn.
const KEYS_PER_TURN: u64 = 1024;

/// About how many bytes `kv` takes in an answer.
pub(super) fn answer_bytes(kv: &KeyValue) -> usize {
    kv.key.len() + kv.value.len() + NUMBERS_BYTES
}

/// Collects the page that `query` asks for. Walks to the end of the range even when the page is
/// full, since an answer says how many keys the range holds.
pub(super) async fn collect(
    mut cursor: Cursor<'_>,
    query: &Query,
    bounds: &Bounds,
) -> Result<Page, MachineError> {
    let keys_max = match query.limit {
        0 => bounds.page_keys_max,
        limit => limit.min(bounds.page_keys_max),
    };
    let mut page = Page::default();
    let mut bytes = 0;
    while let Some(hit) = cursor.next().await? {
        page.count += 1;
        if page.count.is_multiple_of(KEYS_PER_TURN) {
            task::yield_now().await;
        }
        if query.count_only || page.more {
            continue;
        }
        if page.kvs.len() as u64 == keys_max {
            page.more = true;
            continue;
        }
        let mut kv = hit.decode()?;
        if query.keys_only {
            kv.value.clear();
        }
        bytes += answer_bytes(&kv);
        // A value larger than a page must be readable too, so the first key is always let in.
        if bytes > bounds.page_bytes_max && !page.kvs.is_empty() {
            page.more = true;
            continue;
        }
        page.kvs.push(kv);
    }
    Ok(page)
}
