//! The dead letters, with the commands that show and replay them.

use maud::{Markup, html};

use crate::status::LetterCount;
use crate::watch::page::cells::moment;
use crate::watch::page::command_line::dlq_command;
use crate::watch::page::table::{Row, draw_table, number, text};

/// By table and reason; `None`: Postgres hasn't told yet.
pub fn draw_letters(letters: Option<&[LetterCount]>) -> Markup {
    let Some(letters) = letters else {
        return html! { p { "Not known yet." } };
    };
    let rows: Vec<Row> = letters.iter().map(row_of).collect();
    draw_table(
        "Dead letters by table and reason",
        &rows,
        "No dead letters.",
    )
}

fn row_of(count: &LetterCount) -> Row {
    let table = count.table_name.as_deref();
    let since = count.parked_since.as_deref();
    Row {
        cells: vec![
            text("table", table.unwrap_or("?")),
            text("reason", &count.reason),
            number("parked", count.parked),
            number("parked keys", count.parked_keys),
            text("parked since", since.map(moment).unwrap_or_default()),
            number("done with", count.done_with),
            text("commands", draw_commands(count)),
        ],
        is_trouble: count.parked > 0,
    }
}

/// Nothing, where nobody has anything to decide.
fn draw_commands(count: &LetterCount) -> Markup {
    let command = |verb| dlq_command(verb, count.table_name.as_deref(), &count.reason);
    html! {
        @if count.parked > 0 {
            code { (command("list")) }
            code { (command("replay")) " --dry-run" }
            code { (command("replay")) }
        }
    }
}
