//! Maps of frozen lakes.

use std::fmt;

use rand::Rng;

use super::{Direction, Grid};

/// So many random maps are tried before it is an error that none has a way to the goal.
const TRIES: usize = 10_000;
/// A lake keeps the transitions of every cell, about half a kilobyte each.
const MOST_CELLS: usize = 1 << 16;

/// What a cell of a lake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tile {
    /// Where episodes start; frozen. Letter S.
    Start,
    /// Safe. Letter F.
    Frozen,
    /// Ends the episode. Letter H.
    Hole,
    /// Ends the episode, with a reward. Letter G.
    Goal,
}

impl Tile {
    const ALL: [Self; 4] = [Self::Start, Self::Frozen, Self::Hole, Self::Goal];

    /// Its letter in a map.
    pub fn letter(self) -> char {
        match self {
            Self::Start => 'S',
            Self::Frozen => 'F',
            Self::Hole => 'H',
            Self::Goal => 'G',
        }
    }
}

/// Why a map cannot be played on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// No rows, or rows of no letters.
    #[error("it must have at least 1 row and 1 column")]
    Empty,
    /// More cells than there is a use for: a lake keeps the transitions of every cell in memory.
    #[error("it must have at most {MOST_CELLS} cells, got {rows} rows of {columns}")]
    TooLarge {
        /// The number of rows.
        rows: usize,
        /// The number of columns.
        columns: usize,
    },
    /// A row that is longer or shorter than the first.
    #[error("row {row} must be as long as the first, {expected}, got {got}")]
    Ragged {
        /// The position of the row.
        row: usize,
        /// The length of the first row.
        expected: usize,
        /// The length of this one.
        got: usize,
    },
    /// A letter that is no tile.
    #[error("letters must be S, F, H or G, got {letter:?} in row {row}")]
    Letter {
        /// The position of the row.
        row: usize,
        /// The letter.
        letter: char,
    },
    /// No cell to start from.
    #[error("it must have at least one S, where episodes start")]
    NoStart,
    /// A random map that has no room for a start and a goal.
    #[error("a random map must have a size of at least 2, got {0}")]
    RandomSize(usize),
    /// The part of frozen cells of a random map is no probability.
    #[error("the probability of a frozen cell must be in [0, 1], got {0}")]
    Probability(f64),
    /// No random map had a way from the start to the goal.
    #[error(
        "none of {TRIES} random maps of size {size} had a way to the goal with a probability of \
         {frozen} for a frozen cell: try a larger one"
    )]
    NoWay {
        /// The number of rows and of columns.
        size: usize,
        /// The probability of a frozen cell.
        frozen: f64,
    },
}

/// A rectangle of [`Tile`]s, written as one word for each row.
///
/// ```
/// use reflux_envs::{LakeMap, Tile};
///
/// let map = LakeMap::new(&["SFF", "FHG"])?;
/// assert_eq!((map.rows(), map.columns()), (2, 3));
/// assert_eq!(map.tile(1, 2), Some(Tile::Goal));
/// assert!(map.has_way());
/// assert_eq!(map.to_string(), "SFF\nFHG");
/// # Ok::<(), reflux_envs::MapError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "Vec<String>", into = "Vec<String>")
)]
pub struct LakeMap {
    tiles: Vec<Tile>,
    columns: usize,
}

impl LakeMap {
    /// The map with these rows, from top to bottom, of the letters S, F, H and G.
    ///
    /// There may be several S, each as likely to be the start as the others, and any number of G.
    /// Whether a way leads to one is up to you: see [`has_way`](Self::has_way).
    ///
    /// # Errors
    ///
    /// [`MapError`] if there is no cell, a row has another length than the first, a letter is no
    /// tile, or there is no S.
    pub fn new(rows: &[impl AsRef<str>]) -> Result<Self, MapError> {
        let columns = rows.first().map_or(0, |row| row.as_ref().chars().count());
        check_size(rows.len(), columns)?;
        let mut tiles = Vec::with_capacity(rows.len() * columns);
        for (row, letters) in rows.iter().enumerate() {
            for letter in letters.as_ref().chars() {
                let tile = Tile::ALL.into_iter().find(|tile| tile.letter() == letter);
                tiles.push(tile.ok_or(MapError::Letter { row, letter })?);
            }
            let got = tiles.len() - row * columns;
            if got != columns {
                return Err(MapError::Ragged { row, expected: columns, got });
            }
        }
        if !tiles.contains(&Tile::Start) {
            return Err(MapError::NoStart);
        }
        Ok(Self { tiles, columns })
    }

