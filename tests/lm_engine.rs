//! The language model's engine on the CPU, against PyTorch and Transformers (`tests/lm/fixtures.py`) and against differences.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/lm.rs"]
mod common;

use std::collections::BTreeMap;

use common::{
    Fixture, KINDS, NAMES, cached_logits_are_those_of_transformers, gradients_are_those_of_pytorch,
    log_probabilities_are_those_of_transformers, ten_steps_are_those_of_pytorch, values_and_gradients_are_those_of_trl,
};
use typo_lab::lm::align::{Trainer, score};
use typo_lab::lm::compute::cpu::Cpu;
use typo_lab::lm::compute::{Compute, ready};
use typo_lab::lm::config::Config;
use typo_lab::lm::gpt2::{Gpt2, Memory, ModelError, Text};
use typo_lab::lm::gradients::Gradients;
use typo_lab::lm::lora::{Lora, LoraSettings, Target};
use typo_lab::lm::objective::{Length, Objective};
use typo_lab::lm::optimiser::Optimiser;
use typo_lab::lm::pairs::Parts;
use typo_lab::lm::run::{PairTexts, Run, Settings};
use typo_lab::lm::sample::{Decoder, Sampling, generate, generate_told};
use typo_lab::loss::Loss;
use typo_lab::preference::Random;

/// The accuracy asked of the CPU, relative, tensor by tensor: f32 carries 6e-8 and sums here have some hundred terms.
const ACCURACY: f64 = 1e-5;

#[test]
fn sequence_log_probabilities_are_those_of_transformers() {
    ready(log_probabilities_are_those_of_transformers(&mut Cpu::<f32>::new(), ACCURACY));
}

#[test]
fn cached_logits_are_those_of_transformers_whatever_the_stride() {
    ready(cached_logits_are_those_of_transformers(&mut Cpu::<f32>::new(), ACCURACY));
}

#[test]
fn every_loss_s_gradients_are_those_of_pytorch() {
    ready(gradients_are_those_of_pytorch(&mut Cpu::<f32>::new(), ACCURACY));
}

#[test]
fn dpo_ipo_and_f_dpo_are_those_of_trl_s_trainer() {
    ready(values_and_gradients_are_those_of_trl(&mut Cpu::<f32>::new(), ACCURACY));
}

#[test]
fn ten_steps_of_every_loss_are_those_of_pytorch() {
    for name in NAMES {
        let fixture = Fixture::read(name);
        for kind in KINDS {
            // Adam divides a gradient by its size: where an element's gradient is below f32's rounding, it takes whole steps of
            // either sign, which show in the weights but not in what the model says.
            ready(ten_steps_are_those_of_pytorch(&mut Cpu::<f32>::new(), &fixture, kind, (ACCURACY, 10.0 * ACCURACY)));
            // In f64 nothing is below rounding; settings and coefficients still pass through f32.
            ready(ten_steps_are_those_of_pytorch(&mut Cpu::<f64>::new(), &fixture, kind, (1e-6, 1e-6)));
        }
    }
}

#[test]
fn accumulating_over_passes_gives_the_same_step() {
    let fixture = Fixture::read("odd");
    for kind in KINDS {
        let run = |batch: usize| {
            let mut cpu = Cpu::<f64>::new();
            let (mut trainer, log_ref) = ready(fixture.trainer(&mut cpu, kind, batch));
            let metrics = ready(trainer.gradients(&mut cpu, &fixture.items(kind, &log_ref))).expect("gradients");
            let gradients = trainer.grads.arenas().buffers.clone();
            (metrics, gradients.iter().flat_map(|b| cpu.values(*b).to_vec()).collect::<Vec<f64>>())
        };
        let ((whole, g), (parts, h)) = (run(6), run(2));
        assert!((whole.loss - parts.loss).abs() < 1e-6 && whole.tokens == parts.tokens, "{kind}");
        let largest = g.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        // Coefficients pass through f32.
        assert!(g.iter().zip(&h).all(|(a, b)| (a - b).abs() < 1e-6 * largest), "{kind}");
    }
}

