//! A training: loss after loss from π_ref, step after step, hearing the page between any two.

use super::plan::{Plan, QUESTIONS};
use super::session::Session;
use crate::lm::compute::Compute;
use crate::lm::epochs::Epochs;
use crate::lm::gpt2::{Gpt2, ModelError};
use crate::lm::objective::Metrics;
use crate::lm::run::{Run, Settings};
use crate::lm::tokenizer::Tokenizer;
use crate::lm::world::{self, Family, Fillers, Panel, Policy, Prompt};
use crate::solve::Snapshot;
use crate::trace::Trace;
use crate::worker::port::Part;
use crate::worker::protocol::RunId;
use crate::worker::protocol::lm::{FromLm, ROW, ToLm};

/// How often numbers are posted, and how far a preparation is.
const POST_MS: f64 = 60.0;

/// Whether the next step is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Running,
    /// Not before the page says so.
    Waiting,
    /// It is, and then the training waits.
    OneStep,
}

impl Pace {
    fn of(is_paused: bool) -> Self {
        if is_paused { Self::Waiting } else { Self::Running }
    }
}

/// How a training stands with the page.
struct Course {
    run: RunId,
    pace: Pace,
    is_stopped: bool,
    /// Still before the losses: what is trained is no loss's.
    is_supervised: bool,
    /// Rows of [`ROW`] numbers not posted yet.
    rows: Vec<f64>,
    posted: f64,
}

/// Where the small world's policies are read, and what is not posted yet.
struct Watch {
    /// By fillers, then by family.
    panels: [[Panel; 2]; 2],
    /// By fillers, then by loss.
    fresh: [Vec<Trace>; 2],
    /// The probability of anything else at seen questions, by family.
    other: [f64; 2],
}

/// Numbers of a snapshot: two prompts of three responses.
const WIDTH: usize = 6;

impl Watch {
    fn new(plan: &Plan, tokenizer: &Tokenizer) -> Self {
        let panel = |family, fillers| Panel::new(tokenizer, &Prompt::all(family, fillers)[..QUESTIONS]);
        let fresh = vec![Trace::new(WIDTH); plan.spec.losses.len()];
        Self {
            panels: Fillers::ALL.map(|fillers| Family::ALL.map(|family| panel(family, fillers))),
            fresh: [fresh.clone(), fresh],
            other: [f64::NAN; 2],
        }
    }

    async fn read(
        &mut self,
        compute: &mut impl Compute,
        model: &mut Gpt2,
        loss: usize,
        (step, loss_value): (u64, f64),
    ) -> Result<(), ModelError> {
        for ((panels, fresh), fillers) in self.panels.iter().zip(&mut self.fresh).zip(Fillers::ALL) {
            let mut log_pi = Vec::with_capacity(WIDTH);
            for (panel, other) in panels.iter().zip(&mut self.other) {
                let policy = Policy::mean(&panel.read(compute, model).await?);
                log_pi.extend(policy.log_pi);
                if fillers == Fillers::Seen {
                    *other = policy.other;
                }
            }
            fresh[loss].push(&Snapshot { step, log_pi, loss_value });
        }
        Ok(())
    }
}

impl<C: Compute> Session<C> {
    /// Trains, and tells what went wrong if something did.
    pub(super) async fn train(&mut self, run: RunId, plan: Plan, is_paused: bool) {
        let mut course = Course {
            run,
            pace: Pace::of(is_paused),
            is_stopped: false,
            is_supervised: false,
            rows: Vec::new(),
            posted: js_sys::Date::now(),
        };
        let done = self.train_all(&plan, &mut course).await;
        course.pace = Pace::Running;
        self.at(&course, None);
        if let Err(error) = done {
            self.tell(Err(error));
        }
    }

    fn at(&self, course: &Course, loss: Option<usize>) {
        self.port.send(&FromLm::At { run: course.run, loss, paused: course.pace != Pace::Running }, &[]);
    }

