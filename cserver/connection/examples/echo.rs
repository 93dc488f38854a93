//! A server that sends every WebSocket message back, so that a conformance suite of others can speak to [`Connection`]: the CServer itself
//! relays to somebody else, and echoes nothing.
//!
//! `cargo run -p cobrowse-connection --example echo -- 127.0.0.1:9443`; how the Autobahn test suite is run against it stands in
//! docs/SECURITY.md. TLS with a certificate of its own, since a `Connection` speaks nothing else.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use cobrowse_connection::rustls::ServerConfig;
use cobrowse_connection::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use cobrowse_connection::{Connection, Event, Outgoing, Response, Scratch, TlsConfigs, provider};

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("give an address of this host: 127.0.0.1:9443")?;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    let configs =
        Arc::new(TlsConfigs { public: Arc::new(config), control: None, plain_host: None });
    let listener = TcpListener::bind(address)?;
    eprintln!("echoing on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, configs) = (stream?, configs.clone());
        // Who goes away in the middle is no news: the suite does so on purpose.
        std::thread::spawn(move || drop(serve(stream, configs)));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, configs: Arc<TlsConfigs>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = Connection::new(configs);
    let (mut scratch, mut out) = (Scratch::default(), Outgoing::default());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = stream.read(&mut buffer)?;
        connection.receive(&mut buffer[..read], &mut scratch, &mut out);
        let is_over = answer(&mut connection, &mut scratch, &mut out);
        stream.write_all(&out)?;
        out.clear();
        if is_over || read == 0 {
            return Ok(());
        }
    }
}

/// Answers what has come; whether the connection is over.
fn answer(connection: &mut Connection, scratch: &mut Scratch, out: &mut Outgoing) -> bool {
    let mut is_over = false;
    while !scratch.events.is_empty() {
        for event in std::mem::take(&mut scratch.events) {
            match event {
                Event::Request(request) => match &request.websocket {
                    Some(offer) => {
                        connection.upgrade(offer, "cobrowse.v1", out);
                        connection.proceed(scratch, out);
                    }
                    None => connection.respond(&Response::new(404), scratch, out),
                },
                Event::Binary(body) => connection.seal(&Connection::binary_frame(&[&body]), out),
                Event::Text(text) => connection.seal(&Connection::text_frame(&text), out),
                Event::Closed(_) => {
                    connection.close(out);
                    is_over = true;
                }
            }
        }
    }
    is_over
}
