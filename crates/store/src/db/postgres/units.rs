//! Units on PostgreSQL: those of many requests in one transaction and in few statements, however many there are.

use std::collections::HashSet;
use std::iter::once;

use futures_util::future::{Either, join};
use futures_util::stream::{FuturesOrdered, TryStreamExt};
use tokio::sync::mpsc;
use tokio_postgres::Statement;

use super::super::StoreError;
use super::super::unit::{Asked, Claimed, Digest, Ended, Part, Step, TOGETHER_MAX, Tally, Unit, gather, gone};
use super::super::value::Param;
use super::wire::Wire;
use super::{Engine, Texts, Write, in_time, let_others, many, translate};
use crate::replays;

impl Engine {
    /// Leaves a unit to be written with others.
    pub(in super::super) fn leave(&self, asked: Asked) -> Result<(), StoreError> {
        let units = self.units.as_ref().ok_or_else(gone)?;
        units.send(asked).map_err(|_| gone())
    }

    /// Writes the units that wait, again and again: what comes while one transaction becomes durable is the next one.
    pub(super) async fn write_units(self, mut queue: mpsc::UnboundedReceiver<Asked>) {
        while let Some(first) = queue.recv().await {
            // Requests that have just come in are read first, and their units go along.
            let_others(TOGETHER_MAX, || queue.len()).await;
            let (units, answers): (Vec<_>, Vec<_>) = gather(first, &mut queue).into_iter().unzip();
            let ended: Vec<Result<Ended, StoreError>> = match self.write_together(&units).await {
                Ok(ended) => ended.into_iter().map(Ok).collect(),
                // One that fails must not take others with it.
                Err(
                    StoreError::Taken | StoreError::Statement(_) | StoreError::Conflict(_) | StoreError::Unusable(_),
                ) if units.len() > 1 => self.write_alone(&units).await,
                Err(error) => units.iter().map(|_| Err(error.clone())).collect(),
            };
            for (ended, answer) in ended.into_iter().zip(answers) {
                // A waiter that was cancelled does not need the answer.
                let _ = answer.send(ended);
            }
        }
    }

    async fn write_alone(&self, units: &[Unit]) -> Vec<Result<Ended, StoreError>> {
        let mut all = Vec::with_capacity(units.len());
        for unit in units {
            let ended = self.write_together(std::slice::from_ref(unit)).await;
            all.push(ended.and_then(|ended| ended.first().copied().ok_or_else(gone)));
        }
        all
    }

    async fn write_together(&self, units: &[Unit]) -> Result<Vec<Ended>, StoreError> {
        let write = Write::of(self.client().await?, &self.texts);
        let together = Together { wire: write.client()?, texts: &self.texts, units };
        // The first question goes along with BEGIN.
        let (begun, ended) = join(together.begin(), together.write()).await;
        begun?;
        let ended = ended?;
        write.commit().await?;
        Ok(ended)
    }
}

/// Units that are written in one transaction of this connection.
struct Together<'a> {
    wire: &'a Wire,
    texts: &'a Texts,
    units: &'a [Unit],
}

/// A statement with the values of one row or of several.
struct Filled<'a> {
    sql: &'static str,
    rows: Vec<Vec<&'a Param<'static>>>,
}

impl<'a> Filled<'a> {
    fn new(sql: &'static str, rows: &[(&'a Param<'static>, &'a Step)]) -> Filled<'a> {
        let own =
            |(institution, step): &(&'a Param<'static>, &'a Step)| once(*institution).chain(&step.values).collect();
        Filled { sql, rows: rows.iter().map(own).collect() }
    }

    fn of(institution: &'a Param<'static>, step: &'a Step) -> Filled<'a> {
        Filled::new(step.sql, &[(institution, step)])
    }
}

impl<'a> Together<'a> {
    async fn begin(&self) -> Result<(), StoreError> {
        in_time(self.wire, self.wire.ask(self.wire.batch_execute("BEGIN"))).await
    }

