//! For whom requests are, by what they say. A page for people is shown to those alone who ask for this machine by an address or as
//! `localhost`: the owner of any other name can have it resolve to this machine, too, and then scripts of the owner's pages may read
//! what browsers of operators get here (DNS rebinding).

use hyper::Request;
use hyper::header::HOST;

use crate::gate::is_address_or_loopback;

/// The answer to requests with any other `Host`.
pub(super) const SENTENCE: &str = "This is shown only to who asks for an IP address or for localhost, as http://127.0.0.1:9193/status, \
    since anybody can have another name lead here. A web server before it has to send such a Host.\n";

/// Whether a request is for this machine by an address or the loopback's name. Browsers always say it; what doesn't is none.
pub(super) fn is_own<B>(request: &Request<B>) -> bool {
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let hosts = request.headers().get_all(HOST).iter().map(|host| host.as_bytes());
    authority.into_iter().chain(hosts).all(is_address_or_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(target: &str, hosts: &[&str]) -> bool {
        let request = Request::builder().uri(target);
        is_own(&hosts.iter().fold(request, |request, host| request.header(HOST, *host)).body(()).unwrap())
    }

    #[test]
    fn addresses_and_the_loopback_are_nobody_elses() {
        for host in [
            "127.0.0.1:9193",
            "[::1]",
            "[::1]:9193",
            "192.0.2.1",
            "localhost:9193",
            "LOCALHOST",
            "a.localhost",
        ] {
            assert!(own("/status", &[host]), "{host}");
        }
        assert!(own("/status", &[]) && own("http://localhost/status", &["localhost"]));
    }

    #[test]
    fn any_other_name_may_be_a_strangers() {
        for host in [
            "rebound.example",
            "rebound.example:9193",
            "127.0.0.1.example",
            "localhost.example",
            "",
            "[",
            "a b",
        ] {
            assert!(!own("/status", &[host]), "{host}");
        }
        assert!(!own("/status", &["localhost", "rebound.example"]));
        assert!(!own("http://rebound.example/status", &["localhost"]));
    }
}
