// dwpe[t] += Σ over the texts of dout[text, t].

@compute @workgroup_size(256)
fn embed_places(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = at.x; i < params.len; i += groups.x * 256u) {
        var sum = 0.0;
        for (var text = 0u; text < params.texts; text += 1u) {
            sum += dout[params.dout + text * params.len + i];
        }
        dwpe[params.dwpe + i] += sum;
    }
}
