// The sum, or the largest, of what a workgroup's threads hold.

var<workgroup> parts: array<vec2<f32>, THREADS>;

fn total(t: u32, x: vec2<f32>) -> vec2<f32> {
    workgroupBarrier();
    parts[t] = x;
    workgroupBarrier();
    for (var reach = THREADS / 2u; reach > 0u; reach /= 2u) {
        if (t < reach) { parts[t] += parts[t + reach]; }
        workgroupBarrier();
    }
    return parts[0];
}

fn largest(t: u32, x: f32) -> f32 {
    workgroupBarrier();
    parts[t].x = x;
    workgroupBarrier();
    for (var reach = THREADS / 2u; reach > 0u; reach /= 2u) {
        if (t < reach) { parts[t].x = max(parts[t].x, parts[t + reach].x); }
        workgroupBarrier();
    }
    return parts[0].x;
}
