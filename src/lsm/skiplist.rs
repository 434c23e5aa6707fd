//! An ordered map that one thread extends while any number read, none ever waiting for another.
//!
//! Versions stand in *leaves* of a few each (`leaf`), and the leaves in a linked list, sorted. Over
//! it lie up to [`HEIGHT_MAX`] express lanes of *nodes*, one node for each leaf on the lowest lane and
//! about a quarter of those of the lane below on each lane above; a search rides the highest lane as
//! far as it may and then steps down (Pugh, "Skip lists: a probabilistic alternative to balanced
//! trees", 1990). Leaves instead of single versions at the bottom make ten times fewer nodes to
//! pass (Rao and Ross, "Cache conscious indexing for decision-support in main memory", 1999), and a
//! link has the prefix of the key that it leads to beside it, so that most nodes that a search does
//! not pass are not looked at.
//!
//! ```text
//! node:  the version it begins with │ leaf │ link of lane 0 │ … │ link of its top lane
//! link:  prefix │ next node
//! ```
//! A leaf that is full is replaced by two, of which the second gets a node of its own; the old one
//! stays as it was. What makes reading safe without locks:
//! 1. a version is complete before the store that makes it part of its leaf's order, a leaf before
//!    the store that makes it its node's, and a node before the one that links it; readers follow
//!    with acquire-loads: who sees something sees all of it;
//! 2. the lanes only lead near the place: a search that ends at the end of a leaf looks at the node
//!    behind that leaf, and goes on there if it must. That chain of leaves is never behind;
//! 3. nodes are only ever added: the prefix beside a link, which is stored after the link and loaded
//!    before it, is at least that of the node the link leads to;
//! 4. a leaf that was replaced leads on to the node behind its last version, as it did before: who
//!    stands in it goes on as if nothing had happened;
//! 5. nothing is unlinked or freed while a [`SkipList`] or [`Cursor`] lives: each holds the arena.
//!
//! `lanes` has the search. `tests/skiplist_loom.rs` runs these files under every interleaving of a writer
//! and a reader, and `.ci/valgrind` runs their tests under valgrind.

#![allow(unsafe_code, reason = "nodes of variable size, linked by pointers")]
#![deny(clippy::undocumented_unsafe_blocks)]

use std::{
    ptr::{self, NonNull},
    sync::Arc,
};

use super::{
    arena::Arena,
    entry::{Entry, Seq},
    lanes::{List, Node, Place, link, new_node},
    leaf::{self, Leaf, Slot, Target},
    sync::{AtomicUsize, LEAF_SLOTS, Ordering},
};
use crate::rng::Rng;

/// The number of lanes: 4^12 leaves before searches lose their logarithm.
pub(super) const HEIGHT_MAX: usize = 12;

/// One node in so many of a lane also stands on the lane above.
const BRANCHING: u64 = 4;

/// Nodes take so much less memory than all the rest that their chunks are by this smaller.
const NODE_SHARE: usize = 16;

/// The one who inserts. Not to be cloned: the list has one writer.
pub(super) struct Writer {
    list: Arc<List>,
    arena: Arena,
    /// Nodes lie by themselves, close together: every search passes some.
    nodes: Arena,
    heights: Rng,
    /// The last node in front of the last insertion, by lane: where the next search begins and, for
    /// keys that ascend, ends.
    before: [NonNull<Node>; HEIGHT_MAX],
}

// SAFETY: its pointers lead to nodes of the list, which may be used from any thread.
unsafe impl Send for Writer {}

/// The readers' side.
#[derive(Clone)]
pub(super) struct SkipList {
    list: Arc<List>,
}

/// A place in the list: on a version, or behind the last one.
pub(super) struct Cursor {
    list: Arc<List>,
    place: Place,
}

// SAFETY: the leaf lies in memory that `list` keeps alive, and leaves may be read from any thread.
unsafe impl Send for Cursor {}
// SAFETY: a shared cursor only reads.
unsafe impl Sync for Cursor {}

