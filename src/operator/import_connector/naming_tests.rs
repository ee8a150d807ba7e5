//! Unit tests of `naming.rs`.

use super::*;

fn confluent(format: &str, routers: &[(&str, &str)]) -> Naming {
    let routers = routers.iter();
    Naming {
        routers: routers
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect(),
        format: format.to_owned(),
        ..Naming::default()
    }
}

fn debezium(format: &str) -> Naming {
    Naming {
        underscores: true,
        folds_case: true,
        ..confluent(format, &[])
    }
}

fn topics(naming: &Naming, topics: &[&str]) -> Vec<(String, String)> {
    let topics: Vec<String> = topics.iter().map(|&topic| topic.to_owned()).collect();
    let routes = naming.route_topics(&topics).unwrap();
    routes.into_iter().map(|r| (r.topic, r.table)).collect()
}

fn pattern(naming: &Naming, pattern: &str) -> Vec<(String, String)> {
    let routes = naming.route_pattern(pattern).unwrap();
    routes.into_iter().map(|r| (r.topic, r.table)).collect()
}

fn pair(topic: &str, table: &str) -> (String, String) {
    (topic.to_owned(), table.to_owned())
}

#[test]
fn a_named_topic_is_led_through_all_routers_and_the_format() {
    let router = (r"([^.]+)\.([^.]+)\.(.+)", "$1_$2_$3");
    let naming = confluent("sales.${topic}", &[router]);
    assert_eq!(
        topics(&naming, &["mysql.shop.orders", "plain"]),
        [
            pair(r"^mysql\.shop\.orders$", "sales.mysql_shop_orders"),
            pair("^plain$", "sales.plain")
        ]
    );
    let one = confluent("${topic}", &[]);
    assert_eq!(topics(&one, &["p.s.t"]), [pair(r"^p\.s\.t$", "s.t")]);
    let fixed = confluent("all", &[]);
    assert_eq!(
        topics(&fixed, &["a", "b"]),
        [pair("^(?:a|b)$", "public.all")]
    );
    let schema = Naming {
        schema: Some("sales".to_owned()),
        ..confluent("all", &[])
    };
    assert_eq!(topics(&schema, &["a"]), [pair("^a$", "sales.all")]);
}

#[test]
fn topics_that_are_called_as_their_tables_share_a_route() {
    let naming = confluent("${topic}", &[]);
    assert_eq!(
        topics(&naming, &["p.s.a", "p.s.b_c"]),
        [pair(r"^p\.s\.(?<table>a|b_c)$", "s.${table}")]
    );
    assert_eq!(
        topics(&naming, &["a", "b"]),
        [pair("^(?<table>a|b)$", "public.${table}")]
    );
    assert_eq!(topics(&naming, &["p.s.a", "p.t.b"]).len(), 2);
}

#[test]
fn debezium_puts_underscores_for_dots_and_postgres_folds_what_is_not_quoted() {
    let naming = debezium("${topic}");
    assert_eq!(
        topics(&naming, &["ora.HR.EMP"]),
        [pair(r"^ora\.HR\.EMP$", "public.ora_hr_emp")]
    );
    assert_eq!(
        topics(&debezium("${source.table}"), &["ora.HR.EMP"]),
        [pair(r"^ora\.HR\.EMP$", "public.emp")]
    );
    let routes = pattern(&naming, ".*");
    assert_eq!(routes[0].1, "public.${prefix}_${schema}_${table}");
    let error = debezium("${source.db}_x").route_topics(&["a.b".to_owned()]);
    assert_eq!(
        error,
        Err(NamingError::Placeholder("${source.db}".to_owned()))
    );
}

#[test]
fn a_pattern_of_topics_is_routed_by_its_router() {
    let naming = confluent("raw.${topic}", &[("shop-(.*)", "in_$1")]);
    assert_eq!(
        pattern(&naming, "shop-.*"),
        [pair("^shop-(?<g1>.*)$", "raw.in_${g1}")]
    );
    let chain = confluent("${topic}", &[(r".*\.(.*)", "$1"), (".*", "$0")]);
    assert_eq!(
        pattern(&chain, "x"),
        [pair(r"^.*\.(?<g1>.*)$", "public.${g1}")]
    );
    let chain = confluent("${topic}", &[(r".*\.(.*)", "$1"), ("a(.*)", "$1")]);
    assert_eq!(chain.route_pattern("x"), Err(NamingError::Chain));
    let whole = confluent("${topic}", &[("(?:a|b).*", "t_$0")]);
    assert_eq!(
        pattern(&whole, "x"),
        [pair("^(?:(?<whole>(?:a|b).*))$", "public.t_${whole}")]
    );
}

#[test]
fn without_a_router_a_topics_last_parts_are_schema_and_table() {
    let naming = confluent("${topic}", &[]);
    assert_eq!(
        pattern(&naming, ".*"),
        [
            pair(
                r"^(?:.*\.)?(?<schema>[^.]+)\.(?<table>[^.]+)$",
                "${schema}.${table}"
            ),
            pair("^(?<table>[^.]+)$", "public.${table}")
        ]
    );
}
