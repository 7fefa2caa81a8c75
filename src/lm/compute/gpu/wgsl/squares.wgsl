// shares[group] = Σ x² over the group's share.

@compute @workgroup_size(THREADS)
fn squares(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) t: u32,
) {
    var sum = 0.0;
    for (var i = group.x * THREADS + t; i < params.len; i += groups.x * THREADS) {
        sum += x[params.x + i] * x[params.x + i];
    }
    sum = total(t, vec2<f32>(sum, 0.0)).x;
    if (t == 0u) { shares[params.shares + group.x] = sum; }
}
