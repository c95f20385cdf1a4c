//! This node among the others. A server that counts alone says nothing of it.

use std::fmt;

use crate::admin::Admin;
use crate::admin::text::Text;
use crate::metrics::TimesSum;

pub(super) fn encode(admin: &Admin, text: &mut Text<'_>) -> fmt::Result {
    let requested = &admin.app.requested;
    if !admin.app.rooms.is_sharing() {
        return Ok(());
    }
    let (figures, mut answers) = (&requested.figures, TimesSum::default());
    let leases = figures.leases();
    let is_up = if requested.is_alone() { 0.0 } else { 1.0 };
    text.gauge(("onlookers_redis_up", "1 if all nodes are counted, 0 if this one counts alone"), is_up)?;
    text.gauge(("onlookers_nodes", "Nodes that count together, with this one"), 1.0 + leases.others as f64)?;
    figures.answers.add_to(&mut answers);
    text.times(
        ("onlookers_redis_answers", "How long Redis takes to answer a question of this node"),
        &answers,
    )?;
    text.counter(
        ("onlookers_redis_failures", "Questions that Redis hasn't answered"),
        figures.failures.value(),
    )?;
    let ages = [("own", leases.own_age()), ("others", leases.others_age())];
    let ages = ages.into_iter().filter_map(|(of, age)| Some(([("of", of)], age?.as_secs_f64())));
    text.gauges(
        (
            "onlookers_lease_age_seconds",
            "How long ago the leases were renewed: this node's, and the others' oldest",
        ),
        ages,
    )
}
