//! Data of another window as JSON, copied under a budget: it may be of any size and shape.

use js_sys::{Array, JsString, Number, Object, Reflect};
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue};

use super::message::MAX_ID;

/// Most characters and values of a message that are looked at.
const BUDGET: usize = 1 << 20;
/// Most levels of lists and objects within each other.
const DEPTH: usize = 16;

/// What is wrong with a message of ours, in one sentence.
pub const TOO_LARGE: &str =
    "The message is more than this page reads: a million characters, sixteen levels deep, of plain JSON values.";

/// Whether a message names this page at all. Everything else is somebody else's, and not looked into.
pub fn is_ours(data: &JsValue) -> bool {
    data.is_object() && ["typoLab", "do"].iter().all(|name| own(data, name).is_some())
}

/// A field of the object's own: whatever its prototype holds was not sent.
pub fn own(data: &JsValue, name: &str) -> Option<JsValue> {
    let object = data.dyn_ref::<Object>()?;
    let name = JsValue::from_str(name);
    let value = Object::get_own_property_descriptor(object, &name);
    Reflect::get(&value, &"value".into()).ok().filter(|v| !v.is_undefined())
}

/// The name that its sender gave a message, as far as it is a number or a short text.
pub fn id(data: &JsValue) -> Value {
    // One for the value itself.
    let mut budget = 1 + MAX_ID;
    let id = own(data, "id").and_then(|id| copy(&id, &mut budget, 0));
    id.filter(|id| id.is_number() || id.is_string()).unwrap_or_default()
}

/// The data as JSON. None where it is too large, too deep, or not plain.
pub fn json(data: &JsValue) -> Option<Value> {
    let mut budget = BUDGET;
    copy(data, &mut budget, DEPTH)
}

fn copy(data: &JsValue, budget: &mut usize, depth: usize) -> Option<Value> {
    spend(budget, 1)?;
    if data.is_null() || data.is_undefined() {
        return Some(Value::Null);
    }
    if let Some(on) = data.as_bool() {
        return Some(Value::Bool(on));
    }
    if let Some(x) = data.as_f64() {
        return number(x);
    }
    if let Some(text) = data.dyn_ref::<JsString>() {
        // Before it is copied: counting is free, copying is not.
        spend(budget, text.length() as usize)?;
        return text.as_string().map(Value::String);
    }
    let depth = depth.checked_sub(1)?;
    if let Some(list) = data.dyn_ref::<Array>() {
        if list.length() as usize > *budget {
            return None;
        }
        return list.iter().map(|v| copy(&v, budget, depth)).collect::<Option<_>>().map(Value::Array);
    }
    let object = data.dyn_ref::<Object>().filter(|o| is_plain(o))?;
    let keys = Object::keys(object);
    if keys.length() as usize > *budget {
        return None;
    }
    let field = |key: JsValue| {
        let name = key.as_string()?;
        spend(budget, name.len())?;
        Some((name, copy(&Reflect::get(object, &key).ok()?, budget, depth)?))
    };
    keys.iter().map(field).collect::<Option<_>>().map(Value::Object)
}

/// Not a map, a date, a buffer or a picture, which may travel in messages too.
fn is_plain(object: &Object) -> bool {
    let prototype = Object::get_prototype_of(object);
    prototype.is_null() || prototype == Object::get_prototype_of(&Object::new())
}

fn spend(budget: &mut usize, cost: usize) -> Option<()> {
    *budget = budget.checked_sub(cost)?;
    Some(())
}

/// Whole numbers as such, so that a count is a count.
fn number(x: f64) -> Option<Value> {
    let is_whole = x.fract() == 0.0 && x.abs() <= Number::MAX_SAFE_INTEGER;
    if is_whole { Some(Value::from(x as i64)) } else { serde_json::Number::from_f64(x).map(Value::Number) }
}
