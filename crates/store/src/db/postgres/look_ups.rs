//! Look-ups by key of many requests in one statement: one of a text is under way at a time, and those asked for meanwhile
//! go together as the next. Each is answered as it stands after it was asked.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::stream::TryStreamExt;
use tokio::sync::oneshot;

use super::super::unit::gone;
use super::super::value::{Param, Row, Value};
use super::super::{Bound, StoreError};
use super::{Engine, in_time, many, read};

/// Look-ups in one statement at most: bounds what is lost with one that fails, and how long the first waits for the last.
const TOGETHER_MAX: usize = 64;

/// Who waits, by the text that is asked. A text with nobody who waits is being asked.
#[derive(Default)]
pub(super) struct LookUps(Mutex<HashMap<&'static str, Vec<Question>>>);

/// Values on their way into a text, and who waits for the row.
struct Question {
    values: Vec<Param<'static>>,
    answer: oneshot::Sender<Found>,
}

type Found = Result<Option<Row>, StoreError>;

impl LookUps {
    /// Lets a question wait. Tells whether it is the first, whom somebody has to ask for.
    fn wait(&self, sql: &'static str, question: Question) -> bool {
        match self.locked().entry(sql) {
            Entry::Vacant(first) => {
                first.insert(vec![question]);
                true
            }
            Entry::Occupied(mut others) => {
                others.get_mut().push(question);
                false
            }
        }
    }

    /// Those who are asked for next; none: from now on nobody is asking this text.
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

/// Somebody asks a text. Should that break off, those who wait for it are told, and whoever comes next asks.
struct Asking<'a> {
    look_ups: &'a LookUps,
    sql: &'static str,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.look_ups.locked().remove(self.sql);
    }
}

impl Engine {
    /// The row a text finds by key, if there is one.
    pub(in super::super) async fn row(&self, bound: &Bound<'_>) -> Found {
        let values = bound.values().cloned().map(Param::into_owned).collect();
        let (answer, wait) = oneshot::channel();
        if self.look_ups.wait(bound.sql, Question { values, answer }) {
            tokio::spawn(self.clone().ask(bound.sql));
        }
        wait.await.map_err(|_| gone())?
    }

    /// Asks a text for those who wait, until nobody does.
    async fn ask(self, sql: &'static str) {
        let asking = Asking { look_ups: &self.look_ups, sql };
        loop {
            // Requests that have just come in are read first, and ask along.
            tokio::task::yield_now().await;
            let questions = self.look_ups.next(sql);
            if questions.is_empty() {
                // From here on it is somebody else who asks.
                std::mem::forget(asking);
                return;
            }
            self.answer(sql, questions).await;
        }
    }

    async fn answer(&self, sql: &'static str, questions: Vec<Question>) {
        let lists: Vec<Vec<&Param<'static>>> = questions.iter().map(|own| own.values.iter().collect()).collect();
        let mut found = match lists.as_slice() {
            [one] => self.rows(&Bound { sql, values: one.clone() }).await.map(|rows| vec![rows.into_iter().next()]),
            many => self.rows_of_all(sql, many).await,
        };
        let is_alone = questions.len() == 1;
        for (number, Question { values, answer }) in questions.into_iter().enumerate() {
            let own = match &mut found {
                Ok(found) => Ok(found.get_mut(number).and_then(Option::take)),
                // The values of one must not take others with them.
                Err(StoreError::Statement(_)) if !is_alone => {
                    let rows = self.rows(&Bound { sql, values: values.iter().collect() }).await;
                    rows.map(|rows| rows.into_iter().next())
                }
                Err(error) => Err(error.clone()),
            };
            // A waiter that was cancelled does not need the answer.
            let _ = answer.send(own);
        }
    }

    /// What each list of values finds, at its place.
    async fn rows_of_all(
        &self,
        sql: &'static str,
        lists: &[Vec<&Param<'static>>],
    ) -> Result<Vec<Option<Row>>, StoreError> {
        let wire = self.reads.wire(&self.pool).await?;
        let rows = in_time(&wire, async {
            let one = wire.ask(wire.prepare_cached(&self.texts.of(sql))).await?;
            let text = self.texts.look_up(sql, one.params());
            let many = wire.ask(wire.prepare_cached(&text)).await?;
            let columns = many::columns(lists, one.params().len());
            wire.ask(async { wire.query_raw(&many, columns).await?.try_collect::<Vec<_>>().await }).await
        });
        let mut found: Vec<Option<Row>> = lists.iter().map(|_| None).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asking_that_breaks_off_leaves_nobody_waiting() {
        let (look_ups, sql) = (LookUps::default(), "SELECT 1");
        let question = || {
            let (answer, wait) = oneshot::channel();
            (Question { values: Vec::new(), answer }, wait)
        };
        let (first, first_waits) = question();
        let (second, second_waits) = question();
        assert!(look_ups.wait(sql, first));
        assert!(!look_ups.wait(sql, second));
        drop(Asking { look_ups: &look_ups, sql });
        assert!(first_waits.await.is_err() && second_waits.await.is_err());
        let (third, _third_waits) = question();
        assert!(look_ups.wait(sql, third), "the next asks for itself");
    }

    #[test]
    fn no_more_are_asked_for_together_than_may_be() {
        let (look_ups, sql) = (LookUps::default(), "SELECT 1");
        for _ in 0..=TOGETHER_MAX {
            look_ups.wait(sql, Question { values: Vec::new(), answer: oneshot::channel().0 });
        }
        let sizes: Vec<usize> = (0..3).map(|_| look_ups.next(sql).len()).collect();
        assert_eq!(sizes, [TOGETHER_MAX, 1, 0]);
    }
}
