//! How gRPC's messages come into and out of their buffers.
//!
//! As tonic does it by itself, but for the size of the buffers. Its own are of 8 KiB, two for every
//! call, while a call is of some hundred bytes: to find and give back such pieces of memory was a
//! good part of what a call costs. And a message tells its length, so its buffer need not grow step
//! by step.

use std::marker::PhantomData;

use prost::Message;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// A call begins with buffers of so many bytes; longer messages get longer ones.
const BUFFER_BYTES: usize = 512;

/// Messages of a stream that are ready leave together, up to so many bytes.
const TOGETHER_BYTES: usize = 32 << 10;

/// Messages of type `T` going out and of type `U` coming in.
#[derive(Debug)]
pub struct Buffered<T, U> {
    types: PhantomData<(T, U)>,
}

/// Writes messages.
#[derive(Debug)]
pub struct Writing<T> {
    types: PhantomData<T>,
}

/// Reads messages.
#[derive(Debug)]
pub struct Reading<U> {
    types: PhantomData<U>,
}

impl<T, U> Default for Buffered<T, U> {
    fn default() -> Self {
        let types = PhantomData;
        Buffered { types }
    }
}

impl<T, U> Codec for Buffered<T, U>
where
    T: Message + 'static,
    U: Message + Default + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = Writing<T>;
    type Decoder = Reading<U>;

    fn encoder(&mut self) -> Writing<T> {
        let types = PhantomData;
        Writing { types }
    }

    fn decoder(&mut self) -> Reading<U> {
        let types = PhantomData;
        Reading { types }
    }
}

impl<T: Message> Encoder for Writing<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.encoded_len());
        item.encode_raw(buffer);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        settings()
    }
}

impl<U: Message + Default> Decoder for Reading<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        match U::decode(buffer) {
            Ok(message) => Ok(Some(message)),
            Err(error) => Err(Status::internal(error.to_string())),
        }
    }

    fn buffer_settings(&self) -> BufferSettings {
        settings()
    }
}

fn settings() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, TOGETHER_BYTES)
}
