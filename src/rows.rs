//! A change becomes SQL: values, mapping to the table's columns, folding to net effects, statements.
//! Pure functions, tested without a server.

pub mod binary;
mod civil;
mod delete_mark;
pub mod evolution;
pub mod fold;
pub mod foreign_keys;
#[cfg(test)]
pub mod history_testing;
pub mod kept_sql;
pub mod key_identity;
pub mod key_kind;
pub mod key_question;
pub mod key_recipe;
pub mod key_rounds;
pub mod left_out;
pub mod mapping;
pub mod rearrange;
pub mod recorded_change;
pub mod row_change;
pub mod row_key;
pub mod row_move;
pub mod row_sequence;
pub mod source_order;
pub mod sql;
pub mod statement;
pub mod statement_sql;
pub mod table;
#[cfg(test)]
pub mod table_testing;
pub mod value;
