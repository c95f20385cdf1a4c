//! Which sites may embed the picture, and the pages that this server itself serves.

use crate::common::client::{Client, get};
use crate::common::request;
use crate::common::server::TestServer;
use crate::common::viewer::Viewer;

#[test]
fn opening_the_picture_directly_says_how_to_embed_it() {
    let server = TestServer::quiet(&[]);
    for headers in [
        &[][..],
        &["Sec-Fetch-Dest: document"],
        &["Referer: "],
        &["Referer: about:blank"],
        &["Referer: \u{ff}"],
    ] {
        let response = get(server.address, "/online.png", headers);
        assert_eq!(response.status, 403, "{headers:?}");
        response.assert_safe();
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        let mut lines = response.text().lines();
        assert_eq!(lines.next(), Some("You can't view this image directly."));
        assert!(lines.next().unwrap().contains("<img loading=\"lazy\" srcset=\"/online.png, "));
    }
}

#[test]
fn pages_that_hide_their_address_are_counted_together() {
    let server = TestServer::quiet(&[]);
    let mut client = Client::connect(server.address);
    client.send(request("GET /online.png?u=1 HTTP/1.1", &["Sec-Fetch-Dest: image"]));
    assert_eq!(Viewer::opened(client).count(), 1);
}

#[test]
fn a_site_that_is_not_allowed_gets_a_picture_that_says_so() {
    let server = TestServer::quiet(&["--allow", "example.com", "--allow", "*.example.org"]);
    for (headers, sentence) in [
        (&["Referer: https://example.net/"][..], "Not allowed here"),
        (&["Referer: https://example.com.example.net/"], "Not allowed here"),
        (&["Referer: https://example.org/"], "Not allowed here"),
        (&["Sec-Fetch-Dest: image"], "No Referer sent"),
    ] {
        let response = get(server.address, "/online.png?u=1", headers);
        assert_eq!(response.status, 403, "{headers:?}");
        response.assert_says(sentence);
    }
    assert_eq!(Viewer::join(server.address).count(), 1);
    assert_eq!(Viewer::join_site(server.address, "a.example.org").count(), 1);
}

#[test]
fn a_site_may_be_spelled_in_its_own_alphabet() {
    let server = TestServer::quiet(&["--allow", "bücher.example", "--allow", "xn--80ak6aa92e.example:8080"]);
    let mut one = Viewer::join_site(server.address, "xn--bcher-kva.example");
    assert_eq!(one.count(), 1);
    let _other = Viewer::join_site(server.address, "BÜCHER.example");
    assert_eq!(one.count(), 2, "both spellings are one site");
    assert_eq!(Viewer::join_site(server.address, "аррӏе.example:8080").count(), 1);
    assert_eq!(get(server.address, "/online.png?u=1", &["Referer: https://аррӏе.example/"]).status, 403);
}

#[test]
fn only_pages_of_this_server_count_for_another_site() {
    let server = TestServer::quiet(&["--allow", "example.com", "--name", "counter.example"]);
    let with = |referer: &str, site: &str| {
        let mut client = Client::connect(server.address);
        let line = format!("GET /online.png?site={site}&u=1 HTTP/1.1");
        client.send(request(&line, &[&format!("Referer: {referer}")]));
        client
    };
    let mut embedded = Viewer::opened(with("http://counter.example/embed", "example.com"));
    assert_eq!(embedded.count(), 1);
    let mut direct = Viewer::join(server.address);
    direct.wait_for(2);
    assert_eq!(embedded.count(), 2, "both are in the room of example.com");
    with("http://counter.example/embed", "example.net").response().assert_says("Not allowed here");
    with("https://example.net/", "example.com").response().assert_says("Not allowed here");
    let bad = with("http://counter.example/embed", "a%20b").response();
    assert_eq!((bad.status, bad.text()), (400, "The parameter site is not a site's name.\n"));
}

