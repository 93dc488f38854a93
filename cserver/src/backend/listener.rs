//! Listening sockets: one a core and address, so that the kernel spreads new connections and no core waits for another.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::config::Congestion;
use crate::limits::{BACKLOG, PORT_LOOK_MS, PORT_WAIT_MS_MAX, SEND_BUFFER_BYTES, UNSENT_BYTES};

/// Binds `cores` listeners to each address; the result is one list a core. Port 0 takes one free port for all cores.
pub fn bind(addresses: &[SocketAddr], cores: usize) -> Result<Vec<Vec<TcpListener>>, ListenError> {
    let mut all: Vec<Vec<TcpListener>> = (0..cores).map(|_| Vec::new()).collect();
    for &address in addresses {
        let fault = |error| ListenError { address, error };
        must_be_free(address).map_err(fault)?;
        let mut bound = address;
        for of_core in &mut all {
            let listener = listen(bound).map_err(fault)?;
            bound = listener.local_addr().map_err(fault)?;
            of_core.push(listener);
        }
    }
    Ok(all)
}

/// Gives sockets that a service manager opened to `cores`: each core has one of its own where there are enough, and shares
/// one where there are fewer. None is left without a core, or who the kernel sent to it would wait forever.
pub fn share(handed: &[TcpListener], cores: usize) -> io::Result<Vec<Vec<TcpListener>>> {
    for listener in handed {
        prepare(SockRef::from(listener))?;
    }
    let mut addresses: Vec<SocketAddr> =
        handed.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
    addresses.sort_unstable();
    addresses.dedup();
    let mut all: Vec<Vec<TcpListener>> = (0..cores).map(|_| Vec::new()).collect();
    for address in addresses {
        let same = |listener: &&TcpListener| listener.local_addr().is_ok_and(|at| at == address);
        let sockets: Vec<&TcpListener> = handed.iter().filter(same).collect();
        for n in 0..sockets.len().max(cores) {
            all[n % cores].push(sockets[n % sockets.len()].try_clone()?);
        }
    }
    Ok(all)
}

