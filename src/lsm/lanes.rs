//! The lanes of the skip list and the way through them, which writer and readers share. Why this
//! is sound without locks stands in `skiplist`.

#![allow(unsafe_code, reason = "nodes of variable size, linked by pointers")]
#![deny(clippy::undocumented_unsafe_blocks)]

use std::{
    alloc::Layout,
    mem::offset_of,
    ptr::{self, NonNull},
    sync::Arc,
};

use super::{
    arena::{Arena, Chunks},
    leaf::{self, Leaf, Order, Record, Slot, Target},
    sync::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, Written},
};

/// The prefix beside a link that leads nowhere.
const NOWHERE: u64 = u64::MAX;

/// One step of a lane.
#[repr(C)]
pub(super) struct Link {
    /// At least the prefix of the first key of the next node.
    pub(super) prefix: AtomicU64,
    /// The next node of the lane, null at its end.
    pub(super) next: AtomicPtr<Node>,
}

/// The fixed part of a node. The links follow it in the same piece of memory.
#[repr(C)]
pub(super) struct Node {
    /// The version that its first leaf began with; none for the head. All in its leaf are at or
    /// behind it.
    low: Written<Option<Slot>>,
    /// The present leaf.
    leaf: AtomicPtr<Leaf>,
    tower: [Link; 0],
}

/// What writer, readers and cursors share.
pub(super) struct List {
    /// A node before all others, on every lane, whose leaf begins the list.
    pub(super) head: NonNull<Node>,
    /// The highest lane in use. A hint: readers may see an old one and only take longer.
    pub(super) height: AtomicUsize,
    /// Keeps nodes, leaves and records alive.
    pub(super) _memory: [Arc<Chunks>; 2],
}

// SAFETY: the nodes belong to the list's memory, not to a thread; what changes in them is atomic,
// and everything else stays as it was before it could be reached.
unsafe impl Send for List {}
// SAFETY: as above; the only one who changes anything is the `Writer`, of which there is one.
unsafe impl Sync for List {}

/// A place in a leaf as it was at one moment. Behind its last version lies the next leaf.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) leaf: NonNull<Leaf>,
    pub(super) order: Order,
    pub(super) at: usize,
}

impl Place {
    /// Whether this is behind the last version of the leaf.
    pub(super) fn is_end(&self) -> bool {
        self.at == self.order.count()
    }

    /// The version here.
    pub(super) fn record(&self) -> Option<NonNull<Record>> {
        (!self.is_end()).then(|| self.slot(self.at).record)
    }

    /// The version in front of this place in the same leaf.
    pub(super) fn previous(&self) -> Option<Slot> {
        let at = self.at.checked_sub(1)?;
        Some(self.slot(at))
    }

    /// The version at another place of the same leaf, which must be one.
    pub(super) fn slot(&self, at: usize) -> Slot {
        assert!(at < self.order.count(), "a place of the leaf");
        // SAFETY: places are made of leaves of a list that is alive, with an order that they had.
        unsafe { leaf::slot_at(self.leaf, self.order, at) }
    }

    /// The node behind the leaf.
    pub(super) fn next(&self) -> Option<NonNull<Node>> {
        // SAFETY: as in `slot`.
        NonNull::new(unsafe { leaf::next(self.leaf) })
    }
}

impl List {
    /// The last node in front of the target, as the lanes know it; `pass` is told the last node in
    /// front of it on each lane in use.
    pub(super) fn descend(
        &self,
        target: &Target<'_>,
        mut pass: impl FnMut(usize, NonNull<Node>),
    ) -> NonNull<Node> {
        let mut node = self.head;
        for lane in (0..self.height.load(Ordering::Relaxed)).rev() {
            while let Some(next) = self.step(node, lane, target) {
                node = next;
            }
            pass(lane, node);
        }
        node
    }

    /// The next node of a lane, if it is in front of the target. In this order: see the third
    /// promise of the module.
    pub(super) fn step(
        &self,
        node: NonNull<Node>,
        lane: usize,
        target: &Target<'_>,
    ) -> Option<NonNull<Node>> {
        // SAFETY: all callers pass nodes of this list, with a lane on which they found them (lane
        // 0 holds all, the head stands on each).
        let link = unsafe { link(node, lane) };
        let prefix = link.prefix.load(Ordering::Acquire);
        if prefix > target.prefix() {
            return None;
        }
        let next = NonNull::new(link.next.load(Ordering::Acquire))?;
        (prefix < target.prefix() || self.is_in_front(next, target)).then_some(next)
    }

    /// The target's place in the last leaf that begins in front of it.
    pub(super) fn locate(&self, target: &Target<'_>) -> Place {
        let mut node = self.descend(target, |_, _| {});
        loop {
            let place = self.place_in(node, target);
            let next = place.next().filter(|_| place.is_end());
            match next.filter(|next| self.is_in_front(*next, target)) {
                Some(next) => node = next,
                None => return place,
            }
        }
    }

