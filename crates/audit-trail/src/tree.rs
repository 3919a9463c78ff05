//! The Merkle tree of RFC 6962, kept as tiles: 256 hashes wide, eight levels high (C2SP tlog-tiles).

use crate::{Hash, sha256};

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;
/// Levels of the tree in one level of tiles: 2^8 = 256.
const TILE_HEIGHT: u32 = 8;

/// The hash of an entry as a leaf (RFC 6962 §2.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

/// The hash of two neighbours.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The hash of a tree over neighbouring subtrees of the same height: RFC 6962's MTH over them; of no subtree at all the
/// hash of nothing.
#[must_use]
pub fn root_of(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node_hash(left, right),
                [alone] => *alone,
                _ => [0; 32],
            })
            .collect();
    }
    level.first().copied().unwrap_or_else(|| sha256(&[]))
}

/// A tile that has become full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FullTile {
    /// Its level, from 0 for the one of leaves.
    pub level: u8,
    /// Its place in the level, from 0.
    pub index: u64,
    /// Its 256 hashes.
    pub hashes: Vec<Hash>,
    /// The hash of the subtree over them: what stands for it one level up.
    pub root: Hash,
}

/// The right edge of a tree: all that is needed to add to it. At each level of tiles the hashes of the tile that is not
/// full yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge with these hashes in the unfinished tiles, lowest level first.
    #[must_use]
    pub fn from_levels(levels: Vec<Vec<Hash>>) -> Edge {
        Edge { levels }
    }

    /// The hashes of the unfinished tile of a level.
    #[must_use]
    pub fn level(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// Levels of tiles that have a hash.
    #[must_use]
    pub fn height(&self) -> usize {
        self.levels.len()
    }

    /// Leaves in the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        let levels = self.levels.iter().rev();
        levels.fold(0, |size, hashes| size * TILE_WIDTH + hashes.len() as u64)
    }

    /// Adds a leaf; `filled` is told each tile that becomes full by it.
    pub fn push(&mut self, leaf: Hash, mut filled: impl FnMut(FullTile)) {
        let mut carried = Some(leaf);
        let mut index = self.size() / TILE_WIDTH;
        for level in 0_u8.. {
            let Some(hash) = carried.take() else { return };
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else { return };
            hashes.push(hash);
            if hashes.len() as u64 == TILE_WIDTH {
                let hashes = std::mem::take(hashes);
                let root = root_of(&hashes);
                filled(FullTile { level, index, hashes, root });
                carried = Some(root);
                index /= TILE_WIDTH;
            }
        }
    }

    /// The hash of the whole tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let parts = self.levels.iter().flat_map(|hashes| complete(hashes)).collect::<Vec<_>>();
        fold(&parts)
    }
}

/// The largest complete subtrees over these neighbours, the smallest (rightmost) first.
fn complete(hashes: &[Hash]) -> Vec<Hash> {
    let (mut rest, mut parts) = (hashes, Vec::new());
    for bit in (0..=TILE_HEIGHT).rev() {
        if let Some((part, after)) = rest.split_at_checked(1 << bit)
            && hashes.len() & (1 << bit) != 0
        {
            parts.push(root_of(part));
            rest = after;
        }
    }
    parts.reverse();
    parts
}

/// The hash over complete subtrees that get larger from right to left, the rightmost first; of none the hash of nothing.
#[must_use]
pub fn fold(parts: &[Hash]) -> Hash {
    let folded = parts.iter().copied().reduce(|right, left| node_hash(&left, &right));
    folded.unwrap_or_else(|| sha256(&[]))
}

/// A complete subtree: `2^level` leaves from `index * 2^level` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its height.
    pub level: u32,
    /// Its place among those of this height.
    pub index: u64,
}

impl Node {
    /// The level and index of the tile it is in.
    #[must_use]
    pub fn tile(self) -> (u8, u64) {
        let level = self.level / TILE_HEIGHT;
        (u8::try_from(level).unwrap_or(u8::MAX), self.index >> (TILE_HEIGHT - self.level % TILE_HEIGHT))
    }

    /// Its hash, out of the hashes of its tile. None: the tile is too short for it.
    #[must_use]
    pub fn hash(self, tile: &[Hash]) -> Option<Hash> {
        let width = 1_u64 << (self.level % TILE_HEIGHT);
        let first = usize::try_from((self.index * width) % TILE_WIDTH).ok()?;
        tile.get(first..first + usize::try_from(width).ok()?).map(root_of)
    }
}

/// The complete subtrees that a tree over the leaves from `first` to before `end` is made of, the rightmost first. Such
/// a range is a subtree of RFC 6962: `first` is a multiple of a power of two that is no smaller than the range.
#[must_use]
pub fn nodes_of(first: u64, end: u64) -> Vec<Node> {
    let (mut nodes, mut at) = (Vec::new(), first);
    while at < end {
        let level = (end - at).ilog2();
        nodes.push(Node { level, index: at >> level });
        at += 1 << level;
    }
    nodes.reverse();
    nodes
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
    }

    /// RFC 6962 §2.1, word for word.
    pub(crate) fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node_hash(&mth(&leaves[..split]), &mth(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_rfc_6962_at_every_size() {
        let leaves = leaves(1_100);
        let mut edge = Edge::default();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(edge.size(), size as u64);
            // All small sizes, and the large ones where tiles end.
            if size < 70 || (size + 2) % 256 < 4 {
                assert_eq!(edge.root(), mth(&leaves[..size]), "size {size}");
            }
            edge.push(*leaf, |_| ());
        }
    }

    #[test]
    fn full_tiles_of_all_levels_are_told_once_and_in_order() {
        let (mut edge, mut tiles) = (Edge::default(), Vec::new());
        let leaves = leaves(256 * 256 + 300);
        leaves.iter().for_each(|leaf| edge.push(*leaf, |tile| tiles.push(tile)));
        let lowest: Vec<u64> = tiles.iter().filter(|tile| tile.level == 0).map(|tile| tile.index).collect();
        assert_eq!(lowest, (0..257).collect::<Vec<_>>());
        let upper: Vec<&FullTile> = tiles.iter().filter(|tile| tile.level > 0).collect();
        assert_eq!(upper.iter().map(|tile| (tile.level, tile.index)).collect::<Vec<_>>(), [(1, 0)]);
        assert_eq!(upper[0].root, mth(&leaves[..65_536]));
        assert_eq!(edge.root(), mth(&leaves));
        assert_eq!((edge.level(0).len(), edge.level(1).len(), edge.level(2).len()), (44, 1, 1));
    }

    #[test]
    fn any_earlier_root_is_made_of_nodes_in_tiles() {
        let leaves = leaves(700);
        for size in [1, 2, 3, 255, 256, 257, 511, 512, 699, 700] {
            let parts: Vec<Hash> = nodes_of(0, size)
                .iter()
                .map(|node| {
                    let (level, index) = node.tile();
                    let lower = &leaves[(index * 256) as usize * usize::from(level == 0)..];
                    let tile: Vec<Hash> = match level {
                        0 => lower.iter().take(256).copied().collect(),
                        _ => leaves.chunks_exact(256).map(mth).collect(),
                    };
                    node.hash(&tile).unwrap()
                })
                .collect();
            assert_eq!(fold(&parts), mth(&leaves[..size as usize]), "size {size}");
        }
    }
}
