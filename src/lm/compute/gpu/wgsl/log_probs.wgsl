// out[n] = target − ln Σ exp.

@compute @workgroup_size(256)
fn log_probs(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var n = at.x; n < params.len; n += groups.x * 256u) {
        let s = params.state + 3u * n;
        out[params.out + n] = (state[s + 2u] - state[s]) - log(state[s + 1u]);
    }
}
