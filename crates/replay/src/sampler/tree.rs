//! A wide tree of sums: which slot is at a given point of the total mass.
//!
//! ```text
//!            [ 36 ........ ]            one node; the total is the sum of its children
//!            /
//!      [ 1 2 3 4 5 6 7 8 ]  [ ... ]     leaves: the mass of each slot, eight a node
//! ```
//!
//! A node is eight `f64`, one cache line, so a million slots are seven levels deep. A changed leaf
//! does not add its difference to the sums above it; each is added up anew from its eight children.
//! So the sums depend on the leaves alone, not on their history, and rounding does not build up.
//!
//! Beside each sum stands the smallest positive mass below it.

use std::fmt;

use super::vector;
use crate::{Result, memory, prefetch};

const WIDTH: usize = 8;

/// How many points are looked for at once: few enough that their nodes are still in the cache when they
/// are looked at.
const BLOCK: usize = 128;

/// How many nodes are looked through one after another, instead of from a node above them.
const TOP: usize = 32;

/// How many changed nodes are remembered before the sums are brought up to date.
const PENDING: usize = 1024;

/// The mass of each slot, their sum, and the smallest that is above 0.
#[derive(Clone, Default)]
pub(super) struct SumTree {
    capacity: usize,
    /// From the leaves up to a level of one node.
    levels: Vec<Level>,
    /// The nodes of the leaf level that changed since the sums above were added up. Slots are set
    /// in runs or in batches, so that one addition serves several.
    pending: Vec<usize>,
}

/// All nodes that are equally far from the leaves.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    sums: Vec<Node>,
    /// The smallest positive mass below each child, or infinity. None at the leaf level, whose sums
    /// are the masses.
    smallest: Vec<Node>,
}

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Node([f64; WIDTH]);

impl SumTree {
    /// The bytes that a tree for so many slots takes.
    pub(super) fn bytes(capacity: usize) -> u128 {
        let nodes: u128 = level_sizes(capacity).map(|nodes| nodes as u128).sum();
        let inner = nodes - capacity.div_ceil(WIDTH) as u128;
        (nodes + inner) * size_of::<Node>() as u128 + (PENDING * size_of::<usize>()) as u128
    }

    /// A tree for so many slots, all with mass 0.
    pub(super) fn new(capacity: usize) -> Result<Self> {
        let refused =
            || memory::refused(format!("a tree of {capacity} priorities"), Self::bytes(capacity));
        let mut levels: Vec<Level> = Vec::new();
        for nodes in level_sizes(capacity) {
            let mut level = Level::default();
            memory::resize(&mut level.sums, nodes, Node::ZERO, refused)?;
            if !levels.is_empty() {
                memory::resize(&mut level.smallest, nodes, Node::INFINITY, refused)?;
            }
            levels.push(level);
        }
        Ok(Self { capacity, levels, pending: Vec::with_capacity(PENDING) })
    }

    /// Makes every mass 0.
    pub(super) fn clear(&mut self) {
        for level in &mut self.levels {
            level.sums.fill(Node::ZERO);
            level.smallest.fill(Node::INFINITY);
        }
        self.pending.clear();
    }

    /// The mass of a slot; 0 for one that the tree does not have.
    pub(super) fn get(&self, slot: usize) -> f64 {
        let node = self.levels.first().and_then(|leaves| leaves.sums.get(slot / WIDTH));
        node.map_or(0.0, |node| node.0[slot % WIDTH])
    }

    /// Sets the mass of a slot, finite and at least 0. A slot that the tree does not have is
    /// ignored.
    pub(super) fn set(&mut self, slot: usize, mass: f64) {
        if slot >= self.capacity {
            return;
        }
        let node = slot / WIDTH;
        self.levels[0].sums[node].0[slot % WIDTH] = mass;
        if self.pending.last() != Some(&node) {
            if self.pending.len() == PENDING {
                self.refresh();
            }
            self.pending.push(node);
        }
    }

    /// The sum of all masses.
    pub(super) fn total(&mut self) -> f64 {
        self.refresh();
        self.levels.last().map_or(0.0, |top| top.sums[0].sum())
    }

