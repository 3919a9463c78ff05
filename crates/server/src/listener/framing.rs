//! Requests of HTTP/1 that everybody reads alike. What a proxy in front and this server could take for different requests
//! (request smuggling) is spoilt on its way in, so that the HTTP library answers 400 and closes (R-026).
//!
//! The library takes a bare LF for the end of a line, a length that is said twice, and a length beside chunks. So heads are
//! looked at here first, byte by byte, at most once each; bodies are skipped by their length.

/// What stands in for the byte that gave offence: no parser takes it anywhere in a head.
const SPOILT: u8 = 0;
/// Longest name of a header field that matters here: `transfer-encoding`.
const NAME_MAX: usize = 17;
/// Most characters of a `content-length`, white space around it included.
const LENGTH_MAX: usize = 32;

/// Where in the stream the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a request; empty lines may stand there (RFC 9112 section 2.2).
    Before,
    BeforeAfterCr,
    RequestLine,
    RequestLineAfterCr,
    /// At the first byte of a header line.
    LineStart,
    Name,
    Value,
    ValueAfterCr,
    /// At the last byte of a head.
    HeadAfterCr,
    /// So many bytes of a body are to come; at least one.
    Body(u64),
    Refused,
}

/// The bytes of one connection, read strictly.
pub struct Framing {
    place: Place,
    name: Vec<u8>,
    value: Vec<u8>,
    length: Option<u64>,
}

impl Default for Framing {
    fn default() -> Framing {
        Framing { place: Place::Before, name: Vec::new(), value: Vec::new(), length: None }
    }
}

impl Framing {
    /// How many of these bytes, which came next, may be handed on. If there is a byte among them that may not stand
    /// where it does, it is spoilt, and nothing after it is ever handed on.
    pub fn admit(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while let Some(byte) = bytes.get_mut(at) {
            match self.place {
                Place::Refused => return at,
                Place::Body(left) => at = self.skip(left, bytes.len(), at),
                place => {
                    self.place = self.next(place, *byte).unwrap_or(Place::Refused);
                    if self.place == Place::Refused {
                        *byte = SPOILT;
                    }
                    at += 1;
                }
            }
        }
        at
    }

    /// Past as much of a body as has come.
    fn skip(&mut self, left: u64, end: usize, at: usize) -> usize {
        let here = left.min(end.saturating_sub(at) as u64);
        self.place = if left == here { Place::Before } else { Place::Body(left - here) };
        at.saturating_add(usize::try_from(here).unwrap_or(usize::MAX))
    }

    /// The place after this byte of a head; `None` if it may not stand here.
    fn next(&mut self, place: Place, byte: u8) -> Option<Place> {
        Some(match (place, byte) {
            (Place::Before, b'\r') => Place::BeforeAfterCr,
            (Place::BeforeAfterCr, b'\n') => Place::Before,
            (Place::Before, byte) if is_token(byte) => Place::RequestLine,
            (Place::RequestLine, b'\r') => Place::RequestLineAfterCr,
            (Place::RequestLine, 0x20..=0x7e) => Place::RequestLine,
            (Place::RequestLineAfterCr | Place::ValueAfterCr, b'\n') => {
                self.end_line()?;
                Place::LineStart
            }
            (Place::LineStart, b'\r') => Place::HeadAfterCr,
            (Place::HeadAfterCr, b'\n') => match self.length.take() {
                None | Some(0) => Place::Before,
                Some(length) => Place::Body(length),
            },
            // A line that begins with white space would go on with the one before it (obs-fold).
            (Place::LineStart | Place::Name, byte) if is_token(byte) => {
                if self.name.len() <= NAME_MAX {
                    self.name.push(byte.to_ascii_lowercase());
                }
                Place::Name
            }
            (Place::Name, b':') => Place::Value,
            (Place::Value, b'\r') => Place::ValueAfterCr,
            (Place::Value, b'\t' | 0x20..=0x7e | 0x80..) => {
                if self.value.len() <= LENGTH_MAX {
                    self.value.push(byte);
                }
                Place::Value
            }
            _ => return None,
        })
    }