#[test]
fn the_demo_page_shows_the_tag_with_the_requested_host() {
    let server = TestServer::quiet(&[]);
    let page = |headers: &[&str]| {
        let head: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        Client::ask(server.address, format!("GET / HTTP/1.1\r\n{head}\r\n"))
    };
    let response = page(&["Host: counter.example:8080"]);
    response.assert_safe();
    assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(response.header("content-security-policy").unwrap().contains("default-src 'none'"), "no script");
    let tag = "&lt;img loading=\"lazy\" srcset=\"http://counter.example:8080/online.png, http://counter.example:8080/online.png?scale=2 2x\" width=\"200\" height=\"30\"";
    assert!(response.text().contains(tag));
    for (query, policy) in
        [("page=/posts/1", ""), ("page=auto", "referrerpolicy=\"no-referrer-when-downgrade\" ")]
    {
        let picture = format!("http://counter.example:8080/online.png?{query}");
        let tag = format!("srcset=\"{picture}, {picture}&amp;amp;scale=2 2x\" {policy}width=\"200\"");
        assert!(response.text().contains(&tag), "{tag}");
    }
    assert!(response.text().contains("<embed type=\"application/x-no-bfcache\""));
    assert!(!response.text().contains("<script"));
    let by_tls = page(&["Host: counter.example", "X-Forwarded-Proto: https"]);
    assert!(by_tls.text().contains("https://counter.example/online.png"));
    for host in ["Host: \"><script>alert(1)</script>", "Host: <b>", "Host: ", "X: none"] {
        let page = page(&[host]);
        assert_eq!(page.header("content-type"), response.header("content-type"));
        assert!(!page.text().contains("<script") && !page.text().contains("{{"), "{host}");
    }
}

#[test]
fn forwarded_hosts_and_schemes_are_read_as_lists_in_any_case() {
    let server = TestServer::quiet(&["--trust-proxy", "127.0.0.0/8"]);
    let stranger = TestServer::quiet(&[]);
    let shows = |server: &TestServer, headers: &[&str], address: &str| {
        let page = get(server.address, "/", headers);
        assert!(
            page.text()
                .contains(&format!("srcset=\"{address}/online.png, {address}/online.png?scale=2 2x\"")),
            "{headers:?}"
        );
    };
    for (host, scheme, address) in [
        ("count.example:8080", "https", "https://count.example:8080"),
        ("COUNT.example , inner.example", "HTTPS,http", "https://count.example"),
        ("", "http, https", "http://counter.example"),
        (", inner.example", "", "http://inner.example"),
        ("\"><script>", "wss", ""),
    ] {
        let headers = [format!("x-forwarded-host: {host}"), format!("X-FORWARDED-PROTO: {scheme}")];
        shows(&server, &headers.each_ref().map(String::as_str), address);
    }
    let two_lines = ["X-Forwarded-Host: a.example", "X-Forwarded-Host: b.example"];
    shows(&server, &two_lines, "http://a.example");
    shows(&stranger, &two_lines, "http://counter.example");
}

#[test]
fn the_embed_page_counts_for_the_page_around_it() {
    let server = TestServer::quiet(&["--allow", "example.com:8080", "--name", "counter.example"]);
    let response =
        get(server.address, "/embed", &["Referer: https://example.com:8080/post", "Sec-Fetch-Dest: iframe"]);
    response.assert_safe();
    let page = response.text();
    assert!(page.contains("<embed type=\"application/x-no-bfcache\""));
    let picture = page.split("srcset=\"").nth(1).unwrap().split(',').next().unwrap();
    assert_eq!(picture, "online.png?site=example.com%3A8080");
    // The request that this page then makes for the picture.
    let mut client = Client::connect(server.address);
    let line = format!("GET /{picture}&u=1 HTTP/1.1");
    client.send(request(&line, &["Referer: http://counter.example/embed"]));
    assert_eq!(Viewer::opened(client).count(), 1);
    get(server.address, "/embed", &["Referer: https://example.net/"]).assert_says("Not allowed here");
    assert!(
        get(server.address, "/embed", &[]).text().contains("\"online.png?site=counter.example, "),
        "seen by itself"
    );
    let labelled = get(server.address, "/embed?label=%22%3E%26", &["Referer: http://counter.example/"]);
    assert!(labelled.text().contains(" alt=\"&quot;&gt;&amp;\">"), "the words of the picture");
    for referer in ["https://\"><script>/", "https://example.com\"/", "https://%22%3E/"] {
        let answer = get(server.address, "/embed", &[&format!("Referer: {referer}")]);
        assert_eq!(answer.status, 403, "{referer}");
    }
}

