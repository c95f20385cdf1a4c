//! The proxies that are recognised, and the lines of their configuration that help.

use clap::ValueEnum;
use hyper::HeaderMap;

use super::finding::Fault;

/// A proxy of which the documents have a configuration, or whose settings are known otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Proxy {
    Nginx,
    Apache,
    Caddy,
    Haproxy,
    Varnish,
    Lighttpd,
    Cloudflare,
    Traefik,
    Envoy,
}

impl Proxy {
    const ALL: [Self; 9] = [
        Self::Cloudflare,
        Self::Varnish,
        Self::Nginx,
        Self::Apache,
        Self::Caddy,
        Self::Lighttpd,
        Self::Envoy,
        Self::Traefik,
        Self::Haproxy,
    ];

    /// Those that an answer's headers name.
    pub(super) fn named_in(headers: &HeaderMap) -> impl Iterator<Item = Self> {
        let named = ["server", "via", "x-powered-by"].into_iter().flat_map(|name| headers.get_all(name));
        let mut text = String::new();
        for value in named {
            text.push_str(&String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
            text.push(' ');
        }
        let has = |name: &str| headers.contains_key(name);
        let (has_varnish, has_ray) = (has("x-varnish"), has("cf-ray"));
        let has_envoy = has("x-envoy-upstream-service-time");
        Self::ALL.into_iter().filter(move |proxy| match proxy {
            Self::Nginx => text.contains("nginx") || text.contains("openresty"),
            Self::Apache => text.contains("apache"),
            Self::Caddy => text.contains("caddy"),
            Self::Haproxy => text.contains("haproxy"),
            Self::Varnish => text.contains("varnish") || has_varnish,
            Self::Lighttpd => text.contains("lighttpd"),
            Self::Cloudflare => text.contains("cloudflare") || has_ray,
            Self::Traefik => text.contains("traefik"),
            Self::Envoy => text.contains("envoy") || has_envoy,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "Apache",
            Self::Caddy => "Caddy",
            Self::Haproxy => "HAProxy",
            Self::Varnish => "Varnish",
            Self::Lighttpd => "lighttpd",
            Self::Cloudflare => "Cloudflare",
            Self::Traefik => "Traefik",
            Self::Envoy => "Envoy",
        }
    }

    /// The lines of its configuration that put an end to a fault, if they are known.
    pub(super) fn fix(self, fault: Fault) -> Option<&'static str> {
        match self {
            Self::Nginx => nginx(fault),
            Self::Apache => apache(fault),
            Self::Caddy => caddy(fault),
            Self::Haproxy => haproxy(fault),
            Self::Varnish => varnish(fault),
            Self::Lighttpd => lighttpd(fault),
            Self::Cloudflare => cloudflare(fault),
            Self::Traefik => traefik(fault),
            Self::Envoy => envoy(fault),
        }
    }
}

fn nginx(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Buffers => "proxy_buffering off;  (and remove proxy_ignore_headers X-Accel-Buffering)",
        Fault::Cuts => "proxy_read_timeout 1h;",
        Fault::Lingers => "proxy_ignore_client_abort off;",
        Fault::Compresses => "gzip off;  (and brotli off;)",
        Fault::Caches => "proxy_cache off;",
        Fault::Strips => "remove proxy_hide_header, add_header and more_clear_headers for these headers",
        Fault::NoUpgrade => {
            "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
             proxy_set_header Connection $http_connection;"
        }
        Fault::Host => "proxy_set_header Host $http_host;",
        Fault::Scheme => "proxy_set_header X-Forwarded-Proto $scheme;",
        Fault::Address => "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
        Fault::Referer => "remove proxy_set_header Referer and Origin",
        Fault::Path => {
            "proxy_pass http://127.0.0.1:9192/;  (with the slash, in a location that ends with one)"
        }
        Fault::Redirect => "proxy_redirect off;",
        _ => return None,
    })
}

