//! A trigger's outbox: the employees as they are, and every change of a salary.

use serde_json::json;

use super::{known_events, land, read_again, record, sample_world, send};
use crate::support::Event;

const EMPLOYEES: &str =
    "SELECT concat_ws('|', emp_id, first_name, dob, city, salary) FROM employees ORDER BY emp_id";
const SALARIES: &str = "SELECT concat_ws('|', action_id, action, emp_id, salary) FROM salary_changes ORDER BY action_id";

fn employee(action_id: i64, action: &str, emp_id: i64, city: &str) -> Event {
    record(
        None,
        &json!({ "action_id": action_id, "emp_id": emp_id, "first_name": "Eun-ji", "dob": "1990-02-28", "city": city,
        "salary": 52000.5, "action": action }),
    )
}

fn salary(action_id: i64, action: &str, salary: i64) -> Event {
    record(
        None,
        &json!({ "action_id": action_id, "emp_id": 7, "salary": salary, "action": action }),
    )
}

#[tokio::test]
async fn an_outbox_of_actions_lands_as_rows_and_as_a_history_each_action_once() {
    let mut world = sample_world("trigger-outbox", "bf_").await;
    world
        .sql(
            "CREATE TABLE employees (emp_id int PRIMARY KEY, first_name text, dob date, city text, salary numeric(10,2));
             CREATE TABLE salary_changes (action_id bigint, action text, emp_id int, salary int)",
        )
        .await;
    let employees = [
        employee(1, "INSERT", 7, "Oslo"),
        employee(2, "INSERT", 8, "Lima"),
        employee(3, "UPDATE", 7, "Quito"),
        employee(4, "DELETE", 8, "Lima"),
    ];
    let salaries = [
        salary(1, "INSERT", 100),
        salary(2, "UPDATE", 200),
        salary(3, "DELETE", 200),
    ];
    // the second time, the producer has begun anew
    for _ in 0..2 {
        send(&mut world, "bf_employee_cdc", &employees).await;
        send(&mut world, "bf_salary_cdc", &salaries).await;
        land(&world).await;
        let rows = ["7|Eun-ji|1990-02-28|Quito|52000.50"];
        assert_eq!(world.texts(EMPLOYEES).await, rows);
        let history = ["1|INSERT|7|100", "2|UPDATE|7|200", "3|DELETE|7|200"];
        assert_eq!(world.texts(SALARIES).await, history);
        assert_eq!(known_events(&world).await, 7);
    }
    read_again(&world, &["employees", "salary_changes"]).await;
}
