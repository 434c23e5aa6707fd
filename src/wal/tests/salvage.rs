//! What counts as before the damage and as behind it.

use super::*;

/// Something with a checksum of its own.
struct Part {
    file: String,
    offset: usize,
    /// Which commit made it durable. What a later one wrote says that this was durable.
    batch: usize,
    /// The payload; a link has none.
    record: Option<String>,
}

/// Two segments, each with a link and two batches of two records.
async fn log_of_parts() -> (MemDisk, Vec<Part>) {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk).await.unwrap();
    // The opening has written the first link by itself.
    let (mut parts, mut batches) = (Vec::new(), 1);
    for segment in 1..=2 {
        let file = path(segment);
        parts.push(Part {
            file: file.clone(),
            offset: 32,
            batch: if segment == 1 { 0 } else { batches },
            record: None,
        });
        for round in 0..2 {
            let payloads = [0, 1].map(|i| format!("{segment}.{round}.{i}"));
            batch(&mut wal, &payloads.each_ref().map(String::as_str))
                .await
                .unwrap();
            for (rank, payload) in payloads.into_iter().enumerate() {
                parts.push(Part {
                    file: file.clone(),
                    offset: 80 + 48 * (2 * round + rank),
                    batch: batches,
                    record: Some(payload),
                });
            }
            batches += 1;
        }
        if segment == 1 {
            wal.rotate().await.unwrap();
        }
    }
    (disk.restart(), parts)
}

/// What stands before the first part that was promised and is gone, and what is left behind the
/// last one; none if all that is gone may never have become durable.
fn expected(parts: &[Part], is_gone: impl Fn(usize) -> bool) -> Option<[Vec<&str>; 2]> {
    let ranks = || 0..parts.len();
    let left = ranks().filter(|rank| !is_gone(*rank));
    let newest = left.map(|rank| parts[rank].batch).max()?;
    let is_damage = |rank: &usize| is_gone(*rank) && parts[*rank].batch < newest;
    let (first, last) = (ranks().find(is_damage)?, ranks().rfind(is_damage)?);
    let records = |from, to| {
        let left = (from..to).filter(|rank| !is_gone(*rank));
        let records = left.filter_map(|rank| parts[rank].record.as_deref());
        records.collect()
    };
    Some([records(0, first), records(last, parts.len())])
}

fn payloads(records: &[Placed]) -> String {
    let text = |found: &Placed| String::from_utf8_lossy(&found.record.payload).into_owned();
    let texts: Vec<String> = records.iter().map(text).collect();
    texts.join(" ")
}

#[test]
fn whichever_parts_are_damaged_none_between_two_of_them_is_before_or_behind() {
    block_on(async {
        let (pristine, parts) = log_of_parts().await;
        let mut damaged = 0;
        for gone in 0..1_usize << parts.len() {
            let is_gone = |rank: usize| gone >> rank & 1 == 1;
            let disk = pristine.restart();
            let lost = parts.iter().enumerate().filter(|(rank, _)| is_gone(*rank));
            lost.for_each(|(_, part)| disk.flip_bit(&part.file, part.offset + 16));
            let found = Salvage::read(&disk, "a/log").await.ok();
            let found = found.map(|salvage| [payloads(&salvage.before), payloads(&salvage.behind)]);
            let expected = expected(&parts, is_gone);
            assert_eq!(
                open(&disk).await.is_err(),
                expected.is_some(),
                "{gone:010b}"
            );
            damaged += usize::from(expected.is_some());
            let expected = expected.map(|parts| parts.map(|part| part.join(" ")));
            assert_eq!(found, expected, "{gone:010b}");
        }
        assert!(damaged > 500, "{damaged}");
    });
}
