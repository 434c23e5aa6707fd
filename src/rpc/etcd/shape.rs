//! Sorting and filtering, which the machine knows nothing of.

use std::{cmp::Ordering, ops::RangeInclusive};

use bytes::Bytes;

use super::{Unfit, request::or_zero};
use crate::{
    machine::{KeyValue, Page},
    rpc::proto::etcdserverpb::{
        RangeRequest,
        range_request::{SortOrder, SortTarget},
    },
    types::Revision,
};

/// What is done to a page between the machine and the client. The default changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What to sort by, and whether the largest comes first; `None` leaves the order of keys.
    sort: Option<(SortTarget, bool)>,
    /// Which revisions of creation pass.
    created: RangeInclusive<Revision>,
    /// Which revisions of the latest write pass.
    modified: RangeInclusive<Revision>,
    /// At most this many keys are answered; 0 for all.
    pub(super) limit: u64,
    /// Values are read for sorting, but not answered.
    strip_values: bool,
}

/// Lets everything pass.
const ANY: RangeInclusive<Revision> = 0..=Revision::MAX;

impl Default for Shape {
    fn default() -> Self {
        Shape {
            sort: None,
            created: ANY,
            modified: ANY,
            limit: 0,
            strip_values: false,
        }
    }
}

impl Shape {
    /// The shape that a request asks for.
    pub fn of(request: &RangeRequest) -> Result<Shape, Unfit> {
        Ok(Shape {
            sort: sort_of(request)?,
            created: bounds(request.min_create_revision, request.max_create_revision),
            modified: bounds(request.min_mod_revision, request.max_mod_revision),
            limit: or_zero(request.limit),
            strip_values: request.keys_only,
        })
    }

    /// Whether the limit can only be applied after all keys of the range were seen.
    pub fn needs_all(&self) -> bool {
        self.sort.is_some() || self.created != ANY || self.modified != ANY
    }

    /// Whether values must be read even if they are not answered.
    pub fn needs_values(&self) -> bool {
        matches!(self.sort, Some((SortTarget::Value, _)))
    }

    /// Shapes a page. Fails if it lacks keys that should have been considered.
    pub fn apply(&self, mut page: Page) -> Result<Page, Unfit> {
        if !self.needs_all() {
            return Ok(page);
        }
        if page.more {
            return Err(Unfit::TooManyKeys);
        }
        page.kvs.retain(|kv| {
            self.created.contains(&kv.create_revision) && self.modified.contains(&kv.mod_revision)
        });
        if let Some((target, descending)) = self.sort {
            page.kvs.sort_by(|a, b| {
                let order = by(target, a, b);
                if descending { order.reverse() } else { order }
            });
        }
        self.cut(&mut page);
        Ok(page)
    }

    fn cut(&self, page: &mut Page) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if limit > 0 && page.kvs.len() > limit {
            page.kvs.truncate(limit);
            page.more = true;
        }
        if self.strip_values {
            page.kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
        }
    }
}

fn sort_of(request: &RangeRequest) -> Result<Option<(SortTarget, bool)>, Unfit> {
    let order = SortOrder::try_from(request.sort_order)
        .map_err(|_| Unfit::Invalid("sort_order has no such value"))?;
    let target = SortTarget::try_from(request.sort_target)
        .map_err(|_| Unfit::Invalid("sort_target has no such value"))?;
    Ok(match (order, target) {
        // The store answers in this order anyway.
        (SortOrder::None | SortOrder::Ascend, SortTarget::Key) => None,
        // A target without an order means ascending, as in etcd.
        (SortOrder::None | SortOrder::Ascend, target) => Some((target, false)),
        (SortOrder::Descend, target) => Some((target, true)),
    })
}

/// The revisions from `least` to `most`; 0 or less sets no bound.
fn bounds(least: i64, most: i64) -> RangeInclusive<Revision> {
    let most = match or_zero(most) {
        0 => Revision::MAX,
        most => most,
    };
    or_zero(least)..=most
}

fn by(target: SortTarget, a: &KeyValue, b: &KeyValue) -> Ordering {
    match target {
        SortTarget::Key => a.key.cmp(&b.key),
        SortTarget::Version => a.version.cmp(&b.version),
        SortTarget::Create => a.create_revision.cmp(&b.create_revision),
        SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
        SortTarget::Value => a.value.cmp(&b.value),
    }
}