    /// Gymnasium's map "4x4".
    pub fn four_by_four() -> Self {
        Self::known(&["SFFF", "FHFH", "FFFH", "HFFG"])
    }

    /// Gymnasium's map "8x8".
    pub fn eight_by_eight() -> Self {
        Self::known(&[
            "SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF",
            "FFFHFFFG",
        ])
    }

    /// A map whose letters are known to be tiles.
    fn known(rows: &[&str]) -> Self {
        let letters = rows.iter().flat_map(|row| row.chars());
        let tile = |letter| Tile::ALL.into_iter().find(|tile| tile.letter() == letter);
        Self { tiles: letters.filter_map(tile).collect(), columns: rows[0].len() }
    }

    /// A random map of `size` rows and columns with a way from the start, at the top left, to the
    /// goal, at the bottom right. Each other cell is frozen with probability `frozen` and a hole
    /// otherwise; maps without a way are thrown away. Gymnasium's defaults are 8 and 0.8.
    ///
    /// # Errors
    ///
    /// [`MapError`] if `size` is less than 2 or too large, `frozen` is not in `[0, 1]`, or none of
    /// 10,000 maps has a way, as is likely when few cells are frozen.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// use rand_xoshiro::Xoshiro256PlusPlus;
    /// use reflux_envs::{FrozenLake, LakeMap};
    ///
    /// let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
    /// let lake = FrozenLake::new(LakeMap::random(8, 0.8, &mut rng)?);
    /// # Ok::<(), reflux_envs::MapError>(())
    /// ```
    pub fn random<R: Rng + ?Sized>(
        size: usize,
        frozen: f64,
        rng: &mut R,
    ) -> Result<Self, MapError> {
        if size < 2 {
            return Err(MapError::RandomSize(size));
        }
        check_size(size, size)?;
        if !(0.0..=1.0).contains(&frozen) {
            return Err(MapError::Probability(frozen));
        }
        let cells = size * size;
        for _ in 0..TRIES {
            let tile = |_| if rng.random::<f64>() < frozen { Tile::Frozen } else { Tile::Hole };
            let mut tiles: Vec<Tile> = (0..cells).map(tile).collect();
            tiles[0] = Tile::Start;
            tiles[cells - 1] = Tile::Goal;
            let map = Self { tiles, columns: size };
            if map.has_way() {
                return Ok(map);
            }
        }
        Err(MapError::NoWay { size, frozen })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.tiles.len() / self.columns
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// What the cell in this row and column is; `None` outside of the map.
    pub fn tile(&self, row: usize, column: usize) -> Option<Tile> {
        let inside = row < self.rows() && column < self.columns;
        inside.then(|| self.tiles[row * self.columns + column])
    }

    pub(super) fn grid(&self) -> Grid {
        Grid { rows: self.rows(), columns: self.columns }
    }

    /// All tiles, row after row: a cell's position is its number.
    pub(super) fn tiles(&self) -> &[Tile] {
        &self.tiles
    }

    /// Whether one can walk from some S to some G without a hole between them.
    pub fn has_way(&self) -> bool {
        let starts = |(cell, tile): (usize, &Tile)| (*tile == Tile::Start).then_some(cell);
        let mut frontier: Vec<usize> = self.tiles.iter().enumerate().filter_map(starts).collect();
        let mut seen = vec![false; self.tiles.len()];
        while let Some(cell) = frontier.pop() {
            match self.tiles[cell] {
                Tile::Goal => return true,
                Tile::Hole => continue,
                Tile::Start | Tile::Frozen => {}
            }
            if !std::mem::replace(&mut seen[cell], true) {
                frontier.extend(Direction::ALL.map(|way| self.grid().neighbour(cell, way)));
            }
        }
        false
    }
}

fn check_size(rows: usize, columns: usize) -> Result<(), MapError> {
    match rows.checked_mul(columns) {
        Some(0) => Err(MapError::Empty),
        Some(cells) if cells <= MOST_CELLS => Ok(()),
        _ => Err(MapError::TooLarge { rows, columns }),
    }
}

impl fmt::Display for LakeMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Vec::from(self.clone()).join("\n"))
    }
}

