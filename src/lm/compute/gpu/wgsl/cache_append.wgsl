// Keys and values of the new positions go behind the cached ones.

@compute @workgroup_size(256)
fn cache_append(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let width = 2u * params.channels;
    for (var i = at.x; i < params.len; i += groups.x * 256u) {
        let row = i / width;
        let c = i % width;
        let text = row / params.steps;
        let place = text * params.capacity + params.past + row % params.steps;
        cache[params.cache + place * width + c] = qkv[params.qkv + row * 3u * params.channels + params.channels + c];
    }
}
