//! The sample shop: a small static site over TLS, with the loader tag and the policy that a customer would set.
//!
//! Pages stand in `tests/shop/` and are built in. Their few placeholders are filled when they are served. A thread a
//! connection is enough for one browser; nobody but a demo or a test asks.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::Result;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Certificates;
use crate::limits::{SHOP_HEAD_BYTES_MAX, SHOP_IDLE_MAX};
use crate::net::server_config;

/// What the pages are filled with.
#[derive(Clone, Debug)]
pub struct ShopSite {
    /// The shop's own origin.
    pub url: String,
    web_tier: String,
    group: &'static str,
    more_groups: &'static str,
    parents: &'static [&'static str],
}

/// The shop's server. It ends with this value.
pub struct Shop {
    site: Arc<ShopSite>,
    address: std::net::SocketAddr,
    stopping: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl ShopSite {
    /// A shop at `url` whose tag comes from `web_tier` and names `group`; `parents` are the domains of web tier and session servers.
    pub fn new(
        url: String,
        web_tier: String,
        group: &'static str,
        more_groups: &'static str,
        parents: &'static [&'static str],
    ) -> Self {
        Self { url, web_tier, group, more_groups, parents }
    }

    /// The policy of every page: only the shop itself, and what a cobrowse service needs. The wildcards are those of a
    /// customer who cannot know which session server is chosen.
    pub fn policy(&self) -> String {
        let (hosts, sockets) = (self.hosts("https"), self.hosts("wss"));
        // Pages of the shop's second domain stand in frames of the first.
        let pay = self.url.replacen("//shop.", "//pay.", 1);
        format!(
            "default-src 'self'; connect-src 'self' {sockets} {hosts}; script-src 'self' {hosts}; \
             style-src 'self' {hosts}; img-src 'self' {hosts}; font-src 'self' {hosts}; \
             frame-src 'self' {pay} {hosts}; worker-src blob:"
        )
    }

    /// Every host below those domains, for a policy.
    fn hosts(&self, scheme: &str) -> String {
        let hosts = self.parents.iter().map(|parent| format!("{scheme}://*.{parent}:*"));
        hosts.collect::<Vec<_>>().join(" ")
    }

    /// The policies that the service's security architecture gives its customers, with this stack's domain in place of the
    /// provider's. Nothing stands in them but what the service needs: no `'self'`, nothing of the page's own.
    fn stated_policy(&self, path: &str) -> Option<String> {
        let (https, wss) = (self.hosts("https"), self.hosts("wss"));
        match path {
            "/policy" => Some(format!(
                "connect-src {wss} {https}; style-src {https}; script-src 'wasm-unsafe-eval' {https}; \
                 img-src {https}; font-src {https}; frame-src {https}; worker-src blob:;"
            )),
            "/policy-short" => {
                Some(format!("default-src 'wasm-unsafe-eval' blob: {https} {wss} {https}"))
            }
            _ => None,
        }
    }

    fn fill(&self, page: &str) -> String {
        page.replace("{{web_tier}}", &self.web_tier)
            .replace("{{group}}", self.group)
            .replace("{{more_groups}}", self.more_groups)
    }

    fn answer(&self, path: &str) -> (&'static str, &'static str, Vec<u8>) {
        let path = path.split('?').next().unwrap_or("/");
        match FILES.iter().find(|(name, ..)| *name == path) {
            Some((_, kind, text)) if kind.starts_with("text/html") => {
                ("200 OK", kind, self.fill(text).into_bytes())
            }
            Some((_, kind, text)) => ("200 OK", kind, text.as_bytes().to_vec()),
            None => ("404 Not Found", "text/plain; charset=utf-8", b"no such page\n".to_vec()),
        }
    }
}

impl Shop {
    /// Serves on a listener until stopped.
    pub fn start(
        listener: TcpListener,
        certificates: &Certificates,
        site: ShopSite,
    ) -> Result<Self> {
        let config = server_config(&certificates.chain("shop"), &certificates.key("shop"))?;
        let address = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let site = Arc::new(site);
        let (flag, shared) = (stopping.clone(), site.clone());
        let acceptor = std::thread::spawn(move || {
            for socket in listener.incoming() {
                if flag.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(socket) = socket else { continue };
                let (site, config, flag) = (shared.clone(), config.clone(), flag.clone());
                std::thread::spawn(move || {
                    // A browser that goes away in the middle is no news.
                    let _ = serve(socket, config, &site, &flag);
                });
            }
        });
        Ok(Self { site, address, stopping, acceptor: Some(acceptor) })
    }

