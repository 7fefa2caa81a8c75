// Causal attention with a running maximum, so that no scores are stored. LANES threads share a query, each with every
// LANES-th key; what they hold is put together at the end. Grid: 64 threads of queries, heads, texts.

const VECTORS = (WIDTH + 3u) / 4u;

@compute @workgroup_size(64)
fn attention(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let i = (group.x * 64u + t) / LANES;
    let lane = t % LANES;
    let channels = params.heads * WIDTH;
    let head = group.y * WIDTH;
    let text = group.z * params.time;
    // Queries past a text's end look at nothing, and become zero.
    let ends = select(0u, i + 1u, i < min(params.time, lengths[params.lengths + group.z]));
    var q: array<vec4<f32>, VECTORS>;
    var sum: array<vec4<f32>, VECTORS>;
    let query = params.qkv + (text + min(i, params.time - 1u)) * 3u * channels + head;
    for (var c = 0u; c < VECTORS; c += 1u) { q[c] = params.scale * qkv_4(query + 4u * c, WIDTH - 4u * c); }
    var largest = -3e38;
    var total = 0.0;
    for (var j = lane; j < ends; j += LANES) {
        let key = params.qkv + (text + j) * 3u * channels + channels + head;
        let value = key + channels;
        var score = 0.0;
        for (var c = 0u; c < VECTORS; c += 1u) { score += dot(q[c], qkv_4(key + 4u * c, WIDTH - 4u * c)); }
        if (score > largest) {
            let shrink = exp(max(largest - score, -80.0)) * f32(total > 0.0);
            total *= shrink;
            for (var c = 0u; c < VECTORS; c += 1u) { sum[c] *= shrink; }
            largest = score;
        }
        let p = exp(score - largest);
        total += p;
        for (var c = 0u; c < VECTORS; c += 1u) { sum[c] += p * qkv_4(value + 4u * c, WIDTH - 4u * c); }
    }
    let top = largest_of_lanes(t, largest);
    let shrink = exp(max(largest - top, -80.0)) * f32(total > 0.0);
    total = sum_of_lanes(t, vec4<f32>(shrink * total)).x;
    let row = params.out + (text + i) * channels + head;
    for (var c = 0u; c < VECTORS; c += 1u) {
        let all = sum_of_lanes(t, shrink * sum[c]);
        if (lane == 0u && i < params.time) { out_set(row + 4u * c, WIDTH - 4u * c, all / max(total, 1e-30)); }
    }
    if (lane == 0u && ends > 0u) {
        lse[params.lse + (group.z * params.heads + group.y) * params.time + i] = top + log(total);
    }
}
