//! Each goal beside its figure.

use crate::experiment::{Experiment, FLINKS, JDBC_SINKS, LANDFALL};
use crate::results::Summary;
use crate::results::tables::{best_rate, mebibytes};

/// A figure and its bounds. Whether more or less is better is seen from which of the bounds is larger.
struct Goal {
    what: &'static str,
    figure: Option<f64>,
    at_least: f64,
    aim: f64,
    shown: fn(f64) -> String,
}

pub fn table(all: &[(&Experiment, Summary)]) -> String {
    let mut text = "| goal | figure | at least | aim | |\n|---|---|---|---|---|\n".to_owned();
    for goal in goals(
        &|name| all.iter().find(|(e, _)| e.name == name).map(|(_, s)| s),
        all,
    ) {
        let show = goal.shown;
        text += &format!(
            "| {} | {} | {} | {} | {} |\n",
            goal.what,
            goal.figure.map_or_else(|| "–".to_owned(), show),
            show(goal.at_least),
            show(goal.aim),
            verdict(&goal)
        );
    }
    text
}

fn verdict(goal: &Goal) -> &'static str {
    let Some(figure) = goal.figure else {
        return "not measured";
    };
    let reaches = |bound: f64| match goal.aim >= goal.at_least {
        true => figure >= bound,
        false => figure <= bound,
    };
    match (reaches(goal.aim), reaches(goal.at_least)) {
        (true, _) => "met, aim too",
        (_, true) if goal.at_least.is_infinite() => "aim missed",
        (_, true) => "met",
        _ => "**missed**",
    }
}

fn goals<'s>(
    of: &dyn Fn(&str) -> Option<&'s Summary>,
    all: &[(&Experiment, Summary)],
) -> Vec<Goal> {
    let times = |f: f64| format!("{f:.1}×");
    let percent = |f: f64| format!("{:.0} %", f * 100.0);
    let lost = |f: f64| {
        if f < 0.0 {
            format!("{:.0} % faster", -100.0 * f)
        } else {
            format!("{:.0} %", f * 100.0)
        }
    };
    let against = |what, name, peer: [&str; 2], at_least, aim| Goal {
        what,
        figure: of(name).and_then(|summary| against_peer(summary, &peer)),
        at_least,
        aim,
        shown: times,
    };
    let ratio = |what, name, at_least, aim| against(what, name, JDBC_SINKS, at_least, aim);
    let cpu = |what, name, at_least, aim| Goal {
        what,
        figure: of(name).and_then(|summary| summary.variant(LANDFALL)?.cpu),
        at_least,
        aim,
        shown: |f| format!("{f:.1} µs"),
    };
    let of_free_sink = |what, name| Goal {
        what,
        figure: of(name).and_then(share_of_free_sink),
        at_least: 0.7,
        aim: 0.8,
        shown: percent,
    };
    let memory = |what, figure: Option<u64>, at_least: u32, aim: u32| Goal {
        what,
        figure: figure.map(|bytes| bytes as f64),
        at_least: f64::from(at_least << 20),
        aim: f64::from(aim << 20),
        shown: |f| mebibytes(f as u64),
    };
    let memory_of = |name| of(name).and_then(|summary| summary.variant(LANDFALL)?.peak_rss);
    let loss = |what, name, from: &str, to: &str, at_least, aim| {
        let rates = of(name).and_then(|s| s.rate(from).zip(s.rate(to)));
        Goal {
            what,
            figure: rates.map(|(from, to)| 1.0 - to / from),
            at_least,
            aim,
            shown: lost,
        }
    };
    vec![
        ratio("JSON with schemas, against the JDBC sink", "json", 6.0, 8.0),
        against("JSON with schemas, against Flink", "json", FLINKS, 2.6, 3.0),
        ratio("Avro, against the JDBC sink", "avro", 5.0, 8.0),
        ratio(
            "JSON without schemas, against the JDBC sink on Avro",
            "plain",
            5.0,
            8.0,
        ),
        ratio("hot keys, against the JDBC sink", "hot", 8.0, 15.0),
        ratio("80 columns, against the JDBC sink", "wide", 6.0, 8.0),
        ratio("rows of 20 kB, against the JDBC sink", "large", 3.5, 4.0),
        Goal {
            what: "of the limit, end to end",
            figure: of("limit").and_then(against_limit),
            at_least: 0.5,
            aim: 0.7,
            shown: percent,
        },
        loss(
            "cost of a row for each event id",
            "idempotency",
            "offset",
            "event_id",
            0.35,
            0.20,
        ),
        of_free_sink("of what a free sink would reach, JSON", "json"),
        of_free_sink("of what a free sink would reach, Avro", "avro"),
        memory("peak memory over all workloads", peak_memory(all), 160, 128),
        memory("peak memory, JSON", memory_of("json"), 128, 96),
        memory("peak memory, Avro", memory_of("avro"), 128, 96),
        cpu("CPU per record, JSON", "json", 5.0, 4.0),
        cpu("CPU per record, Avro", "avro", 4.0, 3.0),
        latency("latency p50, against the JDBC sink", of("latency"), |l| {
            l.p50
        }),
        latency("latency p99, against the JDBC sink", of("latency"), |l| {
            l.p99
        }),
        latency(
            "the sink's own share of it in bursts, p50, against the JDBC sink's",
            of("bursts"),
            |l| l.own_p50,
        ),
        latency(
            "the sink's own share of it in bursts, p99, against the JDBC sink's",
            of("bursts"),
            |l| l.own_p99,
        ),
        Goal {
            what: "p99 of the sink's own share of latency",
            figure: of("latency")
                .and_then(|s| s.variant(LANDFALL)?.latency)
                .map(|l| l.own_p99),
            at_least: f64::INFINITY,
            aim: 20.0,
            shown: |f| {
                if f.is_finite() {
                    format!("{f:.0} ms")
                } else {
                    "–".to_owned()
                }
            },
        },
        loss(
            "slower with 4 lanes than with 1",
            "lanes",
            "1 lanes",
            "4 lanes",
            0.15,
            0.0,
        ),
        loss(
            "slower with 300 tables than with 1",
            "tables",
            "1 table",
            "300 tables",
            0.10,
            0.05,
        ),
        loss(
            "300 tables, slower 5 ms away than beside the sink",
            "tables",
            "300 tables",
            "300 tables, 5 ms away",
            0.20,
            0.10,
        ),
        loss(
            "slower with 10 million ids than with none",
            "ledger",
            "0 M ids",
            "10 M ids",
            0.15,
            0.05,
        ),
        loss(
            "slower with 50 million ids than with none",
            "ledger",
            "0 M ids",
            "50 M ids",
            0.15,
            0.05,
        ),
    ]
}

