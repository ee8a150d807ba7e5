//! Routes that decide for no topic.

use super::{load, minimal_and};

#[test]
fn a_route_that_matches_nothing_and_one_that_comes_too_late_are_idle() {
    let routes = "[[route]]\ntopic = 'shop\\.pubic\\.(?<t>.+)'\ntable = '${t}'\n\
         [[route]]\ntopic = 'shop\\..+'\ntable = 'all'\n\
         [[route]]\ntopic = 'shop\\.public\\.(?<t>.+)'\ntable = '${t}'\n";
    let config = load(&minimal_and(routes), &[]).unwrap();
    let idle = config.find_idle_routes(["shop.public.orders", "other"]);
    let told: Vec<_> = idle.iter().map(|it| (it.index, it.overtaken_by)).collect();
    assert_eq!(told, [(0, None), (2, Some(1))]);
    assert_eq!(idle[0].pattern, r"shop\.pubic\.(?<t>.+)");
}
