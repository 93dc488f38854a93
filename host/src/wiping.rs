//! A process's allocator, of both servers: mimalloc, and what is freed is wiped first.
//!
//! So a frame that nobody holds any more is gone from the heap, and does not lie there until something else is written over it.
//! Whatever library held it: buffers of TLS and WebSocket are wiped as ours are. What this does not reach are buffers that live on (a core's
//! read buffer and scratch, until the next bytes), stacks, and the kernel's socket buffers.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{Ordering, compiler_fence};

use mimalloc::MiMalloc;

/// Gives what the calling thread has freed, and mimalloc keeps to use again, back to the system.
pub fn give_back() {
    // SAFETY: it may be called at any time from any thread, and touches no block that is in use. Covered by the path test of floods.
    #[allow(unsafe_code)]
    unsafe {
        mi_collect(true);
    }
}

// SAFETY: as declared in mimalloc.h; the crate that links it shows the allocator alone.
#[allow(unsafe_code)]
unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// mimalloc that wipes what it takes back.
pub struct Wiping;

// SAFETY: every call is handed on to mimalloc with the layout that it came with; `realloc` is the trait's own, which
// allocates, copies and frees through these. Covered by every test of the process, and by the attack suite's look into its memory.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout` is the one that mimalloc asks for.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back a block of `layout.size()` bytes that nobody uses any more; it is ours to write to until mimalloc
        // has it back. The fence keeps the writes before a call that may look at the block.
        unsafe {
            block.write_bytes(0, layout.size());
            compiler_fence(Ordering::SeqCst);
            MiMalloc.dealloc(block, layout);
        }
    }
}
