// Rows i to i + 3 of NAME (rows×columns), columns j to j + 3; zero beyond its edges.
fn NAME_block(i: u32, j: u32, rows: u32, columns: u32) -> mat4x4<f32> {
    var block = mat4x4<f32>();
    if (j < columns) {
        let at = params.NAME + i * columns + j;
        let left = columns - j;
        if (i < rows) { block[0] = NAME_4(at, left); }
        if (i + 1u < rows) { block[1] = NAME_4(at + columns, left); }
        if (i + 2u < rows) { block[2] = NAME_4(at + 2u * columns, left); }
        if (i + 3u < rows) { block[3] = NAME_4(at + 3u * columns, left); }
    }
    return block;
}
