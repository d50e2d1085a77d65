//! The listener: threads of its own, and a way to be killed and started again.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::state::Shared;
use super::wire::Exchange;

/// What the listener is told.
enum Order {
    Down(oneshot::Sender<()>),
    Up(oneshot::Sender<io::Result<()>>),
}

/// A listener that runs. It stops when it is dropped.
pub(super) struct Server {
    port: u16,
    orders: mpsc::UnboundedSender<Order>,
    runtime: Option<Runtime>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not awaited: a test may drop it within a runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Server {
    pub(super) async fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("fake-s3").enable_all().build()?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let (told, bound) = oneshot::channel();
        runtime.spawn(async move {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let address =
                listener.as_ref().map_err(|err| io::Error::from(err.kind())).and_then(TcpListener::local_addr);
            let port = address.as_ref().map(SocketAddr::port).unwrap_or_default();
            let _ = told.send(address);
            if let Ok(listener) = listener {
                run(shared, port, listener, inbox).await;
            }
        });
        let address = bound.await.map_err(io::Error::other)??;
        Ok(Self { port: address.port(), orders, runtime: Some(runtime) })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) async fn down(&self) {
        let (done, is_done) = oneshot::channel();
        // An error means that the listener is gone, which is what is wanted.
        let _ = self.orders.send(Order::Down(done));
        let _ = is_done.await;
    }

    pub(super) async fn up(&self) -> io::Result<()> {
        let (done, is_done) = oneshot::channel();
        self.orders.send(Order::Up(done)).map_err(io::Error::other)?;
        is_done.await.map_err(io::Error::other)?
    }
}

/// Takes connections in until nobody gives orders any more.
async fn run(shared: Arc<Shared>, port: u16, first: TcpListener, mut inbox: mpsc::UnboundedReceiver<Order>) {
    let mut listener = Some(first);
    let mut connections = JoinSet::new();
    let serial = Arc::new(AtomicU64::new(0));
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accepted => if let Ok((stream, _)) = accepted {
                connections.spawn(connection(shared.clone(), port, stream, serial.clone()));
            },
            Some(_) = connections.join_next() => {}
            order = inbox.recv() => match order {
                None => return,
                Some(Order::Down(done)) => {
                    listener = None;
                    connections.shutdown().await;
                    let _ = done.send(());
                }
                Some(Order::Up(done)) => {
                    let bound = match listener.take() {
                        Some(listener) => Ok(listener),
                        None => TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await,
                    };
                    let answer = bound.map(|it| listener = Some(it));
                    let _ = done.send(answer);
                }
            },
        }
    }
}

async fn connection(shared: Arc<Shared>, port: u16, stream: TcpStream, serial: Arc<AtomicU64>) {
    let reset = Arc::new(AtomicBool::new(false));
    let _ = stream.set_nodelay(true);
    let socket = Socket { stream, reset: reset.clone() };
    let service = service_fn(move |req| {
        let exchange = Exchange {
            shared: shared.clone(),
            reset: reset.clone(),
            serial: serial.fetch_add(1, Ordering::Relaxed),
            endpoint: format!("127.0.0.1:{port}"),
        };
        Box::pin(exchange.serve(req))
    });
    // How a connection ends is the client's to notice.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
}

/// A connection that can end with a reset.
struct Socket {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.reset.load(Ordering::Relaxed) {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
