//! Kinds of faults, and what is to be done about each of them.

/// A kind of fault, by which the line that helps is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// What the server sends is held back.
    Buffers,
    /// A connection is cut.
    Cuts,
    /// A reader who has gone stays counted.
    Lingers,
    Compresses,
    Caches,
    /// Headers of the answer are missing or changed.
    Strips,
    /// A WebSocket can't be opened.
    NoUpgrade,
    /// The server gets another `Host`.
    Host,
    /// The server doesn't know by which scheme the request came, or believes the visitor.
    Scheme,
    /// The server doesn't get the visitor's address, or gets one of the visitor's choice.
    Address,
    /// The server doesn't trust the proxy.
    Untrusted,
    /// `Referer` or `Origin` don't arrive.
    Referer,
    /// The path that arrives isn't one of the counter's.
    Path,
    /// The redirect to a unique URL is rewritten.
    Redirect,
    /// The server refuses the request.
    Refused,
    /// Nothing answers.
    Unreachable,
    /// Something in a page, whose text says itself what helps.
    Page,
}

impl Fault {
    /// What to do if the proxy isn't known, or whatever the proxy is.
    pub(super) fn general_fix(self) -> &'static str {
        match self {
            Self::Buffers => "have the proxy pass each piece of a response on at once",
            Self::Cuts => "let the proxy keep a silent connection open for an hour",
            Self::Lingers => "have the proxy close its connection to the server when the reader's is closed",
            Self::Compresses => "have the proxy leave answers with Cache-Control: no-transform as they are",
            Self::Caches => "have the proxy keep nothing of the counter's host",
            Self::Strips => "have the proxy pass the answer's headers on as they are",
            Self::NoUpgrade => "have the proxy pass Upgrade and Connection on, by HTTP/1.1",
            Self::Host => "have the proxy pass the Host on as the browser sent it, with its port",
            Self::Scheme => "have the proxy set X-Forwarded-Proto to http or https in each request",
            Self::Address => "have the proxy append the visitor's address to X-Forwarded-For in each request",
            Self::Untrusted => {
                "start the server with --trust-proxy and the address from which the proxy connects"
            }
            Self::Referer => "have the proxy pass Referer and Origin on",
            Self::Path => "have the proxy remove the prefix from the path",
            Self::Redirect => "have the proxy leave Location as it is",
            Self::Refused | Self::Unreachable | Self::Page => "",
        }
    }

    /// Whether a line in the proxy's configuration helps.
    pub(super) fn is_of_proxy(self) -> bool {
        !matches!(self, Self::Untrusted | Self::Refused | Self::Unreachable | Self::Page)
    }
}
