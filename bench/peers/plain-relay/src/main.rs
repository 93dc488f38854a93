//! A relay as one would write it in an afternoon: a task a connection, a broadcast channel a session.
//!
//! It takes `PORT`, `CERT` and `KEY` from the environment. What comes on `/pub/ID` goes to everybody on `/sub/ID`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, Sender, error::RecvError};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

type Rooms = Rc<RefCell<HashMap<String, Sender<Message>>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let port: u16 = variable("PORT")?.parse().context("PORT is no port")?;
    let acceptor = TlsAcceptor::from(Arc::new(tls()?));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let rooms = Rooms::default();
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            loop {
                let (stream, _) = listener.accept().await?;
                let (acceptor, rooms) = (acceptor.clone(), rooms.clone());
                tokio::task::spawn_local(async move {
                    // How a connection ends is told by whoever measures.
                    let _ = serve(stream, &acceptor, &rooms).await;
                });
            }
        })
        .await
}

async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, rooms: &Rooms) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let mut path = String::new();
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES_MAX));
    #[allow(clippy::result_large_err, reason = "the library's own type")]
    let note = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        Ok(response)
    };
    let socket =
        tokio_tungstenite::accept_hdr_async_with_config(stream, note, Some(config)).await?;
    let (role, id) = path.trim_start_matches('/').split_once('/').context("no such path")?;
    let room = rooms
        .borrow_mut()
        .entry(id.to_owned())
        .or_insert_with(|| broadcast::channel(MESSAGES_HELD).0)
        .clone();
    let (mut sink, mut source) = socket.split();
    if role == "pub" {
        while let Some(message) = source.next().await {
            // Without a receiver there is nobody to send to.
            let _ = room.send(message?);
        }
        return Ok(());
    }
    let mut inbox = room.subscribe();
    loop {
        tokio::select! {
            message = inbox.recv() => match message {
                Ok(message) => sink.send(message).await?,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
            message = source.next() => {
                message.context("gone")??;
            }
        }
    }
}

fn tls() -> anyhow::Result<ServerConfig> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(variable("CERT")?)?.collect();
    let key = PrivateKeyDer::from_pem_file(variable("KEY")?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain?, key)?;
    Ok(config)
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
const MESSAGES_HELD: usize = 1_024;