fn apache(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Buffers | Fault::Lingers | Fault::NoUpgrade => {
            "RewriteRule \"^/((online|top|reading)\\.png$|events/|ws/|livecount/ws$)\" \
             \"ws://127.0.0.1:9192/%1\" [P,NE]  (with the lines around it in docs/proxies/apache.conf)"
        }
        Fault::Cuts => "ProxyTimeout 3600",
        Fault::Compresses => "SetEnv no-gzip 1",
        Fault::Caches => "CacheDisable \"/\"",
        Fault::Strips => "remove Header set and Header unset for these headers",
        Fault::Host => "ProxyPreserveHost On",
        Fault::Scheme => "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}",
        Fault::Address => "ProxyAddHeaders On",
        Fault::Referer => "remove RequestHeader set and unset for Referer and Origin",
        Fault::Path => "ProxyPass /counter/ http://127.0.0.1:9192/ nocanon",
        _ => return None,
    })
}

fn caddy(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Buffers => "remove response_buffers from reverse_proxy",
        Fault::Cuts => "remove read_timeout, write_timeout and stream_timeout",
        Fault::Lingers => "remove flush_interval -1 from reverse_proxy",
        Fault::Compresses => "remove encode for this host",
        Fault::Caches => "remove cache for this host",
        Fault::Strips => "remove header and header_down for these headers",
        Fault::NoUpgrade => "remove header_up for Upgrade and Connection",
        Fault::Host => "remove header_up Host",
        Fault::Scheme => "remove header_up X-Forwarded-Proto",
        Fault::Address => "remove header_up X-Forwarded-For",
        Fault::Referer => "remove header_up for Referer and Origin",
        Fault::Path => "handle_path /counter/* { reverse_proxy 127.0.0.1:9192 }",
        _ => return None,
    })
}

fn haproxy(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Buffers => "remove http-response wait-for-body and the filters of this backend",
        Fault::Cuts => "timeout client 1m; timeout server 1m; timeout tunnel 1h",
        Fault::Lingers => "option abortonclose  (in defaults)",
        Fault::Compresses => "remove compression algo and compression type",
        Fault::Caches => "remove http-request cache-use and http-response cache-store",
        Fault::Strips => "remove http-response set-header and del-header for these headers",
        Fault::NoUpgrade => "remove http-request del-header and set-header for Upgrade and Connection",
        Fault::Host => "remove http-request set-header Host",
        Fault::Scheme => "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
        Fault::Address => "option forwardfor",
        Fault::Referer => "remove http-request del-header and set-header for Referer and Origin",
        Fault::Path => "http-request replace-path /counter/(.*) /\\1",
        _ => return None,
    })
}

fn varnish(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Buffers | Fault::Lingers | Fault::Compresses | Fault::Caches | Fault::Strips => {
            "return (pipe);  (in vcl_recv, for the counter's host)"
        }
        Fault::Cuts => "varnishd -p pipe_timeout=1h",
        Fault::NoUpgrade => {
            "return (pipe);  (in vcl_recv), and sub vcl_pipe { if (req.http.Upgrade ~ \"(?i)^websocket$\") { set bereq.http.Upgrade = \"websocket\"; \
             set bereq.http.Connection = \"Upgrade\"; } }"
        }
        Fault::Host => "remove set bereq.http.Host and set req.http.Host",
        Fault::Scheme => {
            "set req.http.X-Forwarded-Proto = \"https\";  (in vcl_recv, where the port is that of TLS)"
        }
        Fault::Address => "remove set and unset of req.http.X-Forwarded-For",
        Fault::Referer => "remove unset req.http.Referer and unset req.http.Origin",
        _ => return None,
    })
}

fn lighttpd(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Buffers => "server.stream-response-body = 2",
        Fault::Cuts => "proxy.server = ( \"\" => ( ( ..., \"read-timeout\" => 3600 ) ) )",
        Fault::Lingers => "proxy.server = ( \"\" => ( ( ..., \"tcp-fin-propagate\" => \"enable\" ) ) )",
        Fault::Compresses => "deflate.mimetypes = ( )",
        Fault::Strips => "remove setenv.add-response-header and setenv.set-response-header for these headers",
        Fault::NoUpgrade => "proxy.header = ( \"upgrade\" => \"enable\" )",
        Fault::Host => "remove map-host-request from proxy.header",
        Fault::Scheme | Fault::Address => {
            "remove setenv.set-request-header for X-Forwarded-Proto and X-Forwarded-For"
        }
        Fault::Referer => "remove setenv.set-request-header for Referer and Origin",
        Fault::Path => "proxy.header = ( \"map-urlpath\" => ( \"/counter/\" => \"/\" ) )",
        _ => return None,
    })
}

