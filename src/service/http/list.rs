//! Many keys, a line of JSON each, page by page.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Uri, header},
    response::Response,
};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    App,
    bytes::describe,
    error::Answer,
    kv::{REVISION, tell_age},
    request::{Params, timeout},
};
use crate::{
    env::task::{Sender, channel, spawn},
    gateway::{Consistency, Read},
    machine::{KeyRange, KeyValue, Page, Query, RangeEnd},
    node::RequestError,
};

/// Keys of one page, and so in memory at one time for one listing.
const PAGE_KEYS: u64 = 256;

/// Pages that wait for a slow client.
const PAGES_AHEAD: usize = 1;

/// A listing under way.
struct Listing {
    app: App,
    query: Query,
    consistency: Consistency,
    timeout: std::time::Duration,
    /// How many keys are still to be answered.
    left: u64,
}

/// A page as it goes out; an error cuts the answer off, so that half a listing does not look whole.
type Chunk = Result<Bytes, RequestError>;

pub(super) async fn list(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Answer {
    let params = Params::parse(uri.query())?;
    let prefix = params.get("prefix").cloned().unwrap_or_default();
    let limit = match params.number("limit")? {
        0 => u64::MAX,
        limit => limit,
    };
    let mut listing = Listing {
        consistency: params.consistency()?,
        timeout: timeout(&headers, app.timeout)?,
        query: Query {
            keys: with_prefix(prefix),
            revision: params.number("revision")?,
            limit: limit.min(PAGE_KEYS),
            count_only: false,
            keys_only: false,
        },
        left: limit,
        app,
    };
    // The first page decides on the revision, and on the status of the answer.
    let first = listing.read().await?;
    let (revision, behind) = (first.revision, first.behind);
    let (chunks, body) = channel::<Chunk>(PAGES_AHEAD);
    spawn(listing.send(first, chunks));
    let mut response = Response::new(Body::from_stream(ReceiverStream::new(body)));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        "application/x-ndjson".parse().expect("a constant"),
    );
    headers.insert(REVISION, revision.into());
    tell_age(headers, behind);
    Ok(response)
}

impl Listing {
    async fn read(&mut self) -> Result<Read, RequestError> {
        let read = self
            .app
            .gateway
            .read(self.query.clone(), self.consistency, self.timeout)
            .await?;
        // From here on this revision is read, which this node has: it need not be asked for again.
        self.consistency = Consistency::Stale(read.revision);
        if self.query.revision == 0 {
            self.query.revision = read.revision;
        }
        Ok(read)
    }

    /// Sends page after page until the range or the client ends.
    async fn send(mut self, first: Read, chunks: Sender<Chunk>) {
        let mut page = first.page;
        loop {
            let next = self.after(&page);
            if chunks.send(Ok(lines(page.kvs))).await.is_err() || !next {
                return;
            }
            page = match self.read().await {
                Ok(read) => read.page,
                Err(error) => return drop(chunks.send(Err(error)).await),
            };
        }
    }

    /// Makes the query begin after `page`. False if nothing is left.
    fn after(&mut self, page: &Page) -> bool {
        self.left -= page.kvs.len() as u64;
        self.query.limit = self.left.min(PAGE_KEYS);
        let Some(last) = page.kvs.last().filter(|_| page.more && self.left > 0) else {
            return false;
        };
        let mut next = BytesMut::from(&last.key[..]);
        next.put_u8(0);
        self.query.keys.start = next.freeze();
        true
    }
}

/// All keys that begin with `prefix`; all there are if it is empty.
fn with_prefix(prefix: Bytes) -> KeyRange {
    // The end is the prefix with its last byte that can be raised raised by one.
    let mut end = prefix.to_vec();
    while end.pop_if(|last| *last == u8::MAX).is_some() {}
    let end = match end.last_mut() {
        Some(last) => {
            *last += 1;
            RangeEnd::Before(end.into())
        }
        None => RangeEnd::Unbounded,
    };
    let start = match prefix.is_empty() {
        true => Bytes::from_static(&[0]),
        false => prefix,
    };
    KeyRange { start, end }
}

fn lines(kvs: Vec<KeyValue>) -> Bytes {
    let mut out = Vec::new();
    for kv in kvs {
        let mut line = Map::new();
        for (name, bytes) in [("key", &kv.key), ("value", &kv.value)] {
            let (name, text) = describe(name, bytes);
            line.insert(name, Value::String(text));
        }
        line.insert("create_revision".to_owned(), kv.create_revision.into());
        line.insert("mod_revision".to_owned(), kv.mod_revision.into());
        line.insert("version".to_owned(), kv.version.into());
        out.extend_from_slice(Value::Object(line).to_string().as_bytes());
        out.push(b'\n');
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        let end = |prefix: &'static [u8]| with_prefix(Bytes::from_static(prefix)).end;
        assert_eq!(end(b"ab"), RangeEnd::Before("ac".into()));
        assert_eq!(end(b"a\xff\xff"), RangeEnd::Before("b".into()));
        assert_eq!(end(b"\xff"), RangeEnd::Unbounded);
        assert_eq!(end(b""), RangeEnd::Unbounded);
        assert_eq!(
            with_prefix(Bytes::new()).start,
            &[0][..],
            "keys are never empty"
        );
    }
}