/// An empty list whose memory grows by `chunk_bytes`; `heights` decides which nodes stand on
/// which lanes.
pub(super) fn skip_list(chunk_bytes: usize, heights: Rng) -> (Writer, SkipList) {
    let mut arena = Arena::new(chunk_bytes);
    let leaf = leaf::new_leaf(&mut arena, &[], ptr::null_mut());
    let mut nodes = Arena::new(chunk_bytes / NODE_SHARE);
    let (head, _) = new_node(&mut nodes, None, leaf, HEIGHT_MAX);
    let list = Arc::new(List {
        head,
        height: AtomicUsize::new(1),
        _memory: [arena.chunks(), nodes.chunks()],
    });
    let reader = SkipList {
        list: Arc::clone(&list),
    };
    let writer = Writer {
        list,
        arena,
        nodes,
        heights,
        before: [head; HEIGHT_MAX],
    };
    (writer, reader)
}

impl Writer {
    /// Inserts a version and returns the bytes it takes. A version that equals one in key and
    /// number comes to stand before it and hides it. Panics if the key has a newer version.
    pub(super) fn insert(&mut self, entry: Entry<'_>) -> usize {
        let target = Target::new(entry.key, entry.seq);
        if !self.is_here(&target) {
            let before = &mut self.before;
            self.list.descend(&target, |lane, node| before[lane] = node);
        }
        let place = self.list.place_in(self.before[0], &target);
        let is_newer_there = place.previous().is_some_and(|slot| {
            // SAFETY: the list keeps its records alive.
            slot.prefix == target.prefix() && unsafe { leaf::entry(slot.record) }.key == entry.key
        });
        assert!(
            !is_newer_there,
            "versions of a key are written in their order"
        );
        let (record, bytes) = leaf::new_record(&mut self.arena, entry);
        let slot = Slot {
            prefix: target.prefix(),
            record,
        };
        if place.order.count() == LEAF_SLOTS {
            return bytes + self.split(place, slot);
        }
        // SAFETY: the leaf is the list's, with a free slot, and we are its writer.
        unsafe { leaf::insert(place.leaf, place.order, place.at, slot) };
        bytes
    }

    /// Whether the target belongs where the last insertion was.
    fn is_here(&self, target: &Target<'_>) -> bool {
        let node = self.before[0];
        // SAFETY: a node of this list, and every node stands on lane 0.
        let link = unsafe { link(node, 0) };
        let is_before_next = || match link.prefix.load(Ordering::Relaxed).cmp(&target.prefix()) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => {
                let next = NonNull::new(link.next.load(Ordering::Relaxed));
                next.is_none_or(|next| !self.list.is_in_front(next, target))
            }
        };
        self.list.is_in_front(node, target) && is_before_next()
    }

    /// Makes two leaves of a full one and a version that belongs into it, and returns their bytes.
    fn split(&mut self, place: Place, slot: Slot) -> usize {
        let node = self.before[0];
        let next = place.next();
        let is_last = place.at == LEAF_SLOTS && next.is_none();
        let mut slots = [slot; LEAF_SLOTS + 1];
        let others = (0..LEAF_SLOTS + 1).filter(|at| *at != place.at);
        for (from, to) in others.enumerate() {
            slots[to] = place.slot(from);
        }
        // Where keys ascend, the leaves behind stay full.
        let half = if is_last { LEAF_SLOTS } else { slots.len() / 2 };
        let next = next.map_or(ptr::null_mut(), NonNull::as_ptr);
        let right = leaf::new_leaf(&mut self.arena, &slots[half..], next);
        let height = self.draw_height();
        let (right, node_bytes) = new_node(&mut self.nodes, Some(slots[half]), right, height);
        let mut bytes = size_of::<Leaf>() + node_bytes;
        if is_last {
            // SAFETY: the leaf is the list's last, and we are its writer.
            unsafe { leaf::set_next(place.leaf, right) };
        } else {
            let left = leaf::new_leaf(&mut self.arena, &slots[..half], right.as_ptr());
            self.list.leaf(node).store(left.as_ptr(), Ordering::Release);
            bytes += size_of::<Leaf>();
        }
        self.link(right, slots[half].prefix, height, place.at >= half);
        bytes
    }

    /// Puts a node on its lanes; with `is_here`, the next search may begin at it.
    fn link(&mut self, node: NonNull<Node>, prefix: u64, height: usize, is_here: bool) {
        for (lane, before) in self.before.iter_mut().enumerate().take(height) {
            // SAFETY: both are nodes of this list, and both stand on this lane: the new one by its
            // height, the other because the search found it there (or it is the head).
            let (from, to) = unsafe { (link(*before, lane), link(node, lane)) };
            // Nobody sees the new node's link before the third store.
            let (next, next_prefix) = (&from.next, &from.prefix);
            to.next
                .store(next.load(Ordering::Relaxed), Ordering::Relaxed);
            to.prefix
                .store(next_prefix.load(Ordering::Relaxed), Ordering::Relaxed);
            next.store(node.as_ptr(), Ordering::Release);
            next_prefix.store(prefix, Ordering::Release);
            if is_here {
                *before = node;
            }
        }
        if height > self.list.height.load(Ordering::Relaxed) {
            self.list.height.store(height, Ordering::Relaxed);
        }
    }

    fn draw_height(&mut self) -> usize {
        let mut height = 1;
        while height < HEIGHT_MAX && self.heights.below(BRANCHING) == 0 {
            height += 1;
        }
        height
    }
}

