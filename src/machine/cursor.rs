//! Walking over keys as they stand at a revision, with a transaction's own writes on top.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, btree_map},
    iter::Peekable,
    ops::{Bound, Range},
};

use bytes::Bytes;

use super::{
    KeyRange, KeyValue, MachineError, RangeEnd,
    mvcc::{decode_record, stored_key, stored_range, user_key},
};
use crate::{
    lsm::{self, Db, Found},
    types::Revision,
};

/// What a transaction has changed so far: keys with what they now hold, or `None` if deleted.
pub(super) type Overlay = BTreeMap<Bytes, Option<KeyValue>>;

/// The keys of a range that exist, ascending.
pub(super) struct Cursor<'a> {
    /// What is left of the stored keys. One key alone is asked for directly: the engine's filters
    /// then keep it from opening tables that do not have the key.
    stored: Option<lsm::Range>,
    /// The next stored key, once it was looked for.
    head: Option<(Bytes, Found)>,
    overlay: Option<Peekable<btree_map::Range<'a, Bytes, Option<KeyValue>>>>,
}

/// A key that exists.
pub(super) enum Hit<'a> {
    /// As stored, not decoded yet: who only counts does not need it.
    Stored(Bytes, Found),
    /// As the transaction wrote it.
    Own(&'a KeyValue),
}

impl Hit<'_> {
    /// The key alone.
    pub fn into_key(self) -> Bytes {
        match self {
            Hit::Stored(key, _) => key,
            Hit::Own(kv) => kv.key.clone(),
        }
    }

    /// The key with all that is known of it.
    pub fn decode(self) -> Result<KeyValue, MachineError> {
        match self {
            Hit::Stored(key, found) => decode_record(key, found),
            Hit::Own(kv) => Ok(kv.clone()),
        }
    }
}

impl<'a> Cursor<'a> {
    /// The keys of `keys` at revision `at`; on top of it those of `overlay`.
    pub async fn open(
        db: &Db,
        overlay: &'a Overlay,
        keys: &KeyRange,
        at: Revision,
    ) -> Result<Self, MachineError> {
        let mut cursor = Cursor {
            stored: None,
            head: None,
            overlay: own(overlay, keys),
        };
        if keys.end == RangeEnd::Single {
            let found = db.get(&stored_key(&keys.start), at).await?;
            cursor.head = found.map(|found| (keys.start.clone(), found));
        } else if let Some(Range { start, end }) = stored_range(keys) {
            let bounds = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
            cursor.stored = Some(db.range(bounds, at));
        }
        Ok(cursor)
    }

    /// The next key, in ascending order.
    pub async fn next(&mut self) -> Result<Option<Hit<'a>>, MachineError> {
        loop {
            self.fill().await?;
            let own = self.overlay.as_mut().and_then(Peekable::peek);
            let order = match (&self.head, own) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((stored, _)), Some((own, _))) => stored.cmp(own),
            };
            if order == Ordering::Less {
                return Ok(self.head.take().map(|(key, found)| Hit::Stored(key, found)));
            }
            if order == Ordering::Equal {
                self.head = None;
            }
            let own = self.overlay.as_mut().and_then(Iterator::next);
            if let Some((_, Some(kv))) = own {
                return Ok(Some(Hit::Own(kv)));
            }
        }
    }

    /// Looks for the next stored key, if it is not known.
    async fn fill(&mut self) -> Result<(), MachineError> {
        let (None, Some(range)) = (&self.head, &mut self.stored) else {
            return Ok(());
        };
        match range.next().await? {
            Some((stored, found)) => match user_key(&stored) {
                Ok(key) => self.head = Some((key, found)),
                Err(error) => return Err(MachineError::record(&stored, found.seq, error)),
            },
            None => self.stored = None,
        }
        Ok(())
    }
}

/// The part of `overlay` that lies in `keys`; `None` if there cannot be any.
fn own<'a>(
    overlay: &'a Overlay,
    keys: &KeyRange,
) -> Option<Peekable<btree_map::Range<'a, Bytes, Option<KeyValue>>>> {
    if overlay.is_empty() {
        return None;
    }
    let range = within(keys)?;
    Some(overlay.range::<Bytes, _>(range).peekable())
}

/// The bounds of a range of the users' keys; `None` if they hold no key. A map would panic on them.
pub(super) fn within(keys: &KeyRange) -> Option<(Bound<&Bytes>, Bound<&Bytes>)> {
    let end = match &keys.end {
        RangeEnd::Single => Bound::Included(&keys.start),
        RangeEnd::Before(end) if *end <= keys.start => return None,
        RangeEnd::Before(end) => Bound::Excluded(end),
        RangeEnd::Unbounded => Bound::Unbounded,
    };
    Some((Bound::Included(&keys.start), end))
}
