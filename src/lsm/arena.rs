//! Memory that is handed out piece by piece and given back as a whole.
//!
//! An allocation moves a pointer forward inside a chunk; only a full chunk costs a call to the
//! system's allocator. Pieces are never freed on their own: the chunks go together, once the
//! arena and everybody who holds its [`Chunks`] are gone.

#![allow(unsafe_code, reason = "hands out raw memory")]
#![deny(clippy::undocumented_unsafe_blocks)]

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ptr::NonNull,
    sync::Arc,
};

use parking_lot::Mutex;

/// Every chunk begins at a multiple of this, so that no usual alignment wastes its first bytes.
const CHUNK_ALIGN: usize = 64;

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

struct Chunk {
    memory: NonNull<u8>,
    layout: Layout,
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
        // SAFETY: the layout is not empty.
        let memory = unsafe { alloc(layout) };
        let Some(memory) = NonNull::new(memory) else {
            handle_alloc_error(layout)
        };
        self.list.lock().push(Chunk { memory, layout });
        memory
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: `memory` came from `alloc` with this very layout and is freed only here.
        unsafe { dealloc(self.memory.as_ptr(), self.layout) }
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
    fn small_pieces_share_chunks() {
        let mut arena = Arena::new(4096);
        let layout = Layout::from_size_align(64, 8).expect("valid");
        for _ in 0..640 {
            arena.allocate(layout);
        }
        assert_eq!(arena.chunks().count(), 10);
    }
}
