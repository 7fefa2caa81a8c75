// out = value.

@compute @workgroup_size(256)
fn fill(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = at.x; i < params.len; i += groups.x * 256u) {
        out[params.out + i] = params.value;
    }
}
