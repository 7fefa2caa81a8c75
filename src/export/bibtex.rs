//! How to cite the paper and this program.

/// The paper's entry.
pub const PAPER: &str = "\
@article{hu2024new,
  title   = {New Desiderata for Direct Preference Optimization},
  author  = {Hu, Xiangkun and He, Tong and Wipf, David},
  year    = {2024},
  journal = {arXiv preprint arXiv:2407.09072}
}
";

/// This program's entry.
pub const SOFTWARE: &str = concat!(
    "\
@software{typo_lab,
  title   = {TYPO Lab: an interactive explorer of preference-optimisation losses},
  version = {",
    env!("CARGO_PKG_VERSION"),
    "},
  url     = {",
    env!("CARGO_PKG_REPOSITORY"),
    "}
}
"
);