/// Takes a connection that waits; its socket does not wait.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
pub(super) fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    // In one call: making it so afterwards is another for each connection.
    let flags = rustix::net::SocketFlags::NONBLOCK | rustix::net::SocketFlags::CLOEXEC;
    Ok(rustix::net::accept_with(listener, flags)?.into())
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
pub(super) fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Chooses the congestion control of what is accepted from now on. A kernel that does not have it, or does not let this user have it,
/// keeps its own.
pub fn steer(listeners: &[Vec<TcpListener>], congestion: Congestion) {
    let Some(name) = congestion.name() else { return };
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    for listener in listeners.iter().flatten() {
        if let Err(error) = SockRef::from(listener).set_tcp_congestion(name.as_bytes()) {
            tracing::info!(%error, name, "the host's congestion control stays in use");
            return;
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    let _ = (listeners, name);
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}{}", remedy(error))]
pub struct ListenError {
    /// Which.
    pub address: SocketAddr,
    /// Why.
    pub error: io::Error,
}

/// The cores' sockets share a port, and the kernel lets those of another process of this account join them: a second cserver would
/// take every other connection, and know nothing of its session. One that has just died may hold the port for a moment: the kernel
/// takes rings down in its own time.
fn must_be_free(address: SocketAddr) -> io::Result<()> {
    if address.port() == 0 {
        return Ok(());
    }
    for _ in 0..PORT_WAIT_MS_MAX / PORT_LOOK_MS {
        match socket(address)?.bind(&address.into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                std::thread::sleep(Duration::from_millis(PORT_LOOK_MS));
            }
            found => return found,
        }
    }
    socket(address)?.bind(&address.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    #[cfg(not(target_os = "freebsd"))]
    socket.set_reuse_port(true)?;
    #[cfg(target_os = "freebsd")]
    socket.set_reuse_port_lb(true)?;
    prepare(SockRef::from(&socket))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What accepted sockets inherit, which saves system calls for each; and the listener itself does not wait.
fn prepare(socket: SockRef<'_>) -> io::Result<()> {
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program, or another cserver, has this port: stop it or change `listen`"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE or a socket unit"
        }
        io::ErrorKind::AddrNotAvailable => "; no interface of this host has that address",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    use std::io::Write;

    use super::*;

    #[test]
    fn the_cores_share_one_port_and_accepted_sockets_inherit_the_options() {
        let all = bind(&["127.0.0.1:0".parse().unwrap()], 2).unwrap();
        let address = all[0][0].local_addr().unwrap();
        assert_eq!(all[1][0].local_addr().unwrap(), address);
        drop(all.into_iter().nth(1));
        let all = bind(&[address], 1).unwrap();
        all[0][0].set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(address).unwrap();
        let (accepted, _) = all[0][0].accept().unwrap();
        assert!(accepted.nodelay().unwrap());
        // Linux doubles what is asked for, to hold its own book-keeping.
        let size = SockRef::from(&accepted).send_buffer_size().unwrap();
        assert!((SEND_BUFFER_BYTES..=2 * SEND_BUFFER_BYTES).contains(&size), "{size}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_holds_little_for_a_reader_who_does_not_read() {
        let listener = bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap().remove(0).remove(0);
        listener.set_nonblocking(false).unwrap();
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        client.set_recv_buffer_size(RECEIVE_BYTES).unwrap();
        client.connect(&listener.local_addr().unwrap().into()).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        assert_eq!(SockRef::from(&accepted).tcp_notsent_lowat().unwrap(), UNSENT_BYTES);
        accepted.set_nonblocking(true).unwrap();
        let mut taken = 0;
        while let Ok(bytes) = accepted.write(&[7; FRAME_BYTES]) {
            taken += bytes;
        }
        // Linux doubles the receive buffer; behind it wait the bound, the frame that passed it, and a segment that was being filled.
        let most = 2 * RECEIVE_BYTES + UNSENT_BYTES as usize + 2 * FRAME_BYTES;
        assert!(taken <= most, "{taken} bytes, {most} expected at most");
    }

    #[cfg(target_os = "linux")]
    const RECEIVE_BYTES: usize = 16 * 1024;
    #[cfg(target_os = "linux")]
    const FRAME_BYTES: usize = 8 * 1024;

    #[test]
    fn a_second_server_takes_no_connections_from_the_first() {
        let first = bind(&["127.0.0.1:0".parse().unwrap()], 2).unwrap();
        let address = first[0][0].local_addr().unwrap();
        let error = bind(&[address], 2).unwrap_err();
        assert_eq!(error.error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains("another cserver"), "{error}");
        // Connections of a server that has gone keep the port from nobody.
        let client = TcpStream::connect(address).unwrap();
        for listener in first.iter().flatten() {
            drop(accept(listener));
        }
        drop((first, client));
        bind(&[address], 2).unwrap();
    }

    #[test]
    fn every_socket_that_was_handed_over_has_a_core_and_every_core_has_one_of_each_address() {
        for (sockets, cores, of_each) in [(1, 3, 1), (3, 3, 1), (2, 3, 1), (5, 2, 2), (2, 1, 2)] {
            let addresses = ["127.0.0.1:0", "[::1]:0"].map(|text| text.parse().unwrap());
            let handed: Vec<TcpListener> = addresses
                .into_iter()
                .flat_map(|address| bind(&[address], sockets).unwrap())
                .flatten()
                .collect();
            let all = share(&handed, cores).unwrap();
            assert_eq!(all.len(), cores);
            for of_core in &all {
                assert!(of_core.len() >= 2 * of_each, "{sockets} sockets, {cores} cores");
                let v6 = of_core.iter().filter(|one| one.local_addr().unwrap().is_ipv6()).count();
                assert_eq!(2 * v6, of_core.len());
            }
            let given: usize = all.iter().map(Vec::len).sum();
            assert_eq!(given, 2 * sockets.max(cores), "{sockets} sockets, {cores} cores");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn accepted_sockets_have_the_congestion_control_that_was_chosen() {
        let all = bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap();
        let named = |socket: SockRef<'_>| {
            let name = socket.tcp_congestion().unwrap();
            String::from_utf8(name).unwrap().trim_end_matches('\0').to_owned()
        };
        let hosts = named(SockRef::from(&all[0][0]));
        steer(&all, Congestion::Host);
        assert_eq!(named(SockRef::from(&all[0][0])), hosts);
        // Every kernel has it.
        steer(&all, Congestion::Reno);
        all[0][0].set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(all[0][0].local_addr().unwrap()).unwrap();
        let (accepted, _) = all[0][0].accept().unwrap();
        assert_eq!(named(SockRef::from(&accepted)), "reno");
    }

    #[test]
    fn an_address_of_no_interface_is_named_with_its_remedy() {
        let error = bind(&["192.0.2.1:0".parse().unwrap()], 1).unwrap_err();
        assert!(
            error.to_string().contains("192.0.2.1:0") && error.to_string().contains("no interface")
        );
    }
}
