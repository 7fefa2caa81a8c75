//! Worked examples under each command's help: lines that can be copied into a shell, each with what it is for.

use clap::Command;

/// Commands by the names that lead to them, and their examples. `tests/cli.rs` runs them, and parses those of the language model.
pub const ALL: [(&[&str], &str); 15] = [
    (
        &["minimise"],
        "\
Examples:
  typo-lab preset figure-2 | typo-lab minimise -         where each loss of figure 2 ends
  typo-lab minimise mine.json --format csv --out m.csv   the same of an experiment, as a table",
    ),
    (
        &["train"],
        "\
Examples:
  typo-lab preset figure-5 | typo-lab train -            policies on the way, at a large λ
  typo-lab train mine.json --format csv --out runs.csv   a line a recorded step",
    ),
    (
        &["sweep"],
        "\
Examples:
  typo-lab preset figure-6 | typo-lab sweep -             minimisers from small λ to large
  typo-lab sweep mine.json --format csv --out sweep.csv   a line a value and prompt",
    ),
    (
        &["verdict"],
        "\
Examples:
  typo-lab preset figure-3-preservation | typo-lab verdict -   who keeps the good prompt
  typo-lab verdict mine.json --out verdicts.json               of an experiment of one's own",
    ),
    (
        &["figure"],
        "\
Examples:
  typo-lab figure 2 --out figure-2.svg                             as in the paper
  typo-lab figure 6 --spec mine.json --theme dark --out dark.png   of an experiment, as pixels",
    ),
    (
        &["preset"],
        "\
Examples:
  typo-lab preset                        the names
  typo-lab preset figure-2 > mine.json   a file to change, for the other commands",
    ),
    (
        &["lm"],
        "\
Examples:
  typo-lab lm generate --model static/lm/world --prompt \"Where to?\"
  typo-lab lm align --help   the examples of one of these commands",
    ),
    (
        &["lm", "score"],
        "\
Examples:
  typo-lab lm score --model gpt2 --pairs pairs.jsonl   a line a pair
  typo-lab lm score --model gpt2 --pairs pairs.jsonl --out lines.jsonl --device cpu",
    ),
    (
        &["lm", "align"],
        "\
Examples:
  typo-lab lm align --model gpt2 --pairs pairs.jsonl --loss dpo --lambda 0.1
  typo-lab lm align --model gpt2 --pairs pairs.jsonl --loss typo --lora-rank 8 --save tuned",
    ),
    (
        &["lm", "generate"],
        "\
Examples:
  typo-lab lm generate --model gpt2 --prompt \"Once upon a time\"
  typo-lab lm generate --model tuned --prompt-ids 15496,995 --temperature 0",
    ),
    (
        &["lm", "pretrain"],
        "\
Examples:
  typo-lab lm pretrain --out world              as the shipped one was made
  typo-lab lm pretrain --out short --steps 50   to see whether it runs",
    ),
    (
        &["lm", "world"],
        "\
Examples:
  typo-lab lm world --model static/lm/world --out runs.jsonl
  typo-lab lm world --model static/lm/world --losses dpo,typo --lambda 0.1 --steps 50",
    ),
    (
        &["script"],
        "\
Examples:
  typo-lab script --preset figure-2 > run.py   then: python run.py
  typo-lab script mine.json --out mine.py      of an experiment of one's own",
    ),
    (
        &["story"],
        "\
Examples:
  typo-lab story             the tour in www/story
  typo-lab story www/story   in a folder that is named",
    ),
    (
        &["completions"],
        "\
Examples:
  typo-lab completions bash > typo-lab.bash   then: source typo-lab.bash
  typo-lab completions zsh > _typo-lab        into a folder of $fpath",
    ),
];

/// Puts a text under the help of the command that these names lead to.
pub fn under(command: Command, path: &[&str], text: &'static str) -> Command {
    match path {
        [] => command.after_help(text),
        [name, rest @ ..] => command.mut_subcommand(*name, |inner| under(inner, rest, text)),
    }
}
