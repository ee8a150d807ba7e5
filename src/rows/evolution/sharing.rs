//! A table that several topics lead to. Their keys may be the same where the rows aren't, and nobody has said what tells them
//! apart: a primary key of it would have the rows of one source overwrite those of another.

use crate::config::Config;
use crate::table_name::TableName;

/// The topics that share a table, of all that lead to it, if there are several and one of them has no `route.key`: by that a
/// person says what tells rows apart.
pub fn find_sharing<T: AsRef<str>>(config: &Config, topics: &[T]) -> Vec<String> {
    let names_key = |topic: &T| {
        let route = config.route_for(topic.as_ref());
        route.is_some_and(|(route, _)| route.key.is_some())
    };
    match topics.len() > 1 && !topics.iter().all(names_key) {
        true => topics.iter().map(|it| it.as_ref().to_owned()).collect(),
        false => Vec::new(),
    }
}

/// Why such a table isn't made, and what helps.
pub fn explain_sharing(table: &TableName, topics: &[String]) -> String {
    format!(
        "table {table} does not exist, and several topics lead to it ({}), of which rows that aren't the same may have the same key: name with key in a [[route]] the columns that tell rows of all of them apart, lead each topic to a table of its own, or create the table",
        topics.join(", ")
    )
}
