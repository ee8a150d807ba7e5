//! Which rows of `dead_letters` are asked for, in plain values, and the condition in SQL that they amount to.

use std::time::SystemTime;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use crate::ledger::forgotten_letters::letter_counts;
use crate::letter::LetterState;
use crate::rows::sql::quote_text;

/// Which letters are wanted. The fields narrow one another. A field that is empty narrows nothing.
#[derive(Clone, Debug, Default)]
pub struct LetterFilter {
    /// Of events from any of these topics.
    pub topics: Vec<String>,
    /// For any of these tables, as `schema.table`.
    pub tables: Vec<String>,
    /// Put aside for any of these reasons.
    pub reasons: Vec<String>,
    /// Failed for the last time then, or later.
    pub failed_since: Option<SystemTime>,
    /// In any of these states.
    pub states: Vec<LetterState>,
    /// With any of these numbers, or with any of [`LetterFilter::event_ids`].
    pub numbers: Vec<i64>,
    /// Of any of these events, or with any of [`LetterFilter::numbers`].
    pub event_ids: Vec<Uuid>,
    /// With a higher number than this.
    pub after: Option<i64>,
    /// Of any of the keys with these hashes, be it one that the event takes its row from.
    pub key_hashes: Vec<i64>,
}

impl LetterFilter {
    /// The condition that the filter amounts to. `schema`: quoted.
    pub(super) fn to_condition(&self, schema: &str) -> Condition {
        let mut condition = Condition::default();
        condition.parts.push(letter_counts(schema, "dead_letters"));
        let names = [
            ("topic", &self.topics),
            ("table_name", &self.tables),
            ("reason", &self.reasons),
        ];
        for (column, values) in names {
            if !values.is_empty() {
                condition.require(
                    &format!("{column} = ANY(?)"),
                    Type::TEXT_ARRAY,
                    values.clone(),
                );
            }
        }
        if let Some(since) = self.failed_since {
            condition.require("last_failed_at >= ?", Type::TIMESTAMPTZ, since);
        }
        match self.states.as_slice() {
            [] => {}
            // as the indexes have it
            [state] => condition
                .parts
                .push(format!("state = {}", quote_text(state.name()))),
            states => {
                let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
                condition.require("state = ANY(?)", Type::TEXT_ARRAY, names);
            }
        }
        if let Some(number) = self.after {
            condition.require("id > ?", Type::INT8, number);
        }
        if !(self.numbers.is_empty() && self.event_ids.is_empty()) {
            condition.require_either(
                ("id = ANY(?)", Type::INT8_ARRAY, self.numbers.clone()),
                (
                    "event_id = ANY(?)",
                    Type::UUID_ARRAY,
                    self.event_ids.clone(),
                ),
            );
        }
        if !self.key_hashes.is_empty() {
            condition.require_keys(schema, &self.key_hashes);
        }
        condition
    }
}

/// A condition on rows of `dead_letters`, with its bound parameters.
#[derive(Default)]
pub(super) struct Condition {
    parts: Vec<String>,
    parameters: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
}

impl Condition {
    /// The text behind `WHERE`.
    pub(super) fn to_sql(&self) -> String {
        self.parts.join(" AND ")
    }

    /// The parameters in the order of `$1`, `$2`, ….
    pub(super) fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let parameters = self.parameters.iter();
        parameters
            .map(|(p, of)| (&**p as &(dyn ToSql + Sync), of.clone()))
            .collect()
    }

    /// Adds a part; `?` stands for the parameter.
    fn require(&mut self, part: &str, of: Type, parameter: impl ToSql + Sync + Send + 'static) {
        let part = self.bind(part, of, parameter);
        self.parts.push(part);
    }

    /// Adds that the letter is of one of these keys: asked of each index apart, as Postgres finds neither for both.
    fn require_keys(&mut self, schema: &str, hashes: &[i64]) {
        let key = self.bind("key_hash = ANY(?)", Type::INT8_ARRAY, hashes.to_vec());
        let old = self.bind("old_key_hash = ANY(?)", Type::INT8_ARRAY, hashes.to_vec());
        let numbers = |state: &str| {
            format!(
                "SELECT id FROM {schema}.dead_letters WHERE state {state} 'parked' AND ({key} OR {old})"
            )
        };
        let part = format!(
            "id = ANY (ARRAY({} UNION ALL {}))",
            numbers("="),
            numbers("<>")
        );
        self.parts.push(part);
    }

    /// Adds a part that holds if one of two does.
    fn require_either(
        &mut self,
        (one, of, parameter): (&str, Type, impl ToSql + Sync + Send + 'static),
        (other, of_other, other_parameter): (&str, Type, impl ToSql + Sync + Send + 'static),
    ) {
        let one = self.bind(one, of, parameter);
        let other = self.bind(other, of_other, other_parameter);
        self.parts.push(format!("({one} OR {other})"));
    }

    fn bind(
        &mut self,
        part: &str,
        of: Type,
        parameter: impl ToSql + Sync + Send + 'static,
    ) -> String {
        self.parameters.push((Box::new(parameter), of));
        part.replace('?', &format!("${}", self.parameters.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_and_never_part_of_the_sql() {
        let filter = LetterFilter {
            topics: vec!["a'; DROP TABLE t; --".to_owned()],
            reasons: vec!["value".to_owned(), "constraint".to_owned()],
            failed_since: Some(SystemTime::now()),
            states: vec![LetterState::Parked],
            numbers: vec![1],
            event_ids: vec![Uuid::from_u128(2)],
            key_hashes: vec![3],
            ..LetterFilter::default()
        };
        let condition = filter.to_condition("s");
        assert_eq!(
            condition.to_sql(),
            letter_counts("s", "dead_letters")
                + " AND topic = ANY($1) AND reason = ANY($2) AND last_failed_at >= $3 AND state = 'parked' \
             AND (id = ANY($4) OR event_id = ANY($5)) AND id = ANY (ARRAY(\
             SELECT id FROM s.dead_letters WHERE state = 'parked' AND (key_hash = ANY($6) OR old_key_hash = ANY($7)) UNION ALL \
             SELECT id FROM s.dead_letters WHERE state <> 'parked' AND (key_hash = ANY($6) OR old_key_hash = ANY($7))))"
        );
        assert_eq!(condition.parameters().len(), 7);
    }
}