    /// Each unit with its claims, one round for those of one number, and then what follows from them.
    async fn write(&self) -> Result<Vec<Ended>, StoreError> {
        let mut ended = vec![Ended::Done; self.units.len()];
        let rounds = self.units.iter().map(|unit| unit.claims.len()).max().unwrap_or(0);
        for round in 0..rounds {
            for number in self.lost(round, &ended).await? {
                if let Some(ended) = ended.get_mut(number) {
                    *ended = Ended::Lost(round);
                }
            }
        }
        let parts: Vec<(&Unit, &Part)> =
            self.units.iter().zip(&ended).filter_map(|(unit, ended)| Some((unit, unit.follows(*ended)?))).collect();
        // Last, since whoever writes elsewhere waits for these rows until the commit.
        let tallies = added_up(&parts);
        let tallies = tallies.iter().map(|(institution, tally)| Filled::of(institution, tally));
        self.execute(&filled(parts).into_iter().chain(tallies).collect::<Vec<_>>()).await?;
        Ok(ended)
    }

    /// The units, by their place, whose claim of this round does not hold.
    async fn lost(&self, round: usize, ended: &[Ended]) -> Result<Vec<usize>, StoreError> {
        let mut digests = Vec::new();
        let mut rows = Vec::new();
        for (place, (unit, ended)) in self.units.iter().zip(ended).enumerate() {
            match unit.claims.get(round).filter(|_| *ended == Ended::Done).map(|claim| &claim.what) {
                Some(Claimed::Digest(digest)) => digests.push((place, &unit.institution, digest)),
                Some(Claimed::Row(step)) => rows.push((step, place, unit)),
                None => {}
            }
        }
        let mut lost = self.lost_digests(digests).await?;
        // As with digests: in one order at every node.
        rows.sort_by_key(|(step, place, unit)| (step.sql, unit.institution.clone(), step.values.clone(), *place));
        let places: Vec<usize> = rows.iter().map(|(_, place, _)| *place).collect();
        let rows: Vec<Filled<'_>> =
            rows.into_iter().map(|(step, _, unit)| Filled::of(&unit.institution, step)).collect();
        let changed = self.execute(&rows).await?;
        lost.extend(places.into_iter().zip(changed).filter(|(_, changed)| *changed != 1).map(|(place, _)| place));
        Ok(lost)
    }