/// Room for every weight's gradient.
fn whole(cpu: &mut Cpu<f64>, model: &Gpt2) -> Gradients {
    Gradients::whole(cpu, &model.config, &model.params).expect("room")
}

/// `Σ coefficient · log π` of the last forward, in f64.
fn weighted(cpu: &Cpu<f64>, model: &Gpt2, texts: &[&Text], coefficients: &[f64]) -> f64 {
    let tokens = cpu.values(model.log_prob_span().expect("a forward"));
    let weights = texts.iter().zip(coefficients).flat_map(|(t, c)| std::iter::repeat_n(*c, t.scored()));
    tokens.iter().zip(weights).map(|(x, c)| x * c).sum()
}

/// Compares the gradient with central differences in f64, for a few elements of every tensor.
fn check_differences(config: Config, texts: &[&Text]) {
    let mut cpu = Cpu::<f64>::new();
    let longest = texts.iter().map(|t| t.ids.len()).max().expect("texts");
    let mut model = Gpt2::new(&mut cpu, config, (texts.len(), longest), true).expect("room");
    let mut random = Random::new(5);
    let spans = model.params.spans.clone();
    let mut values = BTreeMap::new();
    for (name, span) in &spans {
        let centre = if name.contains("ln_") && name.ends_with("weight") { 1.0 } else { 0.0 };
        let noise: Vec<f32> = (0..span.len).map(|_| (centre + random.unit() - 0.5) as f32).collect();
        cpu.write(*span, &noise);
        values.insert(name.clone(), noise);
    }
    let coefficients: Vec<f64> = (0..texts.len()).map(|k| [0.75, -1.25, 0.5][k % 3]).collect();
    model.forward(&mut cpu, texts).expect("a forward");
    let into = whole(&mut cpu, &model);
    model.backward(&mut cpu, &coefficients, &into);
    let gradients = &into.arenas().spans;
    for (name, span) in &spans {
        for _ in 0..3 {
            let k = random.below(span.len as u32) as usize;
            let at = span.part(k, 1);
            let here = values[name][k];
            let h = 1.0f32 / 4096.0;
            let mut side = |x: f32| {
                cpu.write(at, &[x]);
                model.forward(&mut cpu, texts).expect("a forward");
                weighted(&cpu, &model, texts, &coefficients)
            };
            // The exact distance of the two numbers, as f32 holds them.
            let (above, below) = (here + h, here - h);
            let difference = (side(above) - side(below)) / (f64::from(above) - f64::from(below));
            side(here);
            let gradient = cpu.values(gradients[name])[k];
            // The error of a central difference is h² f‴/6; third derivatives here are some hundreds.
            assert!(
                (gradient - difference).abs() < 2e-5 * (1.0 + gradient.abs()),
                "{name}[{k}]: {gradient} {difference}"
            );
        }
    }
}

#[test]
fn gradients_through_the_whole_model_are_its_differences() {
    let text = |ids: &[u32], prompt: usize| Text { ids: ids.to_vec(), prompt };
    let (a, b, c) = (text(&[1, 5, 2, 9, 9], 2), text(&[3, 0], 1), text(&[7, 7, 4], 1));
    let config = |l, h, c, p, v| Config::new(l, h, c, p, v).expect("a configuration");
    check_differences(config(2, 3, 15, 6, 11), &[&a, &b, &c]);
    check_differences(config(1, 1, 1, 5, 10), &[&a]);
    // The fewest that can be scored: one text of two tokens, so that one position matters.
    check_differences(config(2, 2, 8, 2, 4), &[&b]);
}

