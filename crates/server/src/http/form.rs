//! Forms as pages send them: names that may repeat, within limits, and not a panic whatever comes.

use axum::body::Bytes;
use zeroize::Zeroize;

/// Most bytes of a form.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// Most fields of a form: every account of a large customer with its PIN, and then some.
const FIELDS_MAX: usize = 1_000;

/// The fields of a form, in order. Overwritten when dropped: passwords and PINs come this way.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form. Fields beyond the limit are not read.
    #[must_use]
    pub fn parse(body: &Bytes) -> Form {
        let fields = form_urlencoded::parse(body).take(FIELDS_MAX);
        Form(fields.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of a name, or nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Every value of a name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        self.0.iter().filter(move |(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

impl Drop for Form {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            value.zeroize();
        }
    }
}
