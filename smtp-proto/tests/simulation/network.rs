//! Connections: each direction brings octets late, in pieces and in order, takes
//! only so many that were not read, and may be lost at any octet, in any way.

use std::collections::VecDeque;

use crate::agenda::{Around, MILLISECOND, MINUTE, SECOND, Time, What};

/// Which connection of a world.
pub(crate) type ConnectionId = usize;

/// Who of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// So many octets were taken, at least one.
    Taken(usize),
    /// None for now.
    Full,
    /// None ever again.
    Broken,
}

/// What came of a read.
#[derive(Debug)]
pub(crate) enum Read {
    Octets(Vec<u8>),
    /// None for now.
    Nothing,
    End,
    Reset,
}

/// How a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    /// Whatever still comes is read and thrown away.
    Politely,
    /// Whatever still comes resets the connection; and so does what has come and
    /// was not read.
    Abruptly,
}

/// How a side hears that the connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    Reset,
    End,
    Nothing,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing passes any more, either way. What is under way arrives or not.
    Lost {
        client: Hears,
        server: Hears,
        drops: bool,
    },
    /// The one direction ends; the other does not.
    WriteFails,
    /// Nothing passes for so long.
    Stall(Time),
}

/// A connection, and whose it is.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) mailer: usize,
    pub(crate) receiver: usize,
    /// By who writes.
    pipes: [Pipe; 2],
    /// Whether it is planned that a side looks at it.
    woken: [bool; 2],
}

/// One direction.
#[derive(Debug)]
struct Pipe {
    latency: Time,
    jitter: Time,
    /// The most octets that travel together.
    segment: usize,
    /// The most octets that are under way or not read.
    window: usize,
    outstanding: usize,
    written: usize,
    /// At which octet what happens.
    fault: Option<(usize, Fault)>,
    under_way: VecDeque<(Time, Parcel)>,
    last_arrival: Time,
    /// What has come and was not read.
    arrived: VecDeque<u8>,
    /// What is behind it.
    end: Option<Parcel>,
    /// The writer has closed.
    is_shut: bool,
    /// The writer can write no more.
    is_broken: bool,
    /// What is written goes nowhere.
    is_dead: bool,
    /// The reader has closed.
    reader_left: Option<Close>,
    /// The writer waits for room.
    is_awaited: bool,
}

#[derive(Debug)]
enum Parcel {
    Octets(Vec<u8>),
    Fin,
    Reset,
}

impl Around {
    /// A new connection, with whatever will go wrong with it.
    pub(crate) fn open(&mut self, mailer: usize, receiver: usize) -> ConnectionId {
        let latency = self.chance.magnitude(50..=300 * MILLISECOND);
        let mut pipes = [self.pipe(latency), self.pipe(latency)];
        if self.chance.one_in(3) {
            let at = self.chance.size(0..=20_000);
            let fault = self.fault();
            pipes[self.chance.below(2)].fault = Some((at, fault));
        }
        self.connections.push(Connection {
            mailer,
            receiver,
            pipes,
            woken: [false; 2],
        });
        self.connections.len() - 1
    }

    fn pipe(&mut self, latency: Time) -> Pipe {
        let chance = &mut self.chance;
        let segment = match chance.below(12) {
            0 => chance.size(1..=10),
            1..4 => chance.size(10..=500),
            _ => 1460,
        };
        let window = match chance.below(4) {
            0 => chance.size(50..=2000),
            _ => chance.size(1000..=100_000),
        };
        Pipe {
            latency,
            jitter: chance.magnitude(1..=latency),
            segment,
            window,
            outstanding: 0,
            written: 0,
            fault: None,
            under_way: VecDeque::new(),
            last_arrival: 0,
            arrived: VecDeque::new(),
            end: None,
            is_shut: false,
            is_broken: false,
            is_dead: false,
            reader_left: None,
            is_awaited: false,
        }
    }

    fn fault(&mut self) -> Fault {
        let chance = &mut self.chance;
        let (client, server) = match chance.below(8) {
            0 | 1 => (Hears::Reset, Hears::Reset),
            2 => (Hears::End, Hears::End),
            3 => (Hears::Reset, Hears::End),
            4 => (Hears::Reset, Hears::Nothing),
            5 => (Hears::Nothing, chance.one_of(&[Hears::Reset, Hears::End])),
            6 => (Hears::End, Hears::Nothing),
            _ => (Hears::Nothing, Hears::Nothing),
        };
        match chance.below(10) {
            0 | 1 => Fault::WriteFails,
            2..5 => Fault::Stall(chance.magnitude(SECOND..=20 * MINUTE)),
            _ => Fault::Lost {
                client,
                server,
                drops: chance.one_in(2),
            },
        }
    }

