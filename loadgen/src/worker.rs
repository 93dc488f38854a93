//! One thread of the generator: a ring, its share of the sessions, and the pacer that does what the schedule says when it is due.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::field::{Clock, Field, Pulse, Window};
use crate::limits::{DRAIN_MS_MAX, RING_ENTRIES};
use crate::scenario::Crowd;
use crate::schedule::{Action, Schedule};
use crate::session::Session;
use crate::tally::Tally;
use crate::target::Target;

/// What one thread is to do.
pub struct Share {
    /// What is under test.
    pub target: Target,
    /// The clock of the run.
    pub clock: Clock,
    /// The scenario's crowds.
    pub crowds: Vec<Crowd>,
    /// See [`Field::sample`].
    pub sample: u32,
    /// Its sessions: crowd, index in the run, first serial number.
    pub sessions: Vec<(usize, u32, u32)>,
    /// Indices and serial numbers from here on are this thread's for sessions that begin later.
    pub next: (u32, u32),
    /// Progress, shared by all threads.
    pub pulse: Arc<Pulse>,
}

/// What a thread is told.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Open all connections that are there from the beginning.
    Open,
    /// Let traffic flow, then give the tallies.
    Run(Window),
    /// Open and close so many connections, so many at once, then give the tallies.
    Connect(u32, u32),
    /// Give the tallies as they are.
    Tell,
    /// Close everything and end.
    End,
}

/// What a thread answers to [`Order::Run`], [`Order::Connect`] and [`Order::Tell`].
pub type Result = std::io::Result<Vec<Tally>>;

/// Runs one thread until it is told to end.
pub fn run(share: Share, orders: UnboundedReceiver<Order>, answers: &Sender<Result>) {
    let mut ring = io_uring::IoUring::builder();
    // The kernel does not interrupt the thread that sends to us; it looks when it enters the kernel anyway.
    ring.setup_coop_taskrun().setup_clamp();
    let mut builder = tokio_uring::builder();
    builder.entries(RING_ENTRIES).uring_builder(&ring);
    let result = tokio_uring::Runtime::new(&builder)
        .and_then(|runtime| runtime.block_on(work(share, orders, answers)));
    if let Err(error) = result {
        // Who asks has gone only when the run has failed already.
        let _ = answers.send(Err(error));
    }
}

async fn work(
    share: Share,
    mut orders: UnboundedReceiver<Order>,
    answers: &Sender<Result>,
) -> std::io::Result<()> {
    let mut alarm = Alarm::new()?;
    let mut next = share.next;
    let field = Field::new(share.target, share.clock, share.crowds, share.sample, share.pulse)
        .map(Rc::new)?;
    let sink = field.clone();
    // Ends with the runtime; fails only if the kernel refuses to tell what can be read, and then nothing arrives and is told as lost.
    tokio_uring::spawn(async move { sink.sink.run(&sink).await });
    let mut sessions: Vec<Rc<Session>> = share
        .sessions
        .iter()
        .map(|(crowd, index, serial)| Session::new(&field, *crowd, *index, *serial))
        .collect();
    while let Some(order) = orders.recv().await {
        match order {
            Order::Open => sessions.iter().for_each(|session| session.start(&field)),
            Order::Run(window) => {
                field.window.set(window);
                flow(&field, window, &mut sessions, &mut next, &mut alarm).await?;
                drain(&field, &sessions).await;
                // Who asked has gone only when the run has failed already.
                let _ = answers.send(Ok(collect(&field, &sessions)));
            }
            Order::Connect(total, at_once) => {
                connect(&field, total, at_once, &mut next).await;
                let _ = answers.send(Ok(collect(&field, &sessions)));
            }
            Order::Tell => {
                let _ = answers.send(Ok(collect(&field, &sessions)));
            }
            Order::End => break,
        }
    }
    field.over.set(true);
    sessions.iter().for_each(|session| session.close());
    // The tasks notice and let go of their sockets.
    tokio::time::sleep(CLOSING).await;
    Ok(())
}

/// Does what is due until the window closes.
async fn flow(
    field: &Rc<Field>,
    window: Window,
    sessions: &mut [Rc<Session>],
    next: &mut (u32, u32),
    alarm: &mut Alarm,
) -> std::io::Result<()> {
    let of: Vec<usize> = sessions.iter().map(|session| session.crowd).collect();
    let mut schedule = Schedule::new(window, &field.crowds, &of);
    loop {
        let now_ns = field.clock.now_ns();
        let mut done = 0;
        while let Some((due_ns, action)) = schedule.next(now_ns.min(window.to_ns - 1)) {
            act(field, sessions, next, due_ns, action);
            done += 1;
            if done == ACTIONS_PER_TURN {
                break;
            }
        }
        if done == ACTIONS_PER_TURN {
            // Behind: lets what was read and written have its turn.
            tokio::task::yield_now().await;
            continue;
        }
        if now_ns >= window.to_ns {
            return Ok(());
        }
        let due_ns = schedule.next_due_ns().unwrap_or(window.to_ns).min(window.to_ns);
        alarm.wait(due_ns.saturating_sub(field.clock.now_ns())).await?;
    }
}

