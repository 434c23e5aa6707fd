//! An ordered map that one thread extends while any number read, none ever waiting for another.
//!
//! Entries stand in a linked list, sorted. Over it lie up to [`HEIGHT_MAX`] express lanes, each
//! holding about a quarter of the nodes of the one below; a search rides the highest lane as far
//! as it may and then steps down (Pugh, "Skip lists: a probabilistic alternative to balanced
//! trees", 1990).
//!
//! A node lies in one piece of the arena and is never changed or moved once it is linked:
//! ```text
//! header (seq, lengths) │ link of lane 0 │ … │ link of its top lane │ key │ value
//! ```
//! What makes reading safe without locks:
//! 1. a node is complete before the release-store that links it, and readers follow links with
//!    acquire-loads: who sees a node sees all of it;
//! 2. lanes are linked from the bottom up: whoever finds a node on a lane finds its place on the
//!    lanes below;
//! 3. nothing is unlinked or freed while a [`SkipList`] or [`Cursor`] lives: each holds the arena.
//!
//! `tests/skiplist_loom.rs` runs this file under every interleaving of a writer and a reader.

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
    entry::{Entry, Seq, order},
    sync::{AtomicPtr, AtomicUsize, Ordering, Written},
};
use crate::rng::Rng;

/// The number of lanes: 4^12 entries before searches lose their logarithm.
pub(super) const HEIGHT_MAX: usize = 12;

/// One node in so many of a lane also stands on the lane above.
const BRANCHING: u64 = 4;

/// The value length that marks a tombstone.
const TOMBSTONE: u32 = u32::MAX;

/// A pointer to the next node of a lane, null at its end.
type Link = AtomicPtr<Node>;

/// The fixed part of a node. The links, the key and the value follow it in the same piece of memory.
#[repr(C)]
struct Node {
    header: Written<Header>,
    tower: [Link; 0],
}

#[derive(Clone, Copy)]
struct Header {
    seq: Seq,
    key_length: u32,
    /// [`TOMBSTONE`] for one.
    value_length: u32,
    height: u32,
}

/// What writer, readers and cursors share.
struct List {
    /// A node before all others, without an entry, on every lane.
    head: NonNull<Node>,
    /// The highest lane in use. A hint: readers may see an old one and only take longer.
    height: AtomicUsize,
    /// Keeps the nodes alive.
    _memory: Arc<Chunks>,
}

// SAFETY: the nodes belong to the list's memory, not to a thread; links are atomic, and everything
// else in a node stays as it was before it was linked.
unsafe impl Send for List {}
// SAFETY: as above; the only one who changes links is the `Writer`, of which there is one.
unsafe impl Sync for List {}

/// The one who inserts. Not to be cloned: the list has one writer.
pub(super) struct Writer {
    list: Arc<List>,
    arena: Arena,
    heights: Rng,
}

/// The readers' side.
#[derive(Clone)]
pub(super) struct SkipList {
    list: Arc<List>,
}

/// A place in the list: on an entry, or behind the last one.
pub(super) struct Cursor {
    list: Arc<List>,
    node: *const Node,
}

// SAFETY: the node lies in memory that `list` keeps alive, and nodes may be read from any thread.
unsafe impl Send for Cursor {}
// SAFETY: a shared cursor only reads.
unsafe impl Sync for Cursor {}

/// An empty list whose memory grows by `chunk_bytes`; `heights` decides which nodes stand on
/// which lanes.
pub(super) fn skip_list(chunk_bytes: usize, heights: Rng) -> (Writer, SkipList) {
    let mut arena = Arena::new(chunk_bytes);
    let empty = Entry {
        key: &[],
        seq: 0,
        value: None,
    };
    let (head, _) = new_node(&mut arena, empty, HEIGHT_MAX);
    let list = Arc::new(List {
        head,
        height: AtomicUsize::new(1),
        _memory: arena.chunks(),
    });
    let reader = SkipList {
        list: Arc::clone(&list),
    };
    let writer = Writer {
        list,
        arena,
        heights,
    };
    (writer, reader)
}

