use super::*;

#[test]
fn known_parameters_are_parsed_and_others_ignored() {
    let raw = "x=1&u=abc&site=b%C3%BCcher.example&&=&%zz&page=/a&show=site&count=visitors&peek=1&live=0\
        &rows=7&width=300&height=8&at=25&session=ann";
    let wanted = Query {
        raw,
        live: Some(false),
        unique: true,
        site: Some("bücher.example".into()),
        page: Some(b"/a"[..].into()),
        page_query: PageQuery::Drop,
        show: Some(Show::Site),
        counting: Counting::Visitors,
        rows: Some(7),
        top: None,
        width: Some(300),
        height: Some(8),
        at: Some(0.25.try_into().unwrap()),
        refresh: None,
        peek: true,
        session: Some("ann".to_owned().try_into().unwrap()),
    };
    assert_eq!(Query::parse(Some(raw)), Ok(wanted));
    assert_eq!(Query::parse(None), Ok(Query::default()));
}

#[test]
fn a_bad_value_is_named() {
    assert_eq!(Query::parse(Some("site=%ff")), Err(QueryError::new("site", "not UTF-8")));
    assert_eq!(Query::parse(Some("show=all")), Err(QueryError::new("show", "not one of: site, page")));
    for bad in ["count=1", "peek=yes", "query=x", "width=1.5", "height=-1", "at=101", "at=nan", "at="] {
        assert!(Query::parse(Some(bad)).is_err(), "{bad}");
    }
    assert!(Query::parse(Some(&format!("session={}", "a".repeat(129)))).is_err());
    assert_eq!(Query::parse(Some("session=")).unwrap().session, None);
    assert!(Query::parse(Some(&"a".repeat(MAX_LENGTH + 1))).is_err());
}

#[test]
fn a_page_is_octets() {
    for (query, page) in [
        ("page=%2Fr%E9els+a%2Bb", &b"/r\xe9els a+b"[..]),
        ("x=1&page=/caf%C3%A9&", "/café".as_bytes()),
        ("page", b""),
        ("page=/a&page=/b=c", b"/b=c"),
    ] {
        assert_eq!(Query::parse(Some(query)).unwrap().page.as_deref(), Some(page), "{query}");
    }
}

#[test]
fn the_picture_of_a_framed_page_has_its_site_and_page() {
    let query = Query::parse(Some("page=auto&style=flat&site=x&refresh=5m&show=site")).unwrap();
    let page = Page::new("/r%E9els?a", PageQuery::Keep).unwrap();
    let wanted = "site=a.example&page=%2Fr%25E9els%3Fa&style=flat&show=site";
    assert_eq!(query.for_picture("a.example", Some(&page)), wanted);
    assert_eq!(query.for_picture("", None), "site=&style=flat&show=site");
    assert_eq!(query.for_frame("", None), "site=&style=flat&refresh=5m&show=site");
    let told = query.for_frame("a.example:8080", Some(&page));
    assert_eq!(Query::parse(Some(&told)).unwrap().for_frame("a.example:8080", Some(&page)), told);
}
