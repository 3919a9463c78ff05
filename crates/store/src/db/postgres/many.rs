//! One statement for many lists of values: the values of each kind in an array of their own.
//!
//! A statement costs the server more before its first row than for it: a lock on each table and index it touches, the start
//! of its plan, messages. The text is the same for any number of lists, so it is prepared once.

use tokio_postgres::types::Type;

use super::super::StoreError;
use super::super::value::Param;

/// What the lists are called in a text; no statement calls anything of its own so.
const LISTS: &str = "value_lists";

/// The values of many lists by kind.
///
/// # Errors
/// When a list is not of this length.
pub(super) fn columns<'a>(
    lists: &[Vec<&'a Param<'static>>],
    length: usize,
) -> Result<Vec<Vec<Option<&'a Param<'static>>>>, StoreError> {
    if lists.iter().any(|list| list.len() != length) {
        return Err(StoreError::Statement("a statement has other values than its text has places".into()));
    }
    Ok((0..length).map(|kind| lists.iter().map(|list| list.get(kind).copied()).collect()).collect())
}

/// The text that finds for many lists what this one finds for one, with the number of the list, from 1, as its last
/// column. That it stands in a sub-select of its own keeps its plan what it is by itself.
pub(super) fn look_up(sql: &str, types: &[Type]) -> String {
    let (lists, own) = (lists(types), of_list(sql, types));
    ["SELECT found.*, ", LISTS, ".n FROM ", &lists, ", LATERAL (SELECT * FROM (", &own, ") own OFFSET 0) found"]
        .concat()
}

/// The text that adds many rows, of one that adds one: `INSERT … VALUES (…)` and nothing behind it, or there is none.
pub(super) fn insert(sql: &str, types: &[Type]) -> Option<String> {
    let (head, values) = sql.split_once("VALUES (")?;
    let values = values.strip_suffix(')')?;
    Some(format!("{head}SELECT {} FROM {}", of_list(values, types), lists(types)))
}

/// The lists as rows: `p1`, `p2` … and `n`, their number.
fn lists(types: &[Type]) -> String {
    let list = |part: &dyn Fn(usize, &Type) -> String| {
        let parts: Vec<String> = types.iter().enumerate().map(|(index, kind)| part(index + 1, kind)).collect();
        parts.join(", ")
    };
    let arrays = list(&|number, kind| format!("CAST(?{number} AS {}[])", kind.name()));
    let names = list(&|number, _| format!("p{number}"));
    format!("unnest({arrays}) WITH ORDINALITY AS {LISTS}({names}, n)")
}

/// The text with the values of the lists in place of its own.
fn of_list(sql: &str, types: &[Type]) -> String {
    // From the last, or ?1 would be found in ?10.
    let numbers = (1..=types.len()).rev();
    numbers.fold(sql.to_owned(), |text, number| text.replace(&format!("?{number}"), &format!("{LISTS}.p{number}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRAYS: &str = "unnest(CAST(?1 AS text[]), CAST(?2 AS int8[])) WITH ORDINALITY AS value_lists(p1, p2, n)";
    const TYPES: [Type; 2] = [Type::TEXT, Type::INT8];

    #[test]
    fn a_look_up_becomes_one_of_many() {
        let found = ") own OFFSET 0) found";
        let own = "SELECT a FROM t WHERE institution = value_lists.p1 AND b = value_lists.p2";
        assert_eq!(
            look_up("SELECT a FROM t WHERE institution = ?1 AND b = ?2", &TYPES),
            ["SELECT found.*, value_lists.n FROM ", ARRAYS, ", LATERAL (SELECT * FROM (", own, found].concat()
        );
    }

    #[test]
    fn a_row_becomes_several() {
        let own = "INSERT INTO t (institution, a, b) SELECT value_lists.p1, CAST(value_lists.p2 AS BIGINT), 0 FROM ";
        assert_eq!(
            insert("INSERT INTO t (institution, a, b) VALUES (?1, CAST(?2 AS BIGINT), 0)", &TYPES),
            Some([own, ARRAYS].concat())
        );
        for other in
            ["INSERT INTO t (institution) SELECT ?1", "INSERT INTO t (institution) VALUES (?1) ON CONFLICT DO NOTHING"]
        {
            assert_eq!(insert(other, &[Type::TEXT]), None);
        }
    }

    #[test]
    fn the_tenth_value_is_not_taken_for_the_first() {
        let types = vec![Type::TEXT; 10];
        assert_eq!(of_list("?1 ?10 ?1", &types), "value_lists.p1 value_lists.p10 value_lists.p1");
    }

    #[test]
    fn a_list_that_is_too_short_or_too_long_is_refused() {
        let value = Param::Int(1);
        for (lists, fits) in [(vec![vec![&value; 2]; 2], true), (vec![vec![&value; 2], vec![&value]], false)] {
            assert_eq!(columns(&lists, 2).is_ok(), fits);
        }
        assert!(columns(&[vec![&value; 3]], 2).is_err());
    }
}
