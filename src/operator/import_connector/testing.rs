//! Connectors for unit tests.

use crate::operator::import_connector::connector::Connector;

/// Confluent's JDBC sink with these options.
pub(super) fn sink_with(options: &[(&str, &str)]) -> Connector {
    let class = (
        "connector.class",
        "io.confluent.connect.jdbc.JdbcSinkConnector",
    );
    let options = [&[class], options].concat();
    let options = options.iter();
    let options = options.map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    Connector::recognise("f.json", None, options.collect()).unwrap()
}
