//! Look-ups by key of many requests in one statement: one of a text is under way at a time, and those asked for meanwhile
//! go together as the next. Each is answered as it stands after it was asked.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use futures_util::stream::TryStreamExt;
use tokio::sync::oneshot;
use tokio_postgres::Statement;

use super::super::unit::gone;
use super::super::value::{Param, Row, Value};
use super::super::{Bound, StoreError};
use super::{Engine, STATEMENT, Wire, in_time, let_others, many, read};

/// Look-ups in one statement at most: bounds what is lost with one that fails, and how long the first waits for the last.
const TOGETHER_MAX: usize = 64;

/// Who waits, by the text that is asked. A text with nobody who waits is being asked.
#[derive(Default)]
pub(super) struct LookUps(Mutex<HashMap<&'static str, Vec<Question>>>);

/// Values on their way into a text, and who waits for its rows.
struct Question {
    values: Vec<Param<'static>>,
    answer: oneshot::Sender<Found>,
}

type Found = Result<Vec<Row>, StoreError>;

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

    /// How many wait for a text.
    fn waiting(&self, sql: &'static str) -> usize {
        self.locked().get(sql).map_or(0, Vec::len)
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
struct Asking {
    look_ups: Arc<LookUps>,
    sql: &'static str,
    is_done: bool,
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.is_done {
            self.look_ups.locked().remove(self.sql);
        }
    }
}

impl Engine {
    /// The rows a text finds by key.
    pub(in super::super) async fn rows_by_key(&self, bound: &Bound<'_>) -> Found {
        if !bound.values().any(|_| true) {
            return self.rows(bound).await;
        }
        let values = bound.values().cloned().map(Param::into_owned).collect();
        let (answer, wait) = oneshot::channel();
        if self.look_ups.wait(bound.sql, Question { values, answer }) {
            let asking = Asking { look_ups: Arc::clone(&self.look_ups), sql: bound.sql, is_done: false };
            tokio::spawn(self.clone().ask(asking));
        }
        // As long as a statement may take, those before it included.
        let late = |_| StoreError::Unavailable("the server did not answer look-ups in time".into());
        tokio::time::timeout(STATEMENT, wait).await.map_err(late)?.map_err(|_| gone())?
    }

    /// Asks a text for those who wait, until nobody does.
    async fn ask(self, mut asking: Asking) {
        let sql = asking.sql;
        loop {
            // Requests that have just come in are read first, and ask along.
            let_others(TOGETHER_MAX, || self.look_ups.waiting(sql)).await;
            let questions = self.look_ups.next(sql);
            if questions.is_empty() {
                // From here on it is somebody else who asks.
                asking.is_done = true;
                return;
            }
            self.answer(sql, questions).await;
        }
    }

    async fn answer(&self, sql: &'static str, questions: Vec<Question>) {
        let lists: Vec<Vec<&Param<'static>>> = questions.iter().map(|own| own.values.iter().collect()).collect();
        let found = match lists.as_slice() {
            [one] => self.alone(sql, one).await.map(|rows| vec![rows]),
            many => self.rows_of_all(sql, many).await,
        };
        let found: Vec<Found> = match found {
            Ok(found) => found.into_iter().map(Ok).collect(),
            Err(error @ StoreError::Unavailable(_)) => lists.iter().map(|_| Err(error.clone())).collect(),
            Err(error) if lists.len() == 1 => vec![Err(error)],
            // What is wrong with one must not take others with it.
            Err(error) => {
                tracing::debug!(%error, "look-ups that went together are made one by one");
                join_all(lists.iter().map(|list| self.alone(sql, list))).await
            }
        };
        for (question, found) in questions.into_iter().zip(found) {
            // A waiter that was cancelled does not need the answer.
            let _ = question.answer.send(found);
        }
    }

    async fn alone(&self, sql: &'static str, list: &[&Param<'static>]) -> Found {
        if cfg!(debug_assertions) {
            self.prepare_many(&*self.reads.wire(&self.pool).await?, sql).await?;
        }
        self.rows(&Bound { sql, values: list.to_vec() }).await
    }

    /// The statement for many lists, and how long each is. Debug builds make it before it is needed: then no test can
    /// pass with a text that can't go together with others.
    async fn prepare_many(&self, wire: &Wire, sql: &'static str) -> Result<(Statement, usize), StoreError> {
        let one = wire.ask(wire.prepare_cached(&self.texts.of(sql))).await?;
        let text = self.texts.look_up(sql, one.params());
        Ok((wire.ask(wire.prepare_cached(&text)).await?, one.params().len()))
    }

    /// What each list of values finds, at its place.
    async fn rows_of_all(
        &self,
        sql: &'static str,
        lists: &[Vec<&Param<'static>>],
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let wire = self.reads.wire(&self.pool).await?;
        let rows = in_time(&wire, async {
            let (many, length) = self.prepare_many(&wire, sql).await?;
            let columns = many::columns(lists, length)?;
            wire.ask(async { wire.query_raw(&many, columns).await?.try_collect::<Vec<_>>().await }).await
        });
        let mut found: Vec<Vec<Row>> = lists.iter().map(|_| Vec::new()).collect();
        for row in rows.await? {
            let Row(mut values) = read(&row)?;
            let place = match values.pop() {
                Some(Value::Int(number)) => usize::try_from(number - 1).ok().and_then(|number| found.get_mut(number)),
                _ => None,
            };
            let column = values.len();
            let none = || StoreError::Corrupt { column, found: "no number of a list".into() };
            place.ok_or_else(none)?.push(Row(values));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn asking_that_breaks_off_leaves_nobody_waiting() {
        let (look_ups, sql) = (Arc::<LookUps>::default(), "SELECT 1");
        let question = || {
            let (answer, wait) = oneshot::channel();
            (Question { values: Vec::new(), answer }, wait)
        };
        let (first, first_waits) = question();
        let (second, second_waits) = question();
        assert!(look_ups.wait(sql, first));
        assert!(!look_ups.wait(sql, second));
        drop(Asking { look_ups: Arc::clone(&look_ups), sql, is_done: false });
        assert!(first_waits.await.is_err() && second_waits.await.is_err());
        let (third, _third_waits) = question();
        assert!(look_ups.wait(sql, third), "the next asks for itself");
    }

    #[tokio::test]
    async fn a_group_gives_way_as_long_as_others_come_along_and_there_is_room() {
        for (most, looks) in [(64, 4), (4, 3)] {
            let coming = std::cell::RefCell::new([1, 2, 4, 4, 9].into_iter());
            let_others(most, || coming.borrow_mut().next().unwrap()).await;
            assert_eq!(coming.borrow().len(), 5 - looks, "up to {most}");
        }
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
