//! What waits for one peer in one lane while it is connected.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio_stream::Stream;

use super::{BATCH_BYTES, Room};
use crate::{
    env::task::{Receiver, Sender, channel},
    rpc::proto::peer::{Batch, Hello},
};

/// The end where frames go in.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    frames: Sender<Bytes>,
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
}

/// The end where batches come out: the request stream of one connection, hello first.
#[derive(Debug)]
pub(super) struct Batches {
    hello: Option<Hello>,
    frames: Receiver<Bytes>,
    bytes: Arc<AtomicUsize>,
}

/// A queue for one connection, which will open with `hello`.
pub(super) fn queue(hello: Hello, room: Room) -> (Queue, Batches) {
    let (sender, frames) = channel(room.frames);
    let bytes = Arc::<AtomicUsize>::default();
    let batches = Batches {
        hello: Some(hello),
        frames,
        bytes: bytes.clone(),
    };
    (
        Queue {
            frames: sender,
            bytes,
            bytes_max: room.bytes,
        },
        batches,
    )
}

impl Queue {
    /// Queues a frame; says no if the queue is full or its connection gone.
    pub(super) fn push(&self, frame: Bytes) -> bool {
        let length = frame.len();
        // Reserved before the frame is visible, so that the other end never subtracts first.
        let before = self.bytes.fetch_add(length, Ordering::Relaxed);
        let fits = before.saturating_add(length) <= self.bytes_max;
        let queued = fits && self.frames.try_send(frame).is_ok();
        if !queued {
            self.bytes.fetch_sub(length, Ordering::Relaxed);
        }
        queued
    }
}

impl Stream for Batches {
    type Item = Batch;

    /// Everything that is queued, up to the size of a batch. Called when the connection has room.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Batch>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(Batch {
                hello: Some(hello),
                envelopes: vec![],
            }));
        }
        let mut envelopes = Vec::new();
        let mut taken = 0;
        let ended = loop {
            match self.frames.poll_recv(cx) {
                Poll::Ready(Some(frame)) => {
                    taken += frame.len();
                    envelopes.push(frame);
                }
                Poll::Ready(None) => break true,
                Poll::Pending => break false,
            }
            if taken >= BATCH_BYTES {
                break false;
            }
        };
        self.bytes.fetch_sub(taken, Ordering::Relaxed);
        match (envelopes.is_empty(), ended) {
            (true, true) => Poll::Ready(None),
            (true, false) => Poll::Pending,
            (false, _) => Poll::Ready(Some(Batch {
                hello: None,
                envelopes,
            })),
        }
    }
}