impl TryFrom<Vec<String>> for LakeMap {
    type Error = MapError;

    fn try_from(rows: Vec<String>) -> Result<Self, MapError> {
        Self::new(&rows)
    }
}

impl From<LakeMap> for Vec<String> {
    fn from(map: LakeMap) -> Self {
        map.tiles.chunks(map.columns).map(|row| row.iter().map(|t| t.letter()).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn maps_that_cannot_be_played_on_are_refused() {
        assert_eq!(LakeMap::new(&[""; 0]), Err(MapError::Empty));
        assert_eq!(LakeMap::new(&["", ""]), Err(MapError::Empty));
        let ragged = MapError::Ragged { row: 1, expected: 2, got: 1 };
        assert_eq!(LakeMap::new(&["SF", "G"]), Err(ragged));
        assert_eq!(LakeMap::new(&["SX"]), Err(MapError::Letter { row: 0, letter: 'X' }));
        assert_eq!(LakeMap::new(&["FG"]), Err(MapError::NoStart));
    }

    #[test]
    fn a_way_goes_around_holes() {
        for (rows, way) in [
            (["SF", "HG"], true),
            (["SH", "HG"], false),
            (["FS", "GH"], true),
            (["SF", "FF"], false),
        ] {
            assert_eq!(LakeMap::new(&rows).unwrap().has_way(), way, "{rows:?}");
        }
        assert!(LakeMap::four_by_four().has_way() && LakeMap::eight_by_eight().has_way());
    }

    #[test]
    fn known_maps_are_read_whole() {
        for (map, size, holes) in
            [(LakeMap::four_by_four(), 4, 4), (LakeMap::eight_by_eight(), 8, 10)]
        {
            assert_eq!((map.rows(), map.columns(), map.tiles.len()), (size, size, size * size));
            assert_eq!(map.tiles.iter().filter(|t| **t == Tile::Hole).count(), holes);
            assert_eq!(map.tile(size - 1, size - 1), Some(Tile::Goal));
            assert_eq!(map.tile(0, size), None);
        }
    }

    #[test]
    fn random_maps_have_a_way_and_as_many_frozen_cells_as_asked() {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        let mut frozen = 0;
        for _ in 0..200 {
            let map = LakeMap::random(8, 0.9, rng).unwrap();
            assert!(map.has_way() && map.tile(0, 0) == Some(Tile::Start));
            frozen += map.tiles.iter().filter(|t| **t == Tile::Frozen).count();
        }
        // 62 cells of 200 maps: 0.9 and a little more, because maps without a way are left out.
        let part = frozen as f64 / (62.0 * 200.0);
        assert!((0.89..0.93).contains(&part), "{part}");
        let again = |seed| LakeMap::random(5, 0.7, &mut Xoshiro256PlusPlus::seed_from_u64(seed));
        assert_eq!(again(4), again(4));
        assert_ne!(again(4), again(5));
    }

    #[test]
    fn random_maps_that_cannot_be_had_are_refused() {
        let rng = &mut Xoshiro256PlusPlus::seed_from_u64(1);
        let mut random = |size, frozen| LakeMap::random(size, frozen, rng).unwrap_err();
        assert_eq!(random(1, 0.8), MapError::RandomSize(1));
        assert_eq!(random(4, 0.0), MapError::NoWay { size: 4, frozen: 0.0 });
        assert_eq!(random(4, 1.5), MapError::Probability(1.5));
        assert!(matches!(random(4, f64::NAN), MapError::Probability(_)));
        assert!(matches!(random(usize::MAX, 0.8), MapError::TooLarge { .. }));
    }
}
