//! Look-ups of many requests in one statement.
//!
//! A look-up by key costs the server more before its first row than for it: a lock on each table and index of its join,
//! the start of its plan, messages. So one of a text is under way at a time; those of the same text that are asked for
//! meanwhile go together as the next. Each is answered as it stands after it was asked.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream::TryStreamExt;
use tokio::sync::oneshot;
use tokio_postgres::types::Type;

use super::super::unit::gone;
use super::super::value::{Param, Row, Value};
use super::super::{Bound, StoreError};
use super::{Engine, in_time, read};

/// Look-ups in one statement at most: bounds what is lost with one that fails, and how long the first waits for the last.
const TOGETHER_MAX: usize = 64;

/// Which texts are being asked, and who waits to ask them next.
#[derive(Default)]
pub(super) struct LookUps(Mutex<HashMap<&'static str, Vec<Question>>>);

/// Values on their way into a text, and who waits for the row.
struct Question {
    values: Vec<Param<'static>>,
    answer: oneshot::Sender<Found>,
}

type Found = Result<Option<Row>, StoreError>;

impl LookUps {
    /// Waits with those of the same text, or none: nobody is asking it, so whoever called is to.
    fn wait(&self, bound: &Bound<'_>) -> Option<oneshot::Receiver<Found>> {
        match self.locked().entry(bound.sql) {
            Entry::Vacant(free) => {
                free.insert(Vec::new());
                None
            }
            Entry::Occupied(mut others) => {
                let (answer, wait) = oneshot::channel();
                others
                    .get_mut()
                    .push(Question { values: bound.values().cloned().map(Param::into_owned).collect(), answer });
                Some(wait)
            }
        }
    }

    /// Those who ask next; none: nobody is asking this text any more.
    fn next(&self, sql: &'static str) -> Vec<Question> {
        let mut all = self.locked();
        let Entry::Occupied(mut waiting) = all.entry(sql) else { return Vec::new() };
        if waiting.get().is_empty() {
            waiting.remove();
            return Vec::new();
        }
        let count = waiting.get().len().min(TOGETHER_MAX);
        waiting.get_mut().drain(..count).collect()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<&'static str, Vec<Question>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn to ask a text. When it is over, however it ended, it is that of those who wait.
struct Turn<'a> {
    engine: &'a Engine,
    sql: &'static str,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let next = self.engine.look_ups.next(self.sql);
        // Without a runtime nobody can wait.
        if let (false, Ok(runtime)) = (next.is_empty(), tokio::runtime::Handle::try_current()) {
            let (engine, sql) = (self.engine.clone(), self.sql);
            runtime.spawn(async move {
                let turn = Turn { engine: &engine, sql };
                engine.answer(sql, next).await;
                drop(turn);
            });
        }
    }
}

impl Engine {
    /// The row a text finds by key, if there is one.
    pub(in super::super) async fn row(&self, bound: &Bound<'_>) -> Found {
        if let Some(wait) = self.look_ups.wait(bound) {
            return wait.await.map_err(|_| gone())?;
        }
        let turn = Turn { engine: self, sql: bound.sql };
        let rows = self.rows(bound).await;
        drop(turn);
        Ok(rows?.into_iter().next())
    }

    async fn answer(&self, sql: &'static str, questions: Vec<Question>) {
        let mut found = match questions.as_slice() {
            [_] => Err(StoreError::Statement("one is asked alone".into())),
            many => self.rows_of_all(sql, many).await,
        };
        for (number, Question { values, answer }) in questions.into_iter().enumerate() {
            let own = match &mut found {
                Ok(found) => Ok(found.get_mut(number).and_then(Option::take)),
                // The values of one must not take others with them.
                Err(StoreError::Statement(_)) => self.alone(sql, &values).await,
                Err(error) => Err(error.clone()),
            };
            // A waiter that was cancelled does not need the answer.
            let _ = answer.send(own);
        }
    }

    async fn alone(&self, sql: &'static str, values: &[Param<'static>]) -> Found {
        let rows = self.rows(&Bound { sql, values: values.iter().collect() }).await?;
        Ok(rows.into_iter().next())
    }

    /// What each of them finds, at its place.
    async fn rows_of_all(&self, sql: &'static str, questions: &[Question]) -> Result<Vec<Option<Row>>, StoreError> {
        let wire = self.reads.wire(&self.pool).await?;
        let rows = in_time(&wire, async {
            let one = wire.ask(wire.prepare_cached(&self.texts.of(sql))).await?;
            let text = self.texts.of_many(sql, one.params());
            let many = wire.ask(wire.prepare_cached(&text)).await?;
            let column = |number| questions.iter().map(|question| question.values.get(number)).collect::<Vec<_>>();
            let columns = (0..one.params().len()).map(column);
            wire.ask(async { wire.query_raw(&many, columns).await?.try_collect::<Vec<_>>().await }).await
        });
        let mut found: Vec<Option<Row>> = questions.iter().map(|_| None).collect();
        for row in rows.await? {
            let Row(mut values) = read(&row)?;
            let place = match values.pop() {
                Some(Value::Int(number)) => usize::try_from(number - 1).ok().and_then(|number| found.get_mut(number)),
                _ => None,
            };
            let column = values.len();
            let none = || StoreError::Corrupt { column, found: "no number of a list".into() };
            *place.ok_or_else(none)? = Some(Row(values));
        }
        Ok(found)
    }
}

/// The text that finds for many lists of values, each kind in an array of its own, what this one finds for one, with the
/// number of the list, from 1, as its last column. That the text stands in a sub-select with an offset keeps its plan
/// what it is by itself.
pub(super) fn of_many(sql: &str, types: &[Type]) -> String {
    let numbers = (1..=types.len()).rev();
    let own = numbers.fold(sql.to_owned(), |own, number| own.replace(&format!("?{number}"), &format!("k.p{number}")));
    let list = |part: &dyn Fn(usize, &Type) -> String| {
        let parts: Vec<String> = types.iter().enumerate().map(|(index, kind)| part(index + 1, kind)).collect();
        parts.join(", ")
    };
    let arrays = list(&|number, kind| format!("CAST(${number} AS {}[])", kind.name()));
    let names = list(&|number, _| format!("p{number}"));
    format!("SELECT q.*, k.n FROM unnest({arrays}) WITH ORDINALITY AS k({names}, n), LATERAL ({own} OFFSET 0) q")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_up_becomes_one_of_many() {
        assert_eq!(
            of_many("SELECT a FROM t WHERE institution = ?1 AND b = ?2", &[Type::TEXT, Type::INT8]),
            "SELECT q.*, k.n FROM unnest(CAST($1 AS text[]), CAST($2 AS int8[])) WITH ORDINALITY AS k(p1, p2, n), \
             LATERAL (SELECT a FROM t WHERE institution = k.p1 AND b = k.p2 OFFSET 0) q"
        );
    }
}