fn against_peer(summary: &Summary, peer: &[&str]) -> Option<f64> {
    Some(summary.rate(LANDFALL)? / best_rate(summary, peer)?)
}

/// Of what the machine could do if the sink cost nothing.
fn share_of_free_sink(summary: &Summary) -> Option<f64> {
    Some(summary.rate(LANDFALL)? / summary.variant(LANDFALL)?.free_sink_rate?)
}

fn against_limit(summary: &Summary) -> Option<f64> {
    let limits = summary.variants.iter().filter(|v| v.name != LANDFALL);
    let best = limits
        .filter_map(|v| summary.rate(&v.name))
        .max_by(f64::total_cmp)?;
    Some(summary.rate(LANDFALL)? / best)
}

/// Of Landfall as it is by default.
fn peak_memory(all: &[(&Experiment, Summary)]) -> Option<u64> {
    let variants = all.iter().flat_map(|(_, s)| s.variant(LANDFALL));
    variants.filter_map(|v| v.peak_rss).max()
}

fn latency(
    what: &'static str,
    summary: Option<&Summary>,
    of: fn(&crate::figures::Latency) -> f64,
) -> Goal {
    let get = |name| Some(of(&summary?.variant(name)?.latency?));
    let peer = JDBC_SINKS
        .into_iter()
        .filter_map(get)
        .min_by(f64::total_cmp);
    Goal {
        what,
        figure: get(LANDFALL).zip(peer).map(|(ours, theirs)| ours / theirs),
        at_least: 1.0,
        aim: 0.999,
        shown: |f| format!("{f:.2}×"),
    }
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::experiment::{Experiment, FLINK, FLINK_TUNED, JDBC, LANDFALL};
    use crate::figures::Figure;
    use crate::measure::Measured;
    use crate::results::Summary;

    fn figure(variant: &str, records: u64) -> Figure {
        Figure {
            variant: variant.to_owned(),
            round: 1,
            measured: Some(Measured {
                records,
                seconds: 1.0,
                cpu_seconds: 1.0,
                peak_rss: 1,
                postgres_seconds: 0.0,
                kafka_seconds: 0.0,
            }),
            latency: None,
            error: None,
            commit: String::new(),
            at: 0,
        }
    }

    #[test]
    fn each_peer_has_its_own_goal_against_the_better_of_its_configurations() {
        let rates = [
            (LANDFALL, 100_000),
            (JDBC, 10_000),
            (FLINK, 20_000),
            (FLINK_TUNED, 40_000),
        ];
        let figures = rates.map(|(name, rate)| figure(name, rate));
        let json = Experiment {
            name: "json",
            about: "",
            variants: Vec::new(),
        };
        let text = table(&[(&json, Summary::of(&figures))]);
        for line in [
            "| JSON with schemas, against the JDBC sink | 10.0× | 6.0× | 8.0× | met, aim too |",
            "| JSON with schemas, against Flink | 2.5× | 2.6× | 3.0× | **missed** |",
        ] {
            assert!(text.contains(line), "{line} in:\n{text}");
        }
    }
}
