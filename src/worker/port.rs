//! A typed channel over worker messages: a message as JSON text, and beside it numbers and bytes as transferred buffers, or files.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{Array, Float64Array, JsString, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use web_sys::{
    DedicatedWorkerGlobalScope, File, MessageChannel, MessageEvent, MessagePort, Worker, WorkerOptions, WorkerType,
};

/// What travels beside a message.
#[derive(Debug, Clone)]
pub enum Part {
    /// Handed over without a copy.
    Numbers(Vec<f64>),
    /// Likewise.
    Bytes(Vec<u8>),
    /// A file that the reader chose; whoever receives it reads it.
    File(File),
}

impl Part {
    fn of(value: &JsValue) -> Option<Self> {
        let numbers = |value: &JsValue| Some(Self::Numbers(value.dyn_ref::<Float64Array>()?.to_vec()));
        let bytes = |value: &JsValue| Some(Self::Bytes(value.dyn_ref::<Uint8Array>()?.to_vec()));
        numbers(value).or_else(|| bytes(value)).or_else(|| Some(Self::File(value.dyn_ref::<File>()?.clone())))
    }

    /// The numbers among some parts.
    pub fn numbers(parts: Vec<Self>) -> Vec<Vec<f64>> {
        parts
            .into_iter()
            .filter_map(|part| if let Self::Numbers(numbers) = part { Some(numbers) } else { None })
            .collect()
    }
}

/// A received message with what came beside it.
pub type Received<M> = (M, Vec<Part>);

fn pack(text: String, beside: &[Part]) -> (Array, Array) {
    let parts = Array::of1(&JsString::from(text));
    let transfer = Array::new();
    for part in beside {
        match part {
            Part::Numbers(numbers) => {
                let copy = Float64Array::from(numbers.as_slice());
                transfer.push(&copy.buffer());
                parts.push(&copy);
            }
            Part::Bytes(bytes) => {
                let copy = Uint8Array::from(bytes.as_slice());
                transfer.push(&copy.buffer());
                parts.push(&copy);
            }
            Part::File(file) => {
                parts.push(file);
            }
        }
    }
    (parts, transfer)
}

/// A message's text with what came beside it. None for what is not of this channel.
fn unpack(data: &JsValue) -> Option<(String, Vec<Part>)> {
    let parts = data.dyn_ref::<Array>()?;
    let beside = (1..parts.length()).filter_map(|k| Part::of(&parts.get(k))).collect();
    Some((parts.get(0).as_string()?, beside))
}

fn text_of(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

/// The page's end.
pub struct WorkerPort {
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(web_sys::Event)>,
}

impl WorkerPort {
    /// Starts a module worker. Its messages come as text: one copy of this code serves every worker.
    ///
    /// # Errors
    /// Where the browser refuses to start one.
    pub fn start(
        url: &str,
        mut on_message: Box<dyn FnMut(String, Vec<Part>)>,
        on_error: Box<dyn Fn()>,
    ) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(url, &options)?;
        let on_message = Closure::new(move |e: MessageEvent| {
            if let Some((text, parts)) = unpack(&e.data()) {
                on_message(text, parts);
            }
        });
        let on_error = Closure::new(move |_| on_error());
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, _on_message: on_message, _on_error: on_error })
    }

    /// Sends a message. A worker that has died is known by its error event.
    pub fn send(&self, message: &impl Serialize, beside: &[Part]) {
        let (parts, transfer) = pack(text_of(message), beside);
        let _ = self.worker.post_message_with_transfer(&parts, &transfer);
    }
}

impl Drop for WorkerPort {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}

/// The worker's end.
#[derive(Clone)]
pub struct ScopePort(DedicatedWorkerGlobalScope);

impl ScopePort {
    /// The scope this code runs in; none outside a worker.
    pub fn of_this_worker() -> Option<Self> {
        js_sys::global().dyn_into().ok().map(Self)
    }

    /// Hears messages for as long as the worker lives.
    pub fn listen<M: DeserializeOwned + 'static>(&self, mut on_message: impl FnMut(Received<M>) + 'static) {
        let closure = Closure::<dyn FnMut(MessageEvent)>::new(move |e: MessageEvent| {
            if let Some((text, parts)) = unpack(&e.data())
                && let Ok(message) = serde_json::from_str(&text)
            {
                on_message((message, parts));
            }
        });
        self.0.set_onmessage(Some(closure.as_ref().unchecked_ref()));
        closure.forget();
    }

    /// Sends a message, handing over what comes beside it.
    pub fn send(&self, message: &impl Serialize, beside: &[Part]) {
        let (parts, transfer) = pack(text_of(message), beside);
        let _ = self.0.post_message_with_transfer(&parts, &transfer);
    }
}

/// Turns of a long work, each a task of its own, so that messages are heard between them. A message to oneself: browsers hold
/// back a timeout that follows others by 4 ms.
pub struct Turns {
    ask: MessagePort,
    due: Rc<Cell<bool>>,
}

impl Turns {
    /// Calls `work` for every turn asked for. None where the browser has no message channels.
    pub fn new(mut work: impl FnMut() + 'static) -> Option<Self> {
        let channel = MessageChannel::new().ok()?;
        let due = Rc::new(Cell::new(false));
        let taken = Rc::clone(&due);
        let on_message = Closure::<dyn FnMut()>::new(move || {
            taken.set(false);
            work();
        });
        channel.port1().set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        on_message.forget();
        Some(Self { ask: channel.port2(), due })
    }

    /// Asks for a turn behind the messages that wait now; one that is due already serves.
    pub fn ask(&self) {
        if !self.due.replace(true) {
            let _ = self.ask.post_message(&JsValue::NULL);
        }
    }
}