#[test]
fn long_texts_cross_the_tiles_of_attention() {
    // 150 positions: two whole tiles of 64 queries and a rest.
    let mut random = Random::new(11);
    let mut text = |n: usize| Text { ids: (0..n).map(|_| random.below(9)).collect(), prompt: 1 };
    let (a, b) = (text(150), text(65));
    check_differences(Config::new(1, 2, 12, 150, 9).expect("a configuration"), &[&a, &b]);
}

#[test]
fn the_vocabulary_in_chunks_is_the_vocabulary_at_once() {
    // 50,257 words and 200 scored tokens: logits of 10 million, above the 4 million that are held at a time.
    let config = Config::new(1, 2, 8, 101, 50_257).expect("a configuration");
    let mut random = Random::new(2);
    let ids: Vec<u32> = (0..101).map(|_| random.below(50_257)).collect();
    let text = Text { ids, prompt: 1 };
    let mut one = Text { prompt: 100, ..text.clone() };
    let run = |texts: &[&Text]| {
        let mut cpu = Cpu::<f64>::new();
        let mut model = Gpt2::new(&mut cpu, config.clone(), (texts.len(), 101), true).expect("room");
        let mut random = Random::new(4);
        for span in model.params.spans.clone().values() {
            let noise: Vec<f32> = (0..span.len).map(|_| random.unit() as f32 - 0.5).collect();
            cpu.write(*span, &noise);
        }
        model.forward(&mut cpu, texts).expect("a forward");
        let logp = cpu.values(model.log_prob_span().expect("a forward")).to_vec();
        let mut coefficients = vec![0.0; texts.len()];
        coefficients[0] = 1.0;
        let into = whole(&mut cpu, &model);
        model.backward(&mut cpu, &coefficients, &into);
        let wte = into.arenas().spans["wte.weight"];
        (logp, cpu.values(wte).to_vec())
    };
    // The last token alone fits into one chunk; with the whole text beside it, whose coefficient is 0, it does not.
    let (alone, gradient) = run(&[&one]);
    let (beside, same) = run(&[&one, &text, &text]);
    assert!((alone[0] - beside[0]).abs() < 1e-12);
    assert!(gradient.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-12));
    one.prompt = 0;
    assert_eq!(one.scored(), 100);
}

#[test]
fn samples_follow_the_model_and_their_seed() {
    let fixture = Fixture::read("odd");
    let mut cpu = Cpu::<f32>::new();
    let mut model = fixture.model(&mut cpu, 6);
    let prompts: Vec<&[u32]> = vec![&[1, 2, 3], &[4], &[5, 6]];
    let sampling = Sampling { max_tokens: 4, ..Sampling::PLAIN };
    let mut draw = |seed: u64, prompts: &[&[u32]], sampling: &Sampling| {
        ready(generate(&mut cpu, &model, prompts, sampling, &mut Random::new(seed), async |_| true)).expect("texts")
    };
    let first = draw(1, &prompts, &sampling);
    assert!(
        first.iter().all(|t| t.len() == 4)
            && first == draw(1, &prompts, &sampling)
            && first != draw(2, &prompts, &sampling)
    );
    // The likeliest tokens do not depend on who else is in the batch.
    let greedy = Sampling { temperature: 0.0, ..sampling };
    let together = draw(0, &prompts, &greedy);
    for (prompt, text) in prompts.iter().zip(&together) {
        assert_eq!(draw(0, &[prompt], &greedy)[0], *text);
    }
    // They end with the stop token, and at the model's last position.
    let stop = Sampling { stop: Some(together[0][1]), ..greedy };
    let until = together[0].iter().position(|id| *id == together[0][1]).expect("itself");
    assert_eq!(draw(0, &prompts[..1], &stop)[0], together[0][..=until]);
    let endless = Sampling { max_tokens: 99, ..greedy };
    assert_eq!(draw(0, &prompts, &endless)[0].len(), fixture.config.n_positions - 3);
    // The likeliest token by the training path's own log-probabilities, too.
    let best = (0..fixture.config.vocab_size as u32).map(|id| Text { ids: vec![1, 2, 3, id], prompt: 3 });
    let best: Vec<Text> = best.collect();
    let scores = ready(score(&mut cpu, &mut model, &best.iter().collect::<Vec<_>>())).expect("scores");
    let top = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).expect("a word").0;
    assert_eq!(top as u32, together[0][0]);
}