fn cloudflare(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Buffers | Fault::Cuts | Fault::Lingers => {
            "set the counter's DNS record to \"DNS only\", so that readers connect to your own server"
        }
        Fault::Compresses => "a Compression Rule for the counter's host: disable compression",
        Fault::Caches => "a Cache Rule for the counter's host: bypass cache",
        Fault::Strips => "remove the Transform Rules for these response headers",
        Fault::NoUpgrade => "Network: WebSockets on",
        Fault::Host => "remove the Origin Rule that rewrites the Host",
        Fault::Scheme => "SSL/TLS: Full (strict)",
        Fault::Address => {
            "onlookers --client-address cf-connecting-ip, and --trust-proxy for each of its networks"
        }
        Fault::Referer => "remove the Transform Rules for Referer and Origin",
        _ => return None,
    })
}

fn traefik(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Buffers => "remove the buffering middleware from this router",
        Fault::Cuts => "entryPoints.NAME.transport.respondingTimeouts: readTimeout 0, writeTimeout 0",
        Fault::Compresses => "remove the compress middleware from this router",
        Fault::Strips => "remove customResponseHeaders of the headers middleware",
        Fault::NoUpgrade | Fault::Referer => "remove customRequestHeaders of the headers middleware",
        Fault::Host => "loadBalancer.passHostHeader: true",
        Fault::Scheme | Fault::Address => {
            "remove customRequestHeaders for X-Forwarded-Proto and X-Forwarded-For"
        }
        Fault::Path => "the stripPrefix middleware",
        _ => return None,
    })
}

fn envoy(fault: Fault) -> Option<&'static str> {
    Some(match fault {
        Fault::Buffers => "remove the filter envoy.filters.http.buffer for this route",
        Fault::Cuts => "route: { timeout: 0s, idle_timeout: 0s }, and stream_idle_timeout: 0s",
        Fault::Compresses => "remove the filter envoy.filters.http.compressor for this route",
        Fault::Caches => "remove the filter envoy.filters.http.cache for this route",
        Fault::Strips => "remove response_headers_to_add and response_headers_to_remove",
        Fault::NoUpgrade => "upgrade_configs: [{ upgrade_type: websocket }]",
        Fault::Host => "remove host_rewrite_literal and auto_host_rewrite",
        Fault::Scheme | Fault::Address => "use_remote_address: true",
        Fault::Referer => {
            "remove request_headers_to_add and request_headers_to_remove for Referer and Origin"
        }
        Fault::Path => "route: { prefix_rewrite: \"/\" }",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &'static str, value: &str) -> Vec<Proxy> {
        let headers = HeaderMap::from_iter([(
            hyper::header::HeaderName::from_static(name),
            hyper::header::HeaderValue::from_str(value).unwrap(),
        )]);
        Proxy::named_in(&headers).collect()
    }

    #[test]
    fn proxies_are_known_by_what_they_say() {
        assert_eq!(named("server", "nginx/1.22.1"), [Proxy::Nginx]);
        assert_eq!(named("server", "Apache/2.4.71 (Debian)"), [Proxy::Apache]);
        assert_eq!(named("via", "1.1 varnish (Varnish/7.1), 1.1 Caddy"), [Proxy::Varnish, Proxy::Caddy]);
        assert_eq!(named("cf-ray", "8a"), [Proxy::Cloudflare]);
        assert_eq!(named("server", "lighttpd/1.4.69"), [Proxy::Lighttpd]);
        assert_eq!(named("server", "istio-envoy"), [Proxy::Envoy]);
        assert_eq!(named("content-type", "nginx"), []);
    }

    #[test]
    fn each_proxy_has_a_line_for_what_breaks_streams() {
        for proxy in Proxy::value_variants() {
            for fault in [Fault::Buffers, Fault::Cuts, Fault::Compresses, Fault::NoUpgrade, Fault::Host] {
                assert!(proxy.fix(fault).is_some(), "{proxy:?} {fault:?}");
            }
        }
    }
}
