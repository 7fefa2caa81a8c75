// In place, logits = coefficient · (onehot(target) − softmax), of a chunk's words.

@compute @workgroup_size(256)
fn vocabulary_backward(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = at.x; i < params.len; i += groups.x * 256u) {
        let n = i / params.words;
        let s = params.state + 3u * n;
        let c = coefficients[params.coefficients + n];
        let p = exp(max(logits[params.logits + i] - state[s], -80.0)) / state[s + 1u];
        let hit = f32(targets[params.targets + n] == params.first + i % params.words);
        logits[params.logits + i] = c * (hit - p);
    }
}
