//! Who was compared with whom, and who ever won: what decides whether a fit of preference data is finite.

use crate::preference::Comparison;

/// Whom each action beat, as a list of neighbours. (A)
type Wins = Vec<Vec<usize>>;

/// The comparisons in each direction that `counts` (the winner's share).
fn wins(actions: usize, comparisons: &[Comparison], counts: impl Fn(f64) -> bool) -> Wins {
    let mut wins = vec![Vec::new(); actions];
    for c in comparisons {
        let (i, j) = (c.i as usize, c.j as usize);
        for (share, from, to) in [(c.win, i, j), (c.lose, j, i)] {
            if counts(share) {
                wins[from].push(to);
            }
        }
    }
    wins
}

/// Walks from a root over what was not seen yet, depth first, and lists what it came to when it left it.
fn walk(edges: &[Vec<usize>], root: usize, seen: &mut [bool], left: &mut Vec<usize>) {
    if std::mem::replace(&mut seen[root], true) {
        return;
    }
    let mut way = vec![(root, 0)];
    while let Some((at, next)) = way.last_mut() {
        if let Some(&to) = edges[*at].get(*next) {
            *next += 1;
            if !std::mem::replace(&mut seen[to], true) {
                way.push((to, 0));
            }
        } else {
            left.push(*at);
            way.pop();
        }
    }
}

/// Strongly connected components, by Kosaraju: what a walk against the edges reaches, begun at whoever was left last. Without
/// recursion, as a chain of actions may be longer than a page's stack; a library's graph would cost the page two kilobytes.
fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let (mut seen, mut order) = (vec![false; edges.len()], Vec::new());
    for root in 0..edges.len() {
        walk(edges, root, &mut seen, &mut order);
    }
    let mut against = vec![Vec::new(); edges.len()];
    for (from, list) in edges.iter().enumerate() {
        for &to in list {
            against[to].push(from);
        }
    }
    seen.fill(false);
    let mut found = Vec::new();
    for root in order.into_iter().rev() {
        let mut members = Vec::new();
        walk(&against, root, &mut seen, &mut members);
        if !members.is_empty() {
            found.push(members);
        }
    }
    found
}

/// The undirected component of each action, as the component's first action. (A)
pub fn connected(actions: usize, comparisons: &[Comparison]) -> Vec<usize> {
    let mut first = vec![0; actions];
    // With edges both ways, who can be reached can be reached back.
    for members in components(&wins(actions, comparisons, |_| true)) {
        let least = members.iter().copied().min().unwrap_or_default();
        for m in members {
            first[m] = least;
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
        let components = components(&wins);
        for (k, members) in components.iter().enumerate() {
            for &m in members {
                group[m] = k;
            }
        }
        let mut beaten = vec![false; components.len()];
        for (winner, list) in wins.iter().enumerate() {
            for &loser in list {
                beaten[group[loser]] |= group[winner] != group[loser];
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
    use std::collections::HashSet;

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

    #[test]
    fn whoever_can_be_reached_both_ways_is_in_one_group() {
        let mut random = crate::preference::Random::new(5);
        for actions in 1..9 {
            for _ in 0..200 {
                let pairs = (0..actions).flat_map(|i| (i + 1..actions).map(move |j| (i, j)));
                let share = |random: &mut crate::preference::Random| if random.unit() < 0.3 { 0.5 } else { 0.0 };
                let data: Vec<Comparison> =
                    pairs.map(|(i, j)| c(i as u32, j as u32, share(&mut random), share(&mut random))).collect();
                // Who reaches whom, by as many rounds as there are actions.
                let mut reached: HashSet<(u32, u32)> = (0..actions as u32).map(|i| (i, i)).collect();
                for _ in 0..actions {
                    for d in &data {
                        for (share, from, to) in [(d.win, d.i, d.j), (d.lose, d.j, d.i)] {
                            let comes = reached.iter().filter(|(_, at)| share > 0.0 && *at == from);
                            let further: Vec<(u32, u32)> = comes.map(|(start, _)| (*start, to)).collect();
                            reached.extend(further);
                        }
                    }
                }
                let reaches = |i: usize, j: usize| reached.contains(&(i as u32, j as u32));
                let groups = WinGroups::new(actions, &data);
                for i in 0..actions {
                    let beaten = (0..actions).any(|j| reaches(j, i) && !reaches(i, j));
                    assert_eq!(groups.is_top(i), !beaten, "{data:?}");
                    let same = |j: usize| groups.group[i] == groups.group[j];
                    assert!((0..actions).all(|j| same(j) == (reaches(i, j) && reaches(j, i))), "{data:?}");
                }
            }
        }
        // A chain longer than any stack would bear.
        let chain: Vec<Comparison> = (0..100_000).map(|k| c(k, k + 1, 1.0, 0.0)).collect();
        assert_eq!(WinGroups::new(100_001, &chain).beaten.len(), 100_001);
        assert!(connected(100_001, &chain).iter().all(|first| *first == 0));
    }
}