    /// The first version at or behind the target.
    pub(super) fn seek(&self, target: &Target<'_>) -> Place {
        let mut place = self.locate(target);
        while place.is_end()
            && let Some(next) = place.next()
        {
            // The list may have grown at its end meanwhile.
            place = match self.is_in_front(next, target) {
                true => self.place_in(next, target),
                false => return self.start_of(next),
            };
        }
        place
    }

    /// Behind the last version of all.
    pub(super) fn end(&self) -> Place {
        let mut node = self.head;
        for lane in (0..self.height.load(Ordering::Relaxed)).rev() {
            // SAFETY: as in `step`.
            let next = |node| unsafe { link(node, lane) }.next.load(Ordering::Acquire);
            while let Some(next) = NonNull::new(next(node)) {
                node = next;
            }
        }
        let mut place = self.start_of(node);
        while let Some(next) = place.next() {
            place = self.start_of(next);
        }
        place.at = place.order.count();
        place
    }

    /// The version in front of a place, which is the first of the list or has one before it in its
    /// leaf. Of equal versions it is the first: the others are hidden by it. At the beginning of
    /// the list, behind its end.
    pub(super) fn step_back(&self, place: Place) -> Place {
        let Some(slot) = place.previous() else {
            return self.end();
        };
        // SAFETY: the list keeps its records alive.
        let entry = unsafe { leaf::entry(slot.record) };
        let at = place.at - 1;
        let place = Place { at, ..place };
        // SAFETY: as above.
        let hides = |slot: Slot| unsafe { leaf::entry(slot.record) };
        match place.previous().map(hides) {
            Some(other) if (other.key, other.seq) != (entry.key, entry.seq) => place,
            _ => self.seek(&Target::new(entry.key, entry.seq)),
        }
    }

    /// The beginning of a node's leaf.
    pub(super) fn start_of(&self, node: NonNull<Node>) -> Place {
        let leaf = self.leaf(node).load(Ordering::Acquire);
        let leaf = NonNull::new(leaf).expect("a node has a leaf");
        // SAFETY: the leaf is this list's.
        let order = unsafe { leaf::load_order(leaf) };
        Place { leaf, order, at: 0 }
    }

    /// The target's place in a node's leaf.
    pub(super) fn place_in(&self, node: NonNull<Node>, target: &Target<'_>) -> Place {
        let start = self.start_of(node);
        // SAFETY: the leaf is this list's, and the order was just loaded.
        let at = unsafe { leaf::rank(start.leaf, start.order, target) };
        Place { at, ..start }
    }

    /// Whether a node's first version is in front of the target. The head always is.
    pub(super) fn is_in_front(&self, node: NonNull<Node>, target: &Target<'_>) -> bool {
        // SAFETY: all callers pass nodes of this list, whose records live as long.
        unsafe {
            let low = (*node.as_ptr()).low.get();
            low.is_none_or(|low| target.is_behind(low))
        }
    }

    pub(super) fn leaf(&self, node: NonNull<Node>) -> &AtomicPtr<Leaf> {
        // SAFETY: all callers pass nodes of this list, which live as long as it does.
        unsafe { &(*node.as_ptr()).leaf }
    }
}

/// Builds a node that nobody can reach yet, with links that lead nowhere; also returns its size.
pub(super) fn new_node(
    arena: &mut Arena,
    low: Option<Slot>,
    leaf: NonNull<Leaf>,
    height: usize,
) -> (NonNull<Node>, usize) {
    let bytes = offset_of!(Node, tower) + height * size_of::<Link>();
    let layout = Layout::from_size_align(bytes, align_of::<Node>())
        .expect("a node is far smaller than the address space");
    let node: NonNull<Node> = arena.allocate(layout).cast();
    // SAFETY: the piece is ours alone, aligned for a node, and `bytes` long: the fixed part and
    // `height` links, each at the offset where the accessors look for it.
    unsafe {
        (&raw mut (*node.as_ptr()).low).write(Written::new(low));
        (&raw mut (*node.as_ptr()).leaf).write(AtomicPtr::new(leaf.as_ptr()));
        for lane in 0..height {
            link_address(node, lane).write(Link {
                prefix: AtomicU64::new(NOWHERE),
                next: AtomicPtr::new(ptr::null_mut()),
            });
        }
    }
    (node, bytes)
}

/// Where the node's link of a lane lies. The node must be taller than `lane`.
unsafe fn link_address(node: NonNull<Node>, lane: usize) -> *mut Link {
    // SAFETY: by the caller's promise the link lies inside the node's piece of memory. The
    // address is made from the pointer to the whole piece, not from one to the fixed part.
    unsafe {
        let tower = node.as_ptr().cast::<u8>().add(offset_of!(Node, tower));
        tower.cast::<Link>().add(lane)
    }
}

/// The node's link of a lane.
///
/// # Safety
/// The node must be alive for `'a`, and taller than `lane`.
pub(super) unsafe fn link<'a>(node: NonNull<Node>, lane: usize) -> &'a Link {
    // SAFETY: as promised by the caller; links are written before anyone can reach the node.
    unsafe { &*link_address(node, lane) }
}
