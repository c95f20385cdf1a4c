use super::*;
use proptest::prelude::*;

fn gate(patterns: &[&str]) -> Gate {
    let gate = Gate::new(patterns.iter().map(|text| text.parse().unwrap()).collect());
    if patterns.is_empty() { gate } else { gate.named(vec!["count.example".parse().unwrap()]) }
}

fn from_page(referer: &str) -> Claim<'_> {
    Claim { referer: Some(referer.as_bytes()), host: Some(b"count.example"), ..Claim::default() }
}

fn admitted(gate: &Gate, claim: &Claim<'_>) -> Option<String> {
    gate.admit(claim).ok().map(|admission| admission.site.to_string())
}

fn image_of(claim: Claim<'_>) -> Claim<'_> {
    Claim { destination: Some(b"image"), ..claim }
}

#[test]
fn an_open_gate_admits_each_site_to_its_own_count() {
    let open = gate(&[]);
    assert_eq!(admitted(&open, &from_page("https://a.example/x")).as_deref(), Some("a.example"));
    assert_eq!(admitted(&open, &from_page("https://b.example/x")).as_deref(), Some("b.example"));
}

#[test]
fn without_a_referer_only_open_gates_admit_image_loads() {
    let image = Claim { destination: Some(b"image"), ..Claim::default() };
    let typed = Claim { destination: Some(b"document"), ..Claim::default() };
    assert_eq!(admitted(&gate(&[]), &image).as_deref(), Some(""));
    assert_eq!(gate(&[]).admit(&typed), Err(GateError::Direct));
    assert_eq!(gate(&[]).admit(&Claim::default()), Err(GateError::Direct));
    assert_eq!(gate(&[]).admit(&Claim { referer: Some(b""), ..Claim::default() }), Err(GateError::Direct));
    assert_eq!(gate(&["example.com"]).admit(&image), Err(GateError::Nameless));
}

#[test]
fn a_closed_gate_admits_its_sites_and_its_own_pages() {
    let closed = gate(&["example.com", "*.example.org"]);
    for referer in ["https://example.com/", "http://EXAMPLE.com:8080/", "https://a.b.example.org/"] {
        assert!(admitted(&closed, &from_page(referer)).is_some(), "{referer}");
    }
    assert_eq!(admitted(&closed, &from_page("http://count.example/")).as_deref(), Some("count.example"));
    for referer in ["https://example.org/", "https://badexample.com/", "https://example.com.evil.example/"] {
        assert!(matches!(closed.admit(&from_page(referer)), Err(GateError::NotAllowed(_))), "{referer}");
    }
}

#[test]
fn only_this_servers_pages_speak_for_another_site() {
    let closed = gate(&["example.com"]);
    let speak = |referer, site| Claim { site: Some(site), ..from_page(referer) };
    let embed = "https://count.example/embed";
    assert_eq!(admitted(&closed, &speak(embed, "example.com")).as_deref(), Some("example.com"));
    assert_eq!(admitted(&closed, &speak(embed, "evil.example")), None);
    assert_eq!(closed.admit(&speak(embed, "..")), Err(GateError::BadSite(SiteError::Host)));
    let open = gate(&[]);
    assert_eq!(
        admitted(&open, &speak("https://evil.example/", "example.com")).as_deref(),
        Some("evil.example")
    );
}

#[test]
fn a_host_that_is_no_name_of_the_server_has_no_own_pages() {
    let rebound = |host: &'static str, referer: &'static str| Claim {
        referer: Some(referer.as_bytes()),
        host: Some(host.as_bytes()),
        site: Some("example.com"),
        ..Claim::default()
    };
    let evil = rebound("evil.example", "http://evil.example/");
    let closed = Gate::new(vec!["example.com".parse().unwrap()]);
    let refused = Err(GateError::NotOwnName("evil.example".parse().unwrap()));
    assert_eq!(closed.admit(&evil), refused);
    assert_eq!(gate(&["example.com"]).admit(&evil), refused);
    assert_eq!(
        Gate::default().named(vec!["count.example".parse().unwrap()]).admit(&evil),
        Ok(Admission { site: "evil.example".parse().unwrap() })
    );
    assert_eq!(
        admitted(&Gate::default(), &evil).as_deref(),
        Some("example.com"),
        "any name, as long as all may embed"
    );
    for (host, page) in [("localhost:9192", "http://localhost:9192/"), ("192.0.2.1", "http://192.0.2.1/")] {
        assert_eq!(admitted(&closed, &rebound(host, page)).as_deref(), Some("example.com"), "{host}");
    }
    let named = rebound("count.example:8080", "http://count.example:8080/live");
    assert_eq!(admitted(&gate(&["example.com"]), &named).as_deref(), Some("example.com"));
    assert_eq!(admitted(&closed, &named), None);
}

#[test]
fn a_referer_that_is_no_url_is_refused() {
    for referer in ["about:blank", "android-app://com.example/", "nonsense", "https:///"] {
        assert!(matches!(gate(&[]).admit(&from_page(referer)), Err(GateError::BadReferer(_))), "{referer}");
    }
}

#[test]
fn a_same_origin_request_without_a_referer_is_at_its_host() {
    let from_itself = |host: &'static str, site| Claim {
        host: Some(host.as_bytes()),
        same_origin: Some(true),
        site,
        ..Claim::default()
    };
    let closed = gate(&["example.com"]);
    assert_eq!(admitted(&closed, &from_itself("example.com", None)).as_deref(), Some("example.com"));
    assert_eq!(admitted(&closed, &from_itself("count.example:80", None)).as_deref(), Some("count.example"));
    let spoken_for = from_itself("count.example", Some("example.com"));
    assert_eq!(admitted(&closed, &spoken_for).as_deref(), Some("example.com"));
    assert_eq!(admitted(&gate(&[]), &from_itself("a.example", None)).as_deref(), Some("a.example"));
    // The page of a frame whose own page sends no Referer.
    assert_eq!(admitted(&closed, &from_itself("count.example", Some(""))), None);
    assert_eq!(
        admitted(&gate(&["file://"]), &image_of(from_itself("count.example", Some("")))).as_deref(),
        Some("")
    );
    // The server's address in place of Host, by a proxy in between.
    let behind = from_itself("127.0.0.1:9192", None);
    assert_eq!(closed.admit(&behind), Err(GateError::NotOwnName("127.0.0.1:9192".parse().unwrap())));
    // A name that somebody else has resolve to this server.
    let rebound = from_itself("evil.example", Some("example.com"));
    assert_eq!(closed.admit(&rebound), Err(GateError::NotOwnName("evil.example".parse().unwrap())));
    assert_eq!(closed.admit(&Claim { same_origin: Some(true), ..Claim::default() }), Err(GateError::Direct));
}

