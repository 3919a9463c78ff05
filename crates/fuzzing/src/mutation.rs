//! Mutations that are the same in every run: a small generator, and the changes that break parsers most often.

/// Most bytes of a mutated input. Limits of the parsers that are higher are tested by name.
const BYTES_MAX: usize = 8 * 1024;
/// Most changes made to one input at a time.
const CHANGES_MAX: u64 = 6;

/// What parsers stumble over: signs of the formats read here, numbers at the ends of their types, characters that look
/// like others, line breaks, signs that terminals and pages act upon.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b"\t",
    b"\x1a",
    b"\x1b[31m",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc0\x80",
    b"\x80",
    b"%00",
    b"%0d%0a",
    b"%2f",
    b"%",
    b"%zz",
    b"+",
    b"&",
    b"=",
    b";",
    b",",
    b"..",
    b"../",
    b"//",
    b"\\",
    b"\"",
    b"'",
    b"`",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"0",
    b"-1",
    b"2147483648",
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"18446744073709551616",
    b"NaN",
    b"9999999999999",
    b"99",
    b"00",
    b"{\"a\":{\"a\":{\"a\":{\"a\":1}}}}",
    b"[[[[[[[[",
    b"\"alg\":\"none\"",
    b"\"alg\":\"HS256\"",
    b"\"crit\":[\"exp\"]",
    b"\"kid\":\"x\"",
    b"https://",
    b"http://",
    b"javascript:",
    b"@",
    b"#",
    b"?",
    b"*",
    b"\xe2\x80\xae",
    b"\xe2\x80\xa8",
    b"\xef\xbc\x91",
    b"\xf0\x9f\x92\xa9",
    b"' OR 1=1--",
    b"<script>",
    b"\\u0000",
    b"\\ud800",
    b"DPoP ",
    b"Bearer ",
    b"PS256",
    b"EdDSA",
];

/// A generator of numbers that look random (xorshift64*): the same for the same seed.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// A generator of its own for this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 when there is none.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap_or_default().checked_rem(end).unwrap_or_default()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }
}

/// One input made of the corpus: one of its inputs with up to [`CHANGES_MAX`] changes.
#[must_use]
pub fn mutated(corpus: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = chance.pick(corpus).cloned().unwrap_or_default();
    for _ in 0..=chance.next() % CHANGES_MAX {
        change(&mut input, corpus, chance);
        input.truncate(BYTES_MAX);
    }
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], chance: &mut Chance) {
    let at = chance.below(input.len() + 1);
    let until = at + chance.below((input.len() - at).min(64) + 1);
    match chance.below(8) {
        0 => flip(input, at, chance),
        1 => drop(input.splice(at..at, chance.pick(TOKENS).copied().unwrap_or_default().iter().copied())),
        2 => drop(input.splice(at..until, chance.pick(TOKENS).copied().unwrap_or_default().iter().copied())),
        3 => drop(input.drain(at..until)),
        4 => input.truncate(at),
        5 => repeat(input, at, until, chance),
        6 => digit(input, at, chance),
        _ => cross(input, at, corpus, chance),
    }
}

fn flip(input: &mut [u8], at: usize, chance: &mut Chance) {
    let bit = 1_u8 << chance.below(8);
    if let Some(byte) = input.get_mut(at) {
        *byte ^= bit;
    }
}

/// The same piece again, a few times or many.
fn repeat(input: &mut Vec<u8>, at: usize, until: usize, chance: &mut Chance) {
    let piece: Vec<u8> = input.get(at..until).unwrap_or_default().to_vec();
    let times = if chance.below(4) == 0 { chance.below(200) } else { 1 + chance.below(3) };
    input.splice(at..at, piece.repeat(times));
}

/// Another digit in the place of the next one.
fn digit(input: &mut [u8], at: usize, chance: &mut Chance) {
    let new = b'0' + u8::try_from(chance.below(10)).unwrap_or_default();
    if let Some(byte) = input.iter_mut().skip(at).find(|byte| byte.is_ascii_digit()) {
        *byte = new;
    }
}

/// The beginning of this input with the end of another.
fn cross(input: &mut Vec<u8>, at: usize, corpus: &[Vec<u8>], chance: &mut Chance) {
    let other = chance.pick(corpus).map(Vec::as_slice).unwrap_or_default();
    let from = chance.below(other.len() + 1);
    input.truncate(at);
    input.extend(other.iter().skip(from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_another_seed_others() {
        let corpus = vec![b"alpha=1&beta=2".to_vec(), b"gamma".to_vec()];
        let run = |seed| {
            let mut chance = Chance::new(seed);
            (0..50).map(|_| mutated(&corpus, &mut chance)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        assert!(run(1).iter().all(|input| input.len() <= BYTES_MAX));
    }
}
