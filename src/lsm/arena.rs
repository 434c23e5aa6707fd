//! Memory that is handed out piece by piece and given back as a whole.
//!
//! An allocation moves a pointer forward inside a chunk; only a full chunk costs a call to the
//! system. Pieces are never freed on their own: the chunks go together, once the arena and everybody
//! who holds its [`Chunks`] are gone.
//!
//! Large chunks are mapped from the kernel and go back there, past the allocator: many an allocator
//! would keep what a flushed memtable leaves, cut it up for the blocks of the cache, and ask for as
//! much again for the next memtable.

#![allow(unsafe_code, reason = "hands out raw memory")]
#![deny(clippy::undocumented_unsafe_blocks)]

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ptr::{self, NonNull},
    sync::Arc,
};

use parking_lot::Mutex;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Every chunk begins at a multiple of this, so that no usual alignment wastes its first bytes.
const CHUNK_ALIGN: usize = 64;

/// Chunks from this size on are mapped.
const MAPPED_BYTES_MIN: usize = 256 << 10;

/// Mapped memory begins at a multiple of this.
const MAPPED_ALIGN: usize = 4 << 10;

/// The one who allocates.
pub(super) struct Arena {
    chunks: Arc<Chunks>,
    /// Where the free part of the current chunk begins.
    free: NonNull<u8>,
    /// How many bytes are free from there.
    left: usize,
    chunk_bytes: usize,
}

/// The memory itself, shared by those who look at it. Freed with the last of them.
#[derive(Default)]
pub(super) struct Chunks {
    // Locked once per chunk, never per allocation.
    list: Mutex<Vec<Chunk>>,
}

/// A piece of the system's memory.
struct Chunk {
    memory: NonNull<u8>,
    layout: Layout,
}

/// Whether a chunk of this layout comes from the kernel.
fn is_mapped(layout: Layout) -> bool {
    layout.size() >= MAPPED_BYTES_MIN && layout.align() <= MAPPED_ALIGN
}

// SAFETY: the pointers lead to memory that belongs to the arena's own chunks and to no thread in
// particular.
unsafe impl Send for Arena {}
// SAFETY: a chunk is the sole owner of its memory.
unsafe impl Send for Chunk {}

impl Arena {
    /// An empty arena that grows by `chunk_bytes`.
    pub(super) fn new(chunk_bytes: usize) -> Self {
        Arena {
            chunks: Arc::default(),
            free: NonNull::dangling(),
            left: 0,
            chunk_bytes: chunk_bytes.max(CHUNK_ALIGN),
        }
    }

    /// What keeps the memory alive.
    pub(super) fn chunks(&self) -> Arc<Chunks> {
        Arc::clone(&self.chunks)
    }

    /// Uninitialised memory of this layout, at no other's disposal, valid as long as a clone of
    /// [`Self::chunks`] lives.
    pub(super) fn allocate(&mut self, layout: Layout) -> NonNull<u8> {
        if let Some(piece) = self.carve(layout) {
            return piece;
        }
        // A big piece gets a chunk of its own, so that the rest of the current one is not wasted.
        let needed = layout.size() + layout.align();
        if needed > self.chunk_bytes / 4 {
            return self.chunks.grow(layout);
        }
        let chunk = Layout::from_size_align(self.chunk_bytes, CHUNK_ALIGN)
            .expect("a chunk is far smaller than the address space");
        self.free = self.chunks.grow(chunk);
        self.left = self.chunk_bytes;
        self.carve(layout).expect("a piece fits into a fresh chunk")
    }

    /// Cuts a piece off the current chunk if it has room.
    fn carve(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let padding = self.free.align_offset(layout.align());
        let used = padding.checked_add(layout.size())?;
        if used > self.left {
            return None;
        }
        // SAFETY: `used` bytes are free from `free` on, so both ends lie within one chunk.
        let (piece, free) = unsafe { (self.free.add(padding), self.free.add(used)) };
        self.free = free;
        self.left -= used;
        Some(piece)
    }
}

impl Chunks {
    /// How many chunks there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.list.lock().len()
    }

    /// One chunk more.
    fn grow(&self, layout: Layout) -> NonNull<u8> {
        assert!(layout.size() > 0, "an empty chunk");
        let chunk = match is_mapped(layout) {
            true => Chunk::map(layout),
            false => Chunk::allocate(layout),
        };
        let memory = chunk.memory;
        self.list.lock().push(chunk);
        memory
    }
}

impl Chunk {
    fn allocate(layout: Layout) -> Chunk {
        // SAFETY: whoever asks for memory asks for some.
        let memory = unsafe { alloc(layout) };
        match NonNull::new(memory) {
            Some(memory) => Chunk { memory, layout },
            None => handle_alloc_error(layout),
        }
    }

    fn map(layout: Layout) -> Chunk {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // All of it will be written, and page by page it would cost more.
        let flags = MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: the kernel chooses a place where nothing is.
        let mapped = unsafe { mmap_anonymous(ptr::null_mut(), layout.size(), access, flags) };
        match mapped.ok().and_then(|memory| NonNull::new(memory.cast())) {
            Some(memory) => Chunk { memory, layout },
            None => handle_alloc_error(layout),
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let memory = self.memory.as_ptr();
        if is_mapped(self.layout) {
            // SAFETY: `memory` is a mapping of this length, and goes only here.
            let unmapped = unsafe { munmap(memory.cast(), self.layout.size()) };
            debug_assert!(unmapped.is_ok(), "a mapping that is ours");
        } else {
            // SAFETY: `memory` came from `alloc` with this very layout and is freed only here.
            unsafe { dealloc(memory, self.layout) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_aligned_and_never_overlap(
            wanted in prop::collection::vec((1_usize..300, 0_u32..5), 1..100)
        ) {
            let mut arena = Arena::new(256);
            let _memory = arena.chunks();
            let mut taken: Vec<(usize, usize)> = Vec::new();
            for (size, shift) in wanted {
                let layout = Layout::from_size_align(size, 1 << shift).expect("valid");
                let at = arena.allocate(layout).as_ptr() as usize;
                prop_assert_eq!(at % (1 << shift), 0);
                prop_assert!(taken.iter().all(|(from, to)| at + size <= *from || *to <= at));
                taken.push((at, at + size));
            }
        }
    }

    #[test]
    fn large_chunks_can_be_written_from_end_to_end() {
        let mut arena = Arena::new(1 << 20);
        let memory = arena.chunks();
        let layout = Layout::from_size_align(1000, 8).expect("valid");
        let pieces: Vec<_> = (0..5_000_u32)
            .map(|number| {
                let piece = arena.allocate(layout);
                // SAFETY: the piece is as long as its layout, and nobody else's.
                unsafe { piece.as_ptr().write_bytes(number as u8, layout.size()) };
                piece
            })
            .collect();
        assert_eq!(memory.count(), 5);
        for (number, piece) in (0..).zip(&pieces) {
            let number: u32 = number;
            // SAFETY: the pieces were written above, and their memory is alive.
            let bytes = unsafe { std::slice::from_raw_parts(piece.as_ptr(), layout.size()) };
            assert!(bytes.iter().all(|byte| *byte == number as u8));
        }
    }

    #[test]
    fn small_pieces_share_chunks() {
        let mut arena = Arena::new(4096);
        let layout = Layout::from_size_align(64, 8).expect("valid");
        for _ in 0..640 {
            arena.allocate(layout);
        }
        assert_eq!(arena.chunks().count(), 10);
    }
}