#[test]
fn a_texts_draws_are_its_own_and_are_told_with_their_probabilities() {
    let fixture = Fixture::read("odd");
    let mut cpu = Cpu::<f32>::new();
    let mut model = fixture.model(&mut cpu, 6);
    let prompts: [&[u32]; 3] = [&[1, 2, 3], &[4], &[5, 6]];
    let sampling = Sampling { max_tokens: 4, ..Sampling::PLAIN };
    let mut random = Random::new(5);
    let together = ready(generate(&mut cpu, &model, &prompts, &sampling, &mut random, async |_| true)).expect("texts");
    let mut random = Random::new(5);
    for (prompt, ids) in prompts.into_iter().zip(&together) {
        let told = ready(generate_told(&mut cpu, &model, prompt, &sampling, &mut random)).expect("a text");
        assert_eq!(told.iter().map(|d| d.id).collect::<Vec<_>>(), *ids);
        let text = Text { ids: [prompt, ids].concat(), prompt: prompt.len() };
        let score = ready(score(&mut cpu, &mut model, &[&text])).expect("a score")[0];
        let sum: f64 = told.iter().map(|d| d.p.ln()).sum();
        assert!((sum - score).abs() < 1e-4, "{sum} {score}");
        for d in &told {
            let [(_, a), (_, b), (_, c)] = d.likeliest[..] else { panic!("three tokens") };
            assert!(a >= b && b >= c && (d.p <= c || d.likeliest.contains(&(d.id, d.p))), "{d:?}");
        }
    }
}

#[test]
fn adapters_begin_at_the_model_have_its_differences_as_gradients_and_train_only_what_they_target() {
    let fixture = Fixture::read("odd");
    let mut cpu = Cpu::<f64>::new();
    let mut model = fixture.model(&mut cpu, 6);
    let log_ref = ready(score(&mut cpu, &mut model, &fixture.all_texts())).expect("scores");
    let settings = LoraSettings { rank: 3, alpha: 6.0, targets: vec![Target::AttentionIn, Target::MlpOut] };
    let lora = Lora::new(&mut cpu, &model, &settings, 1).expect("room");
    // As after some training: B is no longer zero.
    let mut random = Random::new(8);
    let mut held = BTreeMap::new();
    for (name, span) in &lora.params.spans {
        let noise: Vec<f32> = (0..span.len).map(|_| random.unit() as f32 - 0.5).collect();
        cpu.write(*span, &noise);
        held.insert(name.clone(), noise);
    }
    lora.push(&mut cpu);
    let texts = fixture.all_texts();
    let coefficients = [1.0, -1.0, 0.5, 0.25, -0.5, 1.5];
    model.forward(&mut cpu, &texts).expect("a forward");
    let into = Gradients::Adapters(lora);
    // Half of it twice: passes add up.
    for _ in 0..2 {
        model.backward(&mut cpu, &coefficients.map(|c| 0.5 * c), &into);
    }
    let Gradients::Adapters(lora) = &into else { panic!("adapters") };
    for (name, span) in &lora.params.spans {
        let k = random.below(span.len as u32) as usize;
        let mut side = |x: f32| {
            cpu.write(span.part(k, 1), &[x]);
            lora.push(&mut cpu);
            model.forward(&mut cpu, &texts).expect("a forward");
            weighted(&cpu, &model, &texts, &coefficients)
        };
        let here = held[name][k];
        let (above, below) = (here + 1.0 / 4096.0, here - 1.0 / 4096.0);
        let difference = (side(above) - side(below)) / (f64::from(above) - f64::from(below));
        side(here);
        let gradient = cpu.values(lora.grads.spans[name])[k];
        assert!((gradient - difference).abs() < 1e-4 * (1.0 + gradient.abs()), "{name}[{k}]: {gradient} {difference}");
    }
    // A fresh pair of adapters changes nothing until it is trained, and then only its own matrices.
    let mut model = fixture.model(&mut cpu, 6);
    let lora = Lora::new(&mut cpu, &model, &settings, 1).expect("room");
    lora.push(&mut cpu);
    assert_eq!(ready(score(&mut cpu, &mut model, &texts)).expect("scores"), log_ref);
    let mut trainer =
        Trainer::new(&mut cpu, model, Some(lora), fixture.objective("dpo"), fixture.optimiser()).expect("room");
    let values: Vec<f64> =
        (0..20).map(|_| ready(trainer.step(&mut cpu, &fixture.items("dpo", &log_ref))).expect("a step").loss).collect();
    assert!(values[19] < values[0], "{values:?}");
    for (name, span) in &trainer.model.params.spans {
        let before = &fixture.weights[&format!("transformer.{name}")];
        let same = cpu.values(*span).iter().zip(before).all(|(a, b)| *a == f64::from(*b));
        let adapted = settings.targets.iter().any(|t| name.ends_with(&format!("{}.weight", t.key())));
        assert_eq!(same, !adapted, "{name}");
    }
}

