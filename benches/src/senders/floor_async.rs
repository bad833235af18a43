//! The floor for many connections in one thread: async-io, on async-executor.

use std::{net::TcpStream, rc::Rc};

use async_executor::LocalExecutor;
use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt, future::block_on};
use memchr::memchr_iter;

use super::floor::{Flight, content, envelope};
use crate::{
    Result,
    meter::Cost,
    work::{CONNECTIONS, Job, NAME},
};

type Line = (Async<TcpStream>, Vec<u8>);

pub(crate) fn run(job: Job) -> Result<Cost> {
    let flights = Rc::new([envelope(job.work), content(&job.content)]);
    let executor = LocalExecutor::new();
    let mut lines = Vec::new();
    for _ in 0..CONNECTIONS {
        lines.push(block_on(executor.run(open(&job)))?);
    }
    job.measure(
        |_, n| Ok(n / CONNECTIONS),
        |_, n| {
            let tasks: Vec<_> = std::mem::take(&mut lines)
                .into_iter()
                .map(|mut line| {
                    let flights = Rc::clone(&flights);
                    executor.spawn(async move {
                        for _ in 0..n {
                            for flight in &*flights {
                                send(&mut line, flight).await?;
                            }
                        }
                        Result::Ok(line)
                    })
                })
                .collect();
            block_on(executor.run(async {
                for task in tasks {
                    lines.push(task.await?);
                }
                Ok(())
            }))
        },
    )
}

async fn open(job: &Job) -> Result<Line> {
    let stream = Async::<TcpStream>::connect(job.address).await?;
    stream.get_ref().set_nodelay(true)?;
    let mut line = (stream, vec![0; 16 * 1024]);
    wait(&mut line, 1).await?;
    let octets = format!("EHLO {NAME}\r\n").into_bytes();
    send(&mut line, &Flight { octets, replies: 8 }).await?;
    Ok(line)
}

async fn send(line: &mut Line, flight: &Flight) -> Result {
    line.0.write_all(&flight.octets).await?;
    wait(line, flight.replies).await
}

async fn wait((stream, buffer): &mut Line, replies: usize) -> Result {
    let mut missing = replies;
    while missing > 0 {
        let n = stream.read(buffer).await?;
        if n == 0 {
            return Err("the sink has closed".into());
        }
        let lines = memchr_iter(b'\n', &buffer[..n]).count();
        missing = missing
            .checked_sub(lines)
            .ok_or("more replies than commands")?;
    }
    Ok(())
}