impl Writer {
    /// Inserts a version and returns the bytes it takes. A version that equals one in key and
    /// number comes to stand before it and hides it. Panics if the key has a newer version.
    pub(super) fn insert(&mut self, entry: Entry<'_>) -> usize {
        let height = self.draw_height();
        let mut before = [self.list.head; HEIGHT_MAX];
        self.list.search(entry.key, entry.seq, &mut before);
        assert!(
            !self.list.is_key_of(before[0], entry.key),
            "versions of a key are written in their order"
        );
        let (node, bytes) = new_node(&mut self.arena, entry, height);
        for (lane, before) in before.iter().enumerate().take(height) {
            // SAFETY: both are nodes of this list, and both stand on this lane: the new one by its
            // height, the other because the search found it there (or it is the head).
            let (from, to) = unsafe { (link(*before, lane), link(node, lane)) };
            // Nobody sees the new node's link before the second store.
            to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
            from.store(node.as_ptr(), Ordering::Release);
        }
        if height > self.list.height.load(Ordering::Relaxed) {
            self.list.height.store(height, Ordering::Relaxed);
        }
        bytes
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
        let mut before = [self.list.head; HEIGHT_MAX];
        Cursor {
            list: Arc::clone(&self.list),
            node: self.list.search(key, seq, &mut before),
        }
    }

    /// Calls `found` with the first version at or behind `(key, seq)`, if it is one of `key`.
    pub(super) fn get<T>(
        &self,
        key: &[u8],
        seq: Seq,
        found: impl FnOnce(Entry<'_>) -> T,
    ) -> Option<T> {
        let mut before = [self.list.head; HEIGHT_MAX];
        let node = NonNull::new(self.list.search(key, seq, &mut before))?;
        // SAFETY: the search returns nodes of the list, which `self` keeps alive during the call.
        let entry = unsafe { entry(node) };
        (entry.key == key).then(|| found(entry))
    }

    /// A cursor on the last version in front of `(key, seq)`, or on the last of all without a
    /// target. Of equal versions it stands on the one that hides the others.
    pub(super) fn before(&self, target: Option<(&[u8], Seq)>) -> Cursor {
        Cursor {
            list: Arc::clone(&self.list),
            node: self.list.last_before(target),
        }
    }

    /// A cursor on the first version of all.
    pub(super) fn first(&self) -> Cursor {
        Cursor {
            list: Arc::clone(&self.list),
            node: self.list.next(self.list.head, 0),
        }
    }
}

impl Cursor {
    /// The version under the cursor; none behind the last.
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        let node = NonNull::new(self.node.cast_mut())?;
        // SAFETY: a cursor stands on nodes of its list, which it keeps alive longer than the
        // borrow that is returned.
        Some(unsafe { entry(node) })
    }

    /// Moves to the next version. Does nothing behind the last.
    pub(super) fn advance(&mut self) {
        if let Some(node) = NonNull::new(self.node.cast_mut()) {
            self.node = self.list.next(node, 0);
        }
    }

    /// Moves to the version before, past versions that are hidden by equal ones; from the first
    /// one to behind the last. Links lead one way only, so this takes searches.
    pub(super) fn retreat(&mut self) {
        if let Some(entry) = self.entry() {
            self.node = self.list.last_before(Some((entry.key, entry.seq)));
        }
    }
}

impl List {
    /// The first node at or behind `(key, seq)`, null if there is none; `before` gets the last
    /// node in front of it on each lane (and keeps the head where a lane is not in use).
    fn search(&self, key: &[u8], seq: Seq, before: &mut [NonNull<Node>; HEIGHT_MAX]) -> *mut Node {
        let mut node = self.head;
        let mut next = ptr::null_mut();
        for lane in (0..self.height.load(Ordering::Relaxed)).rev() {
            next = self.next(node, lane);
            while let Some(found) = NonNull::new(next) {
                // SAFETY: links lead to nodes of this list.
                let entry = unsafe { entry(found) };
                if order((entry.key, entry.seq), (key, seq)).is_ge() {
                    break;
                }
                node = found;
                next = self.next(node, lane);
            }
            before[lane] = node;
        }
        next
    }

    /// The last node in front of the target, or of all without one, null if there is none. Of
    /// nodes with equal versions it is the first: the others are hidden by it.
    fn last_before(&self, target: Option<(&[u8], Seq)>) -> *mut Node {
        let mut before = [self.head; HEIGHT_MAX];
        let last = match target {
            Some((key, seq)) => {
                self.search(key, seq, &mut before);
                before[0]
            }
            None => self.last(),
        };
        if last == self.head {
            return ptr::null_mut();
        }
        // SAFETY: it is a node of this list other than the head.
        let entry = unsafe { entry(last) };
        self.search(entry.key, entry.seq, &mut before)
    }

