//! Reading and writing fields one after the other, without a byte to choose.

use crate::entry::Malformed;

/// Puts a text with its length in one byte in front; texts of entries are words and identifiers.
pub(crate) fn put_short(out: &mut Vec<u8>, text: &str) {
    let cut = text.get(..text.floor_char_boundary(usize::from(u8::MAX))).unwrap_or_default();
    out.push(u8::try_from(cut.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(cut.as_bytes());
}

/// Puts a short text that may be absent: 0, or 1 and the text.
pub(crate) fn put_optional_short(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_short(out, text);
    }
}

/// Puts a text that may be absent: 0, or 1 with a length in four bytes.
pub(crate) fn put_optional(out: &mut Vec<u8>, text: Option<&str>) {
    let Some(text) = text else { return out.push(0) };
    out.push(1);
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Takes fields from the front.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]| byte)
    }

    fn text(&mut self, length: usize) -> Result<String, Malformed> {
        std::str::from_utf8(self.take(length)?).map(str::to_owned).map_err(|_| Malformed)
    }

    pub(crate) fn short(&mut self) -> Result<String, Malformed> {
        let length = self.byte()?;
        self.text(usize::from(length))
    }

    pub(crate) fn optional_short(&mut self) -> Result<Option<String>, Malformed> {
        match self.byte()? {
            0 => Ok(None),
            1 => self.short().map(Some),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn optional(&mut self) -> Result<Option<String>, Malformed> {
        match self.byte()? {
            0 => Ok(None),
            1 => {
                let length = u32::from_be_bytes(self.array()?);
                self.text(usize::try_from(length).map_err(|_| Malformed)?).map(Some)
            }
            _ => Err(Malformed),
        }
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}
