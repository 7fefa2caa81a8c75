// out = gelu_new(x).

@compute @workgroup_size(256)
fn gelu_all(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = 4u * at.x; i < params.len; i += groups.x * 1024u) {
        let left = params.len - i;
        out_set(params.out + i, left, gelu_of(x_4(params.x + i, left)));
    }
}