    /// The smallest mass that is above 0, or infinity where there is none.
    pub(super) fn smallest(&mut self) -> f64 {
        self.refresh();
        match self.levels.last() {
            Some(top) if self.levels.len() > 1 => top.smallest[0].smallest(),
            Some(leaves) => leaves.sums[0].smallest_positive(),
            None => f64::INFINITY,
        }
    }

    /// Finds, for each point in `[0, total)`, the slot whose mass it falls on when all masses are
    /// laid end to end. No slot of mass 0 is found, wherever rounding takes a point; the total must
    /// be above 0. The points are overwritten.
    pub(super) fn find(&mut self, points: &mut [f64], slots: &mut [usize]) {
        self.refresh();
        slots.fill(0);
        vector::descend(&self.levels, points, slots);
    }

    /// Adds up the sums above the leaves that have changed.
    fn refresh(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        for above in 1..self.levels.len() {
            let (below, above) = self.levels.split_at_mut(above);
            let (below, above) = (&below[below.len() - 1], &mut above[0]);
            for &node in &self.pending {
                prefetch::line(&above.sums[node / WIDTH]);
                prefetch::line(&above.smallest[node / WIDTH]);
            }
            for &node in &self.pending {
                let (parent, child) = (node / WIDTH, node % WIDTH);
                above.sums[parent].0[child] = below.sums[node].sum();
                above.smallest[parent].0[child] = match below.smallest.get(node) {
                    Some(smallest) => smallest.smallest(),
                    None => below.sums[node].smallest_positive(),
                };
            }
            // The parents are what has changed now, each once where neighbours changed.
            let mut kept = 0;
            for index in 0..self.pending.len() {
                let parent = self.pending[index] / WIDTH;
                if kept == 0 || self.pending[kept - 1] != parent {
                    self.pending[kept] = parent;
                    kept += 1;
                }
            }
            self.pending.truncate(kept);
        }
        self.pending.clear();
    }
}

/// Goes down with every point, from the highest level of up to [`TOP`] nodes.
///
/// Level by level, not point by point: the steps of one point wait for each other, those of different
/// points do not. All nodes of a level are asked for before the first is looked at, so that many cache
/// misses are under way at a time.
#[inline(always)]
pub(super) fn descend(levels: &[Level], points: &mut [f64], slots: &mut [usize]) {
    let top = levels.iter().position(|level| level.sums.len() <= TOP).unwrap_or(0);
    let (ends, last) = lay_out(&levels[top].sums);
    for (points, slots) in points.chunks_mut(BLOCK).zip(slots.chunks_mut(BLOCK)) {
        for (point, slot) in points.iter_mut().zip(&mut *slots) {
            let passed: usize = ends.iter().map(|end| usize::from(*point >= *end)).sum();
            *slot = passed.min(last);
            *point -= if *slot == 0 { 0.0 } else { ends[*slot - 1] };
        }
        for level in levels[..=top].iter().rev() {
            slots.iter().for_each(|&slot| prefetch::line(&level.sums[slot]));
            for (slot, point) in slots.iter_mut().zip(&mut *points) {
                *slot = *slot * WIDTH + level.sums[*slot].find(point);
            }
        }
    }
}

/// Where each of up to [`TOP`] nodes ends when all are laid end to end, and which is the last that has
/// mass.
fn lay_out(nodes: &[Node]) -> ([f64; TOP], usize) {
    let (mut ends, mut end, mut last) = ([f64::INFINITY; TOP], 0.0, 0);
    for (index, node) in nodes.iter().enumerate() {
        let sum = node.sum();
        end += sum;
        ends[index] = end;
        if sum > 0.0 {
            last = index;
        }
    }
    (ends, last)
}

/// The number of nodes of each level, leaves first.
fn level_sizes(capacity: usize) -> impl Iterator<Item = usize> {
    let leaves = capacity.div_ceil(WIDTH);
    std::iter::successors(Some(leaves), |&nodes| (nodes > 1).then(|| nodes.div_ceil(WIDTH)))
}

