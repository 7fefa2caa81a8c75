// What LANES neighbouring threads of a workgroup hold, put together; every one of them is told.

var<workgroup> shares: array<vec4<f32>, 64>;

fn sum_of_lanes(t: u32, x: vec4<f32>) -> vec4<f32> {
    if (LANES == 1u) { return x; }
    workgroupBarrier();
    shares[t] = x;
    workgroupBarrier();
    let first = t - t % LANES;
    var sum = shares[first];
    for (var k = 1u; k < LANES; k += 1u) { sum += shares[first + k]; }
    return sum;
}

fn largest_of_lanes(t: u32, x: f32) -> f32 {
    if (LANES == 1u) { return x; }
    workgroupBarrier();
    shares[t].x = x;
    workgroupBarrier();
    let first = t - t % LANES;
    var most = shares[first].x;
    for (var k = 1u; k < LANES; k += 1u) { most = max(most, shares[first + k].x); }
    return most;
}
