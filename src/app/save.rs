//! Leaving the page with something: files to keep, and texts on the clipboard.

use std::rc::Rc;

use gloo::timers::callback::Timeout;
use gloo::utils::{document, window};
use js_sys::{Array, Promise};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, HtmlCanvasElement, Response, Url};

/// Milliseconds that a file's address is kept: the browser has taken it long before.
const KEPT_MS: u32 = 10_000;

/// Gives a file of text to the browser's downloads. False where the browser refuses.
pub fn text(name: &str, kind: &str, content: &str) -> bool {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let parts = Array::of1(&JsValue::from_str(content));
    Blob::new_with_str_sequence_and_options(&parts, &options).is_ok_and(|blob| file(name, &blob))
}

/// Gives a file of bytes likewise.
pub fn bytes(name: &str, content: &[u8]) -> bool {
    let parts = Array::of1(&js_sys::Uint8Array::from(content));
    Blob::new_with_u8_array_sequence(&parts).is_ok_and(|blob| file(name, &blob))
}

/// Reads a text that lies beside the page, and tells it; none where it cannot be had.
pub fn beside(path: &str, told: impl Fn(Option<String>) + 'static) {
    let told = Rc::new(told);
    settled(&window().fetch_with_str(path), move |answer| {
        let answer = answer.and_then(|a| a.dyn_into::<Response>().ok()).filter(Response::ok);
        let told = Rc::clone(&told);
        match answer.and_then(|a| a.text().ok()) {
            Some(text) => settled(&text, move |text| told(text.and_then(|t| t.as_string()))),
            None => told(None),
        }
    });
}

/// Gives a canvas as PNG, and tells `told` whether that went well.
pub fn png(name: &str, canvas: &HtmlCanvasElement, told: impl FnOnce(bool) + 'static) {
    let name = name.to_owned();
    // Null where the canvas is larger than the browser can encode.
    let saved = Closure::once_into_js(move |blob: JsValue| {
        told(blob.dyn_ref::<Blob>().is_some_and(|b| file(&name, b)));
    });
    // Refused only for a canvas with foreign content; this one has none.
    let _ = canvas.to_blob(saved.unchecked_ref());
}

fn file(name: &str, blob: &Blob) -> bool {
    let Ok(url) = Url::create_object_url_with_blob(blob) else { return false };
    let Some(link) = document().create_element("a").ok().and_then(|a| a.dyn_into::<HtmlAnchorElement>().ok()) else {
        return false;
    };
    link.set_href(&url);
    link.set_download(name);
    link.click();
    Timeout::new(KEPT_MS, move || {
        let _ = Url::revoke_object_url(&url);
    })
    .forget();
    true
}

/// Puts a text on the clipboard, and tells `told` whether it is there. Browsers refuse pages that came over plain http.
pub fn copy(content: &str, told: impl Fn(bool) + 'static) {
    let clipboard = js_sys::Reflect::get(&window().navigator(), &"clipboard".into()).unwrap_or_default();
    if clipboard.is_undefined() {
        told(false);
        return;
    }
    settled(&window().navigator().clipboard().write_text(content), move |done| told(done.is_some()));
}

/// Tells what became of a promise; none where it was refused.
fn settled(promise: &Promise, told: impl Fn(Option<JsValue>) + 'static) {
    let told = Rc::new(told);
    let refused = Rc::clone(&told);
    let yes = Closure::once(move |value: JsValue| told(Some(value)));
    let no = Closure::once(move |_: JsValue| refused(None));
    // Only one of the two is ever called; both are small.
    let _ = promise.then2(&yes, &no);
    yes.forget();
    no.forget();
}