impl Node {
    const ZERO: Self = Self([0.0; WIDTH]);
    const INFINITY: Self = Self([f64::INFINITY; WIDTH]);

    fn sum(&self) -> f64 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }

    fn smallest(&self) -> f64 {
        let least = |x: f64, y: f64| if x < y { x } else { y };
        let [a, b, c, d, e, f, g, h] = self.0;
        least(least(least(a, e), least(c, g)), least(least(b, f), least(d, h)))
    }

    fn smallest_positive(&self) -> f64 {
        Self(self.0.map(|x| if x > 0.0 { x } else { f64::INFINITY })).smallest()
    }

    /// The child that the point falls on; the point becomes relative to its start.
    ///
    /// A point can lie at or beyond the end, because sums in another order round differently. It
    /// then falls on the last child that has mass.
    #[inline(always)]
    fn find(&self, point: &mut f64) -> usize {
        // The sums never fall, and a child without mass begins and ends at the same one, so it is
        // not counted up to. No branch depends on the point: it would be guessed wrong mostly.
        let starts = self.starts();
        let child: usize = starts[1..].iter().map(|end| usize::from(*point >= *end)).sum();
        if child < WIDTH {
            *point -= starts[child];
            child
        } else {
            *point = f64::INFINITY;
            self.0.iter().rposition(|&mass| mass > 0.0).unwrap_or(0)
        }
    }

    /// Where each child starts when all are laid end to end, and where the last one ends.
    #[inline(always)]
    fn starts(&self) -> [f64; WIDTH + 1] {
        let [a, b, c, d, e, f, g, h] = self.0;
        // In pairs, so that the additions wait for each other less.
        let two = a + b;
        let four = two + (c + d);
        let six = four + (e + f);
        [0.0, a, two, two + c, four, four + e, six, six + g, six + (g + h)]
    }
}

