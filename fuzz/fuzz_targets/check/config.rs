//! A model's config.json: what it asks of memory is told without a panic, and it comes back from its text.

use typo_lab::lm::config::Config;
use typo_lab::lm::gpt2::Memory;

/// Any bytes as a model's config.json.
pub fn file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Config::from_text(text) {
        Ok(config) => {
            assert_eq!(config.head_width() * config.n_head, config.n_embd);
            assert_eq!(config.tensors().len(), 12 * config.n_layer + 4);
            // Told before anything is allocated, however large: four bytes a parameter at least.
            let memory = Memory::of(&config, 4096, config.n_positions, true);
            assert!(memory.total() > 4 * config.parameters() as u64);
            assert_eq!(Config::from_text(&config.to_text()), Ok(config));
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
}