    /// Claims digests with one statement. Of those that are alike the first counts.
    async fn lost_digests(&self, mut claims: Vec<(usize, &Param<'static>, &Digest)>) -> Result<Vec<usize>, StoreError> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        // In one order at every node, so that no two wait for each other.
        claims.sort_by_key(|(place, institution, digest)| (digest.digest, institution.as_text(), *place));
        let mut lost: Vec<usize> = Vec::new();
        let mut seen = HashSet::with_capacity(claims.len());
        claims.retain(|(place, institution, digest)| {
            let is_first = seen.insert((institution.as_text().to_owned(), digest.digest));
            if !is_first {
                lost.push(*place);
            }
            is_first
        });
        let claimed = self.claim_digests(&claims).await?;
        let unclaimed = claims.iter().filter(|(_, institution, digest)| {
            let own = (institution.as_text(), digest.digest);
            !claimed.iter().any(|(institution, digest)| (institution.as_str(), digest.as_slice()) == (own.0, &own.1))
        });
        lost.extend(unclaimed.map(|(place, ..)| *place));
        Ok(lost)
    }

    /// Those that were claimed, of digests that are all different.
    async fn claim_digests(
        &self,
        claims: &[(usize, &Param<'static>, &Digest)],
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let institutions: Vec<&str> = claims.iter().map(|(_, institution, _)| institution.as_text()).collect();
        let digests: Vec<&[u8]> = claims.iter().map(|(.., own)| own.digest.as_slice()).collect();
        let until: Vec<i64> = claims.iter().map(|(.., own)| own.until.0).collect();
        // Of all that are written together the earliest instant: one that has run out in between is not taken for it.
        let now = claims.iter().map(|(.., own)| own.now.0).min().unwrap_or_default();
        let rows = in_time(self.wire, async {
            let statement = self.wire.ask(self.wire.prepare_cached(replays::CLAIM_ALL)).await?;
            self.wire.ask(self.wire.query(&statement, &[&institutions, &digests, &until, &now])).await
        });
        let read = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.await?.iter().map(read).collect::<Result<_, _>>().map_err(|error| translate(&error))
    }

    /// Sends all of them before it waits for the first answer. Tells how many rows each changed.
    async fn execute(&self, all: &[Filled<'_>]) -> Result<Vec<u64>, StoreError> {
        in_time(self.wire, async {
            let mut prepared = Vec::with_capacity(all.len());
            for filled in all {
                prepared.push(self.prepare(filled).await?);
            }
            let mut sent = FuturesOrdered::new();
            for (statement, filled) in prepared.iter().zip(all) {
                sent.push_back(match filled.rows.as_slice() {
                    [row] => Either::Left(self.wire.ask(self.wire.execute_raw(statement, row.iter().copied()))),
                    rows => {
                        let columns = many::columns(rows, statement.params().len())?;
                        Either::Right(self.wire.ask(self.wire.execute_raw(statement, columns)))
                    }
                });
            }
            sent.try_collect().await
        })
        .await
    }

    async fn prepare(&self, filled: &Filled<'_>) -> Result<Statement, StoreError> {
        let one = self.wire.ask(self.wire.prepare_cached(&self.texts.of(filled.sql))).await?;
        if filled.rows.len() == 1 {
            return Ok(one);
        }
        let text = self.texts.insert(filled.sql, one.params());
        let text = text.ok_or_else(|| StoreError::Statement("only plain rows are added together".into()))?;
        self.wire.ask(self.wire.prepare_cached(&text)).await
    }
}

/// The steps of all parts in their order, and then their rows, those of one table together.
fn filled<'a>(parts: Vec<(&'a Unit, &'a Part)>) -> Vec<Filled<'a>> {
    let mut all = Vec::new();
    let mut tables: Vec<(&'static str, Vec<(&Param<'static>, &Step)>)> = Vec::new();
    for (unit, part) in parts {
        all.extend(part.steps.iter().map(|step| Filled::of(&unit.institution, step)));
        for row in &part.rows {
            match tables.iter_mut().find(|(sql, _)| *sql == row.sql) {
                Some((_, rows)) => rows.push((&unit.institution, row)),
                None => tables.push((row.sql, vec![(&unit.institution, row)])),
            }
        }
    }
    all.extend(tables.iter().map(|(sql, rows)| Filled::new(sql, rows)));
    all
}

/// What all parts add to each count, in one order at every node.
fn added_up<'a>(parts: &[(&'a Unit, &Part)]) -> Vec<(&'a Param<'static>, Step)> {
    let mut sums: Vec<(&Param<'static>, Tally)> = Vec::new();
    for (unit, part) in parts {
        for tally in &part.tallies {
            let is_same = |(institution, sum): &&mut (&Param<'static>, Tally)| {
                (*institution, sum.sql, &sum.of) == (&unit.institution, tally.sql, &tally.of)
            };
            match sums.iter_mut().find(is_same) {
                Some((_, sum)) => sum.by = sum.by.saturating_add(tally.by),
                None => sums.push((&unit.institution, tally.clone())),
            }
        }
    }
    sums.retain(|(_, sum)| sum.by != 0);
    sums.sort_by(|(one, a), (other, b)| (a.sql, one, &a.of).cmp(&(b.sql, other, &b.of)));
    sums.into_iter().map(|(institution, sum)| (institution, sum.step())).collect()
}
