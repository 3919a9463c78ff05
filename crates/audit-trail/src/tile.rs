//! Where tiles and bundles stand in an export, and what a bundle's bytes are (C2SP tlog-tiles).

use crate::Hash;
use crate::bytes::Reader;
use crate::entry::Malformed;
use crate::tree::TILE_WIDTH;

/// What stands in a tile of the export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hashes of this level.
    Hashes(u8),
    /// The entries.
    Entries,
    /// The records the entries were made of. Not of C2SP: a tree can be verified without them.
    Records,
}

/// The path of a tile in an export: full where `width` is [`TILE_WIDTH`], else partial.
#[must_use]
pub fn path(kind: Kind, index: u64, width: u64) -> String {
    let place = match kind {
        Kind::Hashes(level) => format!("tile/{level}"),
        Kind::Entries => "tile/entries".to_owned(),
        Kind::Records => "record".to_owned(),
    };
    let mut number = format!("{:03}", index % 1_000);
    let mut above = index / 1_000;
    while above > 0 {
        number = format!("x{:03}/{number}", above % 1_000);
        above /= 1_000;
    }
    if width == TILE_WIDTH { format!("{place}/{number}") } else { format!("{place}/{number}.p/{width}") }
}

/// Each tile of a level with its width, of a tree of this size: `(index, width)`.
pub fn tiles(level: u8, size: u64) -> impl Iterator<Item = (u64, u64)> {
    let hashes = size >> (8 * u32::from(level)).min(63);
    let full = (0..hashes / TILE_WIDTH).map(|index| (index, TILE_WIDTH));
    let rest = hashes % TILE_WIDTH;
    full.chain((rest > 0).then_some((hashes / TILE_WIDTH, rest)))
}

/// The hashes of a tile from its bytes.
///
/// # Errors
/// [`Malformed`] when they are no whole number of hashes.
pub fn read_hashes(bytes: &[u8]) -> Result<Vec<Hash>, Malformed> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() { Ok(hashes.to_vec()) } else { Err(Malformed) }
}

/// Adds an entry to a bundle: its length in two bytes, then the entry.
pub fn put_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    bundle.extend_from_slice(&u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The entries of a bundle, up to the place that can't be read, and whether there is one.
pub fn read_bundle(bytes: &[u8]) -> (Vec<&[u8]>, Result<(), Malformed>) {
    read_all(bytes, |reader| reader.array().map(u16::from_be_bytes).map(usize::from))
}

/// Adds a record to its bundle: its length in four bytes, then the record; a length of zero where it was deleted.
pub fn put_record(bundle: &mut Vec<u8>, record: &[u8]) {
    bundle.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes());
    bundle.extend_from_slice(record);
}

/// The records of a bundle, as [`read_bundle`]; an empty one was deleted.
pub fn read_records(bytes: &[u8]) -> (Vec<&[u8]>, Result<(), Malformed>) {
    read_all(bytes, |reader| {
        let length = u32::from_be_bytes(reader.array()?);
        usize::try_from(length).map_err(|_| Malformed)
    })
}

type Length = fn(&mut Reader<'_>) -> Result<usize, Malformed>;

fn read_all(bytes: &[u8], length: Length) -> (Vec<&[u8]>, Result<(), Malformed>) {
    let (mut reader, mut all) = (Reader(bytes), Vec::new());
    while reader.end().is_err() {
        match length(&mut reader).and_then(|length| reader.take(length)) {
            Ok(one) => all.push(one),
            Err(malformed) => return (all, Err(malformed)),
        }
    }
    (all, Ok(()))
}

/// Levels of tiles in a tree of this size.
pub fn levels(size: u64) -> impl Iterator<Item = u8> {
    (0..8_u8).take_while(move |level| size >> (8 * u32::from(*level)) > 0)
}

/// The bytes of a tile.
#[must_use]
pub fn write_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_tlog_tiles() {
        assert_eq!(path(Kind::Hashes(0), 0, 256), "tile/0/000");
        assert_eq!(path(Kind::Hashes(1), 1_234_067, 256), "tile/1/x001/x234/067");
        assert_eq!(path(Kind::Entries, 273, 112), "tile/entries/273.p/112");
        assert_eq!(path(Kind::Records, 1_000, 256), "record/x001/000");
    }

    #[test]
    fn the_tiles_of_a_tree_are_those_of_tlog_tiles() {
        let of = |level| tiles(level, 70_000).collect::<Vec<_>>();
        assert_eq!(of(0).len(), 274);
        assert_eq!(of(0).last(), Some(&(273, 112)));
        assert_eq!(of(1), [(0, 256), (1, 17)]);
        assert_eq!(of(2), [(0, 1)]);
        assert_eq!(levels(70_000).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(levels(0).count(), 0);
    }

    #[test]
    fn a_bundle_is_read_up_to_where_it_is_broken() {
        let mut bundle = Vec::new();
        put_entry(&mut bundle, b"one");
        put_entry(&mut bundle, b"");
        assert_eq!(read_bundle(&bundle), (vec![b"one".as_slice(), b""], Ok(())));
        bundle.push(0);
        assert_eq!(read_bundle(&bundle), (vec![b"one".as_slice(), b""], Err(Malformed)));
    }
}
