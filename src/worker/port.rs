//! A typed channel over worker messages: a message as JSON text, bulk numbers beside it as transferred buffers.

use js_sys::{Array, Float64Array, JsString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent, Worker, WorkerOptions, WorkerType};

/// A received message with its buffers.
pub type Received<M> = (M, Vec<Vec<f64>>);

fn pack(message: &impl Serialize, bulk: &[Vec<f64>]) -> (Array, Array) {
    let text = serde_json::to_string(message).unwrap_or_default();
    let parts = Array::of1(&JsString::from(text));
    let transfer = Array::new();
    for numbers in bulk {
        let copy = Float64Array::from(numbers.as_slice());
        transfer.push(&copy.buffer());
        parts.push(&copy);
    }
    (parts, transfer)
}

/// None for what is not a message of this channel.
fn unpack<M: DeserializeOwned>(data: &JsValue) -> Option<Received<M>> {
    let parts = data.dyn_ref::<Array>()?;
    let message = serde_json::from_str(&parts.get(0).as_string()?).ok()?;
    let bulk =
        (1..parts.length()).filter_map(|k| Some(parts.get(k).dyn_into::<Float64Array>().ok()?.to_vec())).collect();
    Some((message, bulk))
}

/// The page's end.
pub struct WorkerPort {
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(web_sys::Event)>,
}

impl WorkerPort {
    /// Starts a module worker.
    ///
    /// # Errors
    /// Where the browser refuses to start one.
    pub fn start<M: DeserializeOwned + 'static>(
        url: &str,
        mut on_message: impl FnMut(Received<M>) + 'static,
        mut on_error: impl FnMut() + 'static,
    ) -> Result<Self, JsValue> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options(url, &options)?;
        let on_message = Closure::new(move |e: MessageEvent| {
            if let Some(received) = unpack(&e.data()) {
                on_message(received);
            }
        });
        let on_error = Closure::new(move |_| on_error());
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self { worker, _on_message: on_message, _on_error: on_error })
    }

    /// Sends a message. A dead worker's silence is noticed by whoever waits for an answer.
    pub fn send(&self, message: &impl Serialize) {
        let (parts, _) = pack(message, &[]);
        let _ = self.worker.post_message(&parts);
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
            if let Some(received) = unpack(&e.data()) {
                on_message(received);
            }
        });
        self.0.set_onmessage(Some(closure.as_ref().unchecked_ref()));
        closure.forget();
    }

    /// Sends a message, handing its numbers over.
    pub fn send(&self, message: &impl Serialize, bulk: &[Vec<f64>]) {
        let (parts, transfer) = pack(message, bulk);
        let _ = self.0.post_message_with_transfer(&parts, &transfer);
    }

    /// Calls back once pending messages have been heard.
    pub fn after_messages(&self, callback: impl FnOnce() + 'static) {
        let callback = Closure::once_into_js(callback);
        let _ = self.0.set_timeout_with_callback(callback.unchecked_ref());
    }
}
