//! The leaves of the skip list: a few versions each, side by side, so that a search ends in one
//! piece of memory instead of many.
//!
//! ```text
//! leaf:    order │ next │ prefix of each slot │ record of each slot
//! record:  header (seq, lengths) │ key │ value
//! ```
//! A slot is written once, before the one store that makes it part of the order: the word `order`
//! says how many slots there are (its lowest 4 bits) and which slot comes when (4 bits each).
//! Who reads the word has a leaf that does not change any more. The prefix of a key, its first eight
//! bytes as a number, decides most comparisons without a look at the record.
//!
//! All functions work on pointers and never make a reference to a whole leaf, of which a part may
//! be about to be written.

#![allow(
    unsafe_code,
    reason = "versions of variable size, shared while the leaf grows"
)]
#![deny(clippy::undocumented_unsafe_blocks)]

use std::{alloc::Layout, mem::MaybeUninit, ptr::NonNull};

use super::{
    arena::Arena,
    entry::{Entry, Seq, order},
    lanes::Node,
    sync::{AtomicPtr, AtomicU64, LEAF_SLOTS, Ordering, Written},
};

/// The value length that marks a tombstone.
const TOMBSTONE: u32 = u32::MAX;

/// Bits of a place in the order.
const PLACE_BITS: usize = 4;

const _: () = assert!(LEAF_SLOTS < 1 << PLACE_BITS && (LEAF_SLOTS + 1) * PLACE_BITS <= 64);

/// A version in memory, followed by its key and its value.
#[repr(C)]
pub(super) struct Record {
    header: Written<Header>,
}

#[derive(Clone, Copy)]
struct Header {
    seq: Seq,
    key_length: u32,
    /// [`TOMBSTONE`] for one.
    value_length: u32,
}

/// What is looked for: the first version at or behind this one.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    prefix: u64,
    key: &'a [u8],
    seq: Seq,
}

/// A version, as it stands in a leaf.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// The first bytes of its key.
    pub(super) prefix: u64,
    /// All of it.
    pub(super) record: NonNull<Record>,
}

/// See the [module](self).
#[repr(C)]
pub(super) struct Leaf {
    order: AtomicU64,
    /// The node behind this leaf. It changes once at most, from null, when the list grows at its
    /// end.
    next: AtomicPtr<Node>,
    prefixes: [MaybeUninit<Written<u64>>; LEAF_SLOTS],
    records: [MaybeUninit<Written<NonNull<Record>>>; LEAF_SLOTS],
}

/// The order of a leaf's slots at one moment.
#[derive(Clone, Copy)]
pub(super) struct Order(u64);

impl Order {
    /// The first `count` slots as they stand.
    fn of_sorted(count: usize) -> Order {
        (0..count).fold(Order(0), |order, slot| order.with(slot, slot))
    }

    /// How many slots there are.
    pub(super) fn count(self) -> usize {
        (self.0 & ((1 << PLACE_BITS) - 1)) as usize
    }

    fn slot(self, place: usize) -> usize {
        (self.0 >> (PLACE_BITS * (place + 1))) as usize & ((1 << PLACE_BITS) - 1)
    }

    /// One slot more, at this place.
    fn with(self, place: usize, slot: usize) -> Order {
        let before = (1_u64 << (PLACE_BITS * (place + 1))) - 1;
        let moved = (self.0 & !before) << PLACE_BITS;
        let slot = (slot as u64) << (PLACE_BITS * (place + 1));
        Order((self.0 & before | slot | moved) + 1)
    }
}

impl<'a> Target<'a> {
    /// The first version at or behind `(key, seq)`.
    pub(super) fn new(key: &'a [u8], seq: Seq) -> Self {
        Target {
            prefix: prefix(key),
            key,
            seq,
        }
    }

    /// The first bytes of the key.
    pub(super) fn prefix(&self) -> u64 {
        self.prefix
    }

    /// Whether a version stands in front of the target.
    ///
    /// # Safety
    /// The record must be alive.
    pub(super) unsafe fn is_behind(&self, slot: Slot) -> bool {
        if slot.prefix != self.prefix {
            return slot.prefix < self.prefix;
        }
        // SAFETY: by the caller's promise.
        let entry = unsafe { entry(slot.record) };
        order((entry.key, entry.seq), (self.key, self.seq)).is_lt()
    }
}

