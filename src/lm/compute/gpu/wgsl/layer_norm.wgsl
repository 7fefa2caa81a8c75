// out = (x − mean) · rstd · weight + bias; stats keeps mean and rstd. A workgroup a row.

@compute @workgroup_size(THREADS)
fn layer_norm(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) t: u32,
) {
    let n = params.channels;
    for (var row = group.x; row < params.rows; row += groups.x) {
        let begin = params.x + row * n;
        var sum = 0.0;
        for (var c = t; c < n; c += THREADS) { sum += x[begin + c]; }
        let mean = total(t, vec2<f32>(sum, 0.0)).x / f32(n);
        var squares = 0.0;
        for (var c = t; c < n; c += THREADS) {
            let centred = x[begin + c] - mean;
            squares += centred * centred;
        }
        let rstd = 1.0 / sqrt(total(t, vec2<f32>(squares, 0.0)).x / f32(n) + params.epsilon);
        for (var c = t; c < n; c += THREADS) {
            out[params.out + row * n + c] = (x[begin + c] - mean) * rstd * weight[params.weight + c] + bias[params.bias + c];
        }
        if (t == 0u) {
            stats[params.stats + 2u * row] = mean;
            stats[params.stats + 2u * row + 1u] = rstd;
        }
    }
}