fn act(
    field: &Rc<Field>,
    sessions: &mut [Rc<Session>],
    next: &mut (u32, u32),
    due_ns: u64,
    action: Action,
) {
    match action {
        Action::Diff(at) => sessions[at].diff(field, due_ns),
        Action::Ephemeral(at) => sessions[at].ephemeral(field),
        Action::Keyframe(at) => sessions[at].keyframe(field, due_ns),
        Action::Pointer(at, agent) => {
            let session = &sessions[at];
            session.pointer(field, &session.agents[agent]);
        }
        Action::Join(at, agent) => {
            let session = &sessions[at];
            session.join(field, &session.agents[agent]);
        }
        Action::Cut(at) => sessions[at].cut(due_ns),
        Action::Renew(at) => {
            let crowd = sessions[at].crowd;
            sessions[at].end();
            sessions[at] = Session::new(field, crowd, next.0, next.1);
            next.0 += 1;
            next.1 += 1 + field.crowds[crowd].agents + field.crowds[crowd].stalled;
            sessions[at].start(field);
        }
    }
}

/// Waits until everybody has got everything, or long enough.
async fn drain(field: &Field, sessions: &[Rc<Session>]) {
    let until_ns = field.clock.now_ns() + DRAIN_MS_MAX * 1_000_000;
    let misses = || sessions.iter().any(|session| session.missing() != (0, 0));
    while misses() && field.clock.now_ns() < until_ns {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn collect(field: &Field, sessions: &[Rc<Session>]) -> Vec<Tally> {
    let mut tallies = field.tallies.take();
    field.tallies.replace(vec![Tally::default(); field.crowds.len()]);
    for session in sessions {
        let (lost, skipped) = session.missing();
        tallies[session.crowd].lost += lost;
        tallies[session.crowd].skipped += skipped;
        session.forgive();
    }
    tallies
}

async fn connect(field: &Rc<Field>, total: u32, at_once: u32, next: &mut (u32, u32)) {
    let (first, serial) = *next;
    next.0 += total;
    next.1 += total;
    let queue = Rc::new(std::cell::Cell::new(0));
    let one = || {
        let (field, queue) = (field.clone(), queue.clone());
        tokio_uring::spawn(async move {
            while queue.get() < total {
                let at = queue.replace(queue.get() + 1);
                let index = first + at;
                let seat =
                    field.target.seat(index, field.target.session(index), serial + at, false);
                let wanted_ns = field.clock.now_ns();
                match field.target.visitor(&seat, true).await {
                    Ok((link, _)) => {
                        field.opened(0, wanted_ns, link.is_resumed());
                        link.cut();
                    }
                    Err(error) => field.fault(0, "connection", &error),
                }
            }
        })
    };
    let all: Vec<_> = (0..at_once).map(|_| one()).collect();
    for task in all {
        // A task of ours that panics has told so already.
        let _ = task.await;
    }
}

/// An alarm in nanoseconds; the runtime's own timers know milliseconds only.
struct Alarm(AsyncFd<rustix::fd::OwnedFd>);

impl Alarm {
    fn new() -> std::io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[allow(
            deprecated,
            reason = "its successor is unsafe; this descriptor is owned and stays the same file"
        )]
        let watched = AsyncFd::new(timer)?;
        Ok(Self(watched))
    }

    async fn wait(&mut self, wait_ns: u64) -> std::io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec {
            tv_sec: i64::try_from(wait_ns / 1_000_000_000).unwrap_or(i64::MAX),
            // Zero would switch it off.
            tv_nsec: (wait_ns % 1_000_000_000).max(1) as i64,
        };
        let timer = Itimerspec { it_interval: zero, it_value: value };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &timer)?;
        let mut guard = self.0.readable().await?;
        // Reading makes it quiet again; it may be so already.
        let _ = rustix::io::read(guard.get_inner(), &mut [0; 8]);
        guard.clear_ready();
        Ok(())
    }
}

/// Messages sent before reading has its turn again.
const ACTIONS_PER_TURN: usize = 32;

const CLOSING: Duration = Duration::from_millis(300);
