// With g = dout ∘ weight and y the normalised row: dx += rstd (g − mean(g) − y mean(g y)). A workgroup a row.

@compute @workgroup_size(THREADS)
fn layer_norm_backward(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) t: u32,
) {
    let n = params.channels;
    for (var row = group.x; row < params.rows; row += groups.x) {
        let mean = stats[params.stats + 2u * row];
        let rstd = stats[params.stats + 2u * row + 1u];
        var sums = vec2<f32>();
        for (var c = t; c < n; c += THREADS) {
            let g = dout[params.dout + row * n + c] * weight[params.weight + c];
            let y = (x[params.x + row * n + c] - mean) * rstd;
            sums += vec2<f32>(g, g * y);
        }
        let means = total(t, sums) / f32(n);
        for (var c = t; c < n; c += THREADS) {
            let g = dout[params.dout + row * n + c] * weight[params.weight + c];
            let y = (x[params.x + row * n + c] - mean) * rstd;
            dx[params.dx + row * n + c] += rstd * (g - means.x - y * means.y);
        }
    }
}
