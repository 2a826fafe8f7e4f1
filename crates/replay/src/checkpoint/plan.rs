//! Which items are written for a checkpoint, and which files of earlier ones go on serving.

use super::manifest::Segment;

/// When there are more segments than this, neighbours are joined until there are half as many, so
/// that many small steps do not leave many small files.
const MOST: usize = 128;

/// A buffer is written in this many segments. The oldest can then go while the others stay.
pub(super) const PER_BUFFER: usize = 32;

/// A range of numbers of items, and the file that they are in, if it is to stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) from: u64,
    pub(super) to: u64,
    /// The items that are held.
    pub(super) held: u64,
    pub(super) kept: Option<Segment>,
}

/// What the next checkpoint is made of, in the order of items. `segments` are those of the last one,
/// whose next item was `last`; `items` are all that are held, oldest first.
///
/// A segment without items left goes. Where files have half as many rows again as there are items,
/// those go of which less than half is held, and what is left of them is written anew.
pub(super) fn plan(
    segments: &[Segment],
    last: u64,
    next: u64,
    items: impl Iterator<Item = u64>,
) -> Vec<Part> {
    let old = segments.iter().map(|segment| {
        let &Segment { from, to, .. } = segment;
        Part { from, to, held: 0, kept: Some(*segment) }
    });
    let new = Part { from: last, to: next, held: 0, kept: None };
    let mut parts: Vec<Part> = old.chain([new]).collect();
    let mut at = 0;
    for item in items {
        while at + 1 < parts.len() && item >= parts[at].to {
            at += 1;
        }
        parts[at].held += 1;
    }
    parts.retain(|part| part.held > 0);

    let held: u64 = parts.iter().map(|part| part.held).sum();
    let rows = |part: &Part| part.kept.map_or(part.held, |segment| segment.rows);
    let stored: u64 = parts.iter().map(rows).sum();
    if stored > held + held / 2 {
        let sparse = |part: &Part| part.held < rows(part).div_ceil(2);
        parts.iter_mut().filter(|part| sparse(part)).for_each(|part| part.kept = None);
    }
    join_new(&mut parts);
    if parts.len() > MOST {
        while parts.len() > MOST / 2 {
            let sum = |at: usize| parts[at].held + parts[at + 1].held;
            let smallest = (0..parts.len() - 1).min_by_key(|&at| sum(at)).unwrap_or(0);
            join(&mut parts, smallest);
        }
        join_new(&mut parts);
    }
    parts
}

/// Makes one of neighbours that are both to be written.
fn join_new(parts: &mut Vec<Part>) {
    let mut at = 0;
    while at + 1 < parts.len() {
        if parts[at].kept.is_none() && parts[at + 1].kept.is_none() {
            join(parts, at);
        } else {
            at += 1;
        }
    }
}

fn join(parts: &mut Vec<Part>, at: usize) {
    let next = parts.remove(at + 1);
    let part = &mut parts[at];
    (part.to, part.held, part.kept) = (next.to, part.held + next.held, None);
}

#[cfg(test)]
mod tests {
    use super::super::chunks::Seal;
    use super::super::manifest::Entry;
    use super::*;

    fn segment(from: u64, to: u64, rows: u64) -> Segment {
        let file = Entry { number: from, seal: Seal { bytes: 0, digest: 0 } };
        Segment { from, to, rows, file }
    }

    fn ranges(parts: &[Part]) -> Vec<(u64, u64, u64, bool)> {
        parts.iter().map(|part| (part.from, part.to, part.held, part.kept.is_some())).collect()
    }

    #[test]
    fn only_what_is_new_is_written() {
        let parts = plan(&[segment(0, 60, 60), segment(60, 100, 40)], 100, 103, 3..103);
        assert_eq!(ranges(&parts), [(0, 60, 57, true), (60, 100, 40, true), (100, 103, 3, false)]);
        let parts = plan(&[segment(0, 100, 100)], 100, 100, 0..100);
        assert_eq!(ranges(&parts), [(0, 100, 100, true)], "nothing new, nothing to write");
    }

    #[test]
    fn files_without_items_go() {
        let segments = [segment(0, 10, 10), segment(10, 20, 10)];
        assert_eq!(
            ranges(&plan(&segments, 20, 25, 15..25)),
            [(10, 20, 5, true), (20, 25, 5, false)]
        );
        assert_eq!(ranges(&plan(&segments, 20, 45, 40..45)), [(20, 45, 5, false)]);
        assert!(plan(&segments, 20, 45, 0..0).is_empty());
    }

    #[test]
    fn sparse_files_are_written_anew_where_they_waste_a_third() {
        // Of 30 rows 12 are held: the first two files go, the third is full enough.
        let segments = [segment(0, 10, 10), segment(10, 20, 10), segment(20, 30, 10)];
        let items = (0..10).step_by(5).chain((10..20).step_by(4)).chain(21..30);
        let parts = plan(&segments, 30, 30, items);
        assert_eq!(ranges(&parts), [(0, 20, 5, false), (20, 30, 9, true)]);
    }

    #[test]
    fn many_small_files_become_half_as_many() {
        let segments: Vec<_> = (0..MOST as u64).map(|n| segment(10 * n, 10 * n + 10, 10)).collect();
        let next = 10 * MOST as u64;
        let parts = plan(&segments, next, next + 1, 0..next + 1);
        assert!(parts.len() <= MOST / 2);
        assert_eq!(parts.iter().map(|part| part.held).sum::<u64>(), next + 1);
        assert!(parts.windows(2).all(|pair| pair[0].to == pair[1].from));
    }
}
