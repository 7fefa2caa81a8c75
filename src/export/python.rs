//! An experiment as a PyTorch script that stands alone: the same data, batches and optimiser, the losses by automatic
//! differentiation. `benches/peers/scripts.py` runs it and compares where it ends.

use serde_json::json;

use crate::loss::{Loss, Reward};
use crate::solve::exact::reward_of;
use crate::spec::{Problem, Spec, limit};

const TEMPLATE: &str = include_str!("script.py");

/// The script of a spec; `problem` is the same spec resolved.
pub fn script(spec: &Spec, problem: &Problem) -> String {
    script_from(TEMPLATE, spec, problem)
}

/// The same from the template as it lies beside the page, which then need not carry it.
pub fn script_from(template: &str, spec: &Spec, problem: &Problem) -> String {
    // Put in last, so that nothing in the experiment is taken for a place to fill.
    template.replacen("@FITTED_REWARD@", &fitted_reward(problem), 1).replacen("@SPEC@", &literal(spec), 1)
}

/// The experiment file as it may stand in a raw text of Python between triple apostrophes: JSON has apostrophes only within
/// its texts, where they can be written by their number.
fn literal(spec: &Spec) -> String {
    format!("{:#}", spec.to_json()).replace('\'', "\\u0027")
}

/// Rewards by prompt and action where a loss asks for fitted ones, else `None`. (P, A)
fn fitted_reward(problem: &Problem) -> String {
    let fitted = Loss::Rlhf(Reward::Fitted);
    if !problem.losses.iter().any(|l| l.loss == fitted) {
        return "None".to_owned();
    }
    json!(problem.prompts.iter().map(|p| reward_of(p, fitted, limit::LAMBDA.1)).collect::<Vec<_>>()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Preset;

    fn script_of(spec: &Spec) -> String {
        script(spec, &Problem::new(spec).expect("usable data"))
    }

    /// What Python reads between the triple apostrophes of its raw text.
    fn held(script: &str) -> Spec {
        let text = script.split("'''").nth(1).expect("a raw text");
        Spec::from_text(text).expect("an experiment file")
    }

    #[test]
    fn the_script_holds_the_very_experiment() {
        for preset in Preset::ALL {
            let script = script_of(&preset.spec());
            assert_eq!(held(&script), preset.spec(), "{preset:?}");
            assert!(script.contains("FITTED_REWARD = None\n"), "{preset:?}");
        }
    }

    #[test]
    fn no_name_of_a_prompt_leaves_its_text() {
        for name in ["'''); import os #", "\\", "\\'", "@FITTED_REWARD@", "@SPEC@", "a\nb", "\"\"\""] {
            let mut spec = Preset::Figure2.spec();
            spec.prompts[0].name = name.to_owned();
            let script = script_of(&spec);
            assert_eq!(script.matches("'''").count(), 2, "{name}");
            assert_eq!(held(&script), spec);
        }
    }

    #[test]
    fn fitted_rewards_are_written_out() {
        let mut spec = Preset::Figure2.spec();
        spec.losses[0].loss = Loss::Rlhf(Reward::Fitted);
        let script = script_of(&spec);
        let line = script.lines().find_map(|l| l.strip_prefix("FITTED_REWARD = ")).expect("the rewards");
        let rewards: Vec<Vec<f64>> = serde_json::from_str(line).expect("a table");
        // Population data: the fit is ln π* up to a constant.
        assert!((rewards[0][0] - rewards[0][1] - 2f64.ln()).abs() < 1e-9, "{rewards:?}");
    }
}
