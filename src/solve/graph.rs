//! Who was compared with whom, and who ever won: what decides whether a fit of preference data is finite.

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::preference::Comparison;

/// Who beat whom: an edge from a winner to a loser.
type Wins = DiGraph<(), ()>;

/// The actions, and an edge for each direction of each comparison that `counts` (winner's share).
fn wins(actions: usize, comparisons: &[Comparison], counts: impl Fn(f64) -> bool) -> Wins {
    let mut wins = Wins::with_capacity(actions, 2 * comparisons.len());
    for _ in 0..actions {
        wins.add_node(());
    }
    for c in comparisons {
        let (i, j) = (NodeIndex::new(c.i as usize), NodeIndex::new(c.j as usize));
        for (share, from, to) in [(c.win, i, j), (c.lose, j, i)] {
            if counts(share) {
                wins.add_edge(from, to, ());
            }
        }
    }
    wins
}

/// The undirected component of each action, as the component's first action. (A)
pub fn connected(actions: usize, comparisons: &[Comparison]) -> Vec<usize> {
    let mut first = vec![0; actions];
    // With edges both ways, who can be reached can be reached back.
    for members in tarjan_scc(&wins(actions, comparisons, |_| true)) {
        let least = members.iter().map(|m| m.index()).min().unwrap_or_default();
        for m in members {
            first[m.index()] = least;
        }
    }
    first
}

/// Groups of actions that beat one another both ways round, each marked with whether anyone outside beats it.
///
/// A Bradley–Terry fit is finite exactly within such a group (Ford's condition); between groups it is infinite.
pub struct WinGroups {
    /// The group of each action. (A)
    pub group: Vec<usize>,
    /// Whether a member of the group ever lost to an action outside it.
    pub beaten: Vec<bool>,
}

impl WinGroups {
    /// The groups of the data.
    pub fn new(actions: usize, comparisons: &[Comparison]) -> Self {
        let wins = wins(actions, comparisons, |share| share > 0.0);
        let mut group = vec![0; actions];
        let components = tarjan_scc(&wins);
        for (k, members) in components.iter().enumerate() {
            for m in members {
                group[m.index()] = k;
            }
        }
        let mut beaten = vec![false; components.len()];
        for edge in wins.raw_edges() {
            let (winner, loser) = (group[edge.source().index()], group[edge.target().index()]);
            if winner != loser {
                beaten[loser] = true;
            }
        }
        Self { group, beaten }
    }

    /// Whether the action belongs to a group that nobody outside beats.
    pub fn is_top(&self, action: usize) -> bool {
        !self.beaten[self.group[action]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn c(i: u32, j: u32, win: f64, lose: f64) -> Comparison {
        Comparison { i, j, win, lose }
    }

    #[test]
    fn one_clean_win_makes_the_loser_beaten() {
        let groups = WinGroups::new(3, &[c(0, 1, 0.5, 0.2), c(1, 2, 0.3, 0.0)]);
        assert!(groups.is_top(0) && groups.is_top(1) && !groups.is_top(2));
        assert_eq!(connected(4, &[c(0, 1, 0.5, 0.2), c(1, 2, 0.3, 0.0)]), vec![0, 0, 0, 3]);
    }
}
