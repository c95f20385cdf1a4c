//! Viewers come, go and go on to other pages while the settings change under them: the counts are those of a model.

use std::collections::HashSet;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::client::{Client, get};
use crate::common::server::{TestServer, config};
use crate::common::viewer::Viewer;
use crate::common::{DEADLINE, request};

const PAGES: [&str; 3] = ["/a", "/b", "/c"];

/// What a reload may change: whose pages may show the counter, and who isn't counted.
const SETTINGS: [&[&str]; 4] = [
    &[],
    &["--ignore", "198.51.100.1/32"],
    &["--allow", "example.com", "--ignore", "198.51.100.2/31"],
    &["--allow", "example.org"],
];

#[derive(Clone, Debug)]
enum Step {
    Join { page: usize, visitor: u8 },
    Leave(usize),
    Navigate { which: usize, page: usize },
    Reload(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..PAGES.len(), 0..5_u8).prop_map(|(page, visitor)| Step::Join { page, visitor }),
        2 => any::<usize>().prop_map(Step::Leave),
        2 => (any::<usize>(), 0..PAGES.len()).prop_map(|(which, page)| Step::Navigate { which, page }),
        2 => (0..SETTINGS.len()).prop_map(Step::Reload),
    ]
}

struct Here {
    page: usize,
    visitor: u8,
    /// Whether the settings of the time counted them.
    counted: bool,
    _viewer: Viewer,
}

struct Model {
    server: TestServer,
    settings: usize,
    here: Vec<Here>,
}

impl Model {
    fn args(settings: usize) -> Vec<&'static str> {
        [&["--repaint", "1h", "--trust-proxy", "127.0.0.0/8"], SETTINGS[settings]].concat()
    }

    fn new() -> Self {
        Self { server: TestServer::start(&Self::args(0)), settings: 0, here: Vec::new() }
    }

    fn take(&mut self, step: Step) {
        let some = self.here.len();
        match step {
            Step::Join { page, visitor } => self.join(page, visitor),
            Step::Reload(settings) => {
                self.server.control.reload(&config(&Self::args(settings)));
                self.settings = settings;
            }
            _ if some == 0 => {}
            Step::Leave(which) => drop(self.here.swap_remove(which % some)),
            Step::Navigate { which, page } => {
                let visitor = self.here.swap_remove(which % some).visitor;
                self.join(page, visitor);
            }
        }
    }

    fn join(&mut self, page: usize, visitor: u8) {
        let mut client = Client::connect(self.server.address);
        let line = format!("GET /online.png?u=1&page={} HTTP/1.1", PAGES[page]);
        let address = format!("X-Forwarded-For: 198.51.100.{visitor}");
        client.send(request(&line, &["Referer: https://example.com/", &address]));
        if self.settings == 3 {
            assert_eq!(client.response().status, 403);
            return;
        }
        let counted = match self.settings {
            1 => visitor != 1,
            2 => !(2..4).contains(&visitor),
            _ => true,
        };
        self.here.push(Here { page, visitor, counted, _viewer: Viewer::opened(client) });
    }

    /// What the server has to say of a page, once it has heard of those who left.
    fn expected(&self, page: usize) -> Value {
        let numbers = |on: &dyn Fn(&Here) -> bool| {
            let counted = || self.here.iter().filter(|here| here.counted && on(here));
            let visitors: HashSet<u8> = counted().map(|here| here.visitor).collect();
            json!({ "pages": counted().count(), "visitors": visitors.len() })
        };
        let (own, site) = (numbers(&|here| here.page == page), numbers(&|_| true));
        json!({ "pages": own["pages"], "visitors": own["visitors"], "site": site })
    }

    fn check(&self) {
        if self.settings == 3 {
            // It tells nobody. What it has counted is seen after the next reload.
            return;
        }
        for (number, page) in PAGES.iter().enumerate() {
            let (expected, started) = (self.expected(number), Instant::now());
            while self.said_of(page) != expected {
                let said = self.said_of(page);
                assert!(started.elapsed() < DEADLINE, "{page}: {said}, and not {expected}");
            }
        }
    }

    fn said_of(&self, page: &str) -> Value {
        let answer = get(self.server.address, &format!("/count/example.com{page}.json"), &[]);
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        json!({ "pages": said["pages"], "visitors": said["visitors"], "site": said["site"] })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn counts_equal_the_model_over_reloads(steps in prop::collection::vec(step(), 30..60)) {
        let mut model = Model::new();
        for step in steps {
            model.take(step);
            model.check();
        }
        model.take(Step::Reload(0));
        model.here.clear();
        model.check();
    }
}
