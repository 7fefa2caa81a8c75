// Causal attention's way back, from probabilities computed anew out of lse. With P the probabilities:
// dV = Pᵀ dO, dS = P ∘ (dO Vᵀ − Σ dO ∘ O), dQ = dS K / √D, dK = dSᵀ Q / √D. LANES threads share a row of dQ, dV or dK, each
// with every LANES-th of what it sums over; three passes that each hold at most three rows. Grid: 64 threads of rows, heads,
// texts.

const VECTORS = (WIDTH + 3u) / 4u;

// Where a row's q (part 0), k (1) or v (2) of this head begins.
fn place(row: u32, head: u32, part: u32) -> u32 {
    return (3u * row + part) * params.heads * WIDTH + head * WIDTH;
}

// Where its dout and out begin.
fn place_out(row: u32, head: u32) -> u32 {
    return row * params.heads * WIDTH + head * WIDTH;
}

@compute @workgroup_size(64)
fn d_query(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let i = (group.x * 64u + t) / LANES;
    let lane = t % LANES;
    let head = group.y;
    let first = group.z * params.time;
    // A row past a text's end gets zeros.
    let ends = select(0u, i + 1u, i < min(params.time, lengths[params.lengths + group.z]));
    let own = first + min(i, params.time - 1u);
    var q: array<vec4<f32>, VECTORS>;
    var d: array<vec4<f32>, VECTORS>;
    var sum: array<vec4<f32>, VECTORS>;
    let query = params.qkv + place(own, head, 0u);
    let row = place_out(own, head);
    var m = 0.0;
    for (var c = 0u; c < VECTORS; c += 1u) {
        q[c] = params.scale * qkv_4(query + 4u * c, WIDTH - 4u * c);
        d[c] = dout_4(params.dout + row + 4u * c, WIDTH - 4u * c);
        m += dot(d[c], out_4(params.out + row + 4u * c, WIDTH - 4u * c));
    }
    let kept = (group.z * params.heads + head) * params.time + own - first;
    if (lane == 0u && ends > 0u) { mean[params.mean + kept] = m; }
    let log_sum = lse[params.lse + kept];
    for (var j = lane; j < ends; j += LANES) {
        let key = params.qkv + place(first + j, head, 1u);
        let value = params.qkv + place(first + j, head, 2u);
        var score = 0.0;
        var slope = 0.0;
        for (var c = 0u; c < VECTORS; c += 1u) {
            score += dot(q[c], qkv_4(key + 4u * c, WIDTH - 4u * c));
            slope += dot(d[c], qkv_4(value + 4u * c, WIDTH - 4u * c));
        }
        let ds = exp(score - log_sum) * (slope - m);
        for (var c = 0u; c < VECTORS; c += 1u) { sum[c] += ds * qkv_4(key + 4u * c, WIDTH - 4u * c); }
    }
    let to = params.dqkv + place(own, head, 0u);
    for (var c = 0u; c < VECTORS; c += 1u) {
        let all = params.scale * sum_of_lanes(t, sum[c]);
        if (lane == 0u && i < params.time) { dqkv_set(to + 4u * c, WIDTH - 4u * c, all); }
    }
}

// dK of row j where PART is 1, dV where it is 2: sums over the queries that look at the row, of dS Q or of P dO.
@compute @workgroup_size(64)
fn d_key_or_value(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let j = (group.x * 64u + t) / LANES;
    let lane = t % LANES;
    let head = group.y;
    let first = group.z * params.time;
    let length = select(0u, lengths[params.lengths + group.z], j < params.time);
    let own = first + min(j, params.time - 1u);
    var k: array<vec4<f32>, VECTORS>;
    var v: array<vec4<f32>, VECTORS>;
    var sum: array<vec4<f32>, VECTORS>;
    let key = params.qkv + place(own, head, 1u);
    let value = params.qkv + place(own, head, 2u);
    for (var c = 0u; c < VECTORS; c += 1u) {
        k[c] = params.scale * qkv_4(key + 4u * c, WIDTH - 4u * c);
        if (PART == 1u) { v[c] = qkv_4(value + 4u * c, WIDTH - 4u * c); }
    }
    for (var i = j + lane; i < length; i += LANES) {
        let query = params.qkv + place(first + i, head, 0u);
        let row = params.dout + place_out(first + i, head);
        var score = 0.0;
        var slope = 0.0;
        for (var c = 0u; c < VECTORS; c += 1u) {
            score += dot(k[c], qkv_4(query + 4u * c, WIDTH - 4u * c));
            if (PART == 1u) { slope += dot(v[c], dout_4(row + 4u * c, WIDTH - 4u * c)); }
        }
        let kept = (group.z * params.heads + head) * params.time + i;
        let p = exp(score - lse[params.lse + kept]);
        if (PART == 1u) {
            let ds = p * (slope - mean[params.mean + kept]);
            for (var c = 0u; c < VECTORS; c += 1u) { sum[c] += ds * qkv_4(query + 4u * c, WIDTH - 4u * c); }
        } else {
            for (var c = 0u; c < VECTORS; c += 1u) { sum[c] += p * dout_4(row + 4u * c, WIDTH - 4u * c); }
        }
    }
    let to = params.dqkv + place(own, head, PART);
    for (var c = 0u; c < VECTORS; c += 1u) {
        let all = select(1.0, params.scale, PART == 1u) * sum_of_lanes(t, sum[c]);
        if (lane == 0u && j < params.time) { dqkv_set(to + 4u * c, WIDTH - 4u * c, all); }
    }
}
