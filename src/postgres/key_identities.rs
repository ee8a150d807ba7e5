//! Asking Postgres which keys of a batch are one: one statement for each table whose keys don't tell it
//! themselves.
//!
//! Why: `docs/decisions/17`.

use std::ops::Range;

use deadpool_postgres::Object;
use futures::future::join;
use tokio_postgres::Transaction;
use tokio_postgres::types::{ToSql, Type};

use crate::postgres::settings::{begin_unpinned, pin_settings};
use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::rows::key_question::{KeyAnswer, KeyQuestion, identify_locally};
use crate::rows::row_change::RowChange;
use crate::verdict::{Failure, Verdict};

/// The hash function of an array, a range or a record finds none for an element.
const UNDEFINED_FUNCTION: &[&str] = &["42883"];

/// From where Postgres is asked, and what is done about a key that it can't read.
pub enum Asker<'c, 't> {
    /// Each question is a transaction of its own, with settings pinned through whatever pooler. A key that can't be
    /// read is what its text says, for a statement that writes it will be refused.
    Outside(&'c mut Object),
    /// Questions are part of a transaction, whose settings are pinned. A key that can't be read is an error.
    Within(&'c Transaction<'t>),
}

/// A change of which Postgres has to be asked, with the places of its keys in a question.
struct Asked<'c, 'r> {
    change: &'c mut RowChange<'r>,
    question: usize,
    own: usize,
    former: Option<usize>,
}

/// Finds out what the changes' keys are to their tables' unique indexes.
///
/// # Errors
/// Postgres can't be asked; or refuses a key, if that is to be an error.
pub async fn identify_keys<'c, 'r: 'c>(
    mut asker: Asker<'_, '_>,
    changes: impl Iterator<Item = &'c mut RowChange<'r>>,
) -> Result<(), Failure> {
    let mut questions: Vec<KeyQuestion<'r>> = Vec::new();
    let mut asked: Vec<Asked<'c, 'r>> = Vec::new();
    for change in changes {
        if !identify_locally(change) {
            asked.push(ask_about(change, &mut questions));
        }
    }
    let mut identities = Vec::with_capacity(questions.len());
    for question in &questions {
        let answers = answer_question(&mut asker, question).await;
        let answers = answers.map_err(|failure| failure.about_table(question.table()))?;
        identities.push(question.read_answers(&answers));
    }
    for asked in asked {
        let identity = |at: usize| identities.get(asked.question)?.get(at).cloned().flatten();
        let (own, former) = (identity(asked.own), asked.former.and_then(identity));
        asked.change.set_identities(own, former);
    }
    Ok(())
}

fn ask_about<'c, 'r>(
    change: &'c mut RowChange<'r>,
    questions: &mut Vec<KeyQuestion<'r>>,
) -> Asked<'c, 'r> {
    let layout = &change.layout;
    let known = questions.iter().position(|q| q.is_of_layout(layout));
    let at = known.unwrap_or_else(|| {
        questions.push(KeyQuestion::new(layout.clone()));
        questions.len() - 1
    });
    let mut add = |key| questions.get_mut(at).map(|question| question.add_key(key));
    let own = add(&change.key).unwrap_or_default();
    let former = change.old_key.as_deref().and_then(add);
    Asked {
        change,
        question: at,
        own,
        former,
    }
}

/// By the keys' places; `None` for those that Postgres can't read.
async fn answer_question(
    asker: &mut Asker<'_, '_>,
    question: &KeyQuestion<'_>,
) -> Result<Vec<Option<KeyAnswer>>, Failure> {
    let mut answers = vec![None; question.key_count()];
    let mut sql = question.to_sql(true);
    let mut with_hashes = true;
    let mut unreadable_found = false;
    let mut ranges = Vec::new();
    ranges.push(0..question.key_count());
    while let Some(range) = ranges.pop() {
        let failure = match asker.ask_range(question, &sql, range.clone()).await {
            Ok(read) => {
                for (at, answer) in read {
                    if let Some(place) = answers.get_mut(at) {
                        *place = Some(answer);
                    }
                }
                continue;
            }
            Err(failure) => failure,
        };
        if with_hashes && failure.has_sqlstate(UNDEFINED_FUNCTION) {
            with_hashes = false;
            sql = question.to_sql(false);
            ranges.push(range);
            continue;
        }
        let of_a_key = matches!(failure.verdict, Verdict::Reject(_));
        if matches!(asker, Asker::Within(_)) || !of_a_key {
            return Err(failure);
        }
        unreadable_found = true;
        if range.len() > 1 {
            let middle = range.start + range.len() / 2;
            ranges.extend([middle..range.end, range.start..middle]);
        }
    }
    if unreadable_found {
        // keys that were asked about apart may be equal all the same: their hashes tell
        join_classes(&mut answers);
    }
    Ok(answers)
}

impl Asker<'_, '_> {
    async fn ask_range(
        &mut self,
        question: &KeyQuestion<'_>,
        sql: &str,
        range: Range<usize>,
    ) -> Result<Vec<(usize, KeyAnswer)>, Failure> {
        match self {
            Self::Outside(client) => {
                // dropped, it is rolled back: nothing was done in it
                let tx = begin_unpinned(client).await?;
                let asked = ask_postgres(&*tx, question, sql, range);
                // sent together, in this order
                let (pinned, answers) = join(pin_settings(&tx), asked).await;
                pinned?;
                answers
            }
            Self::Within(tx) => {
                // the question may have to be asked in another way, and the transaction goes on
                tx.batch_execute("SAVEPOINT landfall_keys").await?;
                let answers = ask_postgres(*tx, question, sql, range).await;
                let end = match &answers {
                    Ok(_) => "RELEASE SAVEPOINT landfall_keys",
                    Err(failure) if failure.has_sqlstate(UNDEFINED_FUNCTION) => {
                        "ROLLBACK TO SAVEPOINT landfall_keys"
                    }
                    Err(_) => return answers,
                };
                tx.batch_execute(end).await?;
                answers
            }
        }
    }
}

async fn ask_postgres(
    client: &impl UnnamedStatements,
    question: &KeyQuestion<'_>,
    sql: &str,
    range: Range<usize>,
) -> Result<Vec<(usize, KeyAnswer)>, Failure> {
    let texts = question.column_texts(range.clone());
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> = texts
        .iter()
        .map(|texts| (texts as &(dyn ToSql + Sync), Type::TEXT_ARRAY))
        .collect();
    let place = |n: i64| range.start + usize::try_from(n - 1).unwrap_or_default();
    let mut answers = Vec::with_capacity(range.len());
    for row in client.query_typed(sql, &parameters).await? {
        let columns = 0..question.column_count();
        let answer = KeyAnswer {
            class: place(row.get(1)),
            written: columns.clone().map(|at| row.get(2 + 2 * at)).collect(),
            hashes: columns.map(|at| row.get(3 + 2 * at)).collect(),
        };
        answers.push((place(row.get(0)), answer));
    }
    Ok(answers)
}

/// Gives keys with the same hashes, or the same texts, the class of the first.
fn join_classes(answers: &mut [Option<KeyAnswer>]) {
    let mut first: std::collections::HashMap<Vec<String>, usize> = Default::default();
    for answer in answers.iter_mut().flatten() {
        let pairs = answer.hashes.iter().zip(&answer.written);
        let told = pairs.map(|(hash, written)| hash.as_ref().unwrap_or(written).clone());
        answer.class = *first.entry(told.collect()).or_insert(answer.class);
    }
}