    async fn train_all(&mut self, plan: &Plan, course: &mut Course) -> Result<(), ModelError> {
        let mut watch = self.ground().is_world.then(|| Watch::new(plan, &self.tokenizer));
        let Some(first) = plan.losses.first() else { return Ok(()) };
        self.forget_trained();
        match self.supervise(plan, *first, course).await {
            Err(ModelError::Stopped) => course.is_stopped = true,
            done => done?,
        }
        for k in plan.losses.iter().copied() {
            if course.is_stopped {
                break;
            }
            self.at(course, Some(k));
            self.forget_trained();
            let mut run = match self.started(plan, plan.settings(k, self.ground())).await {
                // The message that stopped it is heard by whoever looks next; what was trained before is complete.
                Err(ModelError::Stopped) => break,
                run => run?,
            };
            let done = self.steps(plan, k, &mut run, watch.as_mut(), course).await;
            let model = run.into_model(&mut self.compute);
            // What was reached stays, also where a step failed.
            self.trained = Some((k, model));
            self.post_rows(k, course);
            done?;
        }
        if let Some(watch) = &mut watch {
            self.post(watch, course, true);
        }
        Ok(())
    }

    fn forget_trained(&mut self) {
        if let Some((_, model)) = self.trained.take() {
            model.free(&mut self.compute);
        }
    }

    /// π_ref first learns the chosen responses, where that is asked for.
    async fn supervise(&mut self, plan: &Plan, first: usize, course: &mut Course) -> Result<(), ModelError> {
        if let Some(model) = self.supervised.take() {
            model.free(&mut self.compute);
        }
        if plan.method.supervised_steps == 0 {
            return Ok(());
        }
        let mut run = self.started(plan, plan.supervised(self.ground())).await?;
        course.is_supervised = true;
        let mut done = Ok(());
        for step in 1..=plan.method.supervised_steps {
            let share = f64::from(step) / f64::from(plan.method.supervised_steps);
            let what = "supervised fine-tuning on the chosen responses".to_owned();
            self.port.send(&FromLm::Busy { what, share }, &[]);
            self.hear(first, &run, course).await;
            if course.is_stopped || done.is_err() {
                break;
            }
            done = run.step(&mut self.compute).await.map(|_| ());
        }
        course.is_supervised = false;
        self.supervised = Some(run.into_model(&mut self.compute));
        done
    }

    /// A run from π_ref. A message that comes meanwhile and ends it is left for whoever looks next.
    async fn started(&mut self, plan: &Plan, settings: Settings) -> Result<Run, ModelError> {
        let size = plan.size(&settings, self.ground());
        let base = self.supervised.as_ref().unwrap_or(&self.reference);
        let model = base.twin(&mut self.compute, size, true)?;
        let seen = settings.optimiser.steps as usize * settings.batch_size;
        let Self { compute, port, inbox, tokenizer, .. } = self;
        let mut posted = f64::NEG_INFINITY;
        let go_on = async |share: f64| {
            let now = js_sys::Date::now();
            if now - posted >= POST_MS {
                posted = now;
                port.send(&FromLm::Busy { what: "preparing the texts under π_ref".to_owned(), share }, &[]);
            }
            inbox.breathe().await;
            !inbox.has_end()
        };
        if let Some(pairs) = &self.pairs {
            // Only those that its steps will come to.
            let pairs = if seen < pairs.len() {
                Epochs::new(pairs.len(), settings.seed).batch(seen).into_iter().map(|k| pairs[k].clone()).collect()
            } else {
                pairs.clone()
            };
            return Run::start(compute, model, pairs, settings, go_on).await;
        }
        world::start(compute, model, tokenizer, seen, settings, go_on).await
    }

