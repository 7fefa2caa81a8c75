// out[c] += Σ_r term(r, c). A workgroup takes sixteen columns, sixteen threads a column.

var<workgroup> parts: array<f32, 256>;

@compute @workgroup_size(256)
fn column_sums(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let column = group.x * 16u + t % 16u;
    var sum = 0.0;
    if (column < params.columns) {
        for (var row = t / 16u; row < params.rows; row += 16u) { sum += term(row, column); }
    }
    parts[t] = sum;
    workgroupBarrier();
    if (t < 16u && column < params.columns) {
        for (var k = 1u; k < 16u; k += 1u) { sum += parts[16u * k + t]; }
        out[params.out + column] += sum;
    }
}