/// The first eight bytes of a key as a number that is ordered like them; a shorter key has zeros.
pub(super) fn prefix(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(bytes)
        }
    }
}

/// Copies a version into the arena. Also returns the bytes it takes.
pub(super) fn new_record(arena: &mut Arena, entry: Entry<'_>) -> (NonNull<Record>, usize) {
    let value = entry.value.unwrap_or_default();
    let header = Header {
        seq: entry.seq,
        key_length: length(entry.key),
        value_length: entry.value.map_or(TOMBSTONE, length),
    };
    let bytes = size_of::<Record>() + entry.key.len() + value.len();
    let layout = Layout::from_size_align(bytes, align_of::<Record>())
        .expect("keys and values are far smaller than the address space");
    let record: NonNull<Record> = arena.allocate(layout).cast();
    // SAFETY: the piece is ours alone, aligned for a record, and `bytes` long: the header, the key
    // and the value, each where the accessor looks for it.
    unsafe {
        (&raw mut (*record.as_ptr()).header).write(Written::new(header));
        let key = record.as_ptr().add(1).cast::<u8>();
        key.copy_from_nonoverlapping(entry.key.as_ptr(), entry.key.len());
        key.add(entry.key.len())
            .copy_from_nonoverlapping(value.as_ptr(), value.len());
    }
    (record, bytes)
}

/// The length of a key or value, which the layers above bound far lower.
fn length(bytes: &[u8]) -> u32 {
    let length = u32::try_from(bytes.len()).ok();
    length
        .filter(|length| *length < TOMBSTONE)
        .expect("a key or value under 4 GiB")
}

/// What a record holds.
///
/// # Safety
/// The record must be alive for `'a`.
pub(super) unsafe fn entry<'a>(record: NonNull<Record>) -> Entry<'a> {
    // SAFETY: a record that can be reached is complete and does not change: the header says how
    // long the key and the value behind it are, which `new_record` put there.
    unsafe {
        let header = (*record.as_ptr()).header.get();
        let key_length = header.key_length as usize;
        let key = record.as_ptr().add(1).cast::<u8>();
        let value = (header.value_length != TOMBSTONE)
            .then(|| std::slice::from_raw_parts(key.add(key_length), header.value_length as usize));
        Entry {
            key: std::slice::from_raw_parts(key, key_length),
            seq: header.seq,
            value,
        }
    }
}

/// A leaf of these slots, which are in order, in front of `next`. Nobody can reach it yet.
pub(super) fn new_leaf(arena: &mut Arena, slots: &[Slot], next: *mut Node) -> NonNull<Leaf> {
    let leaf: NonNull<Leaf> = arena.allocate(Layout::new::<Leaf>()).cast();
    // SAFETY: the piece is ours alone and laid out for a leaf.
    unsafe {
        (&raw mut (*leaf.as_ptr()).order).write(AtomicU64::new(Order::of_sorted(slots.len()).0));
        (&raw mut (*leaf.as_ptr()).next).write(AtomicPtr::new(next));
        for (number, slot) in slots.iter().enumerate() {
            write_slot(leaf, number, *slot);
        }
    }
    leaf
}

/// # Safety
/// The leaf must be alive, and the slot not part of its order.
unsafe fn write_slot(leaf: NonNull<Leaf>, number: usize, slot: Slot) {
    // SAFETY: readers look only at slots that are part of the order: this one is ours alone.
    unsafe {
        let prefix = &raw mut (*leaf.as_ptr()).prefixes[number];
        prefix.write(MaybeUninit::new(Written::new(slot.prefix)));
        let record = &raw mut (*leaf.as_ptr()).records[number];
        record.write(MaybeUninit::new(Written::new(slot.record)));
    }
}

/// The present order of a leaf.
///
/// # Safety
/// The leaf must be alive.
pub(super) unsafe fn load_order(leaf: NonNull<Leaf>) -> Order {
    // SAFETY: by the caller's promise; the word was written before anyone could reach the leaf.
    Order(unsafe { (*leaf.as_ptr()).order.load(Ordering::Acquire) })
}

/// The node behind a leaf, null at the end of the list.
///
/// # Safety
/// The leaf must be alive.
pub(super) unsafe fn next(leaf: NonNull<Leaf>) -> *mut Node {
    // SAFETY: as in `load_order`.
    unsafe { (*leaf.as_ptr()).next.load(Ordering::Acquire) }
}

