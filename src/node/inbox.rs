//! What peers have sent to a replica that has not taken it yet, bounded by frames and by their bytes. What
//! finds no room is dropped, as a network would.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::{
    env::task::{Receiver, Sender, channel},
    rpc::PeerBody,
    types::NodeId,
};

/// Frames that wait for a replica.
const FRAMES_MAX: usize = 4_096;

/// Bytes of the frames that wait. A few times what all peers of a large cluster have under way to
/// one node (`limits.inflight_bytes_max`, windows of snapshots).
const BYTES_MAX: usize = 64 << 20;

struct Letter {
    from: NodeId,
    body: PeerBody,
    frame_bytes: usize,
}

/// The side of the host, which hears all peers.
pub(super) struct Inbox {
    letters: Sender<Letter>,
    /// Of all letters that wait.
    bytes: Arc<AtomicUsize>,
}

/// The side of the replica.
pub(super) struct Letters {
    letters: Receiver<Letter>,
    bytes: Arc<AtomicUsize>,
}

pub(super) fn inbox() -> (Inbox, Letters) {
    let (sender, receiver) = channel(FRAMES_MAX);
    let bytes = Arc::new(AtomicUsize::new(0));
    let inbox = Inbox {
        letters: sender,
        bytes: bytes.clone(),
    };
    let letters = Letters {
        letters: receiver,
        bytes,
    };
    (inbox, letters)
}

impl Inbox {
    /// Leaves what a peer sent, in a frame of so many bytes, which it may keep in memory as a whole.
    pub(super) fn put(&self, from: NodeId, body: PeerBody, frame_bytes: usize) {
        let waiting = self.bytes.fetch_add(frame_bytes, Ordering::Relaxed);
        let letter = Letter {
            from,
            body,
            frame_bytes,
        };
        // A single frame always has room, however large.
        let has_room = waiting == 0 || waiting + frame_bytes <= BYTES_MAX;
        if !has_room || self.letters.try_send(letter).is_err() {
            self.bytes.fetch_sub(frame_bytes, Ordering::Relaxed);
        }
    }
}

impl Letters {
    /// The oldest that waits, or the next to come; none once the host is gone.
    pub(super) async fn recv(&mut self) -> Option<(NodeId, PeerBody)> {
        let letter = self.letters.recv().await?;
        Some(self.open(letter))
    }

    /// The oldest that waits.
    pub(super) fn try_recv(&mut self) -> Option<(NodeId, PeerBody)> {
        let letter = self.letters.try_recv().ok()?;
        Some(self.open(letter))
    }

    fn open(&self, letter: Letter) -> (NodeId, PeerBody) {
        self.bytes.fetch_sub(letter.frame_bytes, Ordering::Relaxed);
        (letter.from, letter.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId(2);

    fn body() -> PeerBody {
        PeerBody::Removed(1)
    }

    #[test]
    fn frames_beyond_the_bytes_are_dropped_until_others_are_taken() {
        let (inbox, mut letters) = inbox();
        for _ in 0..3 {
            inbox.put(PEER, body(), BYTES_MAX / 2);
        }
        assert_eq!(letters.try_recv(), Some((PEER, body())));
        inbox.put(PEER, body(), BYTES_MAX / 2);
        inbox.put(PEER, body(), 1);
        let waiting = std::iter::from_fn(|| letters.try_recv()).count();
        assert_eq!(waiting, 2);
        inbox.put(PEER, body(), 2 * BYTES_MAX);
        assert!(letters.try_recv().is_some(), "alone, the largest has room");
    }

    #[test]
    fn frames_beyond_their_number_are_dropped() {
        let (inbox, mut letters) = inbox();
        for _ in 0..FRAMES_MAX + 10 {
            inbox.put(PEER, body(), 1);
        }
        let waiting = std::iter::from_fn(|| letters.try_recv()).count();
        assert_eq!(waiting, FRAMES_MAX);
        inbox.put(PEER, body(), BYTES_MAX);
        assert!(
            letters.try_recv().is_some(),
            "the dropped ones weigh nothing"
        );
    }
}