#[test]
fn a_page_with_another_scheme_is_of_another_origin() {
    let page = from_page("http://count.example/");
    assert!(!page.is_cross_origin());
    assert!(Claim { same_origin: Some(false), ..page }.is_cross_origin());
    assert!(!Claim { same_origin: Some(true), ..from_page("http://other.example/") }.is_cross_origin());
}

#[test]
fn a_site_is_allowed_where_one_of_its_names_is() {
    let site = |name: &str| name.parse::<Site>().unwrap();
    let aliases =
        HashMap::from([(site("www.a.example"), site("a.example")), (site("localhost"), site("a.example"))]);
    for pattern in ["a.example", "www.a.example"] {
        let gate = gate(&[pattern, "capacitor://localhost"]).with_aliases(aliases.clone());
        for referer in ["https://a.example/", "https://www.a.example/"] {
            assert_eq!(
                admitted(&gate, &from_page(referer)).as_deref(),
                Some("a.example"),
                "{pattern} {referer}"
            );
        }
        assert!(gate.allows(&site("a.example")) && !gate.allows(&site("b.example")));
        // An app's host is no host on the web.
        assert_eq!(admitted(&gate, &from_page("capacitor://localhost")).as_deref(), Some("localhost"));
    }
}

#[test]
fn an_app_is_admitted_by_its_scheme() {
    let closed = gate(&["capacitor://localhost", "example.com"]);
    assert_eq!(admitted(&closed, &from_page("capacitor://localhost/x")).as_deref(), Some("localhost"));
    for referer in ["ionic://localhost/", "https://localhost/", "capacitor://example.com/"] {
        assert!(matches!(closed.admit(&from_page(referer)), Err(GateError::NotAllowed(_))), "{referer}");
    }
    assert_eq!(admitted(&gate(&[]), &from_page("tauri://localhost")).as_deref(), Some("localhost"));
    // The page of this server in its frame.
    let framed = Claim { site: Some("localhost"), ..from_page("https://count.example/embed") };
    assert_eq!(admitted(&closed, &framed).as_deref(), Some("localhost"));
    let on_loopback =
        Claim { host: Some(b"localhost"), site: Some("example.com"), ..from_page("app://localhost") };
    assert_eq!(closed.admit(&on_loopback), Err(GateError::NotAllowed("localhost".parse().unwrap())));
}

#[test]
fn files_are_admitted_where_they_are_allowed() {
    let (image, script) = (
        Claim { destination: Some(b"image"), ..Claim::default() },
        Claim { opaque: true, ..Claim::default() },
    );
    // With an origin that can't be named, a picture says no less than without any.
    let unnamed = Claim { opaque: true, ..image };
    assert_eq!(gate(&["example.com"]).admit(&unnamed), Err(GateError::Nameless));
    for claim in [image, script] {
        assert_eq!(admitted(&gate(&["file://", "example.com"]), &claim).as_deref(), Some(""));
        assert_eq!(admitted(&gate(&[]), &claim).as_deref(), Some(""));
        assert_eq!(admitted(&gate(&["example.com"]), &claim), None);
    }
}

proptest! {
    #[test]
    fn no_claim_admits_another_site(
        referer in prop::option::of(prop::collection::vec(any::<u8>(), 0..80)),
        host in prop::option::of("[a-z.:0-9]{0,20}"),
        site in prop::option::of("\\PC{0,20}"),
        destination in prop::option::of("image|document|iframe|x"),
        same_origin in any::<Option<bool>>(),
        opaque in any::<bool>(),
    ) {
        let claim = Claim {
            referer: referer.as_deref(),
            host: host.as_deref().map(str::as_bytes),
            destination: destination.as_deref().map(str::as_bytes),
            same_origin,
            opaque,
            site: site.as_deref(),
        };
        if let Ok(Admission { site }) = gate(&["example.com"]).admit(&claim) {
            let is_own = origin::site_of_host(claim.host).as_ref() == Some(&site) && gate(&["example.com"]).has_name(site.host());
            prop_assert!(site.host() == "example.com" || is_own);
        }
    }

    #[test]
    fn hosts_below_a_pattern_are_admitted_and_no_others(host in "([a-c]{1,2}\\.){0,3}(example|xexample)\\.com") {
        let is_admitted = admitted(&gate(&["*.example.com"]), &from_page(&format!("https://{host}/"))).is_some();
        prop_assert_eq!(is_admitted, host.ends_with(".example.com"));
    }
}
