// out[rows[n]] = x[n].

@compute @workgroup_size(256)
fn scatter(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = at.x; i < params.len; i += groups.x * 256u) {
        let row = rows[params.rows + i / params.channels];
        out[params.out + row * params.channels + i % params.channels] = x[params.x + i];
    }
}
