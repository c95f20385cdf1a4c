//! Robots get a still and browsers a stream, judged by other people's lists of both.

use serde_json::Value;

use crate::common::client::Client;
use crate::common::request;
use crate::common::server::TestServer;
use crate::npm;

const PACKAGES: [&str; 2] = ["crawler-user-agents@1.60.0", "user-agents@2.1.198"];

/// Browsers of the last ten years that such a list of today lacks.
const OLDER: [&str; 16] = [
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; WOW64; Trident/7.0; SLCC2; .NET CLR 2.0.50727)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763",
    "Mozilla/5.0 (Linux; Android 6.0; CUBOT MAX Build/MRA58K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/51.0.2704.81 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/111.0.0.0 Mobile Safari/537.36 (Ecosia android@111.0.5563.116)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 12_3_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.0 Mobile/15E148 Safari/605.1.15 BingWeb/6.37.2.0",
    "Mozilla/5.0 (Linux; Android 8.0.0; SM-G935F Build/R16NW) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/9.2 Chrome/67.0.3396.87 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; U; Android 9; en-US; RMX1911 Build/PKQ1) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/57.0.2987.108 UCBrowser/13.0.0.1288 Mobile Safari/537.36",
    "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16",
    "Mozilla/5.0 (X11; Linux x86_64; rv:52.0) Gecko/20100101 Firefox/52.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_6) AppleWebKit/601.7.7 (KHTML, like Gecko) Version/9.1.2 Safari/601.7.7",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 baiduboxapp/11.20.0.17 (Baidu; P2 13.3.1)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 250.0.0.15.109",
    "Mozilla/5.0 (Linux; Android 5.1; AFTS Build/LMY47O) AppleWebKit/537.36 (KHTML, like Gecko) Silk/47.1.79 like Chrome/47.0.2526.80 Safari/537.36",
    "Mozilla/5.0 (PlayStation 4 8.03) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15",
    "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/68.0.3440.106 Safari/537.36 WebAppManager",
];

fn list(file: &str) -> Value {
    let folder = npm::installed("agents", &PACKAGES);
    serde_json::from_slice(&std::fs::read(folder.join("node_modules").join(file)).unwrap()).unwrap()
}

/// Those who get a stream, and so are counted.
fn streamed<'a>(agents: &[&'a str]) -> Vec<&'a str> {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    let mut takes_stream = |agent: &str| {
        let headers = ["Referer: https://example.com/", &format!("User-Agent: {agent}")];
        client.send(request("GET /online.png HTTP/1.1", &headers));
        // A stream has a URL of its own.
        match client.response().status {
            302 => true,
            200 => false,
            status => panic!("{status} for {agent}"),
        }
    };
    agents.iter().copied().filter(|agent| takes_stream(agent)).collect()
}

#[test]
fn of_known_robots_at_most_one_in_a_hundred_is_counted() {
    let robots = list("crawler-user-agents/crawler-user-agents.json");
    let robots = robots.as_array().unwrap().iter().flat_map(|robot| robot["instances"].as_array());
    let robots: Vec<&str> = robots.flatten().map(|agent| agent.as_str().unwrap().trim()).collect();
    let counted = streamed(&robots);
    println!("{} of {}: {counted:#?}", counted.len(), robots.len());
    assert!(robots.len() > 2_000 && counted.len() * 100 <= robots.len(), "{}", counted.len());
}

#[test]
fn every_browser_of_ten_years_gets_a_stream() {
    let browsers = list("user-agents/dist/user-agents.json");
    let browsers = browsers.as_array().unwrap().iter().map(|browser| browser["userAgent"].as_str().unwrap());
    let mut browsers: Vec<&str> = browsers.chain(OLDER).collect();
    browsers.sort_unstable();
    browsers.dedup();
    let streamed = streamed(&browsers);
    let refused: Vec<_> = browsers.iter().filter(|browser| !streamed.contains(browser)).collect();
    assert!(browsers.len() > 500 && refused.is_empty(), "{refused:#?}");
}
