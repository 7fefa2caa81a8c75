// dwte[id] += Σ dout[r] over the rows that hold the word. A workgroup takes one word, so that sums have one order.
// `groups` holds each word's first place in `rows`, then the end of all.

@compute @workgroup_size(64)
fn embed_words(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) t: u32,
) {
    for (var w = group.x; w < params.count; w += groups.x) {
        let word = words[params.words + w] - params.first;
        let begin = starts[params.starts + w];
        let end = starts[params.starts + w + 1u];
        for (var c = t; c < params.channels; c += 64u) {
            var sum = 0.0;
            for (var k = begin; k < end; k += 1u) {
                sum += dout[params.dout + rows[params.rows + k] * params.channels + c];
            }
            dwte[params.dwte + word * params.channels + c] += sum;
        }
    }
}
