//! The language model's driver: opens a device and a model, then answers the page until it asks for another.

mod device;
mod folder;
mod inbox;
mod plan;
mod session;
mod training;

use self::device::{Device, Told};
use self::folder::Folder;
use self::inbox::Inbox;
use self::session::Session;
use super::port::{Part, ScopePort};
use super::protocol::lm::{FromLm, ToLm, Wish};
use super::protocol::{RunId, VERSION};
use crate::lm::compute::Compute;

/// A wish to open a model, and the model, read.
type Opening = (Wish, Folder);

/// Starts the worker's service.
pub fn serve() {
    super::report_panics();
    let Some(port) = ScopePort::of_this_worker() else { return };
    let Some(inbox) = Inbox::of(&port) else { return };
    port.send(&FromLm::Ready { version: VERSION.to_owned() }, &[]);
    wasm_bindgen_futures::spawn_local(served(port, inbox));
}

/// What is told to a page that asks for something before a model is there.
const NOTHING_OPEN: &str = "No model is open; open one first.";

async fn served(port: ScopePort, inbox: Inbox) {
    let mut next = None;
    loop {
        let (wish, folder) = match next.take() {
            Some(opening) => opening,
            None => opening(&port, &inbox).await,
        };
        next = Box::pin(opened(&port, &inbox, wish, folder)).await;
    }
}

async fn opening(port: &ScopePort, inbox: &Inbox) -> Opening {
    loop {
        match inbox.next().await {
            (ToLm::Open(wish), parts) => {
                if let Some(folder) = read(port, parts).await {
                    return (wish, folder);
                }
            }
            (ToLm::Train { run, .. }, _) => refused(port, run, NOTHING_OPEN.to_owned()),
            _ => fail(port, NOTHING_OPEN.to_owned()),
        }
    }
}

/// A model's files; none, and told, where they are not in order.
async fn read(port: &ScopePort, parts: Vec<Part>) -> Option<Folder> {
    Folder::read(parts, port).await.inspect_err(|message| fail(port, message.clone())).ok()
}

fn fail(port: &ScopePort, message: String) {
    port.send(&FromLm::Failed { message, lost: false }, &[]);
}

/// A training that does not begin.
fn refused(port: &ScopePort, run: RunId, message: String) {
    fail(port, message);
    port.send(&FromLm::At { run, loss: None, paused: false }, &[]);
}

/// Opens a model and serves it. What comes back is the wish for another.
async fn opened(port: &ScopePort, inbox: &Inbox, wish: Wish, folder: Folder) -> Option<Opening> {
    match Device::open(wish).await {
        Device::Cpu(cpu, told) => Box::pin(on(cpu, false, told, folder, port, inbox)).await,
        Device::Gpu(gpu, told) => Box::pin(on(*gpu, true, told, folder, port, inbox)).await,
    }
}

async fn on<C: Compute>(
    compute: C,
    is_gpu: bool,
    told: Told,
    folder: Folder,
    port: &ScopePort,
    inbox: &Inbox,
) -> Option<Opening> {
    match Session::new(compute, is_gpu, folder, port.clone(), inbox.clone()) {
        Ok(session) => {
            port.send(&FromLm::Opened(session.model(told)), &[]);
            session.serve().await
        }
        Err(message) => {
            // The model before it made room for this one.
            port.send(&FromLm::Failed { message, lost: true }, &[]);
            None
        }
    }
}