#[test]
fn a_whole_run_lowers_its_loss_and_follows_its_seed() {
    let fixture = Fixture::read("small");
    let pair =
        |w: &[u32], l: &[u32]| PairTexts::from(Parts { prompt: vec![3, 4], chosen: w.to_vec(), rejected: l.to_vec() });
    let pairs = vec![pair(&[5, 6], &[7]), pair(&[5, 6], &[8, 9, 1]), pair(&[2], &[7])];
    let run = |kind: &str, seed: u64| -> Vec<f64> {
        let settings = Settings {
            objective: fixture.objective(kind),
            optimiser: Optimiser { learning_rate: 3e-3, ..Optimiser::default() },
            batch_size: 3,
            lora: None,
            sampling: Sampling { max_tokens: 1, ..Sampling::PLAIN },
            seed,
        };
        let mut cpu = Cpu::<f32>::new();
        let model = fixture.model(&mut cpu, 4);
        let mut run = ready(Run::start(&mut cpu, model, pairs.clone(), settings, async |_| true)).expect("a start");
        let steps = (0..40).map(|_| ready(run.step(&mut cpu)).expect("a step"));
        steps.map(|m| m.loss).collect()
    };
    for kind in KINDS {
        let losses = run(kind, 1);
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        // RLHF's is an estimate from three samples.
        assert!(mean(&losses[30..]) < mean(&losses[..10]), "{kind}: {losses:?}");
        assert_eq!(losses, run(kind, 1), "{kind}");
    }
    assert_ne!(run("rlhf", 1), run("rlhf", 2));
}

