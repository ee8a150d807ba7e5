//! Tables that a narrow screen shows as cards. The roles are written out, as browsers take a table that is displayed as
//! something else for none.

use maud::{Markup, Render, html};

/// A cell: its column, and what it shows.
pub struct Cell {
    column: &'static str,
    shown: Markup,
    is_number: bool,
}

/// A cell with a text.
pub fn text(column: &'static str, shown: impl Render) -> Cell {
    Cell {
        column,
        shown: html! { (shown) },
        is_number: false,
    }
}

/// A cell with a number and, behind it, whatever else.
pub fn number(column: &'static str, shown: impl Render) -> Cell {
    Cell {
        is_number: true,
        ..text(column, shown)
    }
}

/// A row. Its first cell names it.
pub struct Row {
    pub cells: Vec<Cell>,
    /// It is shown as something to look at.
    pub is_trouble: bool,
}

/// `caption` tells what the rows are; without rows there is `otherwise`.
pub fn draw_table(caption: &str, rows: &[Row], otherwise: &str) -> Markup {
    let Some(first) = rows.first() else {
        return html! { p { (otherwise) } };
    };
    html! {
        table role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for cell in &first.cells {
                        th scope="col" role="columnheader" class=[cell.class()] { (cell.column) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for row in rows { (draw_row(row)) }
            }
        }
    }
}

fn draw_row(row: &Row) -> Markup {
    html! {
        tr role="row" class=[row.is_trouble.then_some("trouble")] {
            @for (at, cell) in row.cells.iter().enumerate() {
                @if at == 0 {
                    th scope="row" role="rowheader" class=[cell.class()] data-column=(cell.column) { (cell.shown) }
                } @else {
                    td role="cell" class=[cell.class()] data-column=(cell.column) { (cell.shown) }
                }
            }
        }
    }
}

impl Cell {
    fn class(&self) -> Option<&'static str> {
        self.is_number.then_some("number")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_errors_are_shown_as_they_are_and_never_taken_for_markup() {
        let hostile = "\"><script>alert(1)</script>&<img src=x onerror='x'>";
        let row = Row {
            cells: vec![text("topic", hostile), text("state", hostile)],
            is_trouble: true,
        };
        let table = draw_table(hostile, &[row], "none").into_string();
        assert!(
            !table.contains("<script") && !table.contains("<img"),
            "{table}"
        );
        assert_eq!(table.matches("&lt;script&gt;").count(), 3);
        assert!(table.contains("&amp;&lt;img"), "{table}");
    }
}
