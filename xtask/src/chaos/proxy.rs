//! A proxy of TCP in user space: what goes through it comes late, unevenly, as if packets had been lost, or not at all.
//!
//! Owns bytes on their way. Those of one connection keep their order, as TCP promises; connections overtake one another. Which bytes
//! are whose is nobody's business here.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// One port of loopback that leads to an address. Dropped, all that went through it ends.
pub(super) struct Proxy {
    /// Where clients look for the server.
    pub(super) port: u16,
    /// Where it is.
    pub(super) target: SocketAddr,
    weather: Arc<Weather>,
    cut: watch::Sender<u64>,
    _runtime: Arc<Runtime>,
}

/// What befalls bytes on their way.
#[derive(Debug, Default)]
struct Weather {
    delay_ms: AtomicU64,
    /// Added by chance, up to this.
    jitter_ms: AtomicU64,
    /// Of a thousand pieces so many come as late as after a loss.
    lost_permille: AtomicU64,
    /// State of the generator that chance comes from.
    chance: AtomicU64,
}

impl Proxy {
    /// Opens a port that leads to `target`.
    pub(super) fn open(runtime: &Arc<Runtime>, target: SocketAddr) -> Result<Self> {
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listener = listener.context("no port for the proxy")?;
        let port = listener.local_addr()?.port();
        let (weather, (cut, is_cut)) = (Arc::<Weather>::default(), watch::channel(0));
        let known = weather.clone();
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target, known.clone(), is_cut.clone()));
            }
        });
        Ok(Self { port, target, weather, cut, _runtime: runtime.clone() })
    }

    /// From now on bytes come so late, and so many of a thousand pieces as after a loss.
    pub(super) fn set_weather(&self, delay_ms: u64, jitter_ms: u64, lost_permille: u64) {
        self.weather.delay_ms.store(delay_ms, Ordering::Relaxed);
        self.weather.jitter_ms.store(jitter_ms, Ordering::Relaxed);
        self.weather.lost_permille.store(lost_permille, Ordering::Relaxed);
    }

    /// Ends every connection that there is, without a word.
    pub(super) fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

impl Weather {
    fn late(&self) -> Duration {
        let load = |value: &AtomicU64| value.load(Ordering::Relaxed);
        let draw = self.draw();
        let jitter = match load(&self.jitter_ms) {
            0 => 0,
            most => draw % (most + 1),
        };
        let loss = if (draw >> 32) % 1_000 < load(&self.lost_permille) { LOSS_MS } else { 0 };
        Duration::from_millis(load(&self.delay_ms) + jitter + loss)
    }

    /// A number by chance (splitmix64); which one does not matter.
    fn draw(&self) -> u64 {
        let state = self.chance.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
    }
}

async fn carry(
    client: TcpStream,
    target: SocketAddr,
    weather: Arc<Weather>,
    mut is_cut: watch::Receiver<u64>,
) {
    is_cut.mark_unchanged();
    // Nobody there: the client's connection ends as if it had been refused.
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = is_cut.changed() => {}
        () = pump(from_client, to_server, &weather) => {}
        () = pump(from_server, to_client, &weather) => {}
    }
}

/// One direction: what is read is written when it is due. Ends when either end does.
async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    weather: &Weather,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let read = async {
        let mut last = Instant::now();
        let mut buffer = vec![0; PIECE_BYTES_MAX];
        while let Ok(length) = from.read(&mut buffer).await {
            if length == 0 {
                break;
            }
            // Behind what came before it.
            last = last.max(Instant::now() + weather.late());
            if sender.send((last, buffer[..length].to_vec())).await.is_err() {
                break;
            }
        }
        drop(sender);
    };
    let write = async {
        while let Some((due, piece)) = receiver.recv().await {
            if due > Instant::now() {
                sleep_until(due).await;
            }
            if to.write_all(&piece).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(read, write);
}

/// What is read at once.
const PIECE_BYTES_MAX: usize = 16 * 1024;

/// Pieces on their way in one direction of one connection.
const PIECES_MAX: usize = 64;

/// What a lost packet costs at least: the kernel's shortest time until it is sent again.
const LOSS_MS: u64 = 200;
