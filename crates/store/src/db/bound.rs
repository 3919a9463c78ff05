//! What goes to an engine: a text, and the values of its placeholders.

use super::{Param, StoreError};

/// A statement with its values, the institution's first.
pub(super) struct Bound<'a> {
    pub(super) sql: &'static str,
    pub(super) values: Vec<&'a Param<'a>>,
}

impl<'a> Bound<'a> {
    pub(super) fn new(
        institution: Option<&'a Param<'static>>,
        sql: &'static str,
        params: &'a [Param<'a>],
    ) -> Result<Bound<'a>, StoreError> {
        if institution.is_some() && !sql.contains("?1") {
            return Err(StoreError::Statement("a statement of an institution must name it as ?1".into()));
        }
        Ok(Bound { sql, values: institution.into_iter().chain(params).collect() })
    }

    /// All values in order.
    pub(super) fn values(&self) -> impl ExactSizeIterator<Item = &'a Param<'a>> + use<'a, '_> {
        self.values.iter().copied()
    }
}
