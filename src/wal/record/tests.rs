//! The bytes, frozen.

use proptest::prelude::*;

use super::*;

fn hex(bytes: &[u8]) -> String {
    let words = bytes.chunks(8).map(|word| {
        let digits = word.iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>()
    });
    words.collect::<Vec<_>>().join(" ")
}

fn stamp() -> Stamp {
    Stamp {
        epoch: 3,
        position: 0x140,
        batch: 0x100,
    }
}

fn record(parts: &[&[u8]]) -> Bytes {
    let mut out = Vec::new();
    put_record(&mut out, stamp(), 7, ShardId(5), parts);
    out.into()
}

#[test]
fn the_bytes_are_frozen() {
    let header = Header {
        sequence: SegmentId(2),
        epoch: 3,
        position: 0x100,
        previous_end: 0x80,
        durable: 0xc0,
    };
    assert_eq!(
        hex(&header.encode()),
        "7369737977616c0a 01000000910110b6 0200000000000000 0300000000000000 0001000000000000 8000000000000000 c000000000000000 0000000000000000"
    );
    assert_eq!(
        hex(&record(&[b"pay", b"load"])),
        "070000008c709e70 0300000000000000 4001000000000000 0001000000000000 0500000007000000 7061796c6f616400"
    );
    assert_eq!(SegmentId(0x1f).to_string(), "000000000000001f.wal");
}

#[test]
fn a_record_is_bound_to_its_place_and_epoch() {
    let bytes = record(&[b"payload"]);
    let read = |epoch, position| read_record(&bytes, 0, epoch, position);
    let parsed = read(3, 0x140).unwrap();
    assert_eq!(parsed.record.payload, "payload");
    assert_eq!((parsed.batch, parsed.length), (0x100, 48));
    assert_eq!(read(2, 0x140), Err("the record's epoch"));
    assert_eq!(read(3, 0x148), Err("the record's position"));
}

proptest! {
    #[test]
    fn what_is_put_is_read_back(payload: Vec<u8>, split: prop::sample::Index, kind: u8, shard: u32) {
        let (a, b) = payload.split_at(split.index(payload.len() + 1));
        let mut out = vec![0; 8];
        put_record(&mut out, stamp(), kind, ShardId(shard), &[a, b]);
        let parsed = read_record(&Bytes::from(out.clone()), 8, 3, 0x140).unwrap();
        prop_assert_eq!(parsed.length, out.len() - 8);
        let expected = Record { kind, shard: ShardId(shard), payload: payload.into() };
        prop_assert_eq!(parsed.record, expected);
    }

    #[test]
    fn any_flip_is_noticed(payload: Vec<u8>, place: prop::sample::Index, bit in 0..8_u8) {
        let mut bytes = record(&[&payload]).to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(read_record(&bytes.into(), 0, 3, 0x140).is_err());
    }

    #[test]
    fn any_header_is_read_back_or_refused(numbers: [u64; 5]) {
        let [sequence, epoch, position, previous_end, durable] = numbers;
        let header =
            Header { sequence: SegmentId(sequence), epoch, position, previous_end, durable };
        let known = numbers.iter().all(|number| *number <= NUMBER_MAX);
        prop_assert_eq!(Header::decode(&header.encode()).ok(), known.then_some(header));
    }
}