    /// Writes, as much as fits.
    pub(crate) fn write(&mut self, id: ConnectionId, side: Side, octets: &[u8]) -> Written {
        let now = self.now;
        let pipe = &mut self.connections[id].pipes[side as usize];
        if pipe.is_broken {
            return Written::Broken;
        }
        assert!(!pipe.is_shut && !octets.is_empty());
        let mut n = octets
            .len()
            .min(pipe.window.saturating_sub(pipe.outstanding));
        if n == 0 {
            if !std::mem::replace(&mut pipe.is_awaited, true) {
                self.seen.count("a full window");
            }
            return Written::Full;
        }
        if n > 1 && self.chance.one_in(4) {
            n = 1 + self.chance.below(n);
        }
        let fault = pipe.fault.filter(|(at, _)| *at < pipe.written + n);
        if let Some((at, _)) = fault {
            pipe.fault = None;
            n = at - pipe.written;
            self.seen.count("a fault of the network");
        }
        pipe.written += n;
        pipe.outstanding += n;
        let mut arrivals = Vec::new();
        let mut rest = if pipe.is_dead { &[] } else { &octets[..n] };
        while !rest.is_empty() {
            let length = rest.len().min(1 + self.chance.below(pipe.segment));
            let (segment, behind) = rest.split_at(length);
            rest = behind;
            let delay = pipe.latency + self.chance.within(0..=pipe.jitter);
            arrivals.push(pipe.send(now + delay, Parcel::Octets(segment.to_vec())));
        }
        for time in arrivals {
            self.at(time, What::Arrive(id, side));
        }
        if let Some((_, fault)) = fault {
            self.strike(id, side, fault);
        }
        match n {
            0 => self.write(id, side, octets),
            n => Written::Taken(n),
        }
    }

    /// Something goes wrong with what this side writes, or with all.
    fn strike(&mut self, id: ConnectionId, side: Side, fault: Fault) {
        self.note("net", || format!("{id}: {fault:?}, {side:?} writing"));
        match fault {
            Fault::Stall(time) => {
                self.seen.count("a stall");
                let now = self.now;
                let pipe = self.pipe_of(id, side);
                pipe.last_arrival = pipe.last_arrival.max(now) + time;
            }
            Fault::WriteFails => {
                self.seen.count("one direction that ends");
                self.pipe_of(id, side).is_broken = true;
                self.end(id, side, Parcel::Fin);
                self.wake(id, side);
            }
            Fault::Lost {
                client,
                server,
                drops,
            } => {
                self.lose(id, Side::Client, client, drops);
                self.lose(id, Side::Server, server, drops);
            }
        }
    }

    /// This side hears that the connection is lost, or does not.
    fn lose(&mut self, id: ConnectionId, side: Side, hears: Hears, drops: bool) {
        let incoming = self.pipe_of(id, side.other());
        if drops {
            incoming.under_way.clear();
        }
        match hears {
            Hears::Reset => {
                self.seen.count("a connection lost by a reset");
                self.end(id, side.other(), Parcel::Reset);
            }
            Hears::End => {
                self.seen.count("a connection lost by its end");
                self.end(id, side.other(), Parcel::Fin);
            }
            Hears::Nothing => self.seen.count("a connection lost without notice"),
        }
        self.pipe_of(id, side.other()).is_dead = true;
    }

    /// The other side hears of no octets any more, but of this.
    fn end(&mut self, id: ConnectionId, writer: Side, parcel: Parcel) {
        let now = self.now;
        let pipe = self.pipe_of(id, writer);
        if pipe.is_dead {
            return;
        }
        let time = pipe.send(now + pipe.latency, parcel);
        self.at(time, What::Arrive(id, writer));
    }

    /// Reads something of what has come, at most so many octets.
    pub(crate) fn read_up_to(&mut self, id: ConnectionId, side: Side, most: usize) -> Read {
        let pipe = &mut self.connections[id].pipes[side.other() as usize];
        if pipe.arrived.is_empty() {
            return match pipe.end {
                Some(Parcel::Reset) => Read::Reset,
                Some(_) => Read::End,
                None => Read::Nothing,
            };
        }
        let most = pipe.arrived.len().min(most);
        let n = match self.chance.below(3) {
            0 => 1 + self.chance.below(most),
            _ => most,
        };
        let octets = pipe.arrived.drain(..n).collect();
        let delay = pipe.latency;
        self.after(delay, What::Credit(id, side.other(), n));
        Read::Octets(octets)
    }