    /// What the line says of the body. `None`: more than one thing.
    fn end_line(&mut self) -> Option<()> {
        match self.name.as_slice() {
            // Requests here are small and say their length.
            b"transfer-encoding" => return None,
            b"content-length" => {
                let digits = self.value.trim_ascii();
                let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
                if self.length.is_some() || !is_number || self.value.len() > LENGTH_MAX {
                    return None;
                }
                self.length = Some(str::from_utf8(digits).ok()?.parse().ok()?);
            }
            _ => {}
        }
        self.name.clear();
        self.value.clear();
        Some(())
    }
}

/// A character of a method or a field's name (RFC 9110 section 5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of it is handed on, and whether the last byte of that was spoilt.
    fn admitted(text: &str, piece: usize) -> (usize, bool) {
        let mut framing = Framing::default();
        let mut bytes = text.as_bytes().to_vec();
        let taken = bytes.chunks_mut(piece).map(|piece| framing.admit(piece)).sum();
        (taken, framing.place == Place::Refused)
    }

    #[track_caller]
    fn expect_refused_at(text: &str, good: &str) {
        for piece in [1, 2, 7, 1000] {
            assert_eq!(admitted(text, piece), (good.len() + 1, true), "{text:?} in pieces of {piece}");
        }
    }

    #[test]
    fn requests_one_after_another_are_handed_on_whole() {
        let streams = [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:\t11 \r\nx-y: caf\u{e9}\r\n\r\nany\nbody\0\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "\r\n\r\nPOST / HTTP/1.0\r\ncontent-length: 0\r\n\r\nGET /?a=b HTTP/1.1\r\n\r\n",
        ];
        for stream in streams {
            for piece in [1, 2, 3, 5, 1000] {
                assert_eq!(admitted(stream, piece), (stream.len(), false), "{stream:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn r_026_line_ends_are_cr_and_lf_and_nothing_else() {
        expect_refused_at("GET / HTTP/1.1\nhost: a\n\n", "GET / HTTP/1.1");
        expect_refused_at("GET / HTTP/1.1\r\nhost: a\n\r\n", "GET / HTTP/1.1\r\nhost: a");
        expect_refused_at("GET / HTTP/1.1\r\nhost: a\r\n\n", "GET / HTTP/1.1\r\nhost: a\r\n");
        expect_refused_at("GET / HTTP/1.1\r\nhost: a\rb: c\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r");
        expect_refused_at("GET / HTTP/1.1\r\r\n", "GET / HTTP/1.1\r");
        expect_refused_at("\nGET / HTTP/1.1\r\n\r\n", "");
        expect_refused_at("GET / HTTP/1.1\r\nx: a\r\n b\r\n\r\n", "GET / HTTP/1.1\r\nx: a\r\n");
    }

    #[test]
    fn r_026_a_length_is_said_once_in_digits_and_no_chunks_are_taken() {
        let one = "POST / HTTP/1.1\r\ncontent-length: 3\r";
        expect_refused_at(&format!("{one}\nContent-Length: 3\r\n\r\nabc"), &format!("{one}\nContent-Length: 3\r"));
        for value in ["", "+3", "-1", "3, 3", "0x3", "3 3", "18446744073709551616"] {
            let good = format!("POST / HTTP/1.1\r\ncontent-length: {value}\r");
            expect_refused_at(&format!("{good}\n\r\nabc"), &good);
        }
        let many = format!("POST / HTTP/1.1\r\ncontent-length: {}3\r", "0".repeat(40));
        expect_refused_at(&format!("{many}\n\r\nabc"), &many);
        let chunks = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r";
        expect_refused_at(&format!("{chunks}\n\r\n0\r\n\r\n"), chunks);
    }

    #[test]
    fn r_026_names_are_tokens_right_before_the_colon() {
        expect_refused_at("POST / HTTP/1.1\r\ncontent-length : 3\r\n\r\nabc", "POST / HTTP/1.1\r\ncontent-length");
        expect_refused_at("POST / HTTP/1.1\r\n content-length: 3\r\n\r\nabc", "POST / HTTP/1.1\r\n");
        expect_refused_at("GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nno");
        expect_refused_at("GET / HTTP/1.1\r\nx: a\0b\r\n\r\n", "GET / HTTP/1.1\r\nx: a");
        expect_refused_at("GET\t/ HTTP/1.1\r\n\r\n", "GET");
    }
}
