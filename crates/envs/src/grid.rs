//! Worlds of numbered cells, in which an action leads to one of a few cells.

mod cliff_walking;
mod frozen_lake;
mod map;
mod tabular;

pub use cliff_walking::CliffWalking;
pub use frozen_lake::{FrozenLake, LakeRewards};
pub use map::{LakeMap, MapError, Tile};
pub use tabular::Transition;

/// A rectangle of cells, numbered row after row.
#[derive(Clone, Copy)]
struct Grid {
    rows: usize,
    columns: usize,
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Right,
    Down,
    Left,
}

impl Direction {
    /// Clockwise.
    const ALL: [Self; 4] = [Self::Up, Self::Right, Self::Down, Self::Left];
}

impl Grid {
    /// The cell next to this one; the same one where the grid ends.
    fn neighbour(self, cell: usize, direction: Direction) -> usize {
        let (row, column) = (cell / self.columns, cell % self.columns);
        match direction {
            Direction::Up if row > 0 => cell - self.columns,
            Direction::Right if column + 1 < self.columns => cell + 1,
            Direction::Down if row + 1 < self.rows => cell + self.columns,
            Direction::Left if column > 0 => cell - 1,
            _ => cell,
        }
    }
}

/// The actions that ice makes of one: itself, between the ones at right angles to it. Actions are
/// numbered around the compass.
fn slips(action: usize) -> [usize; 3] {
    [(action + 3) % 4, action, (action + 1) % 4]
}
