//! put, get, delete, scan.

use std::io::Read;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Ended, Failure, NO,
    args::{DeleteArgs, GetArgs, PutArgs, ScanArgs, bytes},
    output::{Output, json_bytes, shown},
};
use crate::{
    client::{Client, Scan},
    rpc::proto::mvccpb::KeyValue,
};

/// Keys of a scan that are asked for at a time.
const PAGE_KEYS: u64 = 1_000;

/// The largest value that is read from standard input: more than any server takes.
const INPUT_BYTES_MAX: u64 = 256 << 20;

pub(super) async fn put(mut client: Client, args: PutArgs, output: &Output) -> Ended {
    let value = match args.value {
        Some(value) => bytes(value),
        None => standard_input()?,
    };
    let stored = client.put(bytes(args.key), value).await?;
    let text = format!("stored at revision {}", stored.revision);
    output.answer(&text, &json!({ "revision": stored.revision }))?;
    Ok(0)
}

fn standard_input() -> Result<Bytes, Failure> {
    let mut value = Vec::new();
    let mut input = std::io::stdin().lock().take(INPUT_BYTES_MAX);
    match input.read_to_end(&mut value) {
        Ok(_) => Ok(value.into()),
        Err(error) => Err(Failure::usage(format!("standard input: {error}"))),
    }
}

pub(super) async fn get(mut client: Client, args: GetArgs, output: &Output) -> Ended {
    let key = bytes(args.key);
    let got = match args.min_revision {
        Some(least) => client.get_at_least(key.clone(), least).await?,
        None => client.get(key.clone(), args.stale).await?,
    };
    let Some(kv) = got.kv else {
        output.no(&json!({ "found": false, "revision": got.revision }))?;
        return Err(no_such_key(&key));
    };
    let mut value = json_kv(&kv);
    value["found"] = true.into();
    value["revision"] = got.revision.into();
    output.answer(&shown(&kv.value), &value)?;
    Ok(0)
}

pub(super) async fn delete(mut client: Client, args: DeleteArgs, output: &Output) -> Ended {
    let key = bytes(args.key);
    let deleted = client.delete(key.clone()).await?;
    let value = json!({ "deleted": deleted.deleted, "revision": deleted.revision });
    if deleted.deleted == 0 {
        output.no(&value)?;
        return Err(no_such_key(&key));
    }
    let text = format!("deleted at revision {}", deleted.revision);
    output.answer(&text, &value)?;
    Ok(0)
}

fn no_such_key(key: &[u8]) -> Failure {
    let message = format!("no such key: {}", shown(key));
    Failure { code: NO, message }
}

pub(super) async fn scan(mut client: Client, args: ScanArgs, output: &Output) -> Ended {
    let mut left = args.limit.unwrap_or(u64::MAX);
    let (start, end) = bounds(&args);
    let mut scan = Scan {
        start,
        end,
        keys_only: args.keys_only,
        stale: args.stale,
        ..Scan::default()
    };
    loop {
        scan.limit = left.min(PAGE_KEYS);
        let page = client.scan(&scan).await?;
        for kv in &page.kvs {
            write_row(kv, args.keys_only, output)?;
        }
        left -= (page.kvs.len() as u64).min(left);
        let Some(last) = page.kvs.last().filter(|_| page.more && left > 0) else {
            return Ok(0);
        };
        // All pages show the store at one moment, that of the first.
        scan.revision = page_revision(&scan, page.revision, args.stale);
        scan.start = after(&last.key);
    }
}

/// The revision for the following pages. A stale scan may meet a node that has not got there yet.
fn page_revision(scan: &Scan, revision: u64, stale: bool) -> u64 {
    match (stale, scan.revision) {
        (true, _) => 0,
        (false, 0) => revision,
        (false, pinned) => pinned,
    }
}

fn write_row(kv: &KeyValue, keys_only: bool, output: &Output) -> std::io::Result<()> {
    let text = match keys_only {
        true => shown(&kv.key),
        false => format!("{}\t{}", shown(&kv.key), shown(&kv.value)),
    };
    let mut value = json_kv(kv);
    if keys_only && let Some(fields) = value.as_object_mut() {
        fields.remove("value");
    }
    output.answer(&text, &value)
}

fn json_kv(kv: &KeyValue) -> Value {
    json!({
        "key": json_bytes(&kv.key),
        "value": json_bytes(&kv.value),
        "create_revision": kv.create_revision,
        "mod_revision": kv.mod_revision,
        "version": kv.version,
    })
}

/// The range that was asked for, in etcd's words: one zero byte as the end is "to the last key",
/// and is the first key there can be.
fn bounds(args: &ScanArgs) -> (Bytes, Bytes) {
    let all = Bytes::from_static(b"\0");
    let or_all = |key: Bytes| if key.is_empty() { all.clone() } else { key };
    match &args.prefix {
        Some(prefix) => {
            let prefix = bytes(prefix.clone());
            let end = prefix_end(&prefix);
            (or_all(prefix), end.unwrap_or_else(|| all.clone()))
        }
        None => {
            let [from, to] = [&args.from, &args.to]
                .map(|key| or_all(key.clone().map(bytes).unwrap_or_default()));
            (from, to)
        }
    }
}

/// The first key after all that begin with `prefix`; `None` if there is none.
fn prefix_end(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end.into())
}

/// The first key after `key`.
fn after(key: &[u8]) -> Bytes {
    [key, b"\0"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan_args(prefix: Option<&str>, from: Option<&str>, to: Option<&str>) -> ScanArgs {
        ScanArgs {
            prefix: prefix.map(Into::into),
            from: from.map(Into::into),
            to: to.map(Into::into),
            limit: None,
            keys_only: false,
            stale: false,
        }
    }

    #[test]
    fn ranges_are_put_into_etcds_words() {
        let bounds_of = |prefix, from, to| bounds(&scan_args(prefix, from, to));
        assert_eq!(bounds_of(None, None, None), ("\0".into(), "\0".into()));
        assert_eq!(bounds_of(Some(""), None, None), ("\0".into(), "\0".into()));
        assert_eq!(
            bounds_of(Some("ab"), None, None),
            ("ab".into(), "ac".into())
        );
        assert_eq!(bounds_of(None, Some("b"), None), ("b".into(), "\0".into()));
        assert_eq!(bounds_of(None, None, Some("b")), ("\0".into(), "b".into()));
        assert_eq!(prefix_end(b"a\xff\xff"), Some("b".into()));
        assert_eq!(prefix_end(b"\xff"), None);
    }
}
