//! Who was compared with whom, and who ever won: what decides whether a fit of preference data is finite.

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::unionfind::UnionFind;

use crate::preference::Comparison;

/// The undirected component of each action, as the component's first action. (A)
pub fn connected(actions: usize, comparisons: &[Comparison]) -> Vec<usize> {
    let mut sets = UnionFind::<usize>::new(actions);
    for c in comparisons {
        sets.union(c.i as usize, c.j as usize);
    }
    let labels = sets.into_labeling();
    let mut first = vec![usize::MAX; actions];
    labels
        .iter()
        .enumerate()
        .map(|(action, &label)| {
            first[label] = first[label].min(action);
            first[label]
        })
        .collect()
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
        let mut wins = DiGraph::<(), ()>::with_capacity(actions, 2 * comparisons.len());
        for _ in 0..actions {
            wins.add_node(());
        }
        for c in comparisons {
            let (i, j) = (NodeIndex::new(c.i as usize), NodeIndex::new(c.j as usize));
            if c.win > 0.0 {
                wins.add_edge(i, j, ());
            }
            if c.lose > 0.0 {
                wins.add_edge(j, i, ());
            }
        }
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
