//! Proofs that one tree begins with another (RFC 6962 §2.1.2): which subtrees they are made of, and how they are checked.

use crate::Hash;
use crate::tree::node_hash;

/// The subtrees, as ranges of leaves, whose hashes prove that the tree of `size` begins with the one of `old`, in their
/// order. Empty where there is nothing to prove: nothing before, or nothing since.
#[must_use]
pub fn consistency(old: u64, size: u64) -> Vec<(u64, u64)> {
    let (mut proof, mut first, mut end) = (Vec::new(), 0, size);
    if old == 0 || old >= size {
        return proof;
    }
    // From the root towards the place where the old tree ends; what is passed by on the way is needed, innermost first.
    while old < end {
        let split = first + (end - first).next_power_of_two() / 2;
        if old <= split {
            proof.push((split, end));
            end = split;
        } else {
            proof.push((first, split));
            first = split;
        }
    }
    if first > 0 {
        proof.push((first, end));
    }
    proof.reverse();
    proof
}

/// Whether the proof shows that the tree of `size` with `root` begins with the one of `old` with `old_root`
/// (RFC 9162 §2.1.4.2).
#[must_use]
pub fn is_consistent(old: u64, old_root: &Hash, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 || old == size {
        return proof.is_empty() && (old == 0 || old_root == root);
    }
    if old > size {
        return false;
    }
    let mut hashes = proof.iter();
    let seed = if old.is_power_of_two() { Some(old_root) } else { hashes.next() };
    let Some(seed) = seed else { return false };
    let (mut of_old, mut of_new) = (*seed, *seed);
    let below = (old - 1).trailing_ones();
    let (mut old_at, mut new_at) = ((old - 1) >> below, (size - 1) >> below);
    for hash in hashes {
        if new_at == 0 {
            return false;
        }
        if old_at % 2 == 1 || old_at == new_at {
            of_old = node_hash(hash, &of_old);
            of_new = node_hash(hash, &of_new);
            let even = if old_at % 2 == 0 { old_at.trailing_zeros().min(63) } else { 0 };
            (old_at, new_at) = (old_at >> even, new_at >> even);
        } else {
            of_new = node_hash(&of_new, hash);
        }
        (old_at, new_at) = (old_at >> 1, new_at >> 1);
    }
    new_at == 0 && of_old == *old_root && of_new == *root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::{leaves, mth};

    #[test]
    fn every_tree_is_proved_to_begin_with_every_smaller_one_and_with_no_other() {
        let leaves = leaves(70);
        for size in 1..=70 {
            let root = mth(&leaves[..size]);
            for old in 0..=size {
                let old_root = mth(&leaves[..old]);
                let ranges = consistency(old as u64, size as u64);
                let proof: Vec<Hash> = ranges.iter().map(|(a, b)| mth(&leaves[*a as usize..*b as usize])).collect();
                let check = |old_root: &Hash, root: &Hash, proof: &[Hash]| {
                    is_consistent(old as u64, old_root, size as u64, root, proof)
                };
                assert!(check(&old_root, &root, &proof), "{old} of {size}");
                assert!(old == 0 || !check(&[1; 32], &root, &proof), "{old} of {size}");
                assert!(old == 0 || !check(&old_root, &[1; 32], &proof), "{old} of {size}");
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(!check(&old_root, &root, shorter), "{old} of {size}");
                }
                assert!(!check(&old_root, &root, &[proof, vec![[0; 32]]].concat()), "{old} of {size}");
            }
        }
    }
}
