// out[0] += Σ shares.

@compute @workgroup_size(THREADS)
fn add_shares(@builtin(local_invocation_index) t: u32) {
    var sum = 0.0;
    for (var i = t; i < params.len; i += THREADS) { sum += shares[params.shares + i]; }
    sum = total(t, vec2<f32>(sum, 0.0)).x;
    if (t == 0u) { out[params.out] += sum; }
}
