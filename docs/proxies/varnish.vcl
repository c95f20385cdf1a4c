# onlookers behind Varnish (6.0 or later): /etc/varnish/default.vcl, or include it there
# Start the server with --trust-proxy 127.0.0.1/32. Varnish sets X-Forwarded-For.
vcl 4.1;

import std;

backend onlookers {
    .host = "127.0.0.1";
    .port = "9192";
}

sub vcl_recv {
    if (req.http.Host ~ "(?i)^count\.example(:[0-9]+)?$") {
        set req.backend_hint = onlookers;
        # A program in front that speaks TLS (hitch) says by the PROXY protocol on which port it was asked:
        # varnishd -a :80 -a 127.0.0.1:8443,PROXY
        if (std.port(server.ip) == 443) {
            set req.http.X-Forwarded-Proto = "https";
        } else {
            set req.http.X-Forwarded-Proto = "http";
        }
        # Nothing here can be cached. By "pass" the first picture would come with the next one, 5 s later, and a page that
        # has gone would be counted for 15 s.
        return (pipe);
    }
}

sub vcl_pipe {
    if (req.http.Upgrade ~ "(?i)^websocket$") {
        set bereq.http.Upgrade = "websocket";
        set bereq.http.Connection = "Upgrade";
    }
}

# Varnish leaves it to the kernel when to give up a reader whose network has gone: after 15 minutes and more. On this host,
# for 30 s (it holds for all connections, so it belongs into /etc/sysctl.d):
#
#     net.ipv4.tcp_retries2 = 6
