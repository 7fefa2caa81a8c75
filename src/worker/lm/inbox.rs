//! Messages as they are asked for: a training looks between its steps, a rest waits.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::worker::port::{Received, ScopePort, Turns};
use crate::worker::protocol::lm::ToLm;

/// What has come and was not taken yet.
#[derive(Clone)]
pub struct Inbox {
    waiting: Rc<RefCell<VecDeque<Received<ToLm>>>>,
    /// Who waits for a message or for a turn.
    waker: Rc<RefCell<Option<Waker>>>,
    turns: Rc<Turns>,
    turned: Rc<Cell<bool>>,
}

impl Inbox {
    /// Hears a port from now on. None where the browser has no message channels.
    pub fn of(port: &ScopePort) -> Option<Self> {
        let (waiting, waker) =
            (Rc::<RefCell<VecDeque<Received<ToLm>>>>::default(), Rc::<RefCell<Option<Waker>>>::default());
        let turned = Rc::<Cell<bool>>::default();
        let wake = |waker: &RefCell<Option<Waker>>| {
            let waker = waker.borrow_mut().take();
            waker.into_iter().for_each(Waker::wake);
        };
        let turns = {
            let (waker, turned) = (Rc::clone(&waker), Rc::clone(&turned));
            Turns::new(move || {
                turned.set(true);
                wake(&waker);
            })?
        };
        let inbox = Self { waiting, waker, turns: Rc::new(turns), turned };
        let (waiting, waker) = (Rc::clone(&inbox.waiting), Rc::clone(&inbox.waker));
        port.listen(move |message| {
            waiting.borrow_mut().push_back(message);
            wake(&waker);
        });
        Some(inbox)
    }

    /// The oldest message, once there is one.
    pub async fn next(&self) -> Received<ToLm> {
        self.until(|| self.take()).await
    }

    /// The oldest message, if there is one now.
    pub fn take(&self) -> Option<Received<ToLm>> {
        self.waiting.borrow_mut().pop_front()
    }

    /// Whether a message waits that ends what is being done.
    pub fn has_end(&self) -> bool {
        let ends = |message: &ToLm| matches!(message, ToLm::Stop | ToLm::Open(_) | ToLm::Train { .. } | ToLm::Prefer);
        self.waiting.borrow().iter().any(|(message, _)| ends(message))
    }

    /// Leaves a message for whoever looks next.
    pub fn put_back(&self, message: Received<ToLm>) {
        self.waiting.borrow_mut().push_front(message);
    }

    /// Lets the browser hand over what was sent meanwhile.
    pub async fn breathe(&self) {
        self.turned.set(false);
        self.turns.ask();
        self.until(|| self.turned.get().then_some(())).await;
    }

    async fn until<T>(&self, found: impl Fn() -> Option<T>) -> T {
        poll_fn(|context| {
            let value = found();
            if value.is_none() {
                *self.waker.borrow_mut() = Some(context.waker().clone());
            }
            value.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
