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
    };
    assert_eq!(
        hex(&header.encode()),
        "7369737977616c0a 010000005d5c8553 0200000000000000 0300000000000000"
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
    fn any_header_is_read_back_or_refused(sequence: u64, epoch: u64) {
        let header = Header { sequence: SegmentId(sequence), epoch };
        let known = sequence <= SEQUENCE_MAX && epoch <= EPOCH_MAX;
        prop_assert_eq!(Header::decode(&header.encode()).ok(), known.then_some(header));
    }

    #[test]
    fn a_link_is_read_back_by_its_own_header_alone(
        sequence in 1..=SEQUENCE_MAX,
        epoch in 1..=EPOCH_MAX,
        previous_end: u64,
        durable: u64,
    ) {
        let header = Header { sequence: SegmentId(sequence), epoch };
        let position = header.sequence.position(HEADER_BYTES as u64);
        let mut bytes = header.encode().to_vec();
        put_link(&mut bytes, Stamp { epoch, position, batch: durable }, previous_end);
        prop_assert_eq!(bytes.len(), RECORDS_BEGIN);
        let bytes = Bytes::from(bytes);
        prop_assert_eq!(header.link(&bytes), Ok(Link { previous_end, durable }));
        let other = Header { epoch: epoch - 1, ..header };
        prop_assert!(other.link(&bytes).is_err());
        let other = Header { sequence: SegmentId(sequence - 1), epoch };
        prop_assert!(other.link(&bytes).is_err());
    }
}

#[test]
fn a_record_where_a_link_should_be_is_none() {
    let header = Header {
        sequence: SegmentId(1),
        epoch: 3,
    };
    let stamp = Stamp {
        position: SegmentId(1).position(HEADER_BYTES as u64),
        ..stamp()
    };
    for (kind, payload) in [(1, &[0; 8][..]), (0, &[0; 9])] {
        let mut bytes = header.encode().to_vec();
        put_record(&mut bytes, stamp, kind, ShardId(0), &[payload]);
        let link = header.link(&bytes.into());
        assert_eq!(link, Err("the link to the segment before"));
    }
}
