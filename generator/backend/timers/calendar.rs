//! Translates cron schedules to calendar events of systemd.

use std::collections::BTreeSet;

use crate::values::{Schedule, schedule_values};

/// Names of weekdays by their number in cron.
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// One field of a schedule, such as the hours, and the values that it matches.
struct ScheduleField {
    values: BTreeSet<u8>,
    /// Whether every value matches. Cron ignores such a field if it is the day of the month or of the week.
    is_every: bool,
}

impl ScheduleField {
    /// Parses a field, such as `*/20` or `1,15`, whose values are between `min` and `max`.
    fn parse(field: &str, min: u8, max: u8) -> Self {
        let is_every = field.split(',').any(|item| ["*", "*/1"].contains(&item));
        ScheduleField { values: schedule_values(field, min, max), is_every }
    }

    /// Returns the values with commas between them, each as the text that `value_text` returns; `*` for every value.
    fn join(&self, value_text: impl Fn(u8) -> String) -> String {
        if self.is_every {
            return "*".to_owned();
        }
        self.values.iter().map(|value| value_text(*value)).collect::<Vec<_>>().join(",")
    }

    /// Returns the values as numbers with two digits, such as `00,20,40`.
    fn two_digit_list(&self) -> String {
        self.join(|number| format!("{number:02}"))
    }
}

/// Returns the calendar events of a schedule, in UTC, such as `*-*-* 03:15:00 UTC` for `15 3 * * *`. There are two if
/// the schedule restricts the day of the month and the day of the week: cron starts on days that match one of them,
/// systemd only on days that match both.
pub fn events(schedule: &Schedule) -> Vec<String> {
    // The smallest and the largest value of each field: minutes, hours, days of the month, months, days of the week.
    let ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    let fields =
        schedule.as_str().split(' ').zip(ranges).map(|(field, (min, max))| ScheduleField::parse(field, min, max));
    let fields: Vec<ScheduleField> = fields.collect();
    // A checked schedule always has five fields.
    let [minutes, hours, days, months, weekdays] = fields.as_slice() else { return Vec::new() };
    let time = format!("{}:{}:00 UTC", hours.two_digit_list(), minutes.two_digit_list());
    let months = months.two_digit_list();
    let on_days = format!("*-{months}-{} {time}", days.two_digit_list());
    let weekday_names = weekdays.join(|day| WEEKDAYS[usize::from(day % 7)].to_owned());
    let on_weekdays = format!("{weekday_names} *-{months}-* {time}");
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