    /// The last node, which is the head of an empty list.
    fn last(&self) -> NonNull<Node> {
        let mut node = self.head;
        for lane in (0..self.height.load(Ordering::Relaxed)).rev() {
            while let Some(next) = NonNull::new(self.next(node, lane)) {
                node = next;
            }
        }
        node
    }

    /// The node behind `node` on a lane on which it stands, null at the end.
    fn next(&self, node: NonNull<Node>, lane: usize) -> *mut Node {
        // SAFETY: all callers pass nodes of this list, with a lane on which they found them (lane
        // 0 holds all, the head stands on each).
        unsafe { link(node, lane) }.load(Ordering::Acquire)
    }

    /// Whether the node is an entry of this key.
    fn is_key_of(&self, node: NonNull<Node>, key: &[u8]) -> bool {
        // SAFETY: the node came from a search of this list.
        node != self.head && unsafe { entry(node) }.key == key
    }
}

/// Builds a node that nobody can reach yet, with null links; also returns its size.
fn new_node(arena: &mut Arena, entry: Entry<'_>, height: usize) -> (NonNull<Node>, usize) {
    let value = entry.value.unwrap_or_default();
    let header = Header {
        seq: entry.seq,
        key_length: length(entry.key),
        value_length: entry.value.map_or(TOMBSTONE, length),
        height: height as u32,
    };
    let bytes = key_offset(height) + entry.key.len() + value.len();
    let layout = Layout::from_size_align(bytes, align_of::<Node>())
        .expect("keys and values are far smaller than the address space");
    let node: NonNull<Node> = arena.allocate(layout).cast();
    // SAFETY: the piece is ours alone, aligned for a node, and `bytes` long: the header, `height`
    // links, the key and the value, each at the offset where the accessors look for it.
    unsafe {
        (&raw mut (*node.as_ptr()).header).write(Written::new(header));
        for lane in 0..height {
            link_address(node, lane).write(Link::new(ptr::null_mut()));
        }
        let key = node.as_ptr().cast::<u8>().add(key_offset(height));
        key.copy_from_nonoverlapping(entry.key.as_ptr(), entry.key.len());
        key.add(entry.key.len())
            .copy_from_nonoverlapping(value.as_ptr(), value.len());
    }
    (node, bytes)
}

/// The length of a key or value, which the layers above bound far lower.
fn length(bytes: &[u8]) -> u32 {
    let length = u32::try_from(bytes.len()).ok();
    length
        .filter(|length| *length < TOMBSTONE)
        .expect("a key or value under 4 GiB")
}

/// Where the key begins in a node of this height.
fn key_offset(height: usize) -> usize {
    offset_of!(Node, tower) + height * size_of::<Link>()
}

/// Where the node's link of a lane lies. The node must be taller than `lane`.
unsafe fn link_address(node: NonNull<Node>, lane: usize) -> *mut Link {
    // SAFETY: by the caller's promise the link lies inside the node's piece of memory. The
    // address is made from the pointer to the whole piece, not from one to the header.
    unsafe {
        let tower = node.as_ptr().cast::<u8>().add(offset_of!(Node, tower));
        tower.cast::<Link>().add(lane)
    }
}

/// The node's link of a lane. The node must be alive for `'a`, and taller than `lane`.
unsafe fn link<'a>(node: NonNull<Node>, lane: usize) -> &'a Link {
    // SAFETY: as promised by the caller; links are written before anyone can reach the node.
    unsafe { &*link_address(node, lane) }
}

/// The node's entry. The node must be alive for `'a`, and not the head.
unsafe fn entry<'a>(node: NonNull<Node>) -> Entry<'a> {
    // SAFETY: a node that can be reached is complete and does not change: the header says how
    // tall it is and how long the key and the value are, which `new_node` put there.
    unsafe {
        let header = (*node.as_ptr()).header.get();
        let key_length = header.key_length as usize;
        let key = node
            .as_ptr()
            .cast::<u8>()
            .add(key_offset(header.height as usize));
        let value = (header.value_length != TOMBSTONE)
            .then(|| std::slice::from_raw_parts(key.add(key_length), header.value_length as usize));
        Entry {
            key: std::slice::from_raw_parts(key, key_length),
            seq: header.seq,
            value,
        }
    }
}