    async fn steps(
        &mut self,
        plan: &Plan,
        k: usize,
        run: &mut Run,
        mut watch: Option<&mut Watch>,
        course: &mut Course,
    ) -> Result<(), ModelError> {
        let (steps, every) = (plan.steps(k), plan.spec.optimiser.record_every);
        if let Some(watch) = watch.as_deref_mut() {
            watch.read(&mut self.compute, &mut run.trainer.model, k, (0, f64::NAN)).await?;
            self.post(watch, course, false);
        }
        let other = |watch: Option<&Watch>| watch.map_or([f64::NAN; 2], |watch| watch.other);
        let begun = other(watch.as_deref());
        for step in 1..=steps {
            self.hear(k, run, course).await;
            if course.is_stopped {
                return Ok(());
            }
            let began = js_sys::Date::now();
            let metrics = run.step(&mut self.compute).await?;
            let now = js_sys::Date::now();
            if let Some(watch) = watch.as_deref_mut()
                && (u64::from(step).is_multiple_of(every) || step == steps || course.pace != Pace::Running)
            {
                let at = (u64::from(step), metrics.loss);
                watch.read(&mut self.compute, &mut run.trainer.model, k, at).await?;
                self.post(watch, course, false);
            }
            course.rows.extend(row(&metrics, now - began, other(watch.as_deref()), begun));
            if now - course.posted >= POST_MS || course.pace != Pace::Running {
                self.post_rows(k, course);
            }
        }
        Ok(())
    }

    fn post_rows(&self, loss: usize, course: &mut Course) {
        if !course.rows.is_empty() {
            let rows = Part::Numbers(std::mem::take(&mut course.rows));
            self.port.send(&FromLm::Steps { run: course.run, loss }, &[rows]);
        }
        course.posted = js_sys::Date::now();
    }

    fn post(&self, watch: &mut Watch, course: &Course, done: bool) {
        for (nth, fresh) in (0..).zip(&mut watch.fresh) {
            let numbers: Vec<Part> = fresh.iter().map(|trace| Part::Numbers(trace.to_numbers())).collect();
            self.port.send(&FromLm::Batch { run: course.run, nth, done: done && nth == 1 }, &numbers);
            fresh.iter_mut().for_each(Trace::clear);
        }
    }

    /// Answers what has come, and waits while it is paused.
    async fn hear(&mut self, k: usize, run: &Run, course: &mut Course) {
        self.inbox.breathe().await;
        if course.pace == Pace::OneStep {
            course.pace = Pace::Waiting;
        }
        loop {
            let message = if course.pace == Pace::Waiting { Some(self.inbox.next().await) } else { self.inbox.take() };
            let Some((message, parts)) = message else { return };
            match message {
                ToLm::Pause(is_paused) => {
                    if is_paused {
                        self.post_rows(k, course);
                    }
                    course.pace = Pace::of(is_paused);
                    self.at(course, Some(k));
                }
                ToLm::Step => {
                    course.pace = Pace::OneStep;
                    self.at(course, Some(k));
                }
                ToLm::Stop => {
                    course.is_stopped = true;
                    return;
                }
                // Another training, model or data set: this one ends, and the message is heard again.
                ToLm::Open(_) | ToLm::Train { .. } | ToLm::Prefer => {
                    self.inbox.put_back((message, parts));
                    course.is_stopped = true;
                    return;
                }
                ToLm::Weigh { .. } | ToLm::Say { .. } | ToLm::Save => {
                    let now = (!course.is_supervised).then_some((k, &run.trainer.model));
                    self.answer(message, parts, now).await;
                }
            }
        }
    }
}

fn row(m: &Metrics, ms: f64, [good, bad]: [f64; 2], [good_0, bad_0]: [f64; 2]) -> [f64; ROW] {
    let rate = if ms > 0.0 { m.tokens as f64 * 1000.0 / ms } else { f64::NAN };
    [
        f64::from(m.step),
        m.loss,
        m.logp_chosen,
        m.logp_rejected,
        m.margin,
        m.accuracy,
        m.kl_ref,
        rate,
        good,
        bad,
        good_0,
        bad_0,
    ]
}
