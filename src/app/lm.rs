//! The page's end of the language model's worker, which is started when it is first asked for something.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use yew::Callback;

use super::save;
use super::state::Action;
use crate::worker::port::{Part, WorkerPort};
use crate::worker::protocol::VERSION;
use crate::worker::protocol::lm::{FromLm, ToLm, Wish};

const UNAVAILABLE: &str =
    "The language model could not be started. Reload the page; the other views work, and so does the typo-lab program.";
const STOPPED: &str = "The language model stopped, perhaps for want of memory; its curves are kept. Start it again with a smaller batch or model.";
const STALE: &str = "The page was updated while it was open. Reload it to use the language model.";

/// Sends wishes, and hands answers to the page.
pub struct Lm {
    dispatch: Callback<Action>,
    port: RefCell<Option<WorkerPort>>,
    is_ready: Cell<bool>,
    /// A worker hears nothing until it is ready.
    waiting: RefCell<Vec<(ToLm, Vec<Part>)>>,
    /// The reader's own model and preferences, which another device or another worker reads again.
    own: RefCell<[Vec<Part>; 2]>,
    /// While a model is being opened, those before, which stay where the new ones cannot be read.
    former: RefCell<Option<[Vec<Part>; 2]>>,
    /// Preferences that were offered last: the reader's own once the worker has taken them.
    offered: RefCell<Vec<Part>>,
}

impl Lm {
    /// Nothing is started yet.
    pub fn new(dispatch: Callback<Action>) -> Rc<Self> {
        Rc::new(Self {
            dispatch,
            port: RefCell::default(),
            is_ready: Cell::default(),
            waiting: RefCell::default(),
            own: RefCell::default(),
            former: RefCell::default(),
            offered: RefCell::default(),
        })
    }

    /// Opens a model: the given files, or the small world's. Starts the worker where there is none.
    pub fn open(self: &Rc<Self>, wish: Wish, files: Vec<Part>) {
        let former = self.own.replace([files, Vec::new()]);
        // What was offered to the model before is none of this one's.
        self.offered.take();
        self.ask(wish, former);
    }

    /// Takes preferences of one's own.
    pub fn prefer(&self, files: Vec<Part>) {
        self.offered.borrow_mut().clone_from(&files);
        self.send(ToLm::Prefer, files);
    }

    /// Opens what was opened last, with its preferences.
    pub fn again(self: &Rc<Self>, wish: Wish) {
        let same = self.own.borrow().clone();
        self.ask(wish, same);
    }

    fn ask(self: &Rc<Self>, wish: Wish, former: [Vec<Part>; 2]) {
        self.former.replace(Some(former));
        let [files, pairs] = self.own.borrow().clone();
        if self.port.borrow().is_none() {
            self.start();
        }
        self.tell(FromLm::Busy { what: "starting".to_owned(), share: 0.0 }, Vec::new());
        self.send(ToLm::Open(wish), files);
        if !pairs.is_empty() {
            self.prefer(pairs);
        }
    }

    /// The same in a new worker, after the old one was lost.
    pub fn reopen(self: &Rc<Self>, wish: Wish) {
        *self.port.borrow_mut() = None;
        self.is_ready.set(false);
        self.waiting.borrow_mut().clear();
        self.again(wish);
    }

    fn start(self: &Rc<Self>) {
        let (hears, fails) = (Rc::downgrade(self), Rc::downgrade(self));
        let url = format!("./lm_worker_loader.js?v={VERSION}");
        let port = WorkerPort::start(
            &url,
            Box::new(move |text, parts| {
                if let (Some(lm), Some(message)) = (hears.upgrade(), FromLm::read(&text)) {
                    lm.hear(message, parts);
                }
            }),
            Box::new(move || {
                let Some(lm) = fails.upgrade() else { return };
                lm.fail(if lm.is_ready.get() { STOPPED } else { UNAVAILABLE });
            }),
        );
        match port {
            Ok(port) => *self.port.borrow_mut() = Some(port),
            Err(_) => self.fail(UNAVAILABLE),
        }
    }

    /// Asks for something, now or once the worker is ready.
    pub fn send(&self, message: ToLm, parts: Vec<Part>) {
        match &*self.port.borrow() {
            Some(port) if self.is_ready.get() => port.send(&message, &parts),
            _ => self.waiting.borrow_mut().push((message, parts)),
        }
    }

    /// Tells the reader something in one sentence.
    pub fn notice(&self, message: String) {
        self.dispatch.emit(Action::Notice(Some(message)));
    }

    fn fail(&self, message: &str) {
        self.tell(FromLm::Failed { message: message.to_owned(), lost: true }, Vec::new());
    }

    fn tell(&self, said: FromLm, numbers: Vec<Vec<f64>>) {
        self.dispatch.emit(Action::Lm(Box::new(said), numbers));
    }

    fn hear(&self, message: FromLm, parts: Vec<Part>) {
        match message {
            FromLm::Ready { version } if version == VERSION => {
                self.is_ready.set(true);
                let waiting = self.waiting.take();
                for (message, parts) in waiting {
                    self.send(message, parts);
                }
            }
            FromLm::Ready { .. } => self.fail(STALE),
            FromLm::Saved { names } => {
                for (name, part) in names.iter().zip(&parts) {
                    if let Part::Bytes(bytes) = part {
                        save::bytes(name, bytes);
                    }
                }
            }
            other => {
                if let FromLm::Opened(_) = other {
                    self.former.take();
                } else if let FromLm::Preferred { .. } = other {
                    self.own.borrow_mut()[1].clone_from(&self.offered.borrow());
                } else if let FromLm::Failed { lost, .. } = other
                    && let Some(former) = self.former.take()
                {
                    // What cannot be opened is not tried again.
                    self.own.replace(if lost { [const { Vec::new() }; 2] } else { former });
                }
                self.tell(other, Part::numbers(parts));
            }
        }
    }
}
