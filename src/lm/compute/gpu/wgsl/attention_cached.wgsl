// Attention of one new position of one head, a workgroup: threads share the keys, 64 at a time, then the channels.
// Grid: new positions, heads, texts.

const OWN = (WIDTH + 63u) / 64u;

var<workgroup> scores: array<f32, 64>;

@compute @workgroup_size(64)
fn attention_cached(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let channels = params.heads * WIDTH;
    let head = group.y * WIDTH;
    let row = group.z * params.steps + group.x;
    let query = params.qkv + row * 3u * channels + head;
    let keys = params.cache + group.z * params.capacity * 2u * channels + head;
    let seen = params.past + group.x + 1u;
    var sum: array<f32, OWN>;
    var largest = -3e38;
    var total = 0.0;
    for (var first = 0u; first < seen; first += 64u) {
        let n = min(64u, seen - first);
        var score = 0.0;
        if (t < n) {
            let key = keys + (first + t) * 2u * channels;
            for (var c = 0u; c < WIDTH; c += 1u) { score += qkv[query + c] * cache[key + c]; }
        }
        workgroupBarrier();
        scores[t] = params.scale * score;
        workgroupBarrier();
        var top = largest;
        for (var k = 0u; k < n; k += 1u) { top = max(top, scores[k]); }
        let shrink = exp(max(largest - top, -80.0)) * f32(first > 0u);
        largest = top;
        total *= shrink;
        for (var o = 0u; o < OWN; o += 1u) { sum[o] *= shrink; }
        for (var k = 0u; k < n; k += 1u) {
            let p = exp(scores[k] - top);
            total += p;
            let value = keys + (first + k) * 2u * channels + channels;
            for (var o = 0u; o < OWN; o += 1u) {
                let c = t + 64u * o;
                if (c < WIDTH) { sum[o] += p * cache[value + c]; }
            }
        }
    }
    for (var o = 0u; o < OWN; o += 1u) {
        let c = t + 64u * o;
        if (c < WIDTH) { out[params.out + row * channels + head + c] = sum[o] / total; }
    }
}
