//! Whether the write-ahead log is damaged, before SQLite reads it: for SQLite a log ends at the first frame that is not
//! as it was written, and so a bit that turned there would silently take back everything after it.
//!
//! The format is that of <https://www.sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

/// First word of a log whose checksums read words with the least byte first; with the greatest first it is one more.
const MAGIC: u32 = 0x377f_0682;
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The largest page there is.
const PAGE_MAX: usize = 65_536;

/// Looks through the log at this path; what is wrong with it, or nothing.
///
/// Each commit is flushed before the next one is written. So a frame that is not as it was written was so once, if a
/// whole commit after it is of the same log and has something after itself. What was written last may be torn by a power
/// failure, and looks the same as if it were damaged.
pub(super) fn find_damage(log: &Path) -> io::Result<Option<&'static str>> {
    let mut file = match File::open(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => BufReader::new(opened?),
    };
    let mut header = [0; HEADER];
    if !fill(&mut file, &mut header)? || header == [0; HEADER] {
        return Ok(None);
    }
    let (magic, page) = (word(&header, 0), word(&header, 8) as usize);
    let least_first = magic == MAGIC;
    let (covered, own) = header.split_at(24);
    let mut sum = checksum((0, 0), covered, least_first);
    let is_log = least_first || magic == MAGIC + 1;
    if !is_log || sum != (word(own, 0), word(own, 4)) || !(512..=PAGE_MAX).contains(&page) {
        return Ok(Some("the head of the log is not as it was written"));
    }
    let mut frame = vec![0; FRAME_HEADER + page];
    let (mut is_broken, mut has_commit) = (false, false);
    while fill(&mut file, &mut frame)? {
        let (head, content) = frame.split_at(FRAME_HEADER);
        if head.get(8..16) != header.get(16..24) {
            break;
        }
        if is_broken && has_commit {
            return Ok(Some("a frame of the log is not as it was written"));
        }
        let counted = checksum(checksum(sum, head.get(..8).unwrap_or_default(), least_first), content, least_first);
        is_broken |= counted != (word(head, 16), word(head, 20));
        sum = counted;
        has_commit |= is_broken && word(head, 4) != 0;
    }
    Ok(None)
}

/// Fills it; `false` where the file ends before.
fn fill(file: &mut impl Read, place: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(place) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        done => done.map(|()| true),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

fn checksum(mut sum: (u32, u32), bytes: &[u8], least_first: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let [first, second] =
            [word(pair, 0), word(pair, 4)].map(|word| if least_first { word.swap_bytes() } else { word });
        sum.0 = sum.0.wrapping_add(first).wrapping_add(sum.1);
        sum.1 = sum.1.wrapping_add(second).wrapping_add(sum.0);
    }
    sum
}
