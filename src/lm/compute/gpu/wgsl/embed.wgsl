// out[r] = wte[ids[r]] + wpe[past + r mod time], for the words from `first` to `last` that are bound.

@compute @workgroup_size(256)
fn embed(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = at.x; i < params.len; i += groups.x * 256u) {
        let r = i / params.channels;
        let c = i % params.channels;
        let id = ids[params.ids + r];
        if (id >= params.first && id < params.last) {
            let word = wte[params.wte + (id - params.first) * params.channels + c];
            let place = wpe[params.wpe + (params.past + r % params.time) * params.channels + c];
            out[params.out + i] = word + place;
        }
    }
}