/// Without the masses.
impl fmt::Debug for SumTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SumTree").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngCore, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    /// How many masses a test sets. Under Miri, 300 take minutes.
    const UPDATES: usize = if cfg!(miri) { 40 } else { 300 };

    /// The slot that the point falls on when all masses are laid end to end, by adding up.
    fn slot_at(masses: &[f64], mut point: f64) -> usize {
        for (slot, &mass) in masses.iter().enumerate() {
            if point < mass {
                return slot;
            }
            point -= mass;
        }
        unreachable!("the point is beyond the end")
    }

    fn tree_of(masses: &[f64]) -> SumTree {
        let mut tree = SumTree::new(masses.len()).unwrap();
        masses.iter().enumerate().for_each(|(slot, &mass)| tree.set(slot, mass));
        tree
    }

    proptest! {
        // Small whole numbers add up without rounding, so that tree and model agree exactly.
        #[test]
        fn it_does_what_a_plain_vector_does(
            capacity in 1_usize..700,
            updates in prop::collection::vec((0_usize..700, 0_u8..5), 1..UPDATES),
        ) {
            let mut tree = SumTree::new(capacity).unwrap();
            let mut model = vec![0.0; capacity];
            for (step, &(slot, mass)) in updates.iter().enumerate() {
                let (slot, mass) = (slot % capacity, f64::from(mass));
                tree.set(slot, mass);
                model[slot] = mass;
                if step % 7 > 0 {
                    continue; // several changes are brought up to date at once
                }
                let total: f64 = model.iter().sum();
                prop_assert_eq!(tree.total(), total);
                let positive = model.iter().copied().filter(|&mass| mass > 0.0);
                prop_assert_eq!(tree.smallest(), positive.fold(f64::INFINITY, f64::min));
                let mut points: Vec<f64> = (0..total as usize).map(|n| n as f64 + 0.5).collect();
                points.extend((0..total as usize).map(|n| n as f64));
                let expected: Vec<_> = points.iter().map(|&x| slot_at(&model, x)).collect();
                let mut slots = vec![0; points.len()];
                tree.find(&mut points, &mut slots);
                prop_assert_eq!(slots, expected);
            }
            for (slot, &mass) in model.iter().enumerate() {
                prop_assert_eq!(tree.get(slot), mass);
            }
        }

        #[test]
        fn no_slot_without_mass_is_found_however_sums_round(
            masses in prop::collection::vec(
                prop_oneof![Just(0.0), 1e-30..1e-20, 0.1..0.3, 1e20..1e30],
                1..200,
            ),
            fractions in prop::collection::vec(0.0..1.0, 1..20),
        ) {
            prop_assume!(masses.iter().any(|&mass| mass > 0.0));
            let mut tree = tree_of(&masses);
            let total = tree.total();
            let mut points: Vec<f64> = fractions.iter().map(|fraction| fraction * total).collect();
            points.extend([0.0, total.next_down(), total, 2.0 * total]);
            let mut slots = vec![0; points.len()];
            tree.find(&mut points, &mut slots);
            for slot in slots {
                prop_assert!(masses[slot] > 0.0, "slot {}", slot);
            }
        }
    }

    #[test]
    fn sums_do_not_drift() {
        let mut tree = tree_of(&[1e16, 0.1, 0.2, 0.3]);
        for _ in 0..1000 {
            tree.set(0, 1e16);
            tree.total();
            tree.set(0, 0.0);
            tree.total();
        }
        assert_eq!(tree.total(), tree_of(&[0.0, 0.1, 0.2, 0.3]).total());
    }

    /// Random masses over sixty powers of ten, so many in turn; then every sum is, to the last bit, that
    /// of a tree which never held anything else.
    fn check_that_sums_forget_what_was(updates: u64) {
        const CAPACITY: usize = 1000;
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(5);
        let mut tree = SumTree::new(CAPACITY).unwrap();
        for update in 0..updates {
            let bits = rng.next_u64();
            let power = (bits % 61) as i32 - 30;
            tree.set((bits >> 32) as usize % CAPACITY, 10_f64.powi(power));
            if update % 256 == 0 {
                tree.total();
            }
        }
        tree.total();
        let masses: Vec<f64> = (0..CAPACITY).map(|slot| tree.get(slot)).collect();
        let mut fresh = tree_of(&masses);
        fresh.total();
        let nodes = |tree: &SumTree| -> Vec<[f64; WIDTH]> {
            let levels = tree.levels.iter();
            levels.flat_map(|level| level.sums.iter().chain(&level.smallest)).map(|n| n.0).collect()
        };
        assert_eq!(nodes(&tree), nodes(&fresh));
    }

    #[test]
    fn sums_depend_on_the_masses_alone_not_on_what_was_before() {
        check_that_sums_forget_what_was(if cfg!(miri) { 2_000 } else { 200_000 });
    }

    /// `cargo test -p reflux-replay --release --lib billion -- --ignored`
    #[test]
    #[ignore = "takes a minute with optimisation"]
    fn sums_do_not_drift_over_a_billion_updates() {
        check_that_sums_forget_what_was(1_000_000_000);
    }

    #[test]
    fn its_bytes_are_those_it_reserves() {
        for capacity in [1, 8, 9, 64, 65, 4097] {
            let tree = SumTree::new(capacity).unwrap();
            let nodes: usize =
                tree.levels.iter().map(|level| level.sums.len() + level.smallest.len()).sum();
            let bytes = nodes * 64 + tree.pending.capacity() * size_of::<usize>();
            assert_eq!(SumTree::bytes(capacity), bytes as u128);
        }
        let inner = 15_625 + 1_954 + 245 + 31 + 4 + 1;
        assert_eq!(SumTree::bytes(1_000_000), (125_000 + 2 * inner) * 64 + 8 * 1024);
    }

    #[test]
    fn a_slot_that_it_does_not_have_is_ignored() {
        let mut tree = tree_of(&[1.0, 2.0]);
        tree.set(2, 5.0);
        assert_eq!((tree.total(), tree.get(2)), (3.0, 0.0));
        let mut none = SumTree::default();
        none.set(0, 1.0);
        assert_eq!((none.total(), none.smallest()), (0.0, f64::INFINITY));
    }
}
