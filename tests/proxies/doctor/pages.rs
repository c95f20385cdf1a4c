//! Pages that show a counter, and certificates.

use super::{Visit, changed};
use crate::files::{Kind, Proxy, server};
use crate::network::in_network_of_its_own;

in_network! {
    fn a_page_that_forbids_the_picture_is_found() {
        let _server = server(&[]);
        let page = "listen 80; listen 443 ssl; server_name example.com; default_type text/html; \
            ssl_certificate /etc/ssl/count.example/fullchain.pem; ssl_certificate_key /etc/ssl/count.example/privkey.pem; \
            location /good { return 200 '<img loading=lazy width=200 height=30 srcset=//count.example/online.png>'; } \
            location /forbids { add_header Content-Security-Policy \"img-src self.example\"; \
              return 200 '<img loading=lazy width=200 height=30 srcset=//count.example/online.png>'; } \
            location /mixed { return 200 '<img src=http://count.example/online.png>'; }";
        let proxy = changed(Kind::Nginx, &[("# onlookers behind", &format!("server {{ {page} }}\n# onlookers behind"))]);
        let ca = proxy.trusted_certificate();
        let visit = |path: &str| {
            Visit::to(&format!("https://example.com{path}"), &["--ca", ca.to_str().unwrap(), "--watch", "0s"])
        };
        let good = visit("/good");
        assert_eq!(good.code, Some(0), "{good:?}");
        assert!(good.said.contains("the picture is live"), "{good:?}");
        let forbids = visit("/forbids");
        forbids.assert_finds(&[
            "Content-Security-Policy forbids https://count.example/online.png by \"img-src self.example\"",
            "add https://count.example to img-src",
        ]);
        assert_eq!(forbids.faults(), 1, "{forbids:?}");
        visit("/mixed").assert_finds(&[
            "mixed content: the page is https and http://count.example/online.png isn't",
            "write https:// in the tag: https://count.example/online.png",
            "is not lazy",
            "has no size",
        ]);
        visit("/nowhere").assert_finds(&["404"]);
    }

    fn a_certificate_that_isnt_trusted_is_found() {
        let _server = server(&[]);
        let _proxy = Proxy::start(Kind::Nginx);
        Visit::short("https://count.example/").assert_finds(&["can't be reached: no TLS connection", "--ca FILE"]);
        Visit::short("https://other.example/").assert_finds(&["no TLS connection"]);
    }
}
