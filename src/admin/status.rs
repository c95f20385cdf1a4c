//! `/status`: a page for people. It loads nothing and runs nothing; all that visitors have written is escaped.

use std::fmt::{Display, Write};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

use super::Admin;
use crate::metrics::{Cost, Recent};

/// How many lines a list has at most.
const ROWS: usize = 20;

const STYLE: &str = "body{font:15px/1.4 sans-serif;margin:2em auto;max-width:60em;padding:0 1em}\
    table{border-collapse:collapse;margin:1.5em 0}caption{font-weight:bold;text-align:left}\
    td,th{border-bottom:1px solid #999;padding:.2em 1em .2em 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
    td.n,th.n{text-align:right;white-space:nowrap}@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}";

/// The page.
pub(super) fn page(admin: &Admin) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Status of onlookers</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<style>{STYLE}</style>\n<h1>Status of onlookers</h1>\n"
    );
    state(&mut page, admin);
    open_pages(&mut page, admin);
    holders(&mut page, admin);
    expensive(&mut page, admin);
    configuration(&mut page, admin);
    page
}

fn state(page: &mut String, admin: &Admin) {
    let app = &admin.app;
    let (reasons, counts, (sites, _)) = (app.unready(), app.rooms.totals_here(), app.rooms.open_sites());
    let ready = match reasons.is_empty() {
        true => "ready".to_owned(),
        false => reasons.iter().map(|it| format!("not ready: {it}")).collect::<Vec<_>>().join("; "),
    };
    let viewers = format!("{} of {}", app.capacity.viewers(), app.capacity.limit());
    let up = Duration::from_secs(admin.started.elapsed().as_secs());
    let rows = [
        ("State", ready),
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Running for", humantime::format_duration(up).to_string()),
        ("Viewers", viewers),
        ("Open pages", counts.tabs.to_string()),
        ("Visitors", counts.visitors.to_string()),
        ("Sites", sites.to_string()),
    ];
    table(page, "Now", ["", ""], rows.map(|(name, value)| [Cell::text(name), Cell::text(value)]));
}

fn open_pages(page: &mut String, admin: &Admin) {
    let sites = admin.app.rooms.top_sites(ROWS).into_iter();
    let rows = sites.map(|(site, counts)| {
        [
            Cell::text(site.as_str()),
            Cell::Number(counts.tabs.to_string()),
            Cell::Number(counts.visitors.to_string()),
        ]
    });
    table(page, "Open pages by site", ["site", "pages", "visitors"], rows);
}

/// Connections that cost nothing take files and memory.
fn holders(page: &mut String, admin: &Admin) {
    let connections = &admin.app.connections;
    let row =
        |(client, held): (IpAddr, usize)| [Cell::text(network(&client)), Cell::Number(held.to_string())];
    let rows: Vec<_> = connections.top_clients(ROWS).into_iter().map(row).collect();
    let all = [Cell::text("all together"), Cell::Number(connections.counts().0.to_string())];
    let caption = "Addresses with most connections that wait for a request or get an answer, without viewers of HTTP/1.1";
    table(page, caption, ["address or /64", "connections"], rows.into_iter().chain([all]));
}

fn expensive(page: &mut String, admin: &Admin) {
    let costs = admin.app.painter.costs();
    page.push_str(
        "<p>Costs are milliseconds of CPU time in a second, on average over the last 10 to 20 seconds. Of what is forgotten \
         because others cost more, only the sum is known.</p>\n",
    );
    let sites = "Sites that cost most: painting and sending for their viewers";
    most_expensive(page, sites, ["site", "ms/s", "times/s"], &costs.sites, |site| site.as_str().to_owned());
    let styles = "Styles that cost most: painting and sending";
    most_expensive(page, styles, ["style", "ms/s", "times/s"], &costs.styles, |style| (*style).to_owned());
    let clients =
        "Addresses that cost most: connections, requests and messages, and pictures painted for them";
    most_expensive(page, clients, ["address or /64", "ms/s", "times/s"], &costs.clients, network);
}

fn most_expensive<K: Clone + Eq + Hash>(
    page: &mut String,
    caption: &str,
    heads: [&str; 3],
    costs: &Recent<K>,
    name: impl Fn(&K) -> String,
) {
    let row = |(key, cost): (K, Cost)| {
        [Cell::text(name(&key)), Cell::time(cost.time), Cell::Number(cost.times.to_string())]
    };
    let rows: Vec<_> = costs.top(ROWS).into_iter().map(row).collect();
    let all = [Cell::text("all together"), Cell::time(costs.total()), Cell::text("")];
    table(page, caption, heads, rows.into_iter().chain([all]));
}

/// A client: an address of IPv4, or a network of IPv6.
fn network(first: &IpAddr) -> String {
    if first.is_ipv6() { format!("{first}/64") } else { first.to_string() }
}

fn configuration(page: &mut String, admin: &Admin) {
    let rows = admin.configuration().into_iter().map(|(name, value)| [Cell::text(name), Cell::text(value)]);
    table(page, "Configuration in force", ["key", "value"], rows);
}

/// A cell of a table, unescaped.
enum Cell {
    Text(String),
    Number(String),
}

impl Cell {
    fn text(text: impl Display) -> Self {
        Self::Text(text.to_string())
    }

    fn time(time: Duration) -> Self {
        Self::Number(format!("{:.2}", time.as_secs_f64() * 1000.0))
    }
}

fn table<const N: usize>(
    page: &mut String,
    caption: &str,
    heads: [&str; N],
    rows: impl IntoIterator<Item = [Cell; N]>,
) {
    // Writing to a string can't fail.
    let _ = writeln!(page, "<table>\n<caption>{}</caption>", escape(caption));
    if heads.iter().any(|head| !head.is_empty()) {
        let heads: String = heads.iter().map(|head| format!("<th scope=\"col\">{}", escape(head))).collect();
        let _ = writeln!(page, "<tr>{heads}");
    }
    for row in rows {
        let cells = row.map(|cell| match cell {
            Cell::Text(text) => format!("<td>{}", escape(&text)),
            Cell::Number(number) => format!("<td class=\"n\">{}", escape(&number)),
        });
        let _ = writeln!(page, "<tr>{}", cells.concat());
    }
    page.push_str("</table>\n");
}

/// Text as HTML has it, also in quotes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_written_is_escaped() {
        let mut page = String::new();
        table(&mut page, "a", ["b"], [[Cell::text("<script>&\"'\u{7}")]]);
        assert!(page.contains("<td>&lt;script&gt;&amp;&quot;&#39;\u{fffd}\n"), "{page}");
    }
}
