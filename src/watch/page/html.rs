//! The page as a whole.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::watch::page::StatusDocument;
use crate::watch::page::cells::{duration, moment, whole};
use crate::watch::page::history::sum_throughputs;
use crate::watch::page::keeper::SideState;
use crate::watch::page::letters::draw_letters;
use crate::watch::page::partitions::{draw_lanes, draw_partitions};
use crate::watch::page::sparkline::{draw_sparkline, short_number};
use crate::watch::page::standstills::{draw_breaker, draw_standstills};
use crate::watch::page::table::{Row, draw_table, text};
use crate::watch::recent_ddl::DdlRun;

/// How everything looks, in the light and in the dark.
pub const STYLE: &str = include_str!("style.css");

/// `refreshes`: the browser asks for it again and again.
pub fn render_page(document: &StatusDocument, refreshes: bool) -> Markup {
    let group = &document.worker.group;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title_of(document)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#main" { "Skip to what stands still" }
                header {
                    h1 { "Landfall " span class="group" { (group) } }
                    (draw_readiness(document))
                    (draw_times(document, refreshes))
                }
                main id="main" tabindex="-1" { (draw_sections(document)) }
            }
        }
    }
}

/// What a tab shows.
fn title_of(document: &StatusDocument) -> String {
    let ready = if document.worker.ready {
        "ready"
    } else {
        "not ready"
    };
    format!("{}: {ready} - Landfall", document.worker.group)
}

fn draw_sections(document: &StatusDocument) -> Markup {
    let worker = &document.worker;
    let letters = document.dead_letters.as_deref();
    let sections = [
        ("standing", "What stands still", draw_standstills(document)),
        ("glance", "At a glance", draw_glance(document)),
        ("partitions", "Partitions", draw_partitions(document)),
        ("lanes", "Lanes", draw_lanes(&worker.lanes)),
        ("letters", "Dead letters", draw_letters(letters)),
        (
            "breaker",
            "Breaker",
            draw_breaker(&worker.breaker, &worker.partitions),
        ),
        ("ddl", "Recent DDL", draw_ddl(document)),
        ("versions", "Versions", draw_versions(document)),
    ];
    html! {
        @for (id, title, content) in sections {
            section id=(id) aria-labelledby={ (id) "-title" } {
                h2 id={ (id) "-title" } { (title) }
                (content)
            }
        }
    }
}

fn draw_readiness(document: &StatusDocument) -> Markup {
    let worker = &document.worker;
    let stops = worker.partitions.iter();
    let stops = stops.filter(|own| own.stands_still.is_some()).count();
    html! {
        @if worker.ready {
            p class="ready" role="status" { "Ready" }
        } @else {
            div class="unready" role="status" {
                p { strong { "Not ready" } }
                ul {
                    @if stops > 0 {
                        li {
                            (stops) @if stops == 1 { " partition stands" } @else { " partitions stand" }
                            " still: " a href="#standing" { "why" }
                        }
                    }
                    @for reason in &worker.reasons { li { (reason) } }
                }
            }
        }
        (draw_side("Kafka", &document.kafka))
        (draw_side("Postgres", &document.postgres))
    }
}

/// That a side is away, and how old therefore is what it says.
fn draw_side(name: &str, side: &SideState) -> Markup {
    let (Some(since), Some(problem)) = (&side.away_since, &side.problem) else {
        return html! {};
    };
    html! {
        p class="stale" data-side=(name) {
            strong { (name) " doesn't answer" } " since " (moment(since)) ": " (problem) ". "
            @match &side.answered_at {
                Some(at) => { "What only " (name) " knows is of " (moment(at)) "." },
                None => { "What only " (name) " knows is missing." },
            }
        }
    }
}

fn draw_times(document: &StatusDocument, refreshes: bool) -> Markup {
    html! {
        p class="times" {
            "As of " (moment(&document.at)) " UTC"
            @if let Some(asked_at) = &document.asked_at {
                ", Kafka and Postgres of " (moment(asked_at))
            } @else {
                ", Kafka and Postgres haven't answered yet"
            }
            ". "
            @if refreshes {
                "Every 5 s anew: " a href="?refresh=off" { "hold it" } "."
            } @else {
                "Held: " a href="?" { "let it refresh" } "."
            }
            " " a href="status.json" { "As JSON" }
        }
    }
}

fn draw_glance(document: &StatusDocument) -> Markup {
    let worker = &document.worker;
    let lags = worker.partitions.iter().filter_map(|p| p.lag_seconds);
    let histories = worker
        .partitions
        .iter()
        .map(|p| &p.records_per_second_history);
    let rates = sum_throughputs(histories);
    let rates: Vec<Option<f64>> = rates.into_iter().map(Some).collect();
    let now = rates.last().copied().flatten();
    let parked = document.dead_letters.as_ref();
    let parked = parked.map(|all| all.iter().map(|count| count.parked).sum::<i64>());
    html! {
        dl {
            div { dt { "lag in time, at most" } dd { (lags.max_by(f64::total_cmp).map_or_else(|| "-".to_owned(), duration)) } }
            div { dt { "records a second" } dd {
                (now.map_or_else(|| "-".to_owned(), short_number))
                (draw_sparkline("throughput of this worker", "records a second", &rates))
            } }
            @if let Some(rate) = worker.rate.rows_per_second {
                div { dt { "apply.rate" } dd {
                    (rate) " rows a second"
                    @if let Some(since) = &worker.rate.holds_back_since { ", holds back since " (moment(since)) }
                } }
            }
            div { dt { "dead letters parked" } dd { (whole(parked)) } }
            div { dt { "applied" } dd { (worker.events.applied) } }
            div { dt { "duplicates" } dd { (worker.events.duplicates) } }
            div { dt { "skipped" } dd { (worker.events.skipped) } }
            div { dt { "dead-lettered" } dd { (worker.events.dead_lettered) } }
            div { dt { "running since" } dd { (moment(&worker.started_at)) } }
        }
    }
}

fn draw_ddl(document: &StatusDocument) -> Markup {
    let row = |run: &DdlRun| Row {
        cells: vec![
            text("table", &run.table),
            text("kind", run.kind),
            text("at", moment(&run.at)),
        ],
        is_trouble: false,
    };
    let rows: Vec<Row> = document.worker.recent_ddl.iter().map(row).collect();
    draw_table(
        "Statements that made or altered tables since this worker started",
        &rows,
        "None since this worker started.",
    )
}

fn draw_versions(document: &StatusDocument) -> Markup {
    let versions = &document.versions;
    html! {
        dl {
            div { dt { "Landfall" } dd { (versions.landfall) } }
            div { dt { "build" } dd { (versions.build.unwrap_or("-")) } }
            div { dt { "Postgres" } dd { (versions.postgres.as_deref().unwrap_or("-")) } }
            div { dt { "ledger schema" } dd { (whole(versions.ledger_schema)) } }
        }
    }
}