    /// Octets that `writer` has written have come to the other side.
    pub(crate) fn arrive(&mut self, id: ConnectionId, writer: Side) {
        let now = self.now;
        let mut resets = false;
        let pipe = self.pipe_of(id, writer);
        while let Some((time, parcel)) = pipe.under_way.pop_front() {
            if time > now {
                pipe.under_way.push_front((time, parcel));
                break;
            }
            match (parcel, pipe.reader_left) {
                (Parcel::Octets(_), Some(Close::Politely)) => {}
                (Parcel::Octets(_), Some(Close::Abruptly)) => {
                    pipe.is_broken = true;
                    resets = true;
                }
                (Parcel::Octets(octets), None) => pipe.arrived.extend(octets),
                (Parcel::Reset, _) => {
                    pipe.end = Some(Parcel::Reset);
                    // So it is with what the reader has not read by then.
                    pipe.arrived.clear();
                }
                (Parcel::Fin, _) => {
                    pipe.end.get_or_insert(Parcel::Fin);
                }
            }
        }
        if matches!(pipe.end, Some(Parcel::Reset)) {
            self.pipe_of(id, writer.other()).is_broken = true;
        }
        if resets {
            self.seen.count("a reset for what came too late");
            self.end(id, writer.other(), Parcel::Reset);
        }
        self.wake(id, writer.other());
    }

    /// The reader has read so much.
    pub(crate) fn credit(&mut self, id: ConnectionId, writer: Side, octets: usize) {
        let pipe = self.pipe_of(id, writer);
        pipe.outstanding -= octets;
        if std::mem::take(&mut pipe.is_awaited) {
            self.wake(id, writer);
        }
    }

    /// This side closes.
    pub(crate) fn close(&mut self, id: ConnectionId, side: Side, how: Close) {
        let incoming = self.pipe_of(id, side.other());
        let is_unread = !incoming.arrived.is_empty();
        incoming.arrived.clear();
        incoming.reader_left = Some(how);
        let outgoing = self.pipe_of(id, side);
        if std::mem::replace(&mut outgoing.is_shut, true) || outgoing.is_broken {
            return;
        }
        match how {
            Close::Abruptly if is_unread => {
                self.seen.count("a reset for what was not read");
                self.end(id, side, Parcel::Reset);
            }
            _ => self.end(id, side, Parcel::Fin),
        }
    }

    /// This side is not there any more, as after a loss of power, and nobody hears
    /// of it.
    pub(crate) fn vanish(&mut self, id: ConnectionId, side: Side) {
        self.pipe_of(id, side.other()).reader_left = Some(Close::Politely);
        self.pipe_of(id, side).is_shut = true;
        for pipe in &mut self.connections[id].pipes {
            pipe.is_dead = true;
            pipe.under_way.clear();
        }
    }

    /// This side knows nothing of the connection, and says so.
    pub(crate) fn disown(&mut self, id: ConnectionId, side: Side) {
        let outgoing = self.pipe_of(id, side);
        outgoing.is_shut = true;
        outgoing.is_dead = false;
        self.pipe_of(id, side.other()).reader_left = Some(Close::Politely);
        self.end(id, side, Parcel::Reset);
    }

    fn pipe_of(&mut self, id: ConnectionId, writer: Side) -> &mut Pipe {
        &mut self.connections[id].pipes[writer as usize]
    }

    /// Plans that a host looks at its connection, soon.
    fn wake(&mut self, id: ConnectionId, side: Side) {
        if !std::mem::replace(&mut self.connections[id].woken[side as usize], true) {
            let delay = self.chance.within(0..=200);
            self.after(delay, What::Wake(id, side));
        }
    }

    /// It does so now.
    pub(crate) fn is_awake(&mut self, id: ConnectionId, side: Side) {
        self.connections[id].woken[side as usize] = false;
    }
}

impl Pipe {
    /// Sends something behind everything else; when it arrives.
    fn send(&mut self, time: Time, parcel: Parcel) -> Time {
        let time = time.max(self.last_arrival);
        self.last_arrival = time;
        self.under_way.push_back((time, parcel));
        time
    }
}
