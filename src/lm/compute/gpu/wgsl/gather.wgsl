// out[n] = x[rows[n]].

@compute @workgroup_size(256)
fn gather(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = at.x; i < params.len; i += groups.x * 256u) {
        let row = rows[params.rows + i / params.channels];
        out[params.out + i] = x[params.x + row * params.channels + i % params.channels];
    }
}
