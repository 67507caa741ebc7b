//! Translates cron schedules to calendar events of systemd.

use std::collections::BTreeSet;

use crate::values::{Schedule, schedule_values};

/// Names of weekdays by their number in cron.
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// One field of a schedule.
struct Field {
    values: BTreeSet<u8>,
    /// Whether every value matches. Cron ignores such a field if it is the day of the month or of the week.
    is_every: bool,
}

impl Field {
    fn parse(field: &str, min: u8, max: u8) -> Self {
        let is_every = field.split(',').any(|item| ["*", "*/1"].contains(&item));
        Field { values: schedule_values(field, min, max), is_every }
    }

    /// Returns the values as a list, each as `text` writes it; `*` for every value.
    fn join(&self, text: impl Fn(u8) -> String) -> String {
        if self.is_every {
            return "*".to_owned();
        }
        self.values.iter().map(|value| text(*value)).collect::<Vec<_>>().join(",")
    }

    /// Returns the values as a list of numbers with two digits.
    fn two_digit_list(&self) -> String {
        self.join(|number| format!("{number:02}"))
    }
}

/// Returns the calendar events of a schedule, in UTC. There are two if the schedule restricts the day of the month and
/// the day of the week: cron starts on days that match one of them, systemd only on days that match both.
pub fn events(schedule: &Schedule) -> Vec<String> {
    let ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    let fields = schedule.as_str().split(' ').zip(ranges).map(|(field, (min, max))| Field::parse(field, min, max));
    let fields: Vec<Field> = fields.collect();
    let [minutes, hours, days, months, weekdays] = fields.as_slice() else { return Vec::new() };
    let time = format!("{}:{}:00 UTC", hours.two_digit_list(), minutes.two_digit_list());
    let months = months.two_digit_list();
    let on_days = format!("*-{months}-{} {time}", days.two_digit_list());
    let names = weekdays.join(|day| WEEKDAYS[usize::from(day % 7)].to_owned());
    let on_weekdays = format!("{names} *-{months}-* {time}");
    match (days.is_every, weekdays.is_every) {
        (_, true) => vec![on_days],
        (true, false) => vec![on_weekdays],
        (false, false) => vec![on_days, on_weekdays],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn schedules_become_calendar_events() {
        for (schedule, expected) in [
            ("15 3 * * *", &["*-*-* 03:15:00 UTC"] as &[&str]),
            ("*/20 * * * *", &["*-*-* *:00,20,40:00 UTC"]),
            ("* * * * *", &["*-*-* *:*:00 UTC"]),
            ("5/25 0-2 1,15 */6 *", &["*-01,07-01,15 00,01,02:05,30,55:00 UTC"]),
            ("0 12 * * 1-5", &["Mon,Tue,Wed,Thu,Fri *-*-* 12:00:00 UTC"]),
            ("0 0 13 * 5", &["*-*-13 00:00:00 UTC", "Fri *-*-* 00:00:00 UTC"]),
            ("0 0 */1 * 0", &["Sun *-*-* 00:00:00 UTC"]),
        ] {
            assert_eq!(events(&Schedule::new(schedule).unwrap()), expected, "{schedule}");
        }
    }
}
