// A chunk of the vocabulary's logits into each token's state: largest logit, sum of exponentials less that, the target's
// logit. A workgroup a token.

@compute @workgroup_size(THREADS)
fn vocabulary(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) t: u32,
) {
    for (var n = group.x; n < params.tokens; n += groups.x) {
        let row = params.logits + n * params.words;
        let at = params.state + 3u * n;
        var top = -3e38;
        for (var k = t; k < params.words; k += THREADS) { top = max(top, logits[row + k]); }
        top = largest(t, top);
        var before = 0.0;
        if (params.first > 0u) {
            let old = state[at];
            top = max(top, old);
            before = state[at + 1u] * exp(max(old - top, -80.0));
        }
        var sum = 0.0;
        for (var k = t; k < params.words; k += THREADS) { sum += exp(max(logits[row + k] - top, -80.0)); }
        sum = total(t, vec2<f32>(sum, 0.0)).x;
        // Every thread has read the old state: total() waited for all.
        if (t == 0u) {
            state[at] = top;
            state[at + 1u] = before + sum;
            let target_word = targets[params.targets + n];
            if (params.first == 0u) { state[at + 2u] = 0.0; }
            if (target_word >= params.first && target_word < params.first + params.words) {
                state[at + 2u] = logits[row + target_word - params.first];
            }
        }
    }
}