    /// What it serves.
    pub fn site(&self) -> &ShopSite {
        &self.site
    }

    /// Takes no more connections.
    pub fn stop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        if let Some(acceptor) = self.acceptor.take() {
            // Wakes the acceptor, which then sees the flag.
            if TcpStream::connect(self.address).is_ok() {
                let _ = acceptor.join();
            }
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(
    socket: TcpStream,
    config: Arc<ServerConfig>,
    site: &ShopSite,
    stopping: &AtomicBool,
) -> Result<()> {
    socket.set_read_timeout(Some(SHOP_IDLE_MAX))?;
    socket.set_nodelay(true)?;
    let mut stream = StreamOwned::new(ServerConnection::new(config)?, socket);
    let mut bytes = Vec::new();
    while !stopping.load(Ordering::Relaxed) {
        let Some((path, is_head, used)) = next_request(&mut stream, &mut bytes)? else { break };
        bytes.drain(..used);
        let (status, kind, body) = site.answer(&path);
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
             Content-Security-Policy: {}\r\nX-Content-Type-Options: nosniff\r\n\
             Cross-Origin-Resource-Policy: cross-origin\r\n\r\n",
            body.len(),
            site.stated_policy(&path).unwrap_or_else(|| site.policy())
        );
        let sent = if is_head { head.into_bytes() } else { [head.as_bytes(), &body].concat() };
        stream.write_all(&sent)?;
        stream.flush()?;
    }
    stream.conn.send_close_notify();
    let _ = stream.flush();
    Ok(stream.sock.shutdown(Shutdown::Both)?)
}

/// Path of the next request, whether it is a HEAD, and how long it is. Bodies are not expected; nothing when it is over.
fn next_request(
    stream: &mut (impl Read + Write),
    bytes: &mut Vec<u8>,
) -> Result<Option<(String, bool, usize)>> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(used) = request.parse(bytes)? {
            let path = request.path.unwrap_or("/").to_owned();
            return Ok(Some((path, request.method == Some("HEAD"), used)));
        }
        anyhow::ensure!(bytes.len() < SHOP_HEAD_BYTES_MAX, "a head that is too long");
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

macro_rules! page {
    ($path:literal, $file:literal) => {
        ($path, "text/html; charset=utf-8", include_str!(concat!("../shop/", $file)))
    };
}

const FILES: &[(&str, &str, &str)] = &[
    page!("/", "index.html"),
    page!("/product", "product.html"),
    page!("/cart", "cart.html"),
    page!("/checkout", "checkout.html"),
    page!("/order", "order.html"),
    page!("/hostile", "hostile.html"),
    page!("/custom", "custom.html"),
    page!("/support", "support.html"),
    page!("/club", "club.html"),
    page!("/inner", "inner.html"),
    page!("/vault", "vault.html"),
    page!("/account", "account.html"),
    page!("/policy", "policy.html"),
    page!("/policy-short", "policy.html"),
    ("/shop.css", "text/css; charset=utf-8", include_str!("../shop/shop.css")),
    ("/shop.js", "text/javascript; charset=utf-8", include_str!("../shop/shop.js")),
    ("/club.js", "text/javascript; charset=utf-8", include_str!("../shop/club.js")),
    ("/account.js", "text/javascript; charset=utf-8", include_str!("../shop/account.js")),
    ("/custom.js", "text/javascript; charset=utf-8", include_str!("../shop/custom.js")),
    ("/teapot.svg", "image/svg+xml", include_str!("../shop/teapot.svg")),
    ("/lamp.svg", "image/svg+xml", include_str!("../shop/lamp.svg")),
    ("/chair.svg", "image/svg+xml", include_str!("../shop/chair.svg")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_carries_the_filled_tag() {
        let site = ShopSite::new(
            "https://shop.example".into(),
            "https://www.example".into(),
            "demo",
            "support",
            &["example", "views.example"],
        );
        for (path, kind, _) in FILES.iter().filter(|(_, kind, _)| kind.starts_with("text/html")) {
            let (status, _, body) = site.answer(path);
            let body = String::from_utf8(body).unwrap();
            assert_eq!(status, "200 OK", "{path} {kind}");
            assert!(!body.contains("{{"), "{path} has an unfilled placeholder");
            assert!(body.contains("id=\"glance-cobrowse\"") && body.contains("data-groupid=\""));
            assert!(body.contains("https://www.example/cobrowse/loader.js"));
        }
        assert!(site.policy().contains("wss://*.example:* wss://*.views.example:* https://"));
        assert!(site.answer("/nowhere").0.starts_with("404"));
    }
}