#[test]
fn the_memory_told_before_is_the_memory_taken_and_all_of_it_comes_back() {
    let config = Config::new(3, 4, 64, 48, 700).expect("a configuration");
    let lora = LoraSettings { rank: 4, alpha: 8.0, targets: Target::ALL.to_vec() };
    let held = |cpu: &Cpu| 4 * cpu.held() as u64;
    for (trained, adapters) in [(false, None), (true, None), (true, Some(lora))] {
        let mut cpu = Cpu::<f32>::new();
        let model = Gpt2::new(&mut cpu, config.clone(), (5, 40), trained).expect("room");
        let mut memory = Memory::of(&config, 5, 40, trained);
        if let Some(settings) = &adapters {
            memory = memory.with_lora(&config, settings, 5 * 40);
        }
        // What is told includes token ids, which are no floats.
        let untrained = held(&cpu);
        let share = untrained as f64 / (memory.total() - memory.training) as f64;
        assert!((0.99..=1.0).contains(&share), "{memory:?} {untrained}");
        let lora = adapters.map(|s| Lora::new(&mut cpu, &model, &s, 0).expect("room"));
        let model = if trained {
            let trainer = Trainer::new(&mut cpu, model, lora, Objective::Sft, Optimiser::default()).expect("room");
            // To the byte but for the gradient's squared norm: all extents here are multiples of a tensor's alignment.
            assert_eq!(held(&cpu), untrained + memory.training + 4, "{memory:?}");
            trainer.into_model(&mut cpu)
        } else {
            model
        };
        assert_eq!(held(&cpu), untrained, "{memory:?}");
        model.free(&mut cpu);
        assert_eq!(cpu.held(), 0);
    }
    let mut cpu = Cpu::<f32>::new();
    let model = Gpt2::new(&mut cpu, config.clone(), (1, 1), false).expect("room");
    for (batch, capacity) in [(5, 40), (2, 48)] {
        let before = cpu.held();
        let decoder = Decoder::new(&mut cpu, &model, batch, capacity).expect("room");
        assert_eq!(Decoder::bytes(&config, batch, capacity), 4 * (cpu.held() - before) as u64);
        decoder.free(&mut cpu);
    }
}

#[test]
fn a_run_that_is_stopped_while_it_is_prepared_gives_everything_back() {
    let config = Config::new(2, 2, 16, 24, 60).expect("a configuration");
    let text = |from: u32| Text { ids: (from..from + 9).collect(), prompt: 4 };
    let pairs: Vec<PairTexts> = (0..12).map(|k| PairTexts { chosen: text(k), rejected: text(k + 20) }).collect();
    let settings = Settings {
        objective: Objective::Preference { loss: Loss::Typo, lambda: 1.0, length: Length::Sum },
        optimiser: Optimiser::default(),
        batch_size: 3,
        lora: None,
        sampling: Sampling { max_tokens: 3, ..Sampling::PLAIN },
        seed: 1,
    };
    let mut cpu = Cpu::<f32>::new();
    let whole = {
        let model = Gpt2::new(&mut cpu, config.clone(), (4, 24), true).expect("room");
        let mut heard = Vec::new();
        let run = ready(Run::start(&mut cpu, model, pairs.clone(), settings.clone(), async |share| {
            heard.push(share);
            true
        }));
        run.expect("a start").into_model(&mut cpu).free(&mut cpu);
        heard
    };
    assert!(whole.is_sorted() && whole[0] == 0.0, "{whole:?}");
    // Six passes score twelve pairs, three draw three tokens of four texts each.
    assert_eq!(whole.len(), 6 + 3 * 3, "{whole:?}");
    for last in 0..whole.len() {
        let model = Gpt2::new(&mut cpu, config.clone(), (4, 24), true).expect("room");
        let mut heard = 0;
        let run = ready(Run::start(&mut cpu, model, pairs.clone(), settings.clone(), async |_| {
            heard += 1;
            heard <= last
        }));
        assert_eq!(run.err(), Some(ModelError::Stopped));
        assert_eq!(cpu.held(), 0);
    }
}

#[test]
fn texts_that_cannot_be_scored_are_refused_with_the_remedy() {
    let fixture = Fixture::read("small");
    let mut cpu = Cpu::<f32>::new();
    let mut model = fixture.model(&mut cpu, 2);
    for (ids, prompt, sentence) in [
        (vec![1; 13], 1, "a text has 13 tokens, at most 12 are possible; shorten it"),
        (vec![1, 31], 1, "token 31 is not in the vocabulary, whose last is 30; use the model's own tokenizer"),
        (vec![1, 2], 2, "a response has no tokens; give each pair a prompt and two responses that are not empty"),
        (vec![], 0, "a response has no tokens; give each pair a prompt and two responses that are not empty"),
    ] {
        let text = Text { ids, prompt };
        assert_eq!(model.forward(&mut cpu, &[&text]).expect_err(sentence).to_string(), sentence);
    }
}