#[test]
fn the_embed_page_names_the_page_around_it() {
    let server = TestServer::quiet(&["--allow", "example.com", "--name", "counter.example"]);
    let picture = |referer: &str, query: &str| {
        let referer = format!("Referer: {referer}");
        let answer = get(server.address, &format!("/embed?{query}"), &[&referer, "Sec-Fetch-Dest: iframe"]);
        answer.text().split("srcset=\"online.png?").nth(1).unwrap().split(',').next().unwrap().to_owned()
    };
    for (referer, query, wanted) in [
        ("https://example.com/a?x", "page=auto", "site=example.com&amp;page=%2Fa"),
        (
            "https://example.com/a?x",
            "page=auto&query=keep",
            "site=example.com&amp;page=%2Fa%3Fx&amp;query=keep",
        ),
        ("https://example.com/r%E9els", "page=auto", "site=example.com&amp;page=%2Fr%25E9els"),
        ("https://example.com/", "page=auto&style=flat", "site=example.com&amp;style=flat"),
        ("https://example.com/", "page=r%E9els", "site=example.com&amp;page=%2Fr%25E9els"),
    ] {
        assert_eq!(picture(referer, query), wanted, "{referer} {query}");
    }
    let mut named = Client::connect(server.address);
    named.send(request("GET /online.png?page=/r%E9els&u=1 HTTP/1.1", &["Referer: https://example.com/"]));
    let mut named = Viewer::opened(named);
    assert_eq!(named.count(), 1);
    let line =
        format!("GET /online.png?{}&u=1 HTTP/1.1", picture("https://example.com/r%E9els", "page=auto"));
    let mut framed = Client::connect(server.address);
    framed.send(request(&line.replace("&amp;", "&"), &["Referer: http://counter.example/embed?page=auto"]));
    Viewer::opened(framed).wait_for(2);
    let bad = get(server.address, "/embed?page=%00", &["Referer: https://example.com/"]);
    assert_eq!((bad.status, bad.text()), (400, "The parameter page is bad: not printable.\n"));
}

#[test]
fn a_frame_counts_with_pictures_on_pages_without_a_referer() {
    let server = TestServer::quiet(&[]);
    let frame = get(server.address, "/embed", &["Sec-Fetch-Dest: iframe", "Sec-Fetch-Site: cross-site"]);
    assert!(
        frame.text().contains("srcset=\"online.png?site=, online.png?site=&amp;scale=2 2x\"")
            && frame.text().contains("no-referrer"),
        "{frame:?}"
    );
    let open = |query: &str, site: &str| {
        let mut client = Client::connect(server.address);
        let headers = ["Sec-Fetch-Dest: image", &format!("Sec-Fetch-Site: {site}")];
        client.send(request(&format!("GET /online.png?{query}u=1 HTTP/1.1"), &headers));
        Viewer::opened(client)
    };
    let mut beside = open("", "cross-site");
    assert_eq!(beside.count(), 1);
    let _framed = open("site=&", "same-origin");
    beside.wait_for(2);
}

#[test]
fn an_app_shows_the_picture_if_its_scheme_is_allowed() {
    let allowed = ["--allow", "capacitor://localhost", "--allow", "file://", "--allow", "example.com"];
    let server = TestServer::quiet(&allowed);
    let open = |headers: &[&str]| {
        let mut client = Client::connect(server.address);
        client.send(request("GET /online.png?u=1 HTTP/1.1", headers));
        client
    };
    assert_eq!(Viewer::opened(open(&["Referer: capacitor://localhost/"])).count(), 1);
    assert_eq!(Viewer::opened(open(&["Sec-Fetch-Dest: image"])).count(), 1);
    for referer in ["ionic://localhost/", "https://localhost/", "capacitor://example.com/"] {
        open(&[&format!("Referer: {referer}")]).response().assert_says("Not allowed here");
    }
    let status = |path: &str, origin: &str| {
        let mut client = Client::connect(server.address);
        client.send(request(&format!("GET {path} HTTP/1.1"), &[&format!("Origin: {origin}")]));
        client.response_to_head().status
    };
    for (path, origin, wanted) in [
        ("/events/localhost/index.html", "capacitor://localhost", 200),
        ("/events/localhost/index.html", "https://localhost", 403),
        ("/events/example.com/a", "capacitor://localhost", 403),
        ("/events//index.html", "null", 200),
        ("/events/example.com/a", "null", 403),
        ("/events/localhost/a", "null", 403),
    ] {
        assert_eq!(status(path, origin), wanted, "{path} {origin}");
    }
}