impl SkipList {
    /// A cursor on the first version at or behind `(key, seq)`.
    pub(super) fn seek(&self, key: &[u8], seq: Seq) -> Cursor {
        self.cursor(self.list.seek(&Target::new(key, seq)))
    }

    /// Calls `found` with the first version at or behind `(key, seq)`, if it is one of `key`.
    pub(super) fn get<T>(
        &self,
        key: &[u8],
        seq: Seq,
        found: impl FnOnce(Entry<'_>) -> T,
    ) -> Option<T> {
        let place = self.list.seek(&Target::new(key, seq));
        // SAFETY: the record is the list's, which `self` keeps alive during the call.
        let entry = unsafe { leaf::entry(place.record()?) };
        (entry.key == key).then(|| found(entry))
    }

    /// A cursor on the last version in front of `(key, seq)`, or on the last of all without a
    /// target. Of equal versions it stands on the one that hides the others.
    pub(super) fn before(&self, target: Option<(&[u8], Seq)>) -> Cursor {
        let place = match target {
            Some((key, seq)) => self.list.locate(&Target::new(key, seq)),
            None => self.list.end(),
        };
        self.cursor(self.list.step_back(place))
    }

    /// A cursor on the first version of all.
    pub(super) fn first(&self) -> Cursor {
        self.cursor(self.list.start_of(self.list.head))
    }

    fn cursor(&self, place: Place) -> Cursor {
        Cursor {
            list: Arc::clone(&self.list),
            place,
        }
    }
}

impl Cursor {
    /// The version under the cursor; none behind the last.
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        let record = self.place.record()?;
        // SAFETY: a cursor stands on records of its list, which it keeps alive longer than the
        // borrow that is returned.
        Some(unsafe { leaf::entry(record) })
    }

    /// Moves to the next version. Does nothing behind the last.
    pub(super) fn advance(&mut self) {
        if self.place.is_end() {
            return;
        }
        self.place.at += 1;
        if self.place.is_end()
            && let Some(next) = self.place.next()
        {
            self.place = self.list.start_of(next);
        }
    }

    /// Moves to the version before, past versions that are hidden by equal ones; from the first
    /// one to behind the last. Links lead one way only, so at the beginning of a leaf this takes a
    /// search.
    pub(super) fn retreat(&mut self) {
        if let Some(entry) = self.entry() {
            let place = match self.place.at {
                0 => self.list.locate(&Target::new(entry.key, entry.seq)),
                _ => self.place,
            };
            self.place = self.list.step_back(place);
        }
    }
}