/// Puts a node behind the last leaf.
///
/// # Safety
/// The leaf must be alive; only the list's writer may call this.
pub(super) unsafe fn set_next(leaf: NonNull<Leaf>, node: NonNull<Node>) {
    // SAFETY: as in `load_order`.
    unsafe {
        (*leaf.as_ptr())
            .next
            .store(node.as_ptr(), Ordering::Release)
    }
}

/// The version at a place of an order of this leaf.
///
/// # Safety
/// The leaf must be alive, the order one that it had, and the place within it.
pub(super) unsafe fn slot_at(leaf: NonNull<Leaf>, order: Order, place: usize) -> Slot {
    let number = order.slot(place);
    // SAFETY: the slots of an order were written before it.
    unsafe {
        Slot {
            prefix: prefix_of(leaf, number),
            record: record_of(leaf, number),
        }
    }
}

/// How many versions of an order stand in front of the target, which is the target's place.
///
/// # Safety
/// The leaf must be alive, and the order one that it had.
pub(super) unsafe fn rank(leaf: NonNull<Leaf>, order: Order, target: &Target<'_>) -> usize {
    let (mut before, mut equal) = (0, 0);
    // Slots are taken one after the other: those of an order are the first ones, and their number
    // is all that counts. Without a branch in the loop the processor has nothing to guess.
    for number in 0..order.count() {
        // SAFETY: the slots of an order were written before it.
        let prefix = unsafe { prefix_of(leaf, number) };
        before += usize::from(prefix < target.prefix);
        equal += usize::from(prefix == target.prefix);
    }
    // The versions with the target's prefix follow each other.
    let first = before;
    while before < first + equal {
        // SAFETY: as above; records of a leaf live as long as it does.
        let is_behind = unsafe { target.is_behind(slot_at(leaf, order, before)) };
        if !is_behind {
            break;
        }
        before += 1;
    }
    before
}

/// Adds a version at a place of the present order.
///
/// # Safety
/// The leaf must be alive with a free slot; only the list's writer may call this.
pub(super) unsafe fn insert(leaf: NonNull<Leaf>, order: Order, place: usize, slot: Slot) {
    let number = order.count();
    assert!(number < LEAF_SLOTS, "a leaf is split before it overflows");
    // SAFETY: the slot behind those of the order is part of no order yet.
    unsafe {
        write_slot(leaf, number, slot);
        let next = order.with(place, number);
        (*leaf.as_ptr()).order.store(next.0, Ordering::Release);
    }
}

/// # Safety
/// The leaf must be alive, and the slot part of an order that it had.
unsafe fn prefix_of(leaf: NonNull<Leaf>, number: usize) -> u64 {
    // SAFETY: by the caller's promise the slot is written and does not change any more.
    unsafe { (*leaf.as_ptr()).prefixes[number].assume_init_ref().get() }
}

/// # Safety
/// The leaf must be alive, and the slot part of an order that it had.
unsafe fn record_of(leaf: NonNull<Leaf>, number: usize) -> NonNull<Record> {
    // SAFETY: as in `prefix_of`.
    unsafe { (*leaf.as_ptr()).records[number].assume_init_ref().get() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_list_of_slots() {
        let mut order = Order::of_sorted(1);
        let mut twin = vec![0];
        let places = [0, 2, 0, 3, 5, 2, 2, 7, 0, 10, 4, 12, 3];
        for (slot, place) in (1..LEAF_SLOTS).zip(places.iter().cycle()) {
            let place = *place % (twin.len() + 1);
            order = order.with(place, slot);
            twin.insert(place, slot);
            let listed: Vec<_> = (0..order.count()).map(|place| order.slot(place)).collect();
            assert_eq!(listed, twin);
        }
    }

    #[test]
    fn prefixes_never_contradict_the_order_of_keys() {
        let keys: [&[u8]; 7] = [b"", b"\0", b"a", b"a\0", b"abcdefgh", b"abcdefghi", b"b"];
        for pair in keys.windows(2) {
            assert!(prefix(pair[0]) <= prefix(pair[1]));
        }
        assert_eq!(prefix(b"ab"), 0x6162_0000_0000_0000);
    }
}
